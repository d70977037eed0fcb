/* session_internal.h: the inside of the session store, for its own files.
 *
 * session_table.c   one shard: sessions by id
 * session_graves.c  those that are no more
 * session_store.c   the whole, what is reserved, expiry, looking
 * session_lend.c    borrowing and giving back
 * session_list.c    pages of the list, and new ids
 */
#ifndef SERVER_SESSION_INTERNAL_H
#define SERVER_SESSION_INTERNAL_H

#include <stdatomic.h>

#include "server/metrics.h"
#include "server/session_graves.h"
#include "server/session_table.h"

#define SESSION_SHARDS 64 /* a power of two */

struct session_store {
    const struct config *config;
    struct metrics *metrics; /* may be NULL */
    struct session_key key;
    struct session_graves graves;
    atomic_size_t count;    /* live sessions */
    atomic_size_t memory;   /* bytes reserved by them, and by kept calls */
    atomic_size_t sweep_at; /* the shard where the next sweep goes on */
    struct session_shard shards[SESSION_SHARDS];
};

/* Where an id belongs. */
struct session_place {
    struct session_shard *shard;
    uint32_t hash;
};

struct session_place session_place_of(struct session_store *store,
                                      const char *id);

/* Make a session that is in no table yet, all it can need reserved.  NULL:
 * too-many-sessions, overloaded. */
struct session *session_reserve(struct session_store *store,
                                const struct session_plan *plan,
                                const char *id, uint32_t hash, uint64_t now_ms,
                                struct problem *problem);
/* Undo it: the session is gone as if it had never been. */
void session_unreserve(struct session_store *store, struct session *session);

/* Take a session out of its shard, whose lock is held, and bury it.  Whoever
 * waits for it is woken to look again. */
void session_kill(struct session_store *store, struct session_shard *shard,
                  struct session *session, enum session_reason reason,
                  uint64_t now_ms);

/* Wake all that wait behind `borrower`; they find themselves without a
 * session. */
void session_scatter(struct session_loan *borrower);

/* Fill no-such-session or session-gone; the shard's lock is held. */
void session_missing(struct session_store *store, uint32_t hash,
                     const char *id, uint64_t now_ms, struct problem *problem);

/* Reserve `bytes` more, if they are there. */
bool session_charge(struct session_store *store, size_t bytes);
void session_discharge(struct session_store *store, size_t bytes);

/* Count an event, if somebody counts. */
void session_metric(struct session_store *store, enum metric metric,
                    int64_t delta);

#endif
