#include "server/http/guard.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/config.h"
#include "server/app.h"
#include "server/http/loop.h"
#include "server/http/origin.h"
#include "server/http/uri.h"

/* What the headers hold that matters here. */
struct headers {
    struct exchange *exchange;
    size_t hosts, lengths, codings;
    const char *host, *length, *coding, *origin, *request_id, *encoding;
    bool expects_continue;
    bool out_of_memory;
};

/* A list header that stands more than once is one list (RFC 9110, 5.3). */
static const char *join(struct headers *headers, const char *list,
                        const char *value)
{
    struct arena *arena = &headers->exchange->arena;
    size_t size;
    char *text;

    if (!list)
        return value;
    size = strlen(list) + strlen(value) + 3;
    text = arena_alloc(arena, size, 1, 1);
    if (!text) {
        headers->out_of_memory = true;
        return list;
    }
    snprintf(text, size, "%s, %s", list, value);
    return text;
}

/* Is `name`, in whatever case, `lower`, which has `length` bytes as well and
 * is made of small letters and hyphens?  Both are constants to each caller:
 * that is two or three comparisons of eight bytes. */
static inline __attribute__((always_inline)) bool is_name(const char *name,
                                                          const char *lower,
                                                          size_t length)
{
    uint64_t apart = 0;
    size_t i = 0;

    for (; i + 8 <= length; i += 8) {
        uint64_t a, b;

        memcpy(&a, name + i, 8);
        memcpy(&b, lower + i, 8);
        apart |= (a | (b >> 1 & UINT64_C(0x2020202020202020))) ^ b;
    }
    for (; i < length; i++)
        apart |= (uint64_t)((name[i] | (lower[i] >> 1 & 0x20)) ^ lower[i]);
    return !apart;
}

#define IS(lower) is_name(name, lower, sizeof(lower) - 1)

/* Names are told apart by their length: most headers are none of these, and
 * to compare each with all would take longer than the rest. */
static void take(struct headers *headers, const char *name, size_t length,
                 const char *value)
{
    struct http_request *request = &headers->exchange->request;

    switch (length) {
    case 4:
        if (IS("host")) {
            headers->hosts++;
            headers->host = value;
        }
        break;
    case 6:
        if (IS("accept")) {
            request->accept = join(headers, request->accept, value);
        } else if (IS("origin")) {
            request->has_origin = true;
            headers->origin = join(headers, headers->origin, value);
        } else if (IS("expect")) {
            headers->expects_continue = strcasecmp(value, "100-continue") == 0;
        }
        break;
    case 12:
        if (IS("content-type"))
            request->content_type =
                join(headers, request->content_type, value);
        else if (IS("x-request-id"))
            headers->request_id = value;
        break;
    case 14:
        if (IS("content-length")) {
            headers->lengths++;
            headers->length = value;
        }
        break;
    case 16:
        if (IS("content-encoding"))
            headers->encoding = join(headers, headers->encoding, value);
        break;
    case 17:
        if (IS("transfer-encoding")) {
            headers->codings++;
            headers->coding = value;
        }
        break;
    default:
        break;
    }
}

static enum MHD_Result on_header(void *headers, enum MHD_ValueKind kind,
                                 const char *name, size_t name_length,
                                 const char *value, size_t value_length)
{
    (void)kind;
    (void)value_length;
    take(headers, name, name_length, value ? value : "");
    return MHD_YES;
}

/* X-Request-Id if it is 1 to 128 of A-Za-z0-9._-: it goes into the log and
 * back to the client. */
static void take_request_id(struct exchange *exchange, const char *id)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = id ? strspn(id, allowed) : 0;

    if (length && length < HTTP_REQUEST_ID_SIZE && id[length] == '\0')
        memcpy(exchange->request_id, id, length + 1);
}

/* A declared length; UINT64_MAX for one beyond any number, false when it is
 * none. */
static bool parse_length(const char *text, uint64_t *length)
{
    uint64_t number = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        unsigned digit = (unsigned)(*text - '0');

        if (digit > 9)
            return false;
        number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX
                                                    : number * 10 + digit;
    }
    *length = number;
    return true;
}

/* Where one message ends and the next begins must be beyond doubt. */
static bool check_framing(const struct headers *headers, bool is_http11,
                          struct guard_head *head, struct problem *problem)
{
    if (headers->hosts > 1)
        return problem_set(problem, PROBLEM_BAD_REQUEST,
                           "the header Host stands %zu times", headers->hosts);
    if (headers->hosts == 0 && is_http11)
        return problem_set(problem, PROBLEM_BAD_REQUEST,
                           "HTTP/1.1 needs the header Host");
    if (headers->lengths > 1)
        return problem_set(problem, PROBLEM_BAD_REQUEST,
                           "the header Content-Length stands %zu times",
                           headers->lengths);
    if (headers->codings && headers->lengths)
        return problem_set(problem, PROBLEM_BAD_REQUEST,
                           "Content-Length and Transfer-Encoding stand in "
                           "one request");
    if (headers->codings && !is_http11)
        return problem_set(problem, PROBLEM_BAD_REQUEST,
                           "HTTP/1.0 has no Transfer-Encoding");
    if (headers->codings &&
        (headers->codings > 1 || strcasecmp(headers->coding, "chunked") != 0))
        return problem_set(problem, PROBLEM_NOT_IMPLEMENTED,
                           "Transfer-Encoding is \"%.64s\", only chunked is "
                           "implemented",
                           headers->coding);
    head->is_chunked = headers->codings == 1;
    if (headers->lengths &&
        !parse_length(headers->length, &head->content_length))
        return problem_set(problem, PROBLEM_BAD_REQUEST,
                           "Content-Length \"%.64s\" is not a number",
                           headers->length);
    return true;
}

/* A connection over the limit is told so, but the probes of an orchestrator
 * are answered: an overloaded process is not a dead one. */
static bool check_limit(const struct exchange *exchange,
                        struct problem *problem)
{
    const char *path = exchange->request.path;

    if (!exchange->connection->is_over_limit || strcmp(path, "/livez") == 0 ||
        strcmp(path, "/readyz") == 0)
        return true;
    return problem_set(problem, PROBLEM_OVERLOADED,
                       "max_connections (%zu) are open",
                       exchange->loop->app->config->max_connections);
}

static enum guard_verdict refuse(const struct guard_head *head)
{
    /* Who waits for 100 Continue gets the answer instead of it. */
    return head->expects_continue ? GUARD_CLOSE : GUARD_REFUSE;
}

/* A body in a coding that nobody here can undo. */
static bool check_encoding(struct exchange *exchange, const char *encoding)
{
    if (!encoding || strcasecmp(encoding, "identity") == 0 ||
        (exchange->method != HTTP_POST && exchange->method != HTTP_PUT))
        return true;
    http_response_header(&exchange->response, "Accept-Encoding", "identity");
    return problem_set(&exchange->problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                       "Content-Encoding is \"%.64s\", this takes none",
                       encoding);
}

static enum guard_verdict check_route(struct exchange *exchange,
                                      const struct headers *headers,
                                      struct guard_head *head)
{
    struct http_request *request = &exchange->request;
    struct problem *problem = &exchange->problem;

    switch (route_find(request, &exchange->route, &head->allow, problem)) {
    case ROUTE_FOUND:
        break;
    case ROUTE_OPTIONS:
        return GUARD_OPTIONS;
    case ROUTE_NO_PATH:
    case ROUTE_NO_METHOD:
    case ROUTE_NO_MEMORY:
        return refuse(head);
    }
    if (!check_encoding(exchange, headers->encoding) ||
        !uri_query_read(request, http_routes[exchange->route].strict_query,
                        problem))
        return refuse(head);
    return GUARD_PASS;
}

enum guard_verdict guard_check(struct exchange *exchange, const char *method,
                               const char *version, struct guard_head *head)
{
    const struct config *config = exchange->loop->app->config;
    struct http_request *request = &exchange->request;
    struct problem *problem = &exchange->problem;
    struct headers headers = {.exchange = exchange};

    *head = (struct guard_head){.is_chunked = false};
    MHD_get_connection_values_n(exchange->channel, MHD_HEADER_KIND, on_header,
                                &headers);
    take_request_id(exchange, headers.request_id);
    exchange->method = http_method_parse(method);
    request->method =
        exchange->method == HTTP_HEAD ? HTTP_GET : exchange->method;
    head->expects_continue = headers.expects_continue;

    if (headers.out_of_memory) {
        problem_set(problem, PROBLEM_OVERLOADED,
                    "the memory for one request is used up");
        return GUARD_CLOSE;
    }
    if (!check_framing(&headers, strcmp(version, "HTTP/1.0") != 0, head,
                       problem) ||
        !check_limit(exchange, problem))
        return GUARD_CLOSE;
    if (head->content_length > config->max_body) {
        problem_set(problem, PROBLEM_TOO_LARGE,
                    "Content-Length is more than max_body (%zu bytes)",
                    config->max_body);
        return head->expects_continue ? GUARD_CLOSE : GUARD_LINGER;
    }
    if (exchange->method == HTTP_OTHER) {
        problem_set(problem, PROBLEM_NOT_IMPLEMENTED,
                    "the method \"%.32s\" is not implemented", method);
        return GUARD_CLOSE;
    }
    if (!uri_path_check(request->path, problem) ||
        !origin_check_host(exchange, headers.host, problem) ||
        !origin_check_origin(exchange, headers.origin, problem))
        return refuse(head);
    return check_route(exchange, &headers, head);
}
