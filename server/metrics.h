/* metrics.h: what is counted, and its text for Prometheus (docs/api.md,
 * section 6).
 *
 * Threads  Any; every counter is one relaxed atomic, nothing is locked.
 * Memory   Fixed at creation: routes x methods x statuses, and models.
 */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <stdint.h>

#include "core/arena.h"
#include "core/status.h"
#include "server/http/method.h"

/* name, "counter" or "gauge", help */
#define METRIC_MAP(XX)                                                        \
    XX(HTTP_REQUESTS_IN_FLIGHT, "rnnd_http_requests_in_flight", "gauge",      \
       "requests that have begun and are not answered")                       \
    XX(HTTP_CONNECTIONS, "rnnd_http_connections", "gauge",                    \
       "open client connections")                                             \
    XX(SESSIONS_CREATED, "rnnd_sessions_created_total", "counter",            \
       "sessions created")                                                    \
    XX(SESSIONS_EXPIRED, "rnnd_sessions_expired_total", "counter",            \
       "sessions forgotten because their ttl passed")                         \
    XX(SESSIONS_ENDED, "rnnd_sessions_ended_total", "counter",                \
       "sessions ended or deleted by a client")                               \
    XX(SESSION_REPLAYS, "rnnd_session_replays_total", "counter",              \
       "repeated calls that got their first reply again")                     \
    XX(SESSION_CONFLICTS, "rnnd_session_conflicts_total", "counter",          \
       "calls refused with 409 or step-reused")                               \
    XX(SESSION_MEMORY, "rnnd_session_memory_bytes", "gauge",                  \
       "bytes reserved by sessions in memory")                                \
    XX(SESSIONS_EVICTED, "rnnd_sessions_evicted_total", "counter",            \
       "sessions put out of memory, because the store has them")              \
    XX(SESSIONS_DAMAGED, "rnnd_sessions_damaged_total", "counter",            \
       "stored sessions that were refused because their row is damaged")      \
    XX(STORE_WRITES, "rnnd_store_writes_total", "counter",                    \
       "rows written to the store")                                           \
    XX(STORE_FAILURES, "rnnd_store_failures_total", "counter",                \
       "rows that could not be read from or written to the store")

enum metric {
#define XX(name, text, type, help) METRIC_##name,
    METRIC_MAP(XX)
#undef XX
        METRIC_COUNT
};

struct metrics;
struct model_registry;

RNN_CHECKED enum rnn_status metrics_create(const struct model_registry *models,
                                           struct metrics **metrics,
                                           struct rnn_error *err);
void metrics_free(struct metrics *metrics);

/* `delta` may be negative for a gauge. */
void metrics_add(struct metrics *metrics, enum metric metric, int64_t delta);

/* An answered request of route `route` (its line in routes.def; the number of
 * routes for a path that matched none). */
struct metrics_answer {
    size_t route;
    enum http_method method;
    unsigned status;
};

/* Calls of rnn_infer() for one model. */
struct metrics_calls {
    size_t model;
    size_t bucket; /* of how long each took */
    uint64_t count, sequences, timesteps, sum_ns;
};

/* Answers and calls of one thread that are alike, counted without locked
 * instructions, of which each takes as long as a timestep of a small
 * network. */
struct metrics_tally {
    struct metrics_answer answer;
    size_t bucket; /* of how long it took */
    uint64_t count, sum_ns;
    struct metrics_calls calls;
};

/* One more, which took `ns`.  One that is not like those before makes them
 * told first. */
void metrics_count(struct metrics *metrics, struct metrics_tally *tally,
                   const struct metrics_answer *answer, uint64_t ns);
/* Tell everybody; the tally is empty then. */
void metrics_tell(struct metrics *metrics, struct metrics_tally *tally);

/* One rnn_infer() of model `model_index`; without a tally everybody is told
 * at once. */
void metrics_compute(struct metrics *metrics, struct metrics_tally *tally,
                     size_t model_index, uint64_t sequences,
                     uint64_t timesteps, uint64_t ns);

/* A live session more (+1) or less (-1) of model `model_index`. */
void metrics_sessions(struct metrics *metrics, size_t model_index,
                      int64_t delta);

/* How long the oldest change has waited to be stored. */
void metrics_store_lag(struct metrics *metrics, uint64_t lag_ms);

/* The whole exposition text (text/plain; version=0.0.4), from the arena.
 * NULL when the arena is out. */
const char *metrics_text(const struct metrics *metrics, struct arena *arena,
                         size_t *length);

#endif
