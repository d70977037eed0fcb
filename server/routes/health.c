/* health.c: GET /livez and GET /readyz, for orchestrators.
 *
 * Alive means that an event loop turns: this answer proves it.  Ready means
 * that new requests are welcome: true from the first one that can be heard,
 * because the models are loaded before a socket is opened, until SIGTERM.
 */
#include <string.h>

#include "server/app.h"
#include "server/routes/routes.h"

#define CHECKS(draining)                                                      \
    "\"checks\":{\"models\":\"ok\",\"store\":\"ok\",\"draining\":" draining   \
    "}}"

static void reply(struct http_response *response, unsigned status,
                  const char *document)
{
    response->status = status;
    response->content_type = "application/json";
    response->body = document;
    response->body_length = strlen(document);
}

static bool is_draining(struct app *app)
{
    return atomic_load_explicit(&app->draining, memory_order_relaxed);
}

enum route_result route_livez(struct app *app, struct http_request *request,
                              struct http_response *response,
                              struct problem *problem)
{
    (void)request;
    (void)problem;
    reply(response, 200,
          is_draining(app) ? "{\"status\":\"ok\"," CHECKS("true")
                           : "{\"status\":\"ok\"," CHECKS("false"));
    return ROUTE_REPLY;
}

enum route_result route_readyz(struct app *app, struct http_request *request,
                               struct http_response *response,
                               struct problem *problem)
{
    (void)request;
    (void)problem;
    if (is_draining(app))
        reply(response, 503, "{\"status\":\"unavailable\"," CHECKS("true"));
    else
        reply(response, 200, "{\"status\":\"ok\"," CHECKS("false"));
    return ROUTE_REPLY;
}
