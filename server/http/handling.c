/* handling.c: calling the handler of a request until it has an answer: now,
 * on a worker, or after a wait.
 */
#include "server/app.h"
#include "server/clock.h"
#include "server/http/loop.h"
#include "server/http/workers.h"
#include "server/routes/routes.h"

void exchange_call(struct exchange *exchange, bool on_worker,
                   struct gather *gather)
{
    struct http_request *request = &exchange->request;

    request->on_worker = on_worker;
    request->gather = gather;
    request->tally = on_worker ? NULL : &exchange->loop->tally;
    request->team =
        on_worker ? workers_team(exchange->loop->shared->workers) : NULL;
    request->wake_at_ms = 0;
    exchange->is_late =
        (on_worker ? clock_monotonic_ms() : exchange->loop->now_ms) >=
        request->deadline_ms;
    http_response_reset(&exchange->response);
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

/* Another one with a job: true when there are enough, and it goes on. */
static bool gather_up(struct exchange *exchange)
{
    struct loop *loop = exchange->loop;

    if (loop->gather.count >= GATHER_MOST) {
        exchange_take_gathered(loop);
        return true;
    }
    exchange->next_posted = loop->gathered;
    loop->gathered = exchange;
    return false;
}

static void call_on_loop(struct exchange *exchange)
{
    struct loop *loop = exchange->loop;

    loop->calls++;
    if (http_routes[exchange->route].handler == route_metrics)
        loop_tell(loop);
    exchange_call(exchange, exchange->request.on_worker,
                  loop->crowd ? &loop->gather : NULL);
}

bool exchange_advance(struct exchange *exchange)
{
    for (;;) {
        if (!exchange->is_done) {
            /* What was on a worker goes on there; but a handler that waits
             * holds a place in a queue and must be called in any case. */
            if (exchange->request.on_worker && go_to_worker(exchange))
                return false;
            call_on_loop(exchange);
        }
        exchange->is_done = false;
        switch (exchange->result) {
        case ROUTE_REPLY:
        case ROUTE_PROBLEM:
            return true;
        case ROUTE_GATHER:
            if (!gather_up(exchange))
                return false;
            break;
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

bool exchange_take_gathered(struct loop *loop)
{
    struct exchange *exchange = loop->gathered;

    if (!loop->gather.count)
        return false;
    gather_run(&loop->gather, loop->app->metrics);
    loop_look_at_clock(loop);
    loop->gathered = NULL;
    while (exchange) {
        struct exchange *next = exchange->next_posted;

        go_on(exchange);
        exchange = next;
    }
    return true;
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
