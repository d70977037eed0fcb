/* redis_link.h: the connection to Redis: made, greeted, made again.
 *
 * A link that is down tries again by itself: at once, then after 50 ms,
 * doubling up to 2 s.  Greeted means: who we are is accepted, the database is
 * chosen, the script is loaded and the server's clock is known.
 *
 * Threads  The store's own.
 */
#ifndef SERVER_STORE_REDIS_LINK_H
#define SERVER_STORE_REDIS_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "server/store/redis_out.h"
#include "server/store/redis_request.h"
#include "server/store/redis_wire.h"

struct redisReader;
struct redisReply;
struct store_settings;

struct redis_link {
    struct redis_url url;
    struct redis_tls *tls;
    struct redis_wire wire;
    struct redis_out out;
    struct redisReader *reader; /* NULL: down */
    enum { LINK_DOWN, LINK_OPENING, LINK_GREETING, LINK_UP } stage;

    uint64_t timeout_ms;
    uint64_t retry_at_ms; /* down: then */
    uint64_t backoff_ms;  /* of the attempt after that */
    uint64_t begun_ms;    /* opening, greeting: since when */
    uint64_t heard_ms;    /* the last byte came */
    uint64_t down_ms;     /* out of reach since; 0: it is not */
    unsigned greeted;     /* answers of the greeting that have come */
    bool is_over;         /* closed, but answers may have come before */

    char hash[REDIS_HASH_SIZE]; /* of the script */
    int64_t server_ahead;
    char why[512]; /* it is down */
};

RNN_CHECKED enum rnn_status redis_link_init(
    struct redis_link *link, const struct store_settings *settings,
    struct rnn_error *err);
void redis_link_release(struct redis_link *link);

/* Begin to connect when it is time; give up what takes too long. */
void redis_link_tick(struct redis_link *link, uint64_t now_ms);
/* When is the next tick due?  UINT64_MAX: never. */
uint64_t redis_link_due(const struct redis_link *link);
/* Of poll(); 0: nothing to wait for. */
short redis_link_events(const struct redis_link *link);

/* One of the events has come: connect, greet, write, read.  What came is
 * taken with redis_link_reply(). */
void redis_link_go_on(struct redis_link *link, uint64_t now_ms);
/* Write what waits, as far as it goes. */
void redis_link_flush(struct redis_link *link, uint64_t now_ms);
/* The next answer, the caller's to free; NULL: none has come. */
struct redisReply *redis_link_reply(struct redis_link *link, uint64_t now_ms);

/* It is of no use any longer. */
void redis_link_break(struct redis_link *link, const char *why,
                      uint64_t now_ms);

/* An answer told the server's clock. */
void redis_link_clock(struct redis_link *link, uint64_t server_ms);

/* Load the script again; an answer follows.  false: out of memory. */
bool redis_link_load(struct redis_link *link);

#endif
