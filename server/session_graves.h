/* session_graves.h: the sessions that are no more, for as long as 410 tells
 * that from «never was».
 *
 * A grave is the session's own block, shrunk: burying needs no memory, so it
 * cannot fail.  The oldest graves go when there are too many, when their
 * time is over, or when the memory of their kept calls is needed.
 *
 * Threads  Any; one mutex, held for a few instructions.
 */
#ifndef SERVER_SESSION_GRAVES_H
#define SERVER_SESSION_GRAVES_H

#include "server/session_table.h"

enum session_reason {
    SESSION_WAS_EXPIRED,
    SESSION_WAS_ENDED,
    SESSION_WAS_DELETED
};

struct grave;

struct session_graves {
    pthread_mutex_t lock;
    struct grave **buckets; /* [bucket_count], chained */
    size_t bucket_count;    /* a power of two */
    struct grave *oldest, *newest;
    size_t count, max_count;
    size_t call_count; /* graves with a kept call */
    uint64_t ttl_ms;
    struct session_store *store; /* where kept calls are charged */
};

/* false: out of memory. */
bool session_graves_init(struct session_graves *graves, size_t max_count,
                         uint64_t ttl_ms, struct session_store *store);
void session_graves_release(struct session_graves *graves);

/* Take over `session`, which is in no table, with its kept call, whose bytes
 * are charged already; a grave of that id goes. */
void session_graves_bury(struct session_graves *graves,
                         struct session *session, enum session_reason reason,
                         uint64_t now_ms);

/* Forget the grave of `id`, if there is one: it lives again. */
void session_graves_open(struct session_graves *graves, uint32_t hash,
                         const char *id);

/* "expired", "ended", "deleted", or NULL: there is no grave of `id`. */
const char *session_graves_reason(struct session_graves *graves, uint32_t hash,
                                  const char *id, uint64_t now_ms);

/* A copy of the kept call of `id` when `step` and `digest` are its own, else
 * `*call` is NULL.  false: the arena is out. */
bool session_graves_call(struct session_graves *graves, uint32_t hash,
                         const char *id, uint64_t step,
                         const unsigned char digest[RNN_DIGEST_BYTES],
                         uint64_t now_ms, struct arena *arena,
                         const struct session_call **call);

/* Remove what is too old; at most `most` graves. */
void session_graves_sweep(struct session_graves *graves, uint64_t now_ms,
                          size_t most);

/* Remove the oldest until `bytes` of kept calls are freed; false: none is
 * left. */
bool session_graves_make_room(struct session_graves *graves, size_t bytes);

/* Bytes of a kept call. */
size_t session_call_bytes(const struct session_call *call);

#endif
