/* loop.h: one event loop, what it owns, and the life of a request on it.
 *
 *     connection   a socket, from accept to close
 *     exchange     a request and its answer, from the request line until the
 *                  answer has been sent
 *
 * A loop is one thread with one libmicrohttpd daemon.  The daemon has no
 * listening socket and no thread: the loop accepts, hands the socket over,
 * and calls MHD_run() when its own epoll says so.  (libmicrohttpd's internal
 * epoll thread stops serving when a multiple of 128 connections is ready at
 * once.)
 *
 * Threads  Everything here belongs to the loop's thread, but for
 *          loop_post(), loop_wake() and what is marked atomic.
 */
#ifndef SERVER_HTTP_LOOP_H
#define SERVER_HTTP_LOOP_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/status.h"
#include "server/gather.h"
#include "server/http/address.h"
#include "server/http/listener.h"
#include "server/http/message.h"
#include "server/http/prepared.h"
#include "server/http/route.h"
#include "server/metrics.h"
#include "server/problem.h"

struct app;
struct loop;
struct workers;

/* Bytes that libmicrohttpd keeps for each connection, and sets to zero for
 * each request; the head of a request must fit in (414, 431), and half of it
 * is how much of a body is read at once. */
#define CONNECTION_MEMORY ((size_t)8192)
/* Connections over max_connections that are still taken in, to be told so. */
#define SPARE_CONNECTIONS(max) ((max) / 8 + 16)
/* What one request may hold in all: body, tensors, scratch and answer. */
#define EXCHANGE_ARENA_BYTES(max) (8 * (max) + ((size_t)256 << 20))
#define EXCHANGE_KEEP_BYTES       ((size_t)1 << 20) /* of a pooled arena */
#define EXCHANGE_POOL_SIZE        64                /* idle ones of a loop */

/* ---- connections -------------------------------------------------------- */

/* What a connection is doing, and so what its deadline means. */
enum connection_watch {
    WATCH_IDLE,    /* between requests: closed when idle_timeout has passed */
    WATCH_REQUEST, /* a request is arriving: 408 */
    WATCH_ANSWER,  /* the handler has it: the exchange's deadline counts */
    WATCH_SEND,    /* the answer is on its way: closed */
    WATCH_LINGER,  /* answered before the body had come: closed soon */
};

struct connection {
    struct connection *previous, *next; /* of the loop's list */
    struct loop *loop;
    struct exchange *exchange; /* NULL between requests */
    int socket;
    enum connection_watch watch;
    uint64_t deadline_ms;
    uint64_t idle_since_ms;
    uint64_t bytes_seen; /* received at the last look at a resting one */
    bool has_bytes_seen;
    bool is_over_limit;    /* told so, and closed */
    bool is_loopback_only; /* came in on a listener bound to loopback */
    struct address local;  /* the address and port it came in on */
    char host[64];         /* the last Host that was found good; "" */
};

/* ---- exchanges ---------------------------------------------------------- */

enum exchange_phase {
    EXCHANGE_HEAD,     /* request line read, headers still to come */
    EXCHANGE_BODY,     /* headers read and accepted */
    EXCHANGE_DISCARD,  /* answered already: what arrives is dropped */
    EXCHANGE_HANDLING, /* whole; the handler has it */
    EXCHANGE_SENDING,  /* the answer is queued */
};

/* Who moves a request that waits: exactly one of the waker and the timer
 * turns WAITING into RUNNING, and that one posts it to its loop. */
enum exchange_turn {
    TURN_RUNNING, /* its handler runs, or is about to */
    TURN_WOKEN,   /* the same, and http_wake() came meanwhile */
    TURN_WAITING, /* the handler has returned ROUTE_WAIT */
};

struct exchange {
    struct http_request request; /* first: http_wake() finds us by it */
    struct http_response response;
    struct problem problem;
    struct arena arena;
    struct loop *loop;
    struct connection *connection;  /* NULL: the client is gone */
    struct MHD_Connection *channel; /* NULL: the client is gone */
    enum exchange_phase phase;
    enum route_result result;
    bool is_refused; /* the problem stands before the handler is asked */
    bool is_done;    /* a worker has come back with `result` */
    bool is_late;    /* the handler has been told that time is up */
    size_t route;    /* HTTP_ROUTE_COUNT: none */
    enum http_method method; /* as it came: HEAD is HEAD */
    unsigned status;         /* of the answer, once it is queued */
    size_t body_capacity;    /* bytes at request.body without the padding */
    size_t body_arrived;     /* whether kept or not */
    uint64_t began_ns;
    atomic_int turn;                  /* enum exchange_turn */
    struct exchange *next_posted;     /* of the loop's post box, or of those
                                         whose jobs are gathered */
    struct exchange *previous, *next; /* of the waiting ones */
    uint64_t due_ms;                  /* when the timer moves it */
    struct prepared *prepared;        /* the answer, if it is one of those */
    char request_id[HTTP_REQUEST_ID_SIZE];
};

/* A fresh exchange for the request whose line has arrived; NULL when memory
 * is out. */
struct exchange *exchange_begin(struct loop *loop,
                                struct connection *connection,
                                struct MHD_Connection *channel,
                                const char *target);

/* Its end: counted, logged, its memory back to the pool. */
void exchange_end(struct exchange *exchange);
void exchange_free(struct exchange *exchange); /* of the pool */

/* Room for a body of `bytes`; append to it.  That it stays within max_body
 * is the caller's to see.  false: memory is out; the problem is set. */
bool exchange_body_reserve(struct exchange *exchange, size_t bytes);
bool exchange_body_append(struct exchange *exchange, const void *bytes,
                          size_t count);

/* ---- handlers (handling.c) ---------------------------------------------- */

/* Call the handler once, on this thread. */
void exchange_call(struct exchange *exchange, bool on_worker,
                   struct gather *gather);

/* Call the handler until it has an answer (true: in response or problem as
 * `result` says) or waits for something that will post it (false). */
bool exchange_advance(struct exchange *exchange);

/* The client is gone but the handler still waits: go on without one until
 * the handler has let go of everything. */
void exchange_orphan(struct exchange *exchange);

/* Move every deadline of what waits to `now_ms`. */
void exchange_hurry(struct loop *loop, uint64_t now_ms);

/* Wake what is due at `now_ms`. */
void exchange_fire_timers(struct loop *loop, uint64_t now_ms);
/* Go on with what was posted. */
void exchange_take_posted(struct loop *loop);
/* Run what was gathered since the last time and go on with it; true when
 * there was something. */
bool exchange_take_gathered(struct loop *loop);

/* ---- loops -------------------------------------------------------------- */

/* What the main thread wants of the loops. */
enum server_stage {
    STAGE_SERVE,
    STAGE_CLOSE, /* stop listening, end when all is answered */
    STAGE_ABORT, /* drain_timeout has passed */
};

/* What all loops share. */
struct server_shared {
    struct app *app;
    struct listener *listeners;
    size_t listener_count;
    struct workers *workers;
    atomic_int stage; /* enum server_stage */
    atomic_size_t connections;
    int done; /* eventfd: a loop has ended */
};

struct loop {
    struct server_shared *shared;
    struct app *app;
    size_t index;            /* which socket of each listener is ours */
    uint64_t now_ns, now_ms; /* at the last event or end of a request: reading
                        the clock for each deadline would cost as much as what
                        it bounds */
    struct MHD_Daemon *daemon;
    pthread_t thread;
    int epoll, event; /* epoll of daemon, listeners and event */
    _Atomic(struct exchange *) posted;

    struct connection *connections;
    uint64_t sweep_at_ms; /* the earliest deadline may be then */
    struct exchange *waiting;
    uint64_t wake_at_ms; /* the earliest of them is due then */
    struct exchange *pool;
    size_t pool_count;
    size_t exchange_count; /* begun and not ended */
    struct prepared_cache prepared;
    struct gather gather;
    struct exchange *gathered;  /* whose jobs are in it */
    struct metrics_tally tally; /* answers that nobody has been told of */
    size_t told;                /* of exchange_count, the same */
    unsigned calls;             /* of handlers, in this round of events */
    unsigned crowd;             /* not 0: rounds of late have had several */
    uint64_t id_state;          /* of the request ids */

    bool is_listening;        /* sockets are open */
    bool is_accepting;        /* and in the epoll set */
    bool is_starved;          /* descriptors were out at the last accept */
    uint64_t accept_again_ms; /* then; 0: not waiting */
    uint64_t unlisten_at_ms;  /* 0: not closing */
    enum server_stage stage;  /* as this loop knows it */
};

RNN_CHECKED enum rnn_status loop_init(struct loop *loop,
                                      struct server_shared *shared,
                                      size_t index, struct rnn_error *err);
void loop_release(struct loop *loop);
void *loop_main(void *arg); /* the thread of the loop `arg` */

/* Read the clock into now_ns and now_ms. */
void loop_look_at_clock(struct loop *loop);

/* Tell the metrics of what has been counted since the last time. */
void loop_tell(struct loop *loop);

/* Any thread: make the loop look around. */
void loop_wake(struct loop *loop);
/* Any thread: hand `exchange` over to its loop. */
void loop_post(struct exchange *exchange);

/* A loop has ended (server.c). */
void server_loop_done(struct server_shared *shared);

/* ---- accepting (accept.c) ----------------------------------------------- */

void loop_accept(struct loop *loop, const struct listener *listener,
                 uint64_t now_ms);
void loop_listen(struct loop *loop, bool on); /* epoll set */
/* Accept what is queued, then close. */
void loop_unlisten(struct loop *loop, uint64_t now_ms);

/* ---- connections (connection.c) ----------------------------------------- */

/* libmicrohttpd's notice of a connection that begins or ends. */
void on_connection(void *loop, struct MHD_Connection *channel, void **context,
                   enum MHD_ConnectionNotificationCode code);

void connection_watch(struct connection *connection,
                      enum connection_watch watch, uint64_t deadline_ms);
/* Between two requests. */
void connection_rest(struct connection *connection);
/* Shut those whose deadline has passed. */
void connection_sweep(struct loop *loop, uint64_t now_ms);
/* Nothing may take longer than `grace_ms` from here on. */
void connection_hurry(struct loop *loop, uint64_t now_ms, uint64_t grace_ms);
/* Resting connections are closed soon. */
void connection_hurry_idle(struct loop *loop, uint64_t now_ms);

/* ---- libmicrohttpd's calls (access.c) ----------------------------------- */

void *on_uri(void *loop, const char *target, struct MHD_Connection *channel);
enum MHD_Result on_access(void *loop, struct MHD_Connection *channel,
                          const char *url, const char *method,
                          const char *version, const char *data, size_t *size,
                          void **context);
void on_completed(void *loop, struct MHD_Connection *channel, void **context,
                  enum MHD_RequestTerminationCode code);
size_t on_unescape(void *loop, struct MHD_Connection *channel, char *text);

/* ---- answering (reply.c) ------------------------------------------------ */

/* Queue exchange->response or, `with_problem`, exchange->problem. */
enum MHD_Result reply_queue(struct exchange *exchange, bool with_problem);
/* Write the problem straight to the socket, because libmicrohttpd takes no
 * answer while a body arrives, and say that nothing more will come. */
void reply_at_once(struct exchange *exchange);

#endif
