/* workers.h: threads for work that would hold a loop.
 *
 * One that has nothing to do takes parts of a large call from another
 * (core/team.h); requests go before them.
 *
 * Threads  submit: any; create and free: the main thread.
 * Locks    One mutex around the queue, held for a few instructions.
 */
#ifndef SERVER_HTTP_WORKERS_H
#define SERVER_HTTP_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

struct exchange;
struct rnn_team;
struct workers;

/* Requests that may wait for a worker, for each worker; then 503. */
#define WORKER_QUEUE 256

RNN_CHECKED enum rnn_status workers_create(size_t count,
                                           struct workers **workers,
                                           struct rnn_error *err);
/* What is queued is finished first. */
void workers_free(struct workers *workers);

/* Have the handler of `exchange` called on a worker, which then posts it to
 * its loop.  false: the queue is full, nothing has happened. */
bool workers_submit(struct workers *workers, struct exchange *exchange);

/* Those that are idle, as a team; lives as long as they. */
struct rnn_team *workers_team(struct workers *workers);

#endif
