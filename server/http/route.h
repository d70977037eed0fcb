/* route.h: from (method, path) to the handler that answers.
 *
 * The table is server/http/routes.def, in its order.  A part of a path that
 * is written {name} matches any one non-empty segment; all else is compared
 * byte by byte, as it came.
 */
#ifndef SERVER_HTTP_ROUTE_H
#define SERVER_HTTP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "server/http/message.h"

struct route {
    enum http_method method;
    const char *path; /* "/sessions/{id}" */
    route_handler *handler;
    bool strict_query; /* unknown or repeated query fields are refused */
};

enum {
    HTTP_ROUTE_COUNT = 0
#define ROUTE(method, path, handler, summary) +1
#include "server/http/routes.def"
#undef ROUTE
};

extern const struct route http_routes[HTTP_ROUTE_COUNT];

enum route_match {
    ROUTE_FOUND,
    ROUTE_NO_PATH,   /* problem: no-such-path */
    ROUTE_NO_METHOD, /* problem: method-not-allowed, with its Allow */
    ROUTE_OPTIONS,   /* the answer is 204 with `*allow` */
    ROUTE_NO_MEMORY, /* problem: overloaded */
};

/* Find the line of the table for request->method and request->path, and fill
 * request->params.  `*index` is set when the path is one of the table. */
enum route_match route_find(struct http_request *request, size_t *index,
                            const char **allow, struct problem *problem);

#endif
