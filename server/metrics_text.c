/* metrics_text.c: the numbers as Prometheus' text format, version 0.0.4. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "server/metrics.h"
#include "server/metrics_table.h"
#include "server/model_registry.h"
#include "server/process.h"

#define FIRST_BYTES ((size_t)8192)
#define LABEL_SIZE  300 /* a model's name, escaped */

struct text {
    struct arena *arena;
    char *bytes;
    size_t length, capacity;
    bool failed; /* the arena is out */
};

static bool grow(struct text *text, size_t more)
{
    size_t capacity = text->capacity ? 2 * text->capacity : FIRST_BYTES;
    char *bytes;

    while (capacity < text->length + more)
        capacity *= 2;
    bytes = arena_alloc(text->arena, capacity, 1, 1);
    if (!bytes)
        return false;
    if (text->length)
        memcpy(bytes, text->bytes, text->length);
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

static void put(struct text *text, const char *format, ...) RNN_PRINTF(2, 3);
static void put(struct text *text, const char *format, ...)
{
    char line[1024];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof(line))
        text->failed = true;
    if (text->failed)
        return;
    if (text->capacity - text->length < (size_t)length &&
        !grow(text, (size_t)length)) {
        text->failed = true;
        return;
    }
    memcpy(text->bytes + text->length, line, (size_t)length);
    text->length += (size_t)length;
}

static void put_family(struct text *text, const char *name, const char *type,
                       const char *help)
{
    put(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static uint64_t load(const counter *value)
{
    return atomic_load_explicit((counter *)value, memory_order_relaxed);
}

/* `labels` is `route="/predict"`. */
static void put_histogram(struct text *text, const char *name,
                          const char *labels,
                          const struct histogram *histogram)
{
    uint64_t total = 0;

    for (size_t i = 0; i < METRIC_BUCKET_COUNT; i++) {
        total += load(&histogram->buckets[i]);
        put(text, "%s_bucket{%s,le=\"%g\"} %" PRIu64 "\n", name, labels,
            (double)metric_buckets[i] / 1e9, total);
    }
    total += load(&histogram->buckets[METRIC_BUCKET_COUNT]);
    put(text, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels, total);
    put(text, "%s_sum{%s} %.9f\n", name, labels,
        (double)load(&histogram->sum_ns) / 1e9);
    put(text, "%s_count{%s} %" PRIu64 "\n", name, labels, total);
}

static const char *route_name(size_t index)
{
    return index < HTTP_ROUTE_COUNT ? http_routes[index].path : "none";
}

/* Two methods may share a path, but a path is one label. */
static bool is_first_of_path(size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(route_name(i), route_name(index)) == 0)
            return false;
    return true;
}

/* The sum of all routes of one path. */
static uint64_t sum_of(const struct metrics *metrics, size_t first, int method,
                       int status)
{
    uint64_t total = 0;

    for (size_t i = first; i <= HTTP_ROUTE_COUNT; i++)
        if (strcmp(route_name(i), route_name(first)) == 0)
            total += load(&metrics->routes[i].requests[method][status]);
    return total;
}

static void put_route_requests(struct text *text,
                               const struct metrics *metrics, size_t route)
{
    for (int m = 0; m < HTTP_METHOD_COUNT; m++)
        for (int s = 0; s < METRIC_STATUS_COUNT; s++) {
            uint64_t count = sum_of(metrics, route, m, s);
            char status[12] = "other";

            if (count == 0)
                continue;
            if (metric_statuses[s])
                snprintf(status, sizeof(status), "%u", metric_statuses[s]);
            put(text,
                "rnnd_http_requests_total{route=\"%s\",method=\"%s\","
                "status=\"%s\"} %" PRIu64 "\n",
                route_name(route), http_method_name((enum http_method)m),
                status, count);
        }
}

static void put_route_duration(struct text *text,
                               const struct metrics *metrics, size_t route)
{
    struct histogram sum = {.sum_ns = 0};
    uint64_t count = 0;
    char labels[LABEL_SIZE];

    for (size_t i = route; i <= HTTP_ROUTE_COUNT; i++) {
        const struct histogram *one = &metrics->routes[i].duration;

        if (strcmp(route_name(i), route_name(route)) != 0)
            continue;
        for (size_t b = 0; b <= METRIC_BUCKET_COUNT; b++) {
            sum.buckets[b] += load(&one->buckets[b]);
            count += load(&one->buckets[b]);
        }
        sum.sum_ns += load(&one->sum_ns);
    }
    if (count == 0)
        return;
    snprintf(labels, sizeof(labels), "route=\"%s\"", route_name(route));
    put_histogram(text, "rnnd_http_request_duration_seconds", labels, &sum);
}

static void put_routes(struct text *text, const struct metrics *metrics)
{
    put_family(text, "rnnd_http_requests_total", "counter",
               "answered requests");
    for (size_t i = 0; i <= HTTP_ROUTE_COUNT; i++)
        if (is_first_of_path(i))
            put_route_requests(text, metrics, i);
    put_family(text, "rnnd_http_request_duration_seconds", "histogram",
               "from the request line to the end of the answer");
    for (size_t i = 0; i <= HTTP_ROUTE_COUNT; i++)
        if (is_first_of_path(i))
            put_route_duration(text, metrics, i);
}

/* `model="name"`, escaped as the format asks. */
static void model_label(const struct metrics *metrics, size_t index,
                        char label[LABEL_SIZE])
{
    const char *name = model_registry_at(metrics->registry, index)->name;
    size_t used = (size_t)snprintf(label, LABEL_SIZE, "model=\"");

    for (; *name && used < LABEL_SIZE - 4; name++) {
        if (*name == '"' || *name == '\\' || *name == '\n')
            label[used++] = '\\';
        label[used++] = *name == '\n' ? 'n' : *name;
    }
    label[used++] = '"';
    label[used] = '\0';
}

static void put_model_numbers(struct text *text, const struct metrics *metrics)
{
    char label[LABEL_SIZE];

    put_family(text, "rnnd_timesteps_total", "counter",
               "timesteps that models have run over");
    for (size_t i = 0; i < metrics->model_count; i++) {
        model_label(metrics, i, label);
        put(text, "rnnd_timesteps_total{%s} %" PRIu64 "\n", label,
            load(&metrics->models[i].timesteps));
    }
    put_family(text, "rnnd_sequences_total", "counter",
               "sequences that models have run over");
    for (size_t i = 0; i < metrics->model_count; i++) {
        model_label(metrics, i, label);
        put(text, "rnnd_sequences_total{%s} %" PRIu64 "\n", label,
            load(&metrics->models[i].sequences));
    }
    put_family(text, "rnnd_sessions", "gauge", "live sessions");
    for (size_t i = 0; i < metrics->model_count; i++) {
        model_label(metrics, i, label);
        put(text, "rnnd_sessions{%s} %" PRId64 "\n", label,
            atomic_load_explicit(
                (_Atomic int64_t *)&metrics->models[i].sessions,
                memory_order_relaxed));
    }
    put_family(text, "rnnd_compute_duration_seconds", "histogram",
               "one run of a model");
    for (size_t i = 0; i < metrics->model_count; i++) {
        model_label(metrics, i, label);
        put_histogram(text, "rnnd_compute_duration_seconds", label,
                      &metrics->models[i].compute);
    }
}

static void put_models(struct text *text, const struct metrics *metrics)
{
    char label[LABEL_SIZE];

    put_family(text, "rnnd_model_info", "gauge", "a model that is served");
    for (size_t i = 0; i < metrics->model_count; i++) {
        const struct served_model *model =
            model_registry_at(metrics->registry, i);

        model_label(metrics, i, label);
        put(text, "rnnd_model_info{%s,fingerprint=\"%s\",format=\"%s\"} 1\n",
            label, model->fingerprint, model->info->format);
    }
    put_family(text, "rnnd_model_parameters", "gauge",
               "numbers that the model has learnt");
    for (size_t i = 0; i < metrics->model_count; i++) {
        model_label(metrics, i, label);
        put(text, "rnnd_model_parameters{%s} %" PRIu64 "\n", label,
            model_registry_at(metrics->registry, i)->info->parameters);
    }
    put_family(text, "rnnd_build_info", "gauge", "this program");
    put(text, "rnnd_build_info{version=\"%s\",isa=\"%s\"} 1\n", RNND_VERSION,
        metrics->model_count
            ? rnn_isa_name(model_registry_at(metrics->registry, 0)->info->isa)
            : "none");
    put_model_numbers(text, metrics);
}

static void put_values(struct text *text, const struct metrics *metrics)
{
    static const struct {
        const char *name, *type, *help;
    } about[] = {
#define XX(id, name, type, help) {name, type, help},
        METRIC_MAP(XX)
#undef XX
    };

    for (int i = 0; i < METRIC_COUNT; i++) {
        put_family(text, about[i].name, about[i].type, about[i].help);
        put(text, "%s%s %" PRId64 "\n", about[i].name,
            i == METRIC_STORE_WRITES ? "{store=\"sqlite\"}" : "",
            atomic_load_explicit((_Atomic int64_t *)&metrics->values[i],
                                 memory_order_relaxed));
    }
    put_family(text, "rnnd_store_lag_seconds", "gauge",
               "how long the oldest change has waited to be stored");
    put(text, "rnnd_store_lag_seconds %.3f\n",
        (double)load(&metrics->store_lag_ms) / 1e3);
}

static void put_process(struct text *text)
{
    struct process_numbers numbers;

    process_read(&numbers);
    put_family(text, "process_cpu_seconds_total", "counter",
               "user and system CPU time");
    put(text, "process_cpu_seconds_total %.2f\n", numbers.cpu_seconds);
    put_family(text, "process_start_time_seconds", "gauge",
               "start of the process since 1970");
    put(text, "process_start_time_seconds %.2f\n", numbers.start_seconds);
    put_family(text, "process_virtual_memory_bytes", "gauge",
               "virtual memory");
    put(text, "process_virtual_memory_bytes %" PRIu64 "\n",
        numbers.virtual_bytes);
    put_family(text, "process_resident_memory_bytes", "gauge",
               "resident memory");
    put(text, "process_resident_memory_bytes %" PRIu64 "\n",
        numbers.resident_bytes);
    put_family(text, "process_open_fds", "gauge", "open descriptors");
    put(text, "process_open_fds %" PRIu64 "\n", numbers.open_files);
    put_family(text, "process_max_fds", "gauge",
               "most descriptors that may be open");
    put(text, "process_max_fds %" PRIu64 "\n", numbers.max_files);
    put_family(text, "process_threads", "gauge", "threads");
    put(text, "process_threads %" PRIu64 "\n", numbers.threads);
}

const char *metrics_text(const struct metrics *metrics, struct arena *arena,
                         size_t *length)
{
    struct text text = {.arena = arena};

    put_routes(&text, metrics);
    put_values(&text, metrics);
    put_models(&text, metrics);
    put_process(&text);
    if (text.failed)
        return NULL;
    *length = text.length;
    return text.bytes;
}
