/* metrics.c: GET /metrics, for Prometheus. */
#include "server/metrics.h"

#include "server/app.h"
#include "server/clock.h"
#include "server/routes/routes.h"
#include "server/session_store.h"

enum route_result route_metrics(struct app *app, struct http_request *request,
                                struct http_response *response,
                                struct problem *problem)
{
    metrics_store_lag(app->metrics, session_store_lag_ms(
                                        app->sessions, clock_monotonic_ms()));
    response->body =
        metrics_text(app->metrics, request->arena, &response->body_length);
    if (!response->body) {
        problem_set(problem, PROBLEM_OVERLOADED, "out of memory");
        return ROUTE_PROBLEM;
    }
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return ROUTE_REPLY;
}
