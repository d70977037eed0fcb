/* route_world.h: handlers called directly, without HTTP, over an engine that
 * a test can see through.
 *
 * Models with several inputs and outputs, token ids, or layers that need the
 * whole sequence are described by hand, and every output is a sum one can do
 * in one's head:
 *
 *     output[o][k] = (o + 1) * (k + 1) * (sum of (i + 1) * input i)
 *
 * Each program that wants this has `#include "tests/support/fake_engine.h"`
 * in one file: it stands in the place of core/infer.c, core/state.c and
 * server/model_registry.c.
 */
#ifndef TESTS_SUPPORT_ROUTE_WORLD_H
#define TESTS_SUPPORT_ROUTE_WORLD_H

#include "server/app.h"
#include "server/http/message.h"
#include "server/model_registry.h"

struct route_world {
    struct config config;
    struct app app;
    struct arena arena; /* of the last request */
    struct http_request request;
    struct http_response response;
    struct problem problem;
    enum route_result result;
    size_t offloads, waits; /* of the last request */
    char *body;             /* of the request, with its padding */
    size_t fail_at; /* this allocation of the next handler fails; 0: none */
    bool has_failed;
};

void route_world_init(struct route_world *world);
void route_world_release(struct route_world *world);

/* Call `handler` as POST with this body, as often as it wants to be called.
 * `content_type` NULL: JSON; `query` as "a=1&b=2", without escapes. */
enum route_result route_world_call(struct route_world *world,
                                   route_handler *handler, const char *query,
                                   const char *content_type, const void *body,
                                   size_t length);

/* The same with a JSON text; then result and body must be these. */
void route_world_expect(struct route_world *world, route_handler *handler,
                        const char *text, const char *answer);
/* Or the problem. */
void route_world_refuse(struct route_world *world, route_handler *handler,
                        const char *text, enum problem_type type,
                        const char *pointer);

/* The value of a response header; NULL: it is not there. */
const char *route_world_header(const struct route_world *world,
                               const char *name);

#endif
