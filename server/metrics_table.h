/* metrics_table.h: where the numbers of metrics.h are kept; for metrics.c,
 * which counts, and metrics_text.c, which writes them out.
 */
#ifndef SERVER_METRICS_TABLE_H
#define SERVER_METRICS_TABLE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "server/http/route.h"
#include "server/metrics.h"

typedef _Atomic uint64_t counter;

/* Upper bounds in nanoseconds: from a step of a tiny network on loopback to
 * a request at its deadline. */
/* clang-format off */
#define METRIC_BUCKETS(XX)                                                    \
    XX(20000) XX(50000) XX(100000) XX(200000) XX(500000)                      \
    XX(1000000) XX(2000000) XX(5000000) XX(10000000) XX(50000000)             \
    XX(100000000) XX(500000000) XX(1000000000) XX(5000000000) XX(30000000000)
/* clang-format on */

enum {
    METRIC_BUCKET_COUNT = 0
#define XX(ns) +1
    METRIC_BUCKETS(XX)
#undef XX
};

extern const uint64_t metric_buckets[METRIC_BUCKET_COUNT];

struct histogram {
    counter buckets[METRIC_BUCKET_COUNT + 1]; /* not yet summed up */
    counter sum_ns;
};

/* Every status this server gives; the last stands for all others. */
/* clang-format off */
#define METRIC_STATUSES(XX)                                                   \
    XX(200) XX(201) XX(204) XX(400) XX(401) XX(403) XX(404) XX(405)           \
    XX(406) XX(408) XX(409) XX(410) XX(413) XX(414) XX(415) XX(422)           \
    XX(429) XX(431) XX(500) XX(501) XX(503) XX(504) XX(505) XX(0)
/* clang-format on */

enum {
    METRIC_STATUS_COUNT = 0
#define XX(status) +1
    METRIC_STATUSES(XX)
#undef XX
};

extern const unsigned metric_statuses[METRIC_STATUS_COUNT];

struct route_metrics {
    counter requests[HTTP_METHOD_COUNT][METRIC_STATUS_COUNT];
    struct histogram duration;
};

struct model_metrics {
    counter sequences, timesteps;
    _Atomic int64_t sessions;
    struct histogram compute;
};

struct metrics {
    const struct model_registry *registry;
    _Atomic int64_t values[METRIC_COUNT];
    counter store_lag_ms;
    struct route_metrics routes[HTTP_ROUTE_COUNT + 1];
    size_t model_count;
    struct model_metrics models[];
};

#endif
