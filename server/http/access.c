/* access.c: what libmicrohttpd calls while a request comes in. */
#include <string.h>

#include "config/config.h"
#include "server/app.h"
#include "server/clock.h"
#include "server/http/guard.h"
#include "server/http/loop.h"

static struct connection *connection_of(struct MHD_Connection *channel)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(channel, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

size_t on_unescape(void *loop, struct MHD_Connection *channel, char *text)
{
    /* Nothing that libmicrohttpd decodes is used: its strings end at a %00.
     * The target is taken apart in uri.c. */
    (void)loop;
    (void)channel;
    return strlen(text);
}

void *on_uri(void *loop, const char *target, struct MHD_Connection *channel)
{
    struct connection *connection = connection_of(channel);
    struct exchange *exchange;

    if (!connection)
        return NULL;
    exchange = exchange_begin(loop, connection, channel, target ? target : "");
    if (!exchange)
        return NULL;
    connection->exchange = exchange;
    connection_watch(connection, WATCH_REQUEST, exchange->request.deadline_ms);
    return exchange;
}

/* Of what libmicrohttpd answered by itself, which is counted too; 0: none. */
static unsigned status_of(struct MHD_Connection *channel)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(channel, MHD_CONNECTION_INFO_HTTP_STATUS);

    return info ? info->http_status : 0;
}

void on_completed(void *loop, struct MHD_Connection *channel, void **context,
                  enum MHD_RequestTerminationCode code)
{
    struct exchange *exchange = *context;

    (void)loop;
    (void)code;
    if (!exchange)
        return;
    *context = NULL;
    if (!exchange->status)
        exchange->status = status_of(channel);
    exchange->connection->exchange = NULL;
    connection_rest(exchange->connection);
    if (exchange->phase == EXCHANGE_HANDLING)
        exchange_orphan(exchange);
    else
        exchange_end(exchange);
}

/* How long what still arrives is dropped before the connection is shut. */
#define LINGER_MS 2000

/* The answer to a body that is too large: the rest of it is dropped while
 * the client reads why. */
static void answer_and_linger(struct exchange *exchange)
{
    reply_at_once(exchange);
    connection_watch(exchange->connection, WATCH_LINGER,
                     clock_monotonic_ms() + LINGER_MS);
}

static enum MHD_Result answer_options(struct exchange *exchange,
                                      const char *allow)
{
    exchange->response.status = 204;
    http_response_header(&exchange->response, "Allow", allow);
    exchange->result = ROUTE_REPLY;
    exchange->is_refused = true;
    return MHD_YES;
}

static bool takes_body(const struct exchange *exchange)
{
    return !exchange->is_refused &&
           (exchange->method == HTTP_POST || exchange->method == HTTP_PUT);
}

static enum MHD_Result on_head(struct exchange *exchange, const char *method,
                               const char *version)
{
    struct guard_head head;

    exchange->phase = EXCHANGE_BODY;
    exchange->result = ROUTE_PROBLEM;
    switch (guard_check(exchange, method, version, &head)) {
    case GUARD_PASS:
        break;
    case GUARD_REFUSE:
        exchange->is_refused = true;
        return MHD_YES;
    case GUARD_OPTIONS:
        return answer_options(exchange, head.allow);
    case GUARD_CLOSE:
        return reply_queue(exchange, true);
    case GUARD_LINGER:
        answer_and_linger(exchange);
        return MHD_YES;
    }
    /* max_body has been checked, so this is bounded; pages of it that never
     * arrive are never touched. */
    if (takes_body(exchange) && head.content_length &&
        !exchange_body_reserve(exchange, (size_t)head.content_length))
        exchange->is_refused = true;
    return MHD_YES;
}

static void on_body(struct exchange *exchange, const char *data, size_t size)
{
    if (exchange->phase != EXCHANGE_BODY)
        return;
    exchange->body_arrived += size;
    if (exchange->body_arrived > exchange->loop->app->config->max_body) {
        problem_set(&exchange->problem, PROBLEM_TOO_LARGE,
                    "the body is more than max_body (%zu bytes)",
                    exchange->loop->app->config->max_body);
        answer_and_linger(exchange);
    } else if (takes_body(exchange) &&
               !exchange_body_append(exchange, data, size)) {
        exchange->is_refused = true;
    }
}

/* The request is whole, or its handler goes on after a wait. */
static enum MHD_Result on_whole(struct exchange *exchange)
{
    if (exchange->phase == EXCHANGE_BODY) {
        exchange->phase = EXCHANGE_HANDLING;
        connection_watch(exchange->connection, WATCH_ANSWER, UINT64_MAX);
        if (exchange->request.body_length)
            memset((unsigned char *)exchange->request.body +
                       exchange->request.body_length,
                   0, HTTP_BODY_PADDING);
    }
    if (!exchange->is_refused && !exchange_advance(exchange)) {
        MHD_suspend_connection(exchange->channel);
        return MHD_YES;
    }
    return reply_queue(exchange, exchange->result == ROUTE_PROBLEM);
}

enum MHD_Result on_access(void *loop, struct MHD_Connection *channel,
                          const char *url, const char *method,
                          const char *version, const char *data, size_t *size,
                          void **context)
{
    struct exchange *exchange = *context;

    (void)loop;
    (void)channel;
    (void)url;
    if (!exchange)
        return MHD_NO;
    if (exchange->phase == EXCHANGE_HEAD)
        return on_head(exchange, method, version);
    if (*size) {
        on_body(exchange, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (exchange->phase == EXCHANGE_DISCARD)
        return MHD_NO;
    return on_whole(exchange);
}
