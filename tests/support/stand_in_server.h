/* stand_in_server.h: the real HTTP server inside the test's process, with
 * handlers of the test's own in the place of the daemon's.
 *
 * A program that uses it includes stand_in_server_parts.h in one file, and
 * gets the handlers there for every route and an empty model registry instead
 * of those of the daemon.  GET /sessions/{id} calls the test's handler;
 * POST /predict answers with the length of its body; GET /livez is the real
 * one; every other route answers nothing.
 */
#ifndef TESTS_SUPPORT_STAND_IN_SERVER_H
#define TESTS_SUPPORT_STAND_IN_SERVER_H

#include <pthread.h>

#include "config/config.h"
#include "server/http/message.h"

struct stand_in_server {
    char address[64]; /* "127.0.0.1:40001" */
    pthread_t thread; /* runs http_server_run() */
    struct http_server *server;
};

/* Start with these options; `handler` plays GET /sessions/{id}.  Fails the
 * test (cmocka) when that cannot be done. */
void stand_in_start(struct stand_in_server *stand_in,
                    const struct config *config, route_handler *handler);

/* Wait until it has drained (the test sends the signal) and take it apart. */
void stand_in_end(struct stand_in_server *stand_in);

/* A text as the answer. */
enum route_result stand_in_say(struct http_response *response,
                               const char *text);

#endif
