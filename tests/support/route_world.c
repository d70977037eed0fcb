#include "tests/support/route_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/clock.h"
#include "server/metrics.h"
#include "server/session_store.h"
#include "tests/support/fail_malloc.h"

#define MAX_CALLS 10

void route_world_init(struct route_world *world)
{
    struct rnn_error err;

    *world =
        (struct route_world){.config = {.max_elements = 10000,
                                        .max_timesteps = 1000,
                                        .max_batch = 100,
                                        .request_timeout = 60000,
                                        .max_sessions = 1000,
                                        .max_session_memory = (size_t)1 << 20,
                                        .session_ttl = 3600000,
                                        .session_wait = 1000,
                                        .tombstones = 100,
                                        .tombstone_ttl = 600000,
                                        .list_sessions = true}};
    world->app.config = &world->config;
    assert_int_equal(
        metrics_create(world->app.models, &world->app.metrics, &err), RNN_OK);
    assert_int_equal(session_store_create(&world->config, world->app.metrics,
                                          &world->app.sessions, &err),
                     RNN_OK);
}

void route_world_release(struct route_world *world)
{
    session_store_free(world->app.sessions);
    metrics_free(world->app.metrics);
    arena_release(&world->arena);
    free(world->body);
}

/* "a=1&b=2" as fields; the text is copied into the arena. */
static void set_query(struct route_world *world, const char *query)
{
    struct http_request *request = &world->request;
    char *text = arena_copy_text(&world->arena, query, strlen(query));

    assert_non_null(text);
    request->raw_query = query;
    while (*text) {
        char *value = strchr(text, '=');
        char *next = text + strcspn(text, "&");

        if (!value) {
            fail_msg("no value in %s", query);
            return;
        }
        *value++ = '\0';
        request->query[request->query_count++] =
            (struct http_query){text, value};
        text = *next ? next + 1 : next;
        *next = '\0';
    }
}

static void set_body(struct route_world *world, const void *body,
                     size_t length)
{
    free(world->body);
    world->body = calloc(1, length + HTTP_BODY_PADDING);
    assert_non_null(world->body);
    if (length)
        memcpy(world->body, body, length);
    world->request.body = (const unsigned char *)world->body;
    world->request.body_length = length;
}

static void call_until_done(struct route_world *world, route_handler *handler)
{
    for (int i = 0; i < MAX_CALLS; i++) {
        world->response = (struct http_response){.status = 200};
        world->result = handler(&world->app, &world->request, &world->response,
                                &world->problem);
        if (world->result == ROUTE_OFFLOAD) {
            world->request.on_worker = true;
            world->offloads++;
        } else if (world->result == ROUTE_WAIT) {
            world->waits++;
        } else {
            return;
        }
    }
    fail_msg("the handler was called %d times", MAX_CALLS);
}

enum route_result route_world_call(struct route_world *world,
                                   route_handler *handler, const char *query,
                                   const char *content_type, const void *body,
                                   size_t length)
{
    struct http_request *request = &world->request;
    const char *accept = request->accept, *id = request->params[0];

    arena_release(&world->arena);
    *request = (struct http_request){
        .method = HTTP_POST,
        .params = {id},
        .content_type = content_type ? content_type : "application/json",
        .accept = accept,
        .deadline_ms = clock_monotonic_ms() + world->config.request_timeout,
        .arena = &world->arena};
    set_query(world, query);
    set_body(world, body, length);
    world->offloads = world->waits = 0;
    if (world->fail_at)
        fail_malloc_start(world->fail_at);
    call_until_done(world, handler);
    if (world->fail_at)
        fail_malloc_stop();
    world->has_failed = world->fail_at && fail_malloc_happened();
    world->fail_at = 0;
    return world->result;
}

void route_world_expect(struct route_world *world, route_handler *handler,
                        const char *text, const char *answer)
{
    char got[4096];

    if (route_world_call(world, handler, "", NULL, text, strlen(text)) !=
        ROUTE_REPLY)
        fail_msg("%s: %s", text, world->problem.detail);
    snprintf(got, sizeof(got), "%.*s", (int)world->response.body_length,
             (const char *)world->response.body);
    assert_string_equal(got, answer);
}

void route_world_refuse(struct route_world *world, route_handler *handler,
                        const char *text, enum problem_type type,
                        const char *pointer)
{
    if (route_world_call(world, handler, "", NULL, text, strlen(text)) !=
        ROUTE_PROBLEM)
        fail_msg("%s: not refused", text);
    if (world->problem.type != type ||
        strcmp(world->problem.pointer, pointer) != 0)
        fail_msg("%s: %s at \"%s\": %s", text,
                 problem_type_name(world->problem.type),
                 world->problem.pointer, world->problem.detail);
}

const char *route_world_header(const struct route_world *world,
                               const char *name)
{
    for (size_t i = 0; i < world->response.header_count; i++)
        if (!strcmp(world->response.headers[i].name, name))
            return world->response.headers[i].value;
    return NULL;
}
