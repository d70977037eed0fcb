#include "server/metrics.h"

#include <stdlib.h>

#include "server/metrics_table.h"
#include "server/model_registry.h"

const uint64_t metric_buckets[] = {
#define XX(ns) ns,
    METRIC_BUCKETS(XX)
#undef XX
};

const unsigned metric_statuses[] = {
#define XX(status) status,
    METRIC_STATUSES(XX)
#undef XX
};

enum rnn_status metrics_create(const struct model_registry *registry,
                               struct metrics **out, struct rnn_error *err)
{
    size_t count = model_registry_count(registry);
    struct metrics *metrics;

    metrics = calloc(1, sizeof(*metrics) + count * sizeof(metrics->models[0]));
    if (!metrics)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    metrics->registry = registry;
    metrics->model_count = count;
    *out = metrics;
    return RNN_OK;
}

void metrics_free(struct metrics *metrics)
{
    free(metrics);
}

static void add(counter *value, uint64_t amount)
{
    atomic_fetch_add_explicit(value, amount, memory_order_relaxed);
}

static size_t bucket_of(uint64_t ns)
{
    size_t i = 0;

    while (i < METRIC_BUCKET_COUNT && ns > metric_buckets[i])
        i++;
    return i;
}

static void observe(struct histogram *histogram, size_t bucket, uint64_t count,
                    uint64_t ns)
{
    add(&histogram->buckets[bucket], count);
    add(&histogram->sum_ns, ns);
}

void metrics_add(struct metrics *metrics, enum metric metric, int64_t delta)
{
    atomic_fetch_add_explicit(&metrics->values[metric], delta,
                              memory_order_relaxed);
}

static void tell_answers(struct metrics *metrics, struct metrics_tally *tally)
{
    const struct metrics_answer *answer = &tally->answer;
    struct route_metrics *route = &metrics->routes[answer->route];
    size_t i = 0;

    if (!tally->count)
        return;
    while (i < METRIC_STATUS_COUNT - 1 && metric_statuses[i] != answer->status)
        i++;
    add(&route->requests[answer->method][i], tally->count);
    observe(&route->duration, tally->bucket, tally->count, tally->sum_ns);
    tally->count = tally->sum_ns = 0;
}

static void tell_calls(struct metrics *metrics, struct metrics_calls *calls)
{
    struct model_metrics *model = &metrics->models[calls->model];

    if (!calls->count)
        return;
    add(&model->sequences, calls->sequences);
    add(&model->timesteps, calls->timesteps);
    observe(&model->compute, calls->bucket, calls->count, calls->sum_ns);
    calls->count = 0;
}

void metrics_tell(struct metrics *metrics, struct metrics_tally *tally)
{
    tell_answers(metrics, tally);
    tell_calls(metrics, &tally->calls);
}

void metrics_count(struct metrics *metrics, struct metrics_tally *tally,
                   const struct metrics_answer *answer, uint64_t ns)
{
    size_t bucket = bucket_of(ns);

    if (bucket != tally->bucket || answer->route != tally->answer.route ||
        answer->status != tally->answer.status ||
        answer->method != tally->answer.method) {
        tell_answers(metrics, tally);
        tally->answer = *answer;
        tally->bucket = bucket;
    }
    tally->count++;
    tally->sum_ns += ns;
}

void metrics_compute(struct metrics *metrics, struct metrics_tally *tally,
                     size_t model_index, uint64_t sequences,
                     uint64_t timesteps, uint64_t ns)
{
    struct metrics_calls one = {.model = model_index,
                                .bucket = bucket_of(ns),
                                .count = 1,
                                .sequences = sequences,
                                .timesteps = timesteps,
                                .sum_ns = ns};
    struct metrics_calls *calls = tally ? &tally->calls : NULL;

    if (!calls) {
        tell_calls(metrics, &one);
    } else if (calls->count && calls->model == one.model &&
               calls->bucket == one.bucket) {
        calls->count++;
        calls->sequences += sequences;
        calls->timesteps += timesteps;
        calls->sum_ns += ns;
    } else {
        tell_calls(metrics, calls);
        *calls = one;
    }
}

void metrics_sessions(struct metrics *metrics, size_t model_index,
                      int64_t delta)
{
    atomic_fetch_add_explicit(&metrics->models[model_index].sessions, delta,
                              memory_order_relaxed);
}

void metrics_store_lag(struct metrics *metrics, uint64_t lag_ms)
{
    atomic_store_explicit(&metrics->store_lag_ms, lag_ms,
                          memory_order_relaxed);
}
