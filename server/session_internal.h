/* session_internal.h: the inside of the session store, for its own files.
 *
 * session_table.c   one shard: sessions by id
 * session_graves.c  those that are no more
 * session_store.c   the whole, what is reserved, expiry, looking
 * session_lend.c    borrowing
 * session_list.c    pages of the list, and new ids
 * session_behind.c  the store behind: beginning, end, a session as a record
 * session_load.c    a session that is in the store and not in memory
 * session_revive.c  what a row of the store means
 * session_return.c  giving back
 * session_save.c    a change goes to the store before it counts
 * session_later.c   a change goes to the store after a while
 * session_look.c    a look at a session in a shared store
 * session_share.c   the store behind is shared: copies, tags, rows
 * session_evict.c   room in memory, at the cost of what the store holds
 */
#ifndef SERVER_SESSION_INTERNAL_H
#define SERVER_SESSION_INTERNAL_H

#include <stdatomic.h>

#include "server/log.h"
#include "server/metrics.h"
#include "server/session_graves.h"
#include "server/session_table.h"

#define SESSION_SHARDS 64 /* a power of two */

/* Sessions to be written later, the one that has waited longest first.  Its
 * lock is taken inside a shard's. */
struct session_changes {
    pthread_mutex_t lock;
    struct session *first, *last;
    size_t writing;      /* rows gathered and not yet written */
    uint64_t clean_ms;   /* everything older than this has been written */
    uint64_t drained_ms; /* the same when what is gathered is; 0: not all */
};

struct session_store {
    const struct config *config;
    struct metrics *metrics; /* may be NULL */
    struct session_key key;
    struct session_graves graves;
    atomic_size_t count;    /* live sessions */
    atomic_size_t memory;   /* bytes reserved by them, and by kept calls */
    atomic_size_t sweep_at; /* the shard where the next sweep goes on */

    /* With a store behind. */
    struct store *behind; /* NULL: memory alone */
    const struct model_registry *models;
    const struct log *log; /* may be NULL */
    bool writes_later;     /* durability = async */
    int64_t wall_ahead_ms; /* of the monotonic clock, when it was opened */
    atomic_bool has_rest;  /* it may hold sessions that are not in memory */
    atomic_bool is_failing;
    atomic_size_t evict_at; /* the shard where the next eviction looks */
    struct session_changes changes;
    atomic_ullong tags; /* session_new_tag() */

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
/* Bytes that a session reserves for as long as it is in memory. */
size_t session_reserved_bytes(const struct session *session);
/* Undo it: the session is gone as if it had never been. */
void session_unreserve(struct session_store *store, struct session *session);

/* Take a session out of its shard, whose lock is held, and bury it.  Whoever
 * waits for it is woken to look again. */
void session_kill(struct session_store *store, struct session_shard *shard,
                  struct session *session, enum session_reason reason,
                  uint64_t now_ms);

/* Its ttl has passed: bury it; a copy is forgotten. */
void session_expire(struct session_store *store, struct session_shard *shard,
                    struct session *session, uint64_t now_ms);

/* Wake all that wait behind `borrower`; they find themselves without a
 * session. */
void session_scatter(struct session_loan *borrower);

/* Fill no-such-session or session-gone; the shard's lock is held. */
void session_missing(struct session_store *store, uint32_t hash,
                     const char *id, uint64_t now_ms, struct problem *problem);

/* ---- queues (session_lend.c); the shard's lock is held ------------------ */

/* `loan` stands behind the session's borrower. */
void session_join_queue(struct session *session, struct session_loan *loan);
/* The borrower is done: the session goes to the first in the queue. */
void session_hand_on(struct session *session);
/* `loan` borrows in the place of the borrower, with the queue behind it. */
void session_take_over(struct session *session, struct session_loan *loan);
/* `loan` borrows before the borrower, who waits again. */
void session_stand_before(struct session *session, struct session_loan *loan);
/* Put `made` where `place` was, with its borrower and queue. */
void session_replace(struct session_shard *shard, struct session *place,
                     struct session *made);
/* From now on it is one of the live ones. */
void session_come_to_life(struct session_store *store,
                          struct session *session);

/* ---- the store behind --------------------------------------------------- */

struct record;
struct store_job;
struct store_row;

/* Wall-clock milliseconds of a monotonic time, and back (not later than
 * now). */
uint64_t session_wall_of(const struct session_store *store,
                         uint64_t monotonic_ms);
uint64_t session_monotonic_of(const struct session_store *store,
                              uint64_t wall_ms);

/* The session as a record that points into it. */
void session_to_record(const struct session_store *store,
                       const struct session *session, struct record *record);
void session_call_to_record(const struct session_call *call,
                            struct record *record); /* NULL: none */
/* When may a row of this record be forgotten, and from when on is it no
 * longer live?  0: never. */
uint64_t session_record_expires(const struct record *record);
uint64_t session_record_until(const struct session_store *store,
                              const struct record *record);

/* The served model of a record, NULL: there is none. */
const struct served_model *session_record_model(
    const struct session_store *store, const struct record *record);

/* The session that a record of this model tells of. */
struct session_plan session_record_plan(const struct record *record,
                                        const struct served_model *model);
/* Does a live record hold what its model needs?  NULL, or what is wrong. */
const char *session_record_fault(const struct record *record,
                                 const struct session_plan *plan);
/* What a row that was found means: a session, charged and counted, in no
 * table; or NULL and the place's kind, with REFUSED the problem. */
struct session *session_understand(struct session_store *store,
                                   const struct store_row *row,
                                   enum session_place_kind *kind,
                                   struct problem *problem);
/* The record of a row, whole if it lives and its model is served; `*whole`,
 * NULL at first, is the caller's to free.  NULL, or what is wrong with it; ""
 * is a lack of memory. */
const char *session_record_read(const struct session_store *store,
                                const struct store_row *row,
                                struct record *record, void **whole);
/* Is a record live that was read just now?  Sets used_ms where a shared store
 * has told it. */
bool session_record_lives(struct session_store *store,
                          const struct store_row *row, struct record *record);
/* It is dead: remember that, unless it only has not been swept away yet. */
void session_record_bury(struct session_store *store,
                         const struct record *record, const char *id);
/* false: it belongs to a model that is not served. */
bool session_record_info(const struct session_store *store,
                         const struct record *record,
                         struct session_info *info);
void session_refuse_damaged(struct session_store *store, const char *id,
                            const char *fault, struct problem *problem);
void session_refuse_other_model(const struct record *record, const char *id,
                                struct problem *problem);
/* A shared store was read: what we remember of the id gives way to what it
 * says. */
void session_graves_forget(struct session_store *store, const char *id,
                           const struct store_job *read);

/* The store behind has done something, or could not: `why`, else NULL. */
void session_behind_says(struct session_store *store, const char *why);

/* May the store behind know this id, which is not in memory?  The shard's
 * lock is held. */
bool session_must_seek(struct session_store *store, uint32_t hash,
                       const char *id, uint64_t now_ms);
/* Hold the id with a place and ask the store for it; the loan waits.  `copy`
 * is what memory has of it, to be checked, lent to the loan or to nobody;
 * NULL: nothing.  The shard's lock is held.  false: overloaded. */
bool session_seek(struct session_loan *loan, struct session_shard *shard,
                  uint32_t hash, struct session *copy,
                  struct problem *problem);
/* Take the place out of its shard; whoever waits for it looks again. */
void session_drop_place(struct session_shard *shard, struct session *place);
/* The borrower of a refused place leaves it as it is: the next one is told
 * why, if there is one. */
void session_leave_place(struct session_shard *shard, struct session *place);
/* The row of a refused place has become a tombstone: so does the place. */
void session_bury_place(struct session_store *store,
                        struct session_shard *shard, struct session *place,
                        uint64_t now_ms);
/* The tombstone of a row that nobody can use. */
void session_place_to_record(const struct session_store *store,
                             const struct session *place, uint64_t now_ms,
                             struct record *record);

/* Must this change be in the store before it counts? */
bool session_writes_first(const struct session_loan *loan,
                          const struct session_change *change,
                          uint64_t now_ms);
/* Send it there; `call` is to be kept.  WAIT or REFUSED. */
enum session_result session_write(struct session_loan *loan,
                                  const struct session_change *change,
                                  struct session_call *call, uint64_t now_ms,
                                  struct problem *problem);
/* It was sent: what has become of it? */
enum session_result session_written(struct session_loan *loan, uint64_t now_ms,
                                    struct problem *problem);

/* To be written later; the shard's lock is held.  Nothing without a store. */
void session_mark_changed(struct session_store *store,
                          struct session *session);
void session_unmark_changed(struct session_store *store,
                            struct session *session);
/* store_owner.gather */
struct store_job *session_gather(void *arg); /* the store */

/* Put idle sessions that the store holds out of memory until more than
 * `bytes` are freed.  false: none was there. */
bool session_evict(struct session_store *store, size_t bytes);

/* ---- the store behind is shared ----------------------------------------- */

/* Is what memory has a copy of what others may change? */
bool session_is_shared(const struct session_store *store);
/* For a commit; never given twice. */
uint64_t session_new_tag(struct session_store *store);
/* Forget what memory has of a session; whoever waits for it looks again.  The
 * shard's lock is held.  Returns its bytes. */
size_t session_drop_copy(struct session_store *store,
                         struct session_shard *shard, struct session *session);
/* The same of one that is in no shard, and counted as no session of its
 * model.  NULL is fine. */
void session_drop_aside(struct session_store *store, struct session *copy);
/* Its ttl begins anew. */
void session_touch(struct session_store *store, const struct session *session);

/* Rows of a window, one after the other, each with all timed inputs: `count`
 * from row `from` on. */
void session_rows_pack(const struct session_plan *plan, const void *state,
                       size_t from, size_t count, void *rows);
void session_rows_unpack(const struct session_plan *plan, const void *rows,
                         size_t count, void *state);
/* Rows that are not filled are zero. */
void session_rows_clean(const struct session_plan *plan, size_t filled,
                        void *state);

/* What the list of a window session holds: rows from before its kept call, so
 * that it can be made again, and then fresh ones. */
struct session_rows {
    size_t before, fresh;
};
struct session_rows session_rows_of(const struct record *record);

/* ---- memory ------------------------------------------------------------- */

/* Reserve `bytes` more, if they are there. */
bool session_charge(struct session_store *store, size_t bytes);
void session_discharge(struct session_store *store, size_t bytes);

/* Count an event, if somebody counts. */
void session_metric(struct session_store *store, enum metric metric,
                    int64_t delta);

#endif
