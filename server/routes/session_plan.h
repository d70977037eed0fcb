/* session_plan.h: what a new session is to be, from what a client wishes. */
#ifndef SERVER_ROUTES_SESSION_PLAN_H
#define SERVER_ROUTES_SESSION_PLAN_H

#include "server/app.h"
#include "server/model_registry.h"
#include "server/session_store.h"

/* false: bad-field, shape-mismatch, cannot-stream, too-large. */
bool session_plan_make(const struct app *app, const struct served_model *model,
                       const struct session_wish *wish,
                       struct session_plan *plan, struct problem *problem);

#endif
