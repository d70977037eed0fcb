/* loop.c: the event loop itself. */
#include "server/http/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "config/config.h"
#include "server/app.h"
#include "server/clock.h"

#define EVENTS_AT_ONCE 16
/* Rounds of requests before timers and new connections get their turn; and
 * none is begun to look for more of them after so many. */
#define ROUNDS_MOST 8
#define CALLS_MOST  64
/* Requests that come one at a time until that counts as the rule. */
#define CROWD_ROUNDS 8
/* After the last accept a handshake that had begun may still end. */
#define UNLISTEN_MS 100
/* What an aborted request gets to send its last words. */
#define ABORT_GRACE_MS 250

static struct MHD_Daemon *start_daemon(struct loop *loop)
{
    size_t max = loop->app->config->max_connections;

    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0,
        NULL, NULL, on_access, loop,
        /* The limit that clients see is ours: accept.c. */
        MHD_OPTION_CONNECTION_LIMIT,
        (unsigned int)(max + SPARE_CONNECTIONS(max)),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, loop,
        MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, loop,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, loop,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, loop, MHD_OPTION_END);
}

static bool watch_fd(struct loop *loop, int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};

    return fd >= 0 && epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

enum rnn_status loop_init(struct loop *loop, struct server_shared *shared,
                          size_t index, struct rnn_error *err)
{
    const union MHD_DaemonInfo *info;

    *loop = (struct loop){
        .shared = shared,
        .app = shared->app,
        .index = index,
        .epoll = epoll_create1(EPOLL_CLOEXEC),
        .event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        .sweep_at_ms = UINT64_MAX,
        .wake_at_ms = UINT64_MAX,
    };
    if (getrandom(&loop->id_state, sizeof(loop->id_state), GRND_NONBLOCK) < 0)
        loop->id_state = clock_wall_ms() * (index + 1);
    loop->daemon = start_daemon(loop);
    if (loop->daemon) {
        info = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        if (info && watch_fd(loop, info->epoll_fd, loop->daemon) &&
            watch_fd(loop, loop->event, &loop->event))
            return RNN_OK;
    }
    loop_release(loop);
    return rnn_fail(err, RNN_IO, "cannot set up an event loop: %s",
                    strerror(errno));
}

void loop_release(struct loop *loop)
{
    struct exchange *exchange = loop->pool;

    if (loop->daemon)
        MHD_stop_daemon(loop->daemon);
    prepared_release(&loop->prepared);
    while (exchange) {
        struct exchange *next = exchange->next;

        exchange_free(exchange);
        exchange = next;
    }
    if (loop->epoll >= 0)
        close(loop->epoll);
    if (loop->event >= 0)
        close(loop->event);
    *loop = (struct loop){.epoll = -1, .event = -1};
}

void loop_look_at_clock(struct loop *loop)
{
    loop->now_ns = clock_monotonic_ns();
    loop->now_ms = loop->now_ns / 1000000u;
}

void loop_wake(struct loop *loop)
{
    uint64_t one = 1;
    ssize_t written = write(loop->event, &one, sizeof(one));

    (void)written; /* it fails only when a wake is pending already */
}

void loop_post(struct exchange *exchange)
{
    struct loop *loop = exchange->loop;
    struct exchange *head = atomic_load(&loop->posted);

    do
        exchange->next_posted = head;
    while (!atomic_compare_exchange_weak(&loop->posted, &head, exchange));
    if (!head)
        loop_wake(loop);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Milliseconds until something is due; -1: nothing is. */
static int time_to_wait(const struct loop *loop, uint64_t now_ms)
{
    uint64_t due = sooner(loop->sweep_at_ms, loop->wake_at_ms);
    MHD_UNSIGNED_LONG_LONG wait;

    if (loop->accept_again_ms)
        due = sooner(due, loop->accept_again_ms);
    if (loop->unlisten_at_ms)
        due = sooner(due, loop->unlisten_at_ms);
    if (MHD_get_timeout(loop->daemon, &wait) == MHD_YES)
        due = sooner(due, now_ms + wait);
    if (due == UINT64_MAX)
        return -1;
    if (due <= now_ms)
        return 0;
    return due - now_ms > 60000 ? 60000 : (int)(due - now_ms);
}

static void take_event(struct loop *loop, void *what, uint64_t now_ms)
{
    uint64_t count;

    if (what == &loop->event) {
        ssize_t got = read(loop->event, &count, sizeof(count));

        (void)got; /* that it was written is all there is to know */
    } else if (what != loop->daemon) {
        loop_accept(loop, what, now_ms);
    }
}

/* The main thread has moved on: so do we. */
static void follow_stage(struct loop *loop, uint64_t now_ms)
{
    enum server_stage stage =
        (enum server_stage)atomic_load(&loop->shared->stage);

    if (stage == loop->stage)
        return;
    if (loop->stage == STAGE_SERVE) {
        loop->unlisten_at_ms = now_ms + UNLISTEN_MS;
        connection_hurry_idle(loop, now_ms);
    }
    loop->stage = stage;
    if (stage == STAGE_ABORT) {
        exchange_hurry(loop, now_ms);
        connection_hurry(loop, now_ms, ABORT_GRACE_MS);
    }
}

static void run_timers(struct loop *loop, uint64_t now_ms)
{
    if (loop->accept_again_ms && now_ms >= loop->accept_again_ms) {
        loop->accept_again_ms = 0;
        loop_listen(loop, true);
    }
    if (loop->unlisten_at_ms && now_ms >= loop->unlisten_at_ms) {
        loop->unlisten_at_ms = 0;
        loop_unlisten(loop, now_ms);
    }
    exchange_fire_timers(loop, now_ms);
    connection_sweep(loop, now_ms);
}

/* All that is ready now. */
static void take_ready(struct loop *loop)
{
    loop->calls = 0;
    MHD_run(loop->daemon);
    if (loop->calls > 1)
        loop->crowd = CROWD_ROUNDS;
    else if (loop->crowd)
        loop->crowd -= loop->calls;
}

/* All that is ready; then what several of them left to be done as one.  Where
 * several have come, others have come meanwhile: they are looked for at once,
 * without asking for all else that may be ready. */
static void run_round(struct loop *loop)
{
    unsigned rounds = 0, calls = 0;
    bool expects_more;

    /* What is left after the last round wakes the next epoll_wait(). */
    do {
        take_ready(loop);
        calls += loop->calls;
        expects_more = loop->calls > 1 && calls < CALLS_MOST;
    } while ((exchange_take_gathered(loop) || expects_more) &&
             ++rounds < ROUNDS_MOST);
}

void loop_tell(struct loop *loop)
{
    struct metrics *metrics = loop->app->metrics;

    metrics_tell(metrics, &loop->tally);
    if (loop->told != loop->exchange_count)
        metrics_add(metrics, METRIC_HTTP_REQUESTS_IN_FLIGHT,
                    (int64_t)loop->exchange_count - (int64_t)loop->told);
    loop->told = loop->exchange_count;
}

static bool is_finished(const struct loop *loop)
{
    return loop->stage != STAGE_SERVE && !loop->is_listening &&
           !loop->connections && !loop->exchange_count;
}

void *loop_main(void *arg)
{
    struct loop *loop = arg;
    struct epoll_event events[EVENTS_AT_ONCE];
    uint64_t now_ms;

    loop_look_at_clock(loop);
    now_ms = loop->now_ms;
    loop->is_listening = true;
    loop_listen(loop, true);
    while (!is_finished(loop)) {
        int count = epoll_wait(loop->epoll, events, EVENTS_AT_ONCE,
                               time_to_wait(loop, now_ms));

        loop_look_at_clock(loop);
        now_ms = loop->now_ms;
        for (int i = 0; i < count; i++)
            take_event(loop, events[i].data.ptr, now_ms);
        follow_stage(loop, now_ms);
        exchange_take_posted(loop);
        run_timers(loop, now_ms);
        run_round(loop);
        loop_tell(loop);
        now_ms = loop->now_ms;
    }
    server_loop_done(loop->shared);
    return NULL;
}
