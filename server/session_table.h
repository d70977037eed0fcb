/* session_table.h: sessions by id: one shard of the store's hash table.
 *
 * A session is one block of memory: this struct, its id, its state.  The
 * struct is kept small, since a server holds a hundred thousand of them
 * (docs: at most 160 bytes beside the state, malloc's included).
 *
 * Threads  The caller holds the shard's lock.
 */
#ifndef SERVER_SESSION_TABLE_H
#define SERVER_SESSION_TABLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/session_store.h"

/* An id that is held while the store behind is asked for it.  Its state is a
 * struct problem. */
enum session_place_kind {
    SESSION_IS_REAL,    /* no place at all: a session */
    SESSION_IS_SOUGHT,  /* the store has not answered yet */
    SESSION_IS_ABSENT,  /* it is not in the store: may be made */
    SESSION_IS_REFUSED, /* the problem says why */
};

struct session {
    struct session *next;             /* in its bucket */
    struct session_loan *borrower;    /* NULL: free to be lent */
    struct session_call *last;        /* NULL: none is kept */
    const struct served_model *model; /* NULL: a place */
    union {
        struct session *changed_before; /* session_later.c */
        uint64_t tag; /* of a copy of what a shared store has, where nothing
                         is written later; 0: it is not there */
    };
    struct session *changed_after;
    uint64_t step;
    uint64_t ttl_ms;
    uint64_t used_ms;
    uint64_t created_ms;
    uint32_t hash; /* its bucket */
    uint32_t window, window_filled;
    uint8_t mode;
    uint8_t id_length;
    bool is_new : 1;     /* made by its borrower and not yet committed */
    bool is_changed : 1; /* to be written to the store behind, later */
    bool is_writing : 1; /* being written now */
    bool is_recent : 1;  /* lent since the last look for idle ones */
    unsigned place : 2;  /* enum session_place_kind */
    char id[];           /* NUL-terminated; the state follows, aligned to 8 */
};

struct session_shard {
    pthread_mutex_t lock;
    struct session **buckets;
    size_t bucket_count; /* a power of two */
    size_t session_count;
    size_t sweep_at; /* the bucket where the next sweep goes on */
    size_t evict_at; /* the bucket that was looked at for idle ones last */
};

/* A key of the hash, random for each store, so that nobody outside can make
 * ids that collide. */
struct session_key {
    uint64_t k0, k1;
};

/* 64 bits that depend on all of `id` (SipHash-1-3 by Aumasson and
 * Bernstein, 2012). */
uint64_t session_hash(const struct session_key *key, const char *id,
                      size_t length);

/* false: out of memory. */
bool session_shard_init(struct session_shard *shard);
/* Frees the sessions, too. */
void session_shard_release(struct session_shard *shard);

struct session *session_shard_find(const struct session_shard *shard,
                                   uint32_t hash, const char *id);
/* Never fails: where memory is out, chains grow longer instead. */
void session_shard_insert(struct session_shard *shard,
                          struct session *session);
void session_shard_remove(struct session_shard *shard,
                          struct session *session);

/* A session of `plan`, with a zero state and in no table.  NULL: out of
 * memory. */
struct session *session_make(const struct session_plan *plan, const char *id,
                             uint32_t hash);
/* A place for `id`, sought, in no table.  NULL: out of memory. */
struct session *session_make_place(const char *id, uint32_t hash);
/* Frees its kept call, too.  NULL is fine. */
void session_free(struct session *session);

void *session_state(struct session *session);
/* Bytes of the block of a session. */
size_t session_block_bytes(size_t id_length, size_t state_bytes);
struct session_plan session_plan_of(const struct session *session);
struct session_info session_info_of(const struct session *session);
bool session_is_expired(const struct session *session, uint64_t now_ms);

#endif
