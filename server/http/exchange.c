/* exchange.c: a request from its first line to the end of its answer. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "server/app.h"
#include "server/clock.h"
#include "server/http/loop.h"
#include "server/http/uri.h"
#include "server/metrics.h"

#define FIRST_BODY_BYTES ((size_t)4096) /* of a body of unknown length */

static const unsigned char no_body[HTTP_BODY_PADDING];

/* Eight digits, all at once: a byte for each, the first one lowest. */
static void write_hex(uint32_t number, char text[8])
{
    uint64_t bytes = number, letters;

    bytes = (bytes << 32 | bytes >> 16) & UINT64_C(0x0000ffff0000ffff);
    bytes = (bytes << 16 | bytes >> 8) & UINT64_C(0x00ff00ff00ff00ff);
    bytes = (bytes << 8 | bytes >> 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    letters = (bytes + UINT64_C(0x0606060606060606)) >> 4 &
              UINT64_C(0x0101010101010101);
    bytes += UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
    bytes = htole64(bytes);
    memcpy(text, &bytes, 8);
}

/* splitmix64: ids need to differ, not to be secret. */
static void make_request_id(struct exchange *exchange)
{
    uint64_t z = exchange->loop->id_state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    write_hex((uint32_t)(z >> 32), exchange->request_id);
    write_hex((uint32_t)z, exchange->request_id + 8);
    exchange->request_id[16] = '\0';
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

/* All but the query, of which nobody reads more than there is: to clear that
 * would be most of the work. */
static void reset_request(struct exchange *exchange)
{
    struct http_request *request = &exchange->request;

    request->method = HTTP_OTHER;
    for (size_t i = 0; i < HTTP_MAX_PARAMS; i++)
        request->params[i] = NULL;
    request->query_count = 0;
    request->content_type = request->accept = NULL;
    request->has_origin = false;
    request->body = no_body;
    request->body_length = 0;
    request->request_id = exchange->request_id;
    request->on_worker = false;
    request->gather = NULL;
    request->team = NULL;
    request->arena = &exchange->arena;
    request->tally = NULL;
    request->wake_at_ms = 0;
    request->task = NULL;
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
    reset_request(exchange);
    uri_split(copy, &request->path, &request->raw_query);
    http_response_reset(&exchange->response);
    exchange->connection = connection;
    exchange->channel = channel;
    exchange->phase = EXCHANGE_HEAD;
    exchange->is_refused = exchange->is_done = exchange->is_late = false;
    exchange->route = HTTP_ROUTE_COUNT;
    exchange->method = HTTP_OTHER;
    exchange->status = 0;
    exchange->body_capacity = 0;
    exchange->body_arrived = 0;
    /* The loop turned to it when it had done with the one before. */
    exchange->began_ns = loop->now_ns;
    exchange->due_ms = 0;
    request->deadline_ms = loop->now_ms + loop->app->config->request_timeout;
    atomic_store_explicit(&exchange->turn, TURN_RUNNING, memory_order_relaxed);
    make_request_id(exchange);
    loop->exchange_count++;
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
    struct loop *loop = exchange->loop;

    if (exchange->status) {
        const struct metrics_answer answer = {.route = exchange->route,
                                              .method = exchange->method,
                                              .status = exchange->status};
        uint64_t ns;

        loop_look_at_clock(loop);
        ns = loop->now_ns - exchange->began_ns;
        metrics_count(loop->app->metrics, &loop->tally, &answer, ns);
        log_access(exchange, ns);
    }
    loop->exchange_count--;
    if (exchange->prepared) {
        prepared_give_back(exchange->prepared);
        exchange->prepared = NULL;
    }
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
