/* health.c: GET /livez and GET /readyz, for orchestrators.
 *
 * Alive means that an event loop turns: this answer proves it.  Ready means
 * that new requests are welcome: true from the first one that can be heard,
 * because the models are loaded before a socket is opened, until SIGTERM.  A
 * store out of reach is shown, and counts with ready_needs_store alone:
 * stateless calls go on.
 */
#include <stdio.h>
#include <string.h>

#include "server/app.h"
#include "server/routes/routes.h"
#include "server/session_store.h"

#define DOCUMENT_BYTES ((size_t)128)

static enum route_result reply(struct http_request *request,
                               struct http_response *response, bool is_well,
                               bool is_draining, bool is_store_failing,
                               struct problem *problem)
{
    static const char usual[] = "{\"status\":\"ok\",\"checks\":{\"models\":"
                                "\"ok\",\"store\":\"ok\",\"draining\":false}}";
    char *text;

    response->content_type = "application/json";
    if (is_well && !is_draining && !is_store_failing) {
        response->body = usual;
        response->body_length = sizeof(usual) - 1;
        return ROUTE_REPLY;
    }
    text = arena_alloc(request->arena, DOCUMENT_BYTES, 1, 1);
    if (!text) {
        problem_set(problem, PROBLEM_OVERLOADED,
                    "out of memory for this request");
        return ROUTE_PROBLEM;
    }
    response->body_length = (size_t)snprintf(
        text, DOCUMENT_BYTES,
        "{\"status\":\"%s\",\"checks\":{\"models\":\"ok\","
        "\"store\":\"%s\",\"draining\":%s}}",
        is_well ? "ok" : "unavailable", is_store_failing ? "failing" : "ok",
        is_draining ? "true" : "false");
    response->status = is_well ? 200 : 503;
    response->body = text;
    return ROUTE_REPLY;
}

static bool is_draining(struct app *app)
{
    return atomic_load_explicit(&app->draining, memory_order_relaxed);
}

enum route_result route_livez(struct app *app, struct http_request *request,
                              struct http_response *response,
                              struct problem *problem)
{
    return reply(request, response, true, is_draining(app),
                 session_store_is_failing(app->sessions), problem);
}

enum route_result route_readyz(struct app *app, struct http_request *request,
                               struct http_response *response,
                               struct problem *problem)
{
    bool is_failing = session_store_is_failing(app->sessions);
    bool is_well =
        !is_draining(app) && !(is_failing && app->config->ready_needs_store);

    return reply(request, response, is_well, is_draining(app), is_failing,
                 problem);
}
