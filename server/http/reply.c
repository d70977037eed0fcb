/* reply.c: from our response to libmicrohttpd's, or straight to the socket. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/app.h"
#include "server/clock.h"
#include "server/http/loop.h"
#include "server/json/json_document.h"

#define SEND_GRACE_MS 1000 /* for an answer made at the last moment */

static const char no_memory_document[] =
    "{\"type\":\"/problems/overloaded\",\"title\":\"The server is at its "
    "limit\",\"status\":503,\"detail\":\"out of memory\"}";

/* Turn the problem into a response; headers that the guards set stay. */
static void problem_response(struct exchange *exchange)
{
    struct http_response *response = &exchange->response;
    struct problem *problem = &exchange->problem;
    char *seconds;

    if (!exchange->is_refused)
        response->header_count = 0;
    response->status = problem_status(problem->type);
    response->content_type = "application/problem+json";
    response->body =
        problem_document(problem, exchange->request_id, &exchange->arena,
                         &response->body_length);
    if (!response->body) {
        response->status = 503;
        response->body = no_memory_document;
        response->body_length = sizeof(no_memory_document) - 1;
    }
    if (problem->allow)
        http_response_header(response, "Allow", problem->allow);
    seconds = arena_alloc(&exchange->arena, 12, 1, 1);
    if (problem->retry_after_s && seconds) {
        snprintf(seconds, 12, "%u", problem->retry_after_s);
        http_response_header(response, "Retry-After", seconds);
    }
}

static bool add_header(struct MHD_Response *reply, const char *name,
                       const char *value)
{
    return MHD_add_response_header(reply, name, value) == MHD_YES;
}

static bool must_close(const struct exchange *exchange)
{
    return exchange->connection->is_over_limit ||
           atomic_load_explicit(&exchange->loop->app->draining,
                                memory_order_relaxed);
}

static struct MHD_Response *make_reply(const struct exchange *exchange)
{
    const struct http_response *response = &exchange->response;
    bool has_body = response->content_type != NULL;
    struct MHD_Response *reply = MHD_create_response_from_buffer(
        has_body ? response->body_length : 0,
        has_body ? (void *)response->body : NULL, MHD_RESPMEM_PERSISTENT);
    bool ok = reply != NULL;

    if (ok && has_body)
        ok = add_header(reply, "Content-Type", response->content_type);
    for (size_t i = 0; ok && i < response->header_count; i++)
        ok = add_header(reply, response->headers[i].name,
                        response->headers[i].value);
    if (ok)
        ok = add_header(reply, "X-Request-Id", exchange->request_id);
    if (ok && must_close(exchange))
        ok = add_header(reply, "Connection", "close");
    if (!ok && reply) {
        MHD_destroy_response(reply);
        reply = NULL;
    }
    return reply;
}

/* One that is prepared, or one of its own. */
static enum MHD_Result queue(struct exchange *exchange)
{
    unsigned status = exchange->response.status;
    struct MHD_Response *reply;
    enum MHD_Result result;

    if (!must_close(exchange))
        exchange->prepared =
            prepared_take(&exchange->loop->prepared, &exchange->response,
                          exchange->request_id);
    if (exchange->prepared)
        return MHD_queue_response(exchange->channel, status,
                                  exchange->prepared->reply);
    reply = make_reply(exchange);
    if (!reply)
        return MHD_NO;
    result = MHD_queue_response(exchange->channel, status, reply);
    MHD_destroy_response(reply);
    return result;
}

enum MHD_Result reply_queue(struct exchange *exchange, bool with_problem)
{
    uint64_t deadline = exchange->request.deadline_ms;
    uint64_t soonest = exchange->loop->now_ms + SEND_GRACE_MS;

    if (with_problem)
        problem_response(exchange);
    exchange->phase = EXCHANGE_SENDING;
    exchange->status = exchange->response.status;
    connection_watch(exchange->connection, WATCH_SEND,
                     deadline > soonest ? deadline : soonest);
    return queue(exchange);
}

static int write_head(const struct exchange *exchange, char *text, size_t size)
{
    const struct http_response *response = &exchange->response;
    char date[CLOCK_HTTP_SIZE];

    clock_format_http(clock_wall_s(), date);
    return snprintf(
        text, size,
        "HTTP/1.1 %u %s\r\n"
        "Date: %s\r\n"
        "Content-Type: %s\r\n"
        "Content-Length: %zu\r\n"
        "X-Request-Id: %s\r\n"
        "Connection: close\r\n\r\n",
        response->status, MHD_get_reason_phrase_for(response->status), date,
        response->content_type, response->body_length, exchange->request_id);
}

void reply_at_once(struct exchange *exchange)
{
    struct http_response *response = &exchange->response;
    int socket = exchange->connection->socket;
    char text[2048];
    int length;

    problem_response(exchange);
    if (response->body_length > sizeof(text) / 2)
        response->body_length = 0;
    exchange->status = response->status;
    exchange->phase = EXCHANGE_DISCARD;
    length = write_head(exchange, text, sizeof(text));
    if (exchange->method != HTTP_HEAD) {
        memcpy(text + length, response->body, response->body_length);
        length += (int)response->body_length;
    }
    /* Nothing else has been written for this request, so an empty send
     * buffer takes it whole. */
    send(socket, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(socket, SHUT_WR);
}
