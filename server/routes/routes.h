/* routes.h: the handlers, one for each line of server/http/routes.def. */
#ifndef SERVER_ROUTES_ROUTES_H
#define SERVER_ROUTES_ROUTES_H

#include "server/http/message.h"

#define ROUTE(method, path, handler, summary) route_handler handler;
#include "server/http/routes.def"
#undef ROUTE

#endif
