/* message.h: a whole request and a whole response in our own words.
 *
 * server/http/ makes the one from libmicrohttpd's calls and turns the other
 * into libmicrohttpd's, so that handlers never see that library.
 *
 * Ownership  Everything a handler allocates for one request comes from
 *            request->arena and is gone when the reply has been sent.  The
 *            response's body and headers must live in it or be static.
 * Threads    One request, one thread at a time: its loop, or a worker.
 */
#ifndef SERVER_HTTP_MESSAGE_H
#define SERVER_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "server/http/method.h"
#include "server/problem.h"

struct app;
struct gather;
struct http_request;
struct http_response;
struct metrics_tally;

/* What a handler says when it returns. */
enum route_result {
    ROUTE_REPLY,   /* the response is filled */
    ROUTE_PROBLEM, /* the problem is filled and is the answer */
    ROUTE_WAIT,    /* call me again after http_wake(), or at wake_at_ms.
                      Always called again before the request ends, even when
                      the client has gone: it stands in a queue.  On a worker
                      again, if it was on one.  At the deadline it is called
                      once more whatever it waits for; if it waits on, then
                      for as long as it does.  It may be called too early */
    ROUTE_GATHER,  /* the request's job is in request->gather: call me again,
                      at once, when that has been run */
    ROUTE_OFFLOAD, /* call me again on a worker thread; nothing is held.
                      When the queue is full the answer is 503, when the
                      deadline passes in it 504 */
};

typedef enum route_result route_handler(struct app *app,
                                        struct http_request *request,
                                        struct http_response *response,
                                        struct problem *problem);

#define HTTP_MAX_PARAMS      2
#define HTTP_MAX_QUERY       16
#define HTTP_MAX_HEADERS     8
#define HTTP_BODY_PADDING    64 /* zero bytes that follow every body */
#define HTTP_REQUEST_ID_SIZE 129

struct http_query {
    const char *name, *value; /* percent-decoded, NUL-terminated, no NUL
                                 inside */
};

struct http_request {
    enum http_method method;             /* HEAD reaches the handler as GET */
    const char *path;                    /* as it came, without the query */
    const char *params[HTTP_MAX_PARAMS]; /* {..} of the route, decoded */
    struct http_query query[HTTP_MAX_QUERY];
    size_t query_count;    /* no name stands twice: that is refused */
    const char *raw_query; /* as it came; "" without one */
    const char *content_type, *accept; /* header values; NULL when missing */
    bool has_origin;           /* an Origin header stands in the request */
    const unsigned char *body; /* never NULL; HTTP_BODY_PADDING zeros follow */
    size_t body_length;
    const char *request_id;
    uint64_t deadline_ms;        /* monotonic: the time for the answer */
    bool on_worker;              /* this call is on a worker thread */
    struct gather *gather;       /* NULL: there are no others to wait for */
    struct rnn_team *team;       /* NULL: nobody may take a part of it */
    struct metrics_tally *tally; /* of this thread; NULL: it has none */
    struct arena *arena;
    uint64_t wake_at_ms; /* set before ROUTE_WAIT; 0: the deadline */
    void *task;          /* the handler's own, kept between its calls */
};

struct http_header {
    const char *name, *value;
};

struct http_response {
    unsigned status;          /* 200 unless set */
    const char *content_type; /* NULL: no body */
    const void *body;
    size_t body_length;
    struct http_header headers[HTTP_MAX_HEADERS];
    size_t header_count;
};

/* 200 without a body.  Not `= {.status = 200}`: that clears the headers, of
 * which nobody reads more than there are. */
static inline void http_response_reset(struct http_response *response)
{
    response->status = 200;
    response->content_type = NULL;
    response->body = NULL;
    response->body_length = 0;
    response->header_count = 0;
}

/* Add a header; both strings must outlive the response. */
void http_response_header(struct http_response *response, const char *name,
                          const char *value);

/* The value of a query field, or NULL. */
const char *http_query_value(const struct http_request *request,
                             const char *name);

/* End the wait of a request whose handler returned (or is about to return)
 * ROUTE_WAIT.  Exactly as often as something was waited for; a call that
 * comes before the return is not lost.  Any thread. */
void http_wake(struct http_request *request);

/* For rnn_infer_options: false once the request's deadline has passed or the
 * server must stop now.  `arg` is the request. */
bool http_keep_going(void *request);

#endif
