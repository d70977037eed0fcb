/* connection.c: the sockets of a loop and how long each may take.
 *
 * libmicrohttpd's timeout is one of inactivity: a byte now and then holds a
 * connection for ever.  So every connection has a deadline here, set anew at
 * each turn of its life, and is shut when that has passed.
 */
#include <linux/tcp.h>
#include <stdlib.h>

#include "config/config.h"
#include "server/app.h"
#include "server/clock.h"
#include "server/http/loop.h"
#include "server/metrics.h"

/* How long a connection that is being drained may rest: a request that was
 * sent before the client saw our answer's Connection: close is still served.
 */
#define DRAIN_REST_MS 500

static bool is_loopback_only(const struct server_shared *shared,
                             const struct address *local)
{
    if (!address_is_loopback(local))
        return false;
    for (size_t i = 0; i < shared->listener_count; i++) {
        const struct address *address = &shared->listeners[i].address;

        if (address_port(address) == address_port(local) &&
            address_same_host(address, local))
            return true;
    }
    return false;
}

static struct connection *open_connection(struct loop *loop, int socket)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    struct server_shared *shared = loop->shared;
    size_t others;

    if (!connection)
        return NULL;
    connection->loop = loop;
    connection->socket = socket;
    connection->local.length = sizeof(connection->local.of);
    getsockname(socket, &connection->local.of.any, &connection->local.length);
    connection->is_loopback_only =
        is_loopback_only(shared, &connection->local);
    others = atomic_fetch_add(&shared->connections, 1);
    connection->is_over_limit = others >= loop->app->config->max_connections;
    metrics_add(loop->app->metrics, METRIC_HTTP_CONNECTIONS, 1);

    connection->next = loop->connections;
    if (loop->connections)
        loop->connections->previous = connection;
    loop->connections = connection;
    connection_rest(connection);
    return connection;
}

static void close_connection(struct connection *connection)
{
    struct loop *loop = connection->loop;

    if (connection->previous)
        connection->previous->next = connection->next;
    else
        loop->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    atomic_fetch_sub(&loop->shared->connections, 1);
    metrics_add(loop->app->metrics, METRIC_HTTP_CONNECTIONS, -1);
    free(connection);
}

void on_connection(void *loop, struct MHD_Connection *channel, void **context,
                   enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(
            channel, MHD_CONNECTION_INFO_CONNECTION_FD);

        *context = open_connection(loop, info->connect_fd);
    } else if (*context) {
        close_connection(*context);
        *context = NULL;
    }
}

void connection_watch(struct connection *connection,
                      enum connection_watch watch, uint64_t deadline_ms)
{
    connection->watch = watch;
    connection->deadline_ms = deadline_ms;
    if (deadline_ms < connection->loop->sweep_at_ms)
        connection->loop->sweep_at_ms = deadline_ms;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void connection_rest(struct connection *connection)
{
    uint64_t now_ms = connection->loop->now_ms;
    const struct config *config = connection->loop->app->config;
    uint64_t rest = sooner(config->idle_timeout, config->request_timeout);

    if (connection->loop->stage != STAGE_SERVE)
        rest = sooner(rest, DRAIN_REST_MS);
    connection->idle_since_ms = now_ms;
    connection->has_bytes_seen = false;
    connection_watch(connection, WATCH_IDLE, now_ms + rest);
}

static void shut(struct connection *connection)
{
    /* libmicrohttpd sees the end of the connection and closes it. */
    shutdown(connection->socket, SHUT_RDWR);
    connection->deadline_ms = UINT64_MAX;
}

/* A request line that comes a byte at a time shows nowhere but in the
 * kernel's count of bytes received. */
static uint64_t bytes_received(int socket)
{
    struct tcp_info info = {.tcpi_state = 0};
    socklen_t size = sizeof(info);

    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size))
        return 0;
    return info.tcpi_bytes_received;
}

/* A resting connection has rested long enough, or has spent request_timeout
 * on a line that is not whole yet; or it is looked at again later. */
static void check_idle(struct connection *connection, uint64_t now_ms)
{
    const struct config *config = connection->loop->app->config;
    uint64_t end = connection->idle_since_ms + config->idle_timeout;
    uint64_t bytes;

    if (now_ms >= end || connection->loop->stage != STAGE_SERVE) {
        shut(connection);
        return;
    }
    bytes = bytes_received(connection->socket);
    if (connection->has_bytes_seen && bytes != connection->bytes_seen) {
        shut(connection);
        return;
    }
    connection->has_bytes_seen = true;
    connection->bytes_seen = bytes;
    connection->deadline_ms = sooner(end, now_ms + config->request_timeout);
}

static void on_deadline(struct connection *connection, uint64_t now_ms)
{
    struct exchange *exchange = connection->exchange;

    switch (connection->watch) {
    case WATCH_IDLE:
        check_idle(connection, now_ms);
        break;
    case WATCH_REQUEST:
        problem_set(&exchange->problem, PROBLEM_REQUEST_TIMEOUT,
                    "the request did not arrive within request_timeout "
                    "(%llu ms)",
                    (unsigned long long)
                        connection->loop->app->config->request_timeout);
        reply_at_once(exchange);
        shut(connection);
        break;
    case WATCH_ANSWER:
        connection->deadline_ms = UINT64_MAX;
        break;
    case WATCH_SEND:
    case WATCH_LINGER:
        shut(connection);
        break;
    }
}

void connection_sweep(struct loop *loop, uint64_t now_ms)
{
    struct connection *connection;
    uint64_t next = UINT64_MAX;

    if (now_ms < loop->sweep_at_ms)
        return;
    for (connection = loop->connections; connection;
         connection = connection->next) {
        if (connection->deadline_ms <= now_ms)
            on_deadline(connection, now_ms);
        next = sooner(next, connection->deadline_ms);
    }
    loop->sweep_at_ms = next;
}

void connection_hurry(struct loop *loop, uint64_t now_ms, uint64_t grace_ms)
{
    struct connection *connection;

    for (connection = loop->connections; connection;
         connection = connection->next)
        if (connection->watch != WATCH_ANSWER)
            connection->deadline_ms =
                sooner(connection->deadline_ms, now_ms + grace_ms);
    loop->sweep_at_ms = now_ms;
}

void connection_hurry_idle(struct loop *loop, uint64_t now_ms)
{
    struct connection *connection;

    for (connection = loop->connections; connection;
         connection = connection->next)
        if (connection->watch == WATCH_IDLE)
            connection->deadline_ms =
                sooner(connection->deadline_ms, now_ms + DRAIN_REST_MS);
    loop->sweep_at_ms = now_ms;
}
