/* store.h: what keeps sessions when the process does not.
 *
 * Live sessions are in memory (server/session_store.h); a store stands behind
 * them.  It takes jobs, does them on a thread of its own in the order in
 * which they came, as many as wait at once, and says for each when it is
 * done.  What a row means is not its business: it keeps two pieces of bytes
 * under an id (record.h), with the times it needs to forget them.
 *
 * `memory` is no store: a NULL.
 *
 * Ownership  A job and what it points to are the owner's, and stay until
 *            `done`; what `done` is handed is valid until it returns.
 * Threads    submit, stir, tidy: any.  create, close: the main thread.  done
 *            and gather are called on the store's own thread.
 * Errors     A job that fails has changed nothing, and says why.  A store
 *            that failed tries again with every job.
 */
#ifndef SERVER_STORE_STORE_H
#define SERVER_STORE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

struct store;

/* Of a row in a store that several processes share (redis): which writing
 * made it, and by that store's clock how long ago. */
struct store_share {
    uint64_t tag;        /* WRITE: of this one, never used before; READ: what
                            the owner has a copy of, 0 for none; then found */
    uint64_t former_tag; /* WRITE: what it replaces; 0: nothing at all */
    bool former_is_dead; /* WRITE: that is a tombstone, or has expired */
    const char *fate;    /* WRITE: "live", "ended", "deleted" */
    uint64_t step;       /* WRITE: for people */
    uint64_t ttl_ms;     /* WRITE: 0: never */
    uint64_t age_ms;     /* READ, LIST: since it was used or died */
    bool is_expired;     /* READ: its ttl has passed */
    /* Rows of a window, the oldest first. */
    const void *rows;
    size_t row_bytes, row_count; /* row_bytes 0: it has none */
    size_t rows_kept;            /* WRITE: the newest that stay */
    bool appends;                /* WRITE: to those that are there */
};

struct store_row {
    const char *id; /* NUL-terminated */
    const void *head, *body;
    size_t head_length, body_length;
    bool is_dead;        /* a tombstone */
    uint64_t expires_ms; /* wall: from then on it is not listed; 0: never */
    uint64_t until_ms;   /* wall: then it may be forgotten; 0: never */
    struct store_share share;
};

enum store_task {
    STORE_READ,
    STORE_WRITE,
    STORE_LIST,
    STORE_TOUCH, /* shared: its ttl begins anew, if it has this tag */
};

enum store_result {
    STORE_OK,
    STORE_ABSENT,  /* READ: there is no row of this id */
    STORE_DAMAGED, /* READ: the store's own pages hold nonsense */
    STORE_FAILED,  /* out of reach, out of room: nothing has changed */
    /* Of a shared store alone. */
    STORE_SAME,      /* READ: the owner's copy is what is there */
    STORE_OVERTAKEN, /* WRITE, TOUCH: another one is there: nothing changed */
    STORE_UNKNOWN,   /* WRITE: sent, not answered: it may have happened */
};

struct store_job {
    enum store_task task;
    struct store_row row; /* WRITE: given, replaces the row of its id.
                             READ: the id is given, the rest found */
    /* LIST: rows of live sessions in the order of their ids' bytes, from the
     * first one after row.id; head and id only.  false: enough.  A shared
     * store gives them in any order and some twice, asks first whether one of
     * that id is of use, and does not stop. */
    bool (*on_row)(struct store_job *job, const struct store_row *row);
    bool (*wants)(const struct store_job *job, const char *id);
    uint64_t now_ms; /* LIST: wall */
    bool with_dead;  /* LIST: tombstones and what has expired, too */
    void (*done)(struct store_job *job);

    enum store_result result;
    const char *why; /* FAILED, DAMAGED, UNKNOWN: valid within done */

    /* The store's, until done. */
    struct store_job *next;
    uint64_t due_ms;  /* monotonic: nobody waits for it any longer */
    uint64_t sent_ms; /* the last time */
    bool is_again;    /* it was sent before, and that was not answered */
    bool is_in_time;  /* WRITE: it was late, and is sent with another time */
    void *part;       /* LIST: how far it is */
};

/* What the owner keeps back for a while: changes to be written later. */
struct store_owner {
    /* A list of WRITE jobs, NULL when there is nothing more to write. */
    struct store_job *(*gather)(void *arg);
    /* The store cannot be reached, `why`; or NULL: it can.  May be NULL. */
    void (*says)(void *arg, const char *why);
    void *arg;
};

struct store_settings {
    const char *folder;         /* state_dir; made when it is not there */
    bool survives_power;        /* durability = fsync */
    uint64_t flush_interval_ms; /* between stir() and gather() */
    size_t tombstones;          /* dead rows kept, at most */
    int64_t wall_ahead_ms;      /* of until_ms, to the monotonic clock */
    struct store_owner owner;
    /* Of redis alone. */
    const char *redis_url;
    const char *redis_ca, *redis_cert, *redis_key; /* PEM files; NULL: none */
    uint64_t timeout_ms;                           /* store_timeout */
    uint64_t remember_ms;                          /* tombstone_ttl */
};

struct store_ops {
    void (*submit)(struct store *store, struct store_job *job);
    /* There is something to gather, flush_interval from now. */
    void (*stir)(struct store *store);
    /* Forget what may be forgotten, soon. */
    void (*tidy)(struct store *store);
    /* Finish what waits, gather for the last time, end. */
    void (*close)(struct store *store);
};

struct store {
    const struct store_ops *ops;
    const char *name;      /* "sqlite" */
    bool is_shared;        /* other processes change it, too */
    bool was_empty;        /* it held nothing when it was opened */
    size_t most_row_bytes; /* a longer body is not taken */
    atomic_size_t rows;    /* that it holds, tombstones as well; 0: it has
                              not counted them */
};

/* One file, state_dir/sessions.sqlite (sqlite_store.c).
 *
 * IO         the folder or file cannot be used: another process owns it, it
 *            is damaged, read-only or full, or a newer rnnd has written it
 * NO_MEMORY */
RNN_CHECKED enum rnn_status store_sqlite_create(
    const struct store_settings *settings, struct store **store,
    struct rnn_error *err);

/* One Redis or Valkey, shared by all replicas (redis_store.c; docs/redis.md).
 * Whether it can be reached shows later.
 *
 * INVALID_ARGUMENT  the URL, or a file of TLS
 * IO                no thread can be had
 * NO_MEMORY */
RNN_CHECKED enum rnn_status store_redis_create(
    const struct store_settings *settings, struct store **store,
    struct rnn_error *err);

#endif
