/* server.c: sockets, loops and workers as one thing, and its end. */
#include "server/http/server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "config/config.h"
#include "server/app.h"
#include "server/clock.h"
#include "server/http/loop.h"
#include "server/http/workers.h"
#include "server/session_store.h"
#include "server/startup.h"

#define SWEEP_MS      1000 /* between two looks for expired sessions */
#define ABORT_WAIT_MS 5000 /* for handlers that have been told to stop */
#define OTHER_FILES   64   /* descriptors that are no connection */

struct http_server {
    struct server_shared shared;
    struct loop *loops;
    size_t loop_count;   /* made */
    size_t thread_count; /* running */
    size_t done_count;   /* of them, ended */
    int signals;         /* signalfd */
    uint64_t sweep_at_ms;
};

static size_t thread_wish(const struct config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (config->threads)
        return config->threads;
    return cores > 0 ? (size_t)cores : 1;
}

/* Every connection is a descriptor. */
static void raise_file_limit(const struct app *app)
{
    size_t max = app->config->max_connections;
    rlim_t need = max + SPARE_CONNECTIONS(max) + OTHER_FILES;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= need)
        return;
    limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < need)
        log_line(&app->log, LOG_WARN,
                 "the limit of open files is %llu, too low for "
                 "max_connections %zu",
                 (unsigned long long)limit.rlim_cur, max);
}

static enum rnn_status create_listeners(struct http_server *server,
                                        size_t loops, struct rnn_error *err)
{
    struct server_shared *shared = &server->shared;
    const struct config_list *listen = &shared->app->config->listen;
    enum rnn_status status = RNN_OK;

    shared->listeners = calloc(listen->count, sizeof(struct listener));
    if (!shared->listeners)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < listen->count && !status; i++) {
        status =
            listener_init(&shared->listeners[i], listen->items[i], loops, err);
        if (!status)
            shared->listener_count++;
    }
    return status;
}

static enum rnn_status create_loops(struct http_server *server, size_t count,
                                    struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    server->loops = calloc(count, sizeof(struct loop));
    if (!server->loops)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    while (server->loop_count < count && !status) {
        status = loop_init(&server->loops[server->loop_count], &server->shared,
                           server->loop_count, err);
        if (!status)
            server->loop_count++;
    }
    return status;
}

enum rnn_status http_server_create(struct app *app, struct http_server **out,
                                   struct rnn_error *err)
{
    struct http_server *server = calloc(1, sizeof(*server));
    size_t threads = thread_wish(app->config);
    enum rnn_status status;

    if (!server)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    server->signals = -1;
    server->shared.app = app;
    server->shared.done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    raise_file_limit(app);
    status = create_listeners(server, threads, err);
    if (status)
        goto out;
    status = create_loops(server, threads, err);
    if (status)
        goto out;
    status = workers_create(threads, &server->shared.workers, err);
out:
    if (status)
        http_server_free(server);
    else
        *out = server;
    return status;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    workers_free(server->shared.workers);
    for (size_t i = 0; i < server->loop_count; i++)
        loop_release(&server->loops[i]);
    for (size_t i = 0; i < server->shared.listener_count; i++)
        listener_release(&server->shared.listeners[i]);
    free(server->loops);
    free(server->shared.listeners);
    if (server->signals >= 0)
        close(server->signals);
    if (server->shared.done >= 0)
        close(server->shared.done);
    free(server);
}

void server_loop_done(struct server_shared *shared)
{
    uint64_t one = 1;
    ssize_t written = write(shared->done, &one, sizeof(one));

    (void)written; /* the counter of loops cannot overflow */
}

/* ---- running ------------------------------------------------------------ */

static enum rnn_status take_signals(struct http_server *server,
                                    struct rnn_error *err)
{
    sigset_t set;

    startup_hold_signals(&set);
    server->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (server->signals < 0)
        return rnn_fail(err, RNN_IO, "cannot receive signals: %s",
                        strerror(errno));
    return RNN_OK;
}

/* What options.def does not name but is bounded all the same. */
static void log_limits(const struct http_server *server)
{
    const struct app *app = server->shared.app;
    size_t max = app->config->max_connections;

    log_event(&app->log, LOG_INFO, "limits_server",
              (struct log_field[]){
                  {"threads", NULL, (int64_t)server->loop_count},
                  {"workers", NULL, (int64_t)server->loop_count},
                  {"worker_queue", NULL,
                   (int64_t)(server->loop_count * WORKER_QUEUE)},
                  {"connection_memory", NULL, (int64_t)CONNECTION_MEMORY},
                  {"spare_connections", NULL, (int64_t)SPARE_CONNECTIONS(max)},
                  {"request_memory", NULL,
                   (int64_t)EXCHANGE_ARENA_BYTES(app->config->max_body)},
                  {NULL, NULL, 0}});
}

static enum rnn_status start(struct http_server *server, struct rnn_error *err)
{
    const struct app *app = server->shared.app;
    enum rnn_status status = take_signals(server, err);

    log_limits(server);
    for (size_t i = 0; i < server->shared.listener_count && !status; i++)
        status = listener_start(&server->shared.listeners[i], err);
    while (server->thread_count < server->loop_count && !status) {
        struct loop *loop = &server->loops[server->thread_count];
        int error = pthread_create(&loop->thread, NULL, loop_main, loop);

        if (error)
            status = rnn_fail(err, RNN_IO, "cannot start a thread: %s",
                              strerror(error));
        else
            server->thread_count++;
    }
    for (size_t i = 0; i < server->shared.listener_count && !status; i++) {
        char text[ADDRESS_TEXT_SIZE];

        address_format(&server->shared.listeners[i].address, text);
        log_line(&app->log, LOG_INFO, "listening on http://%s", text);
    }
    return status;
}

static void set_stage(struct http_server *server, enum server_stage stage)
{
    atomic_store(&server->shared.stage, stage);
    for (size_t i = 0; i < server->thread_count; i++)
        loop_wake(&server->loops[i]);
}

/* SIGTERM or SIGINT has come (0: not yet). */
static int read_signal(struct http_server *server)
{
    struct signalfd_siginfo info;
    int number = 0;

    while (read(server->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            log_line(&server->shared.app->log, LOG_INFO,
                     "SIGHUP ends nothing");
            continue;
        }
        /* Two that are read at once count as the first: the second of them
         * is pressed by someone who has seen the first do nothing. */
        number = (int)info.ssi_signo;
    }
    return number;
}

/* Wait for a signal until `until_ms`: its number, or 0 when the time has
 * passed or every loop has ended. */
static int wait_until(struct http_server *server, uint64_t until_ms)
{
    struct app *app = server->shared.app;
    int number = 0;

    while (!number && server->done_count < server->thread_count) {
        struct pollfd fds[] = {{server->signals, POLLIN, 0},
                               {server->shared.done, POLLIN, 0}};
        uint64_t now_ms = clock_monotonic_ms();
        uint64_t count, due;

        if (now_ms >= until_ms)
            break;
        if (app->sessions && now_ms >= server->sweep_at_ms) {
            session_store_sweep(app->sessions, now_ms);
            server->sweep_at_ms = now_ms + SWEEP_MS;
        }
        due = app->sessions ? server->sweep_at_ms : now_ms + 60000;
        if (due > until_ms)
            due = until_ms;
        poll(fds, 2, due > now_ms ? (int)(due - now_ms) : 0);
        number = read_signal(server);
        if (read(server->shared.done, &count, sizeof(count)) ==
            (ssize_t)sizeof(count))
            server->done_count += count;
    }
    return number;
}

/* From the first signal on: 0 when all is answered, else the second one. */
static int drain(struct http_server *server)
{
    struct app *app = server->shared.app;
    const struct config *config = app->config;
    int number;

    atomic_store(&app->draining, true);
    log_event(&app->log, LOG_INFO, "draining",
              (struct log_field[]){
                  {"connections", NULL,
                   (int64_t)atomic_load(&server->shared.connections)},
                  {NULL, NULL, 0}});
    number = wait_until(server, clock_monotonic_ms() + config->drain_delay);
    if (number)
        return number;
    for (size_t i = 0; i < server->shared.listener_count; i++)
        listener_refuse(&server->shared.listeners[i]);
    set_stage(server, STAGE_CLOSE);
    number = wait_until(server, clock_monotonic_ms() + config->drain_timeout);
    if (number || server->done_count == server->thread_count)
        return number;
    log_line(&app->log, LOG_WARN,
             "drain_timeout has passed with %zu connections open",
             atomic_load(&server->shared.connections));
    set_stage(server, STAGE_ABORT);
    return wait_until(server, clock_monotonic_ms() + ABORT_WAIT_MS);
}

/* A second signal ends at once, and so does a handler that does not stop
 * when it is told to: there are threads that cannot be joined. */
static void end_now(const struct app *app, int status, const char *why)
{
    log_line(&app->log, LOG_WARN, "ending at once: %s", why);
    _exit(status);
}

enum rnn_status http_server_run(struct http_server *server,
                                struct rnn_error *err)
{
    struct app *app = server->shared.app;
    enum rnn_status status = start(server, err);
    int number = 0;

    if (status)
        set_stage(server, STAGE_ABORT);
    else
        wait_until(server, UINT64_MAX);
    if (!status)
        number = drain(server);
    else
        wait_until(server, clock_monotonic_ms() + ABORT_WAIT_MS);
    if (number)
        end_now(app, 128 + number, "a second signal");
    if (server->done_count < server->thread_count)
        end_now(app, 1, "a request does not stop");
    for (size_t i = 0; i < server->thread_count; i++)
        pthread_join(server->loops[i].thread, NULL);
    if (!status)
        log_event(&app->log, LOG_INFO, "stopped",
                  (struct log_field[]){{NULL, NULL, 0}});
    return status;
}
