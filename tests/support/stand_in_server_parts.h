/* stand_in_server_parts.h: the parts of stand_in_server.h.
 *
 * Include it in exactly one file of a test program: it DEFINES the handlers
 * of every route and the registry in front of the daemon's.  It must not be
 * in an archive: every program that links the routes would get these.
 */
#ifndef TESTS_SUPPORT_STAND_IN_SERVER_PARTS_H
#define TESTS_SUPPORT_STAND_IN_SERVER_PARTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/app.h"
#include "server/http/server.h"
#include "server/metrics.h"
#include "server/model_registry.h"
#include "server/routes/routes.h"
#include "server/startup.h"
#include "tests/support/stand_in_server.h"

static struct app stand_in_app;
static route_handler *session_handler;

/* ---- in the place of the daemon's --------------------------------------- */

size_t model_registry_count(const struct model_registry *registry)
{
    (void)registry;
    return 0;
}

const struct served_model *model_registry_at(
    const struct model_registry *registry, size_t index)
{
    (void)registry;
    (void)index;
    return NULL;
}

const struct served_model *model_registry_find(
    const struct model_registry *registry, const char *name)
{
    (void)registry;
    (void)name;
    return NULL;
}

enum route_result stand_in_say(struct http_response *response,
                               const char *text)
{
    response->content_type = "text/plain";
    response->body = text;
    response->body_length = strlen(text);
    return ROUTE_REPLY;
}

enum route_result route_session_get(struct app *unused,
                                    struct http_request *request,
                                    struct http_response *response,
                                    struct problem *problem)
{
    return session_handler(unused, request, response, problem);
}

enum route_result route_predict(struct app *unused,
                                struct http_request *request,
                                struct http_response *response,
                                struct problem *problem)
{
    char *text = arena_alloc(request->arena, 32, 1, 1);

    (void)unused;
    (void)problem;
    for (size_t i = 0; i < HTTP_BODY_PADDING; i++)
        if (request->body[request->body_length + i] != 0)
            return stand_in_say(response, "the padding is not zero");
    snprintf(text, 32, "%zu", request->body_length);
    return stand_in_say(response, text);
}

#define UNUSED_ROUTE(name)                                                    \
    enum route_result name(struct app *a, struct http_request *b,             \
                           struct http_response *c, struct problem *d)        \
    {                                                                         \
        (void)a;                                                              \
        (void)b;                                                              \
        (void)d;                                                              \
        return stand_in_say(c, "");                                           \
    }
UNUSED_ROUTE(route_session_create)
UNUSED_ROUTE(route_session_list)
UNUSED_ROUTE(route_session_delete)
UNUSED_ROUTE(route_session_export)
UNUSED_ROUTE(route_session_import)
UNUSED_ROUTE(route_session_reset)
UNUSED_ROUTE(route_session_fork)
UNUSED_ROUTE(route_model_list)
UNUSED_ROUTE(route_model_get)
UNUSED_ROUTE(route_metrics)

/* ---- the server --------------------------------------------------------- */

static void *serve(void *server)
{
    struct rnn_error err;

    return http_server_run(server, &err) ? server : NULL;
}

/* Wait for the line that names the address, in `log`. */
static void read_address(int log, char address[64])
{
    static const char mark[] = "listening on http://";
    struct timespec time = {.tv_nsec = 1000000};
    char text[8192];

    for (int i = 0; i < 10000; i++) {
        ssize_t length = pread(log, text, sizeof(text) - 1, 0);
        const char *at;

        text[length > 0 ? length : 0] = '\0';
        at = strstr(text, mark);
        if (at && strchr(at, '\n')) {
            at += strlen(mark);
            snprintf(address, 64, "%.*s", (int)strcspn(at, "\n"), at);
            return;
        }
        nanosleep(&time, NULL);
    }
    fail_msg("the server does not listen: %s", text);
}

void stand_in_start(struct stand_in_server *stand_in,
                    const struct config *config, route_handler *handler)
{
    int log = memfd_create("log", MFD_CLOEXEC), standard = dup(2);
    struct rnn_error err;
    sigset_t held;

    startup_hold_signals(&held);
    session_handler = handler;
    stand_in_app = (struct app){.config = config, .log = {.level = LOG_INFO}};
    if (metrics_create(NULL, &stand_in_app.metrics, &err) ||
        http_server_create(&stand_in_app, &stand_in->server, &err))
        fail_msg("%s", err.message);
    dup2(log, 2);
    assert_int_equal(
        pthread_create(&stand_in->thread, NULL, serve, stand_in->server), 0);
    read_address(log, stand_in->address);
    dup2(standard, 2);
    close(standard);
    close(log);
}

void stand_in_end(struct stand_in_server *stand_in)
{
    void *failed;

    assert_int_equal(pthread_join(stand_in->thread, &failed), 0);
    assert_null(failed);
    http_server_free(stand_in->server);
    metrics_free(stand_in_app.metrics);
}

#endif
