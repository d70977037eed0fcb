/* exchange.c: a request from its first line to the end of its answer. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "server/app.h"
#include "server/clock.h"
#include "server/http/loop.h"
#include "server/http/uri.h"
#include "server/http/workers.h"
#include "server/metrics.h"

#define FIRST_BODY_BYTES ((size_t)4096) /* of a body of unknown length */

static const unsigned char no_body[HTTP_BODY_PADDING];

/* splitmix64: ids need to differ, not to be secret. */
static void make_request_id(struct exchange *exchange)
{
    uint64_t z = exchange->loop->id_state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    snprintf(exchange->request_id, sizeof(exchange->request_id), "%016" PRIx64,
             z ^ z >> 31);
}

static struct exchange *from_pool(struct loop *loop)
{
    struct exchange *exchange = loop->pool;

    if (exchange) {
        loop->pool = exchange->next;
        loop->pool_count--;
        return exchange;
    }
    exchange = calloc(1, sizeof(*exchange));
    if (exchange)
        arena_init(&exchange->arena,
                   EXCHANGE_ARENA_BYTES(loop->app->config->max_body));
    return exchange;
}

void exchange_free(struct exchange *exchange)
{
    arena_release(&exchange->arena);
    free(exchange);
}

static void to_pool(struct exchange *exchange)
{
    struct loop *loop = exchange->loop;

    if (loop->pool_count >= EXCHANGE_POOL_SIZE) {
        exchange_free(exchange);
        return;
    }
    arena_reset(&exchange->arena, EXCHANGE_KEEP_BYTES);
    exchange->next = loop->pool;
    loop->pool = exchange;
    loop->pool_count++;
}

struct exchange *exchange_begin(struct loop *loop,
                                struct connection *connection,
                                struct MHD_Connection *channel,
                                const char *target)
{
    struct exchange *exchange = from_pool(loop);
    struct http_request *request;
    char *copy;

    if (!exchange)
        return NULL;
    exchange->loop = loop;
    copy = arena_copy_text(&exchange->arena, target, strlen(target));
    if (!copy) {
        to_pool(exchange);
        return NULL;
    }
    request = &exchange->request;
    *request = (struct http_request){
        .body = no_body,
        .request_id = exchange->request_id,
        .arena = &exchange->arena,
    };
    uri_split(copy, &request->path, &request->raw_query);
    exchange->response = (struct http_response){.status = 200};
    exchange->connection = connection;
    exchange->channel = channel;
    exchange->phase = EXCHANGE_HEAD;
    exchange->is_refused = exchange->is_done = exchange->is_late = false;
    exchange->route = HTTP_ROUTE_COUNT;
    exchange->method = HTTP_OTHER;
    exchange->status = 0;
    exchange->body_capacity = 0;
    exchange->body_arrived = 0;
    exchange->began_ns = clock_monotonic_ns();
    exchange->due_ms = 0;
    request->deadline_ms =
        exchange->began_ns / 1000000u + loop->app->config->request_timeout;
    atomic_store_explicit(&exchange->turn, TURN_RUNNING, memory_order_relaxed);
    make_request_id(exchange);
    loop->exchange_count++;
    metrics_add(loop->app->metrics, METRIC_HTTP_REQUESTS_IN_FLIGHT, 1);
    return exchange;
}

static void log_access(const struct exchange *exchange, uint64_t ns)
{
    const struct app *app = exchange->loop->app;
    bool is_fault = exchange->status == 500;

    if (!app->config->access_log && !is_fault)
        return;
    log_event(
        &app->log, is_fault ? LOG_ERROR : LOG_INFO, "request",
        (struct log_field[]){{"id", exchange->request_id, 0},
                             {"method", http_method_name(exchange->method), 0},
                             {"route",
                              exchange->route < HTTP_ROUTE_COUNT
                                  ? http_routes[exchange->route].path
                                  : "none",
                              0},
                             {"status", NULL, exchange->status},
                             {"us", NULL, (int64_t)(ns / 1000)},
                             {exchange->status >= 400 ? "error" : NULL,
                              exchange->problem.detail, 0},
                             {NULL, NULL, 0}});
}

void exchange_end(struct exchange *exchange)
{
    struct app *app = exchange->loop->app;

    if (exchange->status) {
        uint64_t ns = clock_monotonic_ns() - exchange->began_ns;

        metrics_request(app->metrics, exchange->route, exchange->method,
                        exchange->status, ns);
        log_access(exchange, ns);
    }
    metrics_add(app->metrics, METRIC_HTTP_REQUESTS_IN_FLIGHT, -1);
    exchange->loop->exchange_count--;
    to_pool(exchange);
}

/* ---- body --------------------------------------------------------------- */

bool exchange_body_reserve(struct exchange *exchange, size_t bytes)
{
    struct http_request *request = &exchange->request;
    unsigned char *body =
        arena_alloc(&exchange->arena, bytes + HTTP_BODY_PADDING, 1, 64);

    if (!body)
        return problem_set(&exchange->problem, PROBLEM_OVERLOADED,
                           "no memory for a body of %zu bytes", bytes);
    memcpy(body, request->body, request->body_length);
    request->body = body;
    exchange->body_capacity = bytes;
    return true;
}

bool exchange_body_append(struct exchange *exchange, const void *bytes,
                          size_t count)
{
    struct http_request *request = &exchange->request;
    size_t needed = request->body_length + count;

    if (needed > exchange->body_capacity) {
        size_t grown = 2 * exchange->body_capacity;

        if (grown < FIRST_BODY_BYTES)
            grown = FIRST_BODY_BYTES;
        if (!exchange_body_reserve(exchange, needed > grown ? needed : grown))
            return false;
    }
    /* The body is const for handlers; here it is still being made. */
    memcpy((unsigned char *)request->body + request->body_length, bytes,
           count);
    request->body_length = needed;
    return true;
}

/* ---- the handler -------------------------------------------------------- */

void exchange_call(struct exchange *exchange, bool on_worker)
{
    struct http_request *request = &exchange->request;

    request->on_worker = on_worker;
    request->wake_at_ms = 0;
    exchange->is_late = clock_monotonic_ms() >= request->deadline_ms;
    exchange->response = (struct http_response){.status = 200};
    exchange->result = http_routes[exchange->route].handler(
        exchange->loop->app, request, &exchange->response, &exchange->problem);
}

/* It is called again at wake_at_ms and at the deadline; after that, when it
 * has been told and waits on, at wake_at_ms alone. */
static void link_waiting(struct exchange *exchange)
{
    struct loop *loop = exchange->loop;
    uint64_t due = exchange->request.wake_at_ms;

    if (due == 0)
        due = UINT64_MAX;
    if (!exchange->is_late && due > exchange->request.deadline_ms)
        due = exchange->request.deadline_ms;
    exchange->due_ms = due;
    exchange->previous = NULL;
    exchange->next = loop->waiting;
    if (loop->waiting)
        loop->waiting->previous = exchange;
    loop->waiting = exchange;
    if (due < loop->wake_at_ms)
        loop->wake_at_ms = due;
}

static void unlink_waiting(struct exchange *exchange)
{
    if (!exchange->due_ms)
        return;
    if (exchange->previous)
        exchange->previous->next = exchange->next;
    else
        exchange->loop->waiting = exchange->next;
    if (exchange->next)
        exchange->next->previous = exchange->previous;
    exchange->due_ms = 0;
}

/* The handler waits: false when what it waits for has come already. */
static bool park(struct exchange *exchange)
{
    int turn = TURN_RUNNING;

    if (!atomic_compare_exchange_strong(&exchange->turn, &turn,
                                        TURN_WAITING)) {
        atomic_store(&exchange->turn, TURN_RUNNING);
        return false;
    }
    link_waiting(exchange);
    return true;
}

/* Ask for a worker: false when none can be had. */
static bool go_to_worker(struct exchange *exchange)
{
    return workers_submit(exchange->loop->shared->workers, exchange);
}

bool exchange_advance(struct exchange *exchange)
{
    for (;;) {
        if (!exchange->is_done) {
            /* What was on a worker goes on there; but a handler that waits
             * holds a place in a queue and must be called in any case. */
            if (exchange->request.on_worker && go_to_worker(exchange))
                return false;
            exchange_call(exchange, exchange->request.on_worker);
        }
        exchange->is_done = false;
        switch (exchange->result) {
        case ROUTE_REPLY:
        case ROUTE_PROBLEM:
            return true;
        case ROUTE_OFFLOAD:
            if (go_to_worker(exchange))
                return false;
            problem_set(&exchange->problem, PROBLEM_OVERLOADED,
                        "too many requests wait for a worker");
            exchange->result = ROUTE_PROBLEM;
            return true;
        case ROUTE_WAIT:
            if (park(exchange))
                return false;
            break;
        }
    }
}

void exchange_orphan(struct exchange *exchange)
{
    exchange->connection = NULL;
    exchange->channel = NULL;
    if (exchange_advance(exchange))
        exchange_end(exchange);
}

void http_wake(struct http_request *request)
{
    struct exchange *exchange = (struct exchange *)request;
    int turn = atomic_load(&exchange->turn);

    for (;;) {
        if (turn == TURN_WOKEN)
            return;
        if (turn == TURN_WAITING &&
            atomic_compare_exchange_weak(&exchange->turn, &turn,
                                         TURN_RUNNING)) {
            loop_post(exchange);
            return;
        }
        if (turn == TURN_RUNNING &&
            atomic_compare_exchange_weak(&exchange->turn, &turn, TURN_WOKEN))
            return;
    }
}

bool http_keep_going(void *request)
{
    const struct exchange *exchange = request;

    return clock_monotonic_ms() < exchange->request.deadline_ms &&
           atomic_load_explicit(&exchange->loop->shared->stage,
                                memory_order_relaxed) != STAGE_ABORT;
}

/* ---- going on ----------------------------------------------------------- */

static void go_on(struct exchange *exchange)
{
    unlink_waiting(exchange);
    if (exchange->channel)
        MHD_resume_connection(exchange->channel);
    else if (exchange_advance(exchange))
        exchange_end(exchange);
}

void exchange_take_posted(struct loop *loop)
{
    struct exchange *exchange = atomic_exchange(&loop->posted, NULL);

    while (exchange) {
        struct exchange *next = exchange->next_posted;

        go_on(exchange);
        exchange = next;
    }
}

void exchange_fire_timers(struct loop *loop, uint64_t now_ms)
{
    struct exchange *exchange = loop->waiting;

    if (now_ms < loop->wake_at_ms)
        return;
    loop->wake_at_ms = UINT64_MAX;
    while (exchange) {
        struct exchange *next = exchange->next;
        int turn = TURN_WAITING;

        if (exchange->due_ms > now_ms) {
            if (exchange->due_ms < loop->wake_at_ms)
                loop->wake_at_ms = exchange->due_ms;
        } else if (atomic_compare_exchange_strong(&exchange->turn, &turn,
                                                  TURN_RUNNING)) {
            go_on(exchange);
        }
        exchange = next;
    }
}

void exchange_hurry(struct loop *loop, uint64_t now_ms)
{
    struct exchange *exchange;

    for (exchange = loop->waiting; exchange; exchange = exchange->next) {
        exchange->request.deadline_ms = now_ms;
        exchange->due_ms = now_ms;
    }
    loop->wake_at_ms = now_ms;
}
