/* server.h: sockets, event loops and workers.
 *
 * One loop for each thread: its own libmicrohttpd daemon on the same port
 * (SO_REUSEPORT), driven by our own epoll_wait.  The loop reads, calls the
 * handler and writes: one request, one thread, one stack trace.  Work that
 * would hold a loop goes to worker threads (ROUTE_OFFLOAD).
 *
 * Threads  Everything here belongs to the main thread.
 */
#ifndef SERVER_HTTP_SERVER_H
#define SERVER_HTTP_SERVER_H

#include <stdbool.h>

#include "core/status.h"

struct app;
struct http_server;

/* Bind every `listen` address of the configuration (port 0 picks a free
 * one).  Nothing is accepted yet.  IO: an address cannot be bound. */
RNN_CHECKED enum rnn_status http_server_create(struct app *app,
                                               struct http_server **server,
                                               struct rnn_error *err);
void http_server_free(struct http_server *server);

/* Serve until a drain has ended.  Logs `listening on http://...` for each
 * address once it serves.  SIGTERM and SIGINT begin the drain; a second one
 * ends the process at once, with 128 + its number.  SIGHUP ends nothing.
 * Every thread of the process must hold these signals back
 * (startup_hold_signals()). */
RNN_CHECKED enum rnn_status http_server_run(struct http_server *server,
                                            struct rnn_error *err);

#endif
