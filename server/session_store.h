/* session_store.h: what streams have left behind between two requests.
 *
 * A session is one state (`carry`) or the last rows of input (`window`),
 * filed under an id, with the number of timesteps seen.  The store lends it
 * to one request at a time; the others wait their turn, first come, first
 * served.  A request works on a copy and hands everything that it changes
 * back in one piece: state, step and reply are committed together or not at
 * all.
 *
 * Which call may run, which is a repetition and which is refused is not
 * decided here but in session_once.h.
 *
 * Borrowing  session_acquire() lends; exactly one of session_commit() and
 *            session_release() gives back.  The loan is the caller's memory
 *            and must stay where it is from acquire to the end.
 * Threads    All functions from any thread.  A lent session's state belongs
 *            to its borrower and needs no lock.
 * Locks      One mutex for each shard, never two at once, never held while a
 *            model runs; the graves' mutex may be taken inside one.
 * Memory     Bounded by max_sessions and max_session_memory.  What a session
 *            can ever need is reserved when it is created: a live session is
 *            never refused memory, and never lost to make room.
 * Time       `now_ms` is monotonic (server/clock.h) and comes from the caller.
 */
#ifndef SERVER_SESSION_STORE_H
#define SERVER_SESSION_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/digest.h"
#include "core/status.h"
#include "server/json/predict_body.h"
#include "server/problem.h"

struct config;
struct log;
struct metrics;
struct model_registry;
struct served_model;
struct session;
struct session_store;

#define SESSION_ID_SIZE     129  /* 128 characters and a NUL */
#define SESSION_REPLY_BYTES 4096 /* longer replies are made again */

/* A store in memory alone.
 *
 * Limits and times are read from `config`; both must outlive the store.
 * `metrics` may be NULL.  NO_MEMORY. */
RNN_CHECKED enum rnn_status session_store_create(const struct config *config,
                                                 struct metrics *metrics,
                                                 struct session_store **store,
                                                 struct rnn_error *err);
/* Writes what is still to be written to the store behind. */
void session_store_free(struct session_store *store);

/* Put the store behind it that the configuration asks for, if any: call it
 * once, before anything else.  `models` outlive it; `log` may be NULL.
 *
 * IO, NO_MEMORY        it cannot be opened (server/store/store.h)
 * INVALID_ARGUMENT     the options contradict each other */
RNN_CHECKED enum rnn_status session_store_behind(
    struct session_store *store, const struct model_registry *models,
    const struct log *log, struct rnn_error *err);

/* What keeps the sessions: "memory", "sqlite", "redis".  Static. */
const char *session_store_name(const struct session_store *store);
/* Is the store behind out of reach?  NULL has none. */
bool session_store_is_failing(struct session_store *store);
/* For how long has the oldest change waited to be written?  Milliseconds. */
uint64_t session_store_lag_ms(struct session_store *store, uint64_t now_ms);

/* Forget what expired.  Looks at a bounded number of sessions and goes on
 * there the next time.  The event loops call it about once a second; any
 * thread may, and two at once cost nothing. */
void session_store_sweep(struct session_store *store, uint64_t now_ms);

/* ---- what a session is -------------------------------------------------- */

/* What a new session is to be. */
struct session_plan {
    const struct served_model *model;
    enum session_mode mode; /* SESSION_CARRY or SESSION_WINDOW */
    size_t window;          /* timesteps; 0 in carry mode */
    uint64_t ttl_ms;        /* 0: never */
};

/* A session as it is now; a copy. */
struct session_info {
    char id[SESSION_ID_SIZE];
    struct session_plan plan;
    uint64_t step;
    size_t window_filled; /* rows kept so far, up to plan.window */
    uint64_t created_ms;  /* wall clock */
    uint64_t used_ms;     /* monotonic: its ttl runs from here */
    size_t state_bytes;   /* of the state or, in a window, of all rows */
};

/* The last committed call that carried `step`. */
struct session_call {
    uint64_t step_before, step_after;
    unsigned char digest[RNN_DIGEST_BYTES];
    const struct served_model *model;
    enum session_mode mode;
    uint32_t window, filled_before;
    uint32_t reply_length; /* bytes of the reply; 0: `bytes` is the state
                              before the call, to make the reply again */
    uint32_t extra_bytes;  /* the store's: charged beyond the reservation */
    unsigned char bytes[];
};

/* Bytes of state of a session of `plan`: rnn_state_size() or, in a window,
 * W rows of each input that has a time axis, in the order of the inputs.
 * SIZE_MAX when the number does not fit. */
size_t session_state_bytes(const struct session_plan *plan);

/* ---- lending ------------------------------------------------------------ */

enum session_result {
    SESSION_OK,
    SESSION_WAIT,    /* call again after `wake`, or at wake_at_ms at last */
    SESSION_REFUSED, /* the problem is filled; nothing is held */
    SESSION_AGAIN,   /* of a commit: another replica has changed the session
                        since; nothing of ours has changed, nothing is held.
                        Begin again, with a new loan */
};

enum session_want {
    SESSION_WANT_LIVE, /* it must exist: else 404 or 410 */
    SESSION_WANT_ANY,  /* made when it does not exist */
    SESSION_WANT_NEW,  /* must not exist: else 409 session-live */
    SESSION_WANT_GONE, /* as LIVE, but it may be one that the store holds and
                          nobody can use, damaged or of another model: then
                          info has only its id, and DELETED is all it takes */
};

/* Of a commit that is written before it counts. */
enum session_outcome {
    SESSION_SENT,
    SESSION_STORED,
    SESSION_LOST,      /* it could not be written, nothing has changed */
    SESSION_OVERTAKEN, /* the same: what it was to change is another since */
    SESSION_UNKNOWN,   /* it was sent, but not answered */
};

struct session_loan {
    /* Filled by the caller, everything else zero. */
    struct session_store *store;
    const char *id; /* valid (session_id_is_valid()); outlives the loan */
    enum session_want want;
    struct session_plan plan; /* of the session to be made */
    /* Called once for each SESSION_WAIT whose turn has come, with a lock of
     * the store held: it must not block nor call the store. */
    void (*wake)(void *arg);
    void *arg;
    uint64_t wake_at_ms; /* wait no longer; 0: now + session_wait */
    bool trusts_copy;    /* of a session that other replicas may have changed
                            since: a commit will find out.  Otherwise the store
                            behind is asked first */

    /* Filled by session_acquire(). */
    struct session_info info;
    const void *state;               /* info.state_bytes, aligned to 8 */
    const struct session_call *last; /* NULL: none */
    bool is_new;  /* made by this loan; unseen by others until committed */
    bool is_copy; /* nobody has asked whether it is still right */

    /* The store's own. */
    bool is_checked;         /* the store behind was asked for this loan */
    bool is_sent;            /* a commit is under way: it decides */
    struct session_job *job; /* the next three under a lock */
    enum session_outcome outcome;
    char why[160]; /* the commit failed */
    struct session *session;
    struct session_loan *next, *newest; /* the queue behind the borrower */
    struct session_call *room;          /* memory for the call to be kept */
    size_t room_bytes;
    bool is_waiting;
};

/* Borrow the session.  Called again after SESSION_WAIT, until the result is
 * another: a loan that waits must not be forgotten.
 *
 * A session that must be read from the store behind may take store_timeout,
 * where that is more than session_wait.
 *
 * REFUSED  no-such-session, session-gone, session-live (WANT_NEW),
 *          session-busy (session_wait passed), too-many-sessions (to be made,
 *          but no room), overloaded (out of memory); of the store behind:
 *          store-unreachable, other-model (it belongs to none that is
 *          served), internal (what is stored is damaged) */
enum session_result session_acquire(struct session_loan *loan, uint64_t now_ms,
                                    struct problem *problem);

/* Before anything is computed for a call that carries `step`: the memory to
 * keep it, for a reply of at most `reply_bytes`.  false: overloaded. */
bool session_prepare(struct session_loan *loan, size_t reply_bytes,
                     struct problem *problem);

enum session_fate {
    SESSION_GOES_ON,
    SESSION_ENDED,   /* "end": its kept call stays as long as the tombstone */
    SESSION_DELETED, /* DELETE */
};

/* All that a call leaves behind. */
struct session_change {
    const void *state; /* info.state_bytes; NULL: as it was */
    uint64_t step;
    size_t window_filled;
    size_t rows_added; /* to those that were there, in a window; 0: the state
                          is another one */
    enum session_fate fate;

    /* With digest NULL the call carried no step: the kept call is forgotten.
     * Else session_prepare() was called, and the next fields are set. */
    const unsigned char *digest;
    uint64_t step_before;
    const void *state_before; /* as at the start of the call */
    size_t filled_before;
    const void *reply;
    size_t reply_length;
};

/* Give the session back, changed.  Its ttl begins anew.
 *
 * AGAIN    only with a store that other replicas share
 * WAIT     it is being written to the store behind: call again, with the same
 *          change, after `wake`, or at wake_at_ms at last
 * REFUSED  overloaded (out of memory), store-unreachable: it could not be
 *          written and nothing has changed; or it took longer than
 *          store_timeout, and nobody knows yet.  In both cases the session
 *          is given back.  In memory alone always OK */
enum session_result session_commit(struct session_loan *loan,
                                   const struct session_change *change,
                                   uint64_t now_ms, struct problem *problem);

/* Give it back as it was, and as if it had never been made; with `touch` its
 * ttl begins anew. */
void session_release(struct session_loan *loan, bool touch, uint64_t now_ms);

/* ---- without borrowing -------------------------------------------------- */

/* What memory has of a live session, for estimates: other replicas may have
 * changed it since.  REFUSED, WAIT: as of session_store_find(). */
enum session_result session_store_glance(struct session_store *store,
                                         const char *id, uint64_t now_ms,
                                         struct session_info *info,
                                         struct problem *problem);

/* Look at a live session.  REFUSED: no-such-session, session-gone.  WAIT: it
 * is not in memory but may be in the store behind, or others may have changed
 * it there: borrow it to see. */
enum session_result session_store_find(struct session_store *store,
                                       const char *id, uint64_t now_ms,
                                       struct session_info *info,
                                       struct problem *problem);

/* Look at a session in a store that others share, without borrowing it.  The
 * caller's memory, which must stay until the result is not WAIT any more. */
struct session_look {
    struct session_store *store;
    const char *id;
    void (*wake)(void *arg); /* it has come */
    void *arg;
    struct session_info info; /* the result */
    struct session_look_job *job;
};

/* Do others change what memory has? */
bool session_store_is_shared(const struct session_store *store);
/* OK, WAIT (call again after `wake`; it takes as long as the store takes),
 * REFUSED: no-such-session, session-gone, other-model, internal (damaged),
 * store-unreachable, overloaded. */
enum session_result session_store_look(struct session_look *look,
                                       struct problem *problem);

/* The kept call of the session of this id that ended, when it is the call
 * `step` and `digest` tell: a copy in the arena, else NULL.  REFUSED:
 * overloaded (the arena is out). */
enum session_result session_store_ended_call(
    struct session_store *store, const char *id, uint64_t step,
    const unsigned char digest[RNN_DIGEST_BYTES], uint64_t now_ms,
    struct arena *arena, const struct session_call **call,
    struct problem *problem);

/* Up to `limit` live sessions in the order of their ids' bytes, from the
 * first one after `after` ("": from the beginning), that are in memory.
 * Returns how many. */
size_t session_store_list(struct session_store *store, const char *after,
                          size_t limit, uint64_t now_ms,
                          struct session_info *infos);

/* The same of all that there are.  The caller's memory, which must stay
 * until the result is not WAIT any more. */
struct session_page {
    struct session_store *store;
    const char *after;
    size_t limit;
    struct session_info *infos; /* [limit] */
    void (*wake)(void *arg);    /* it has come */
    void *arg;
    size_t count; /* the result */
    struct session_page_job *job;
};

/* OK, WAIT (call again after `wake`; it takes as long as the store takes),
 * REFUSED: store-unreachable, overloaded. */
enum session_result session_store_page(struct session_page *page,
                                       uint64_t now_ms,
                                       struct problem *problem);

/* An id of 128 random bits, 22 characters.  false: no randomness. */
bool session_id_make(char id[SESSION_ID_SIZE]);

#endif
