#include "server/session_store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "config/config.h"
#include "server/clock.h"
#include "server/model_registry.h"
#include "server/session_internal.h"
#include "server/store/store.h"

/* Sessions that one sweep looks at, at least and at most.  In between, a
 * whole round takes about half a minute at one sweep a second. */
#define SWEEP_LEAST ((size_t)2048)
#define SWEEP_MOST  ((size_t)16384)
#define SWEEP_ROUND ((size_t)32)

/* malloc's share of two blocks, and a session's of the table. */
#define BLOCK_OVERHEAD ((size_t)48)

enum rnn_status session_store_create(const struct config *config,
                                     struct metrics *metrics,
                                     struct session_store **store,
                                     struct rnn_error *err)
{
    struct session_store *made = calloc(1, sizeof(*made));
    bool is_whole = made != NULL;
    unsigned long long first_tag = 0;

    if (!made)
        goto out;
    made->config = config;
    made->metrics = metrics;
    pthread_mutex_init(&made->changes.lock, NULL);
    is_whole = session_graves_init(&made->graves, config->tombstones,
                                   config->tombstone_ttl, made);
    for (size_t i = 0; is_whole && i < SESSION_SHARDS; i++)
        is_whole = session_shard_init(&made->shards[i]);
    if (getrandom(&made->key, sizeof(made->key), 0) !=
            (ssize_t)sizeof(made->key) ||
        getrandom(&first_tag, sizeof(first_tag), 0) !=
            (ssize_t)sizeof(first_tag))
        is_whole = false;
    atomic_init(&made->tags, first_tag);
out:
    if (!is_whole) {
        session_store_free(made);
        return rnn_fail(err, RNN_NO_MEMORY,
                        "no memory or no randomness for the session store");
    }
    *store = made;
    return RNN_OK;
}

void session_store_free(struct session_store *store)
{
    if (!store)
        return;
    if (store->behind)
        store->behind->ops->close(store->behind);
    for (size_t i = 0; i < SESSION_SHARDS; i++)
        session_shard_release(&store->shards[i]);
    session_graves_release(&store->graves);
    pthread_mutex_destroy(&store->changes.lock);
    free(store);
}

struct session_place session_place_of(struct session_store *store,
                                      const char *id)
{
    uint64_t hash = session_hash(&store->key, id, strlen(id));

    return (struct session_place){
        .shard = &store->shards[hash >> 32 & (SESSION_SHARDS - 1)],
        .hash = (uint32_t)hash};
}

/* ---- what is reserved --------------------------------------------------- */

void session_metric(struct session_store *store, enum metric metric,
                    int64_t delta)
{
    if (store->metrics)
        metrics_add(store->metrics, metric, delta);
}

/* Add to `value` unless that exceeds `most`. */
static bool add_up_to(atomic_size_t *value, size_t add, size_t most)
{
    size_t now = atomic_load(value);

    do {
        if (add > most || now > most - add)
            return false;
    } while (!atomic_compare_exchange_weak(value, &now, now + add));
    return true;
}

bool session_charge(struct session_store *store, size_t bytes)
{
    if (!add_up_to(&store->memory, bytes, store->config->max_session_memory))
        return false;
    session_metric(store, METRIC_SESSION_MEMORY, (int64_t)bytes);
    return true;
}

void session_discharge(struct session_store *store, size_t bytes)
{
    atomic_fetch_sub(&store->memory, bytes);
    session_metric(store, METRIC_SESSION_MEMORY, -(int64_t)bytes);
}

/* All that a session can ever need: its block, and a kept call with the
 * state before it.  A stored reply that needs more is charged when it is
 * kept; where there is no room for it, the state before serves. */
static size_t reserved_bytes(size_t id_length, size_t state_bytes)
{
    return session_block_bytes(id_length, state_bytes) +
           sizeof(struct session_call) + state_bytes + BLOCK_OVERHEAD;
}

size_t session_reserved_bytes(const struct session *session)
{
    struct session_plan plan = session_plan_of(session);

    return reserved_bytes(session->id_length, session_state_bytes(&plan));
}

static bool reserve_place(struct session_store *store, uint64_t now_ms)
{
    size_t most = store->config->max_sessions;
    bool has_place = add_up_to(&store->count, 1, most);

    while (!has_place && session_evict(store, 0))
        has_place = add_up_to(&store->count, 1, most);
    if (!has_place) {
        session_store_sweep(store, now_ms);
        has_place = add_up_to(&store->count, 1, most);
    }
    return has_place;
}

/* Room for one more session of `bytes`, at the cost of what a store behind
 * holds too, of what expired, and of the kept calls of sessions that
 * ended. */
static bool reserve_room(struct session_store *store, size_t bytes,
                         uint64_t now_ms)
{
    bool can_fit = bytes <= store->config->max_session_memory;

    if (!reserve_place(store, now_ms))
        return false;
    do {
        if (session_charge(store, bytes))
            return true;
    } while (can_fit && session_evict(store, bytes));
    session_store_sweep(store, now_ms);
    do {
        if (session_charge(store, bytes))
            return true;
    } while (can_fit && session_graves_make_room(&store->graves, bytes));
    atomic_fetch_sub(&store->count, 1);
    return false;
}

struct session *session_reserve(struct session_store *store,
                                const struct session_plan *plan,
                                const char *id, uint32_t hash, uint64_t now_ms,
                                struct problem *problem)
{
    size_t state_bytes = session_state_bytes(plan);
    struct session *session;
    size_t bytes;

    /* A state that is absurdly large must not wrap the sum. */
    bytes = state_bytes > SIZE_MAX / 4
                ? SIZE_MAX
                : reserved_bytes(strlen(id), state_bytes);
    if (!reserve_room(store, bytes, now_ms)) {
        problem_set(problem, PROBLEM_TOO_MANY_SESSIONS,
                    "there is no room for another session: %zu of "
                    "max_sessions = %zu live, %zu bytes of "
                    "max_session_memory = %zu reserved, %zu more needed",
                    atomic_load(&store->count), store->config->max_sessions,
                    atomic_load(&store->memory),
                    store->config->max_session_memory, bytes);
        return NULL;
    }
    session = session_make(plan, id, hash);
    if (!session) {
        atomic_fetch_sub(&store->count, 1);
        session_discharge(store, bytes);
        problem_set(problem, PROBLEM_OVERLOADED,
                    "out of memory for a session of %zu bytes", bytes);
        return NULL;
    }
    session->is_new = true;
    session->created_ms = clock_wall_ms();
    session->used_ms = now_ms;
    return session;
}

void session_unreserve(struct session_store *store, struct session *session)
{
    size_t bytes = session_reserved_bytes(session);

    session_free(session);
    session_discharge(store, bytes);
    atomic_fetch_sub(&store->count, 1);
}

/* ---- death -------------------------------------------------------------- */

void session_scatter(struct session_loan *borrower)
{
    struct session_loan *loan = borrower ? borrower->next : NULL;

    while (loan) {
        struct session_loan *next = loan->next;

        loan->session = NULL;
        loan->next = NULL;
        loan->wake(loan->arg);
        loan = next;
    }
}

static enum metric death_metric(enum session_reason reason)
{
    return reason == SESSION_WAS_EXPIRED ? METRIC_SESSIONS_EXPIRED
                                         : METRIC_SESSIONS_ENDED;
}

void session_kill(struct session_store *store, struct session_shard *shard,
                  struct session *session, enum session_reason reason,
                  uint64_t now_ms)
{
    size_t bytes = session_reserved_bytes(session);
    size_t kept = 0;

    session_unmark_changed(store, session);
    session_shard_remove(shard, session);
    session_scatter(session->borrower);
    if (session->last) {
        bytes += session->last->extra_bytes;
        if (reason == SESSION_WAS_ENDED) {
            kept = session_call_bytes(session->last);
        } else {
            free(session->last);
            session->last = NULL;
        }
    }
    if (store->metrics)
        metrics_sessions(store->metrics, session->model->index, -1);
    session_metric(store, death_metric(reason), 1);
    session_discharge(store, bytes - kept);
    atomic_fetch_sub(&store->count, 1);
    session_graves_bury(&store->graves, session, reason, now_ms);
}

void session_expire(struct session_store *store, struct session_shard *shard,
                    struct session *session, uint64_t now_ms)
{
    if (session_is_shared(store)) /* elsewhere its ttl may have begun anew */
        session_drop_copy(store, shard, session);
    else
        session_kill(store, shard, session, SESSION_WAS_EXPIRED, now_ms);
}

/* Forget what expired in one bucket; returns how many it looked at. */
static size_t sweep_bucket(struct session_store *store,
                           struct session_shard *shard, size_t index,
                           uint64_t now_ms)
{
    struct session *session = shard->buckets[index];
    size_t seen = 1;

    while (session) {
        struct session *next = session->next;

        if (!session->borrower && session_is_expired(session, now_ms))
            session_expire(store, shard, session, now_ms);
        session = next;
        seen++;
    }
    return seen;
}

void session_store_sweep(struct session_store *store, uint64_t now_ms)
{
    size_t most = atomic_load(&store->count) / SWEEP_ROUND;
    size_t seen = 0;

    if (store->behind)
        store->behind->ops->tidy(store->behind);
    if (most < SWEEP_LEAST)
        most = SWEEP_LEAST;
    if (most > SWEEP_MOST)
        most = SWEEP_MOST;
    session_graves_sweep(&store->graves, now_ms, most);
    for (size_t n = 0; n < SESSION_SHARDS && seen < most; n++) {
        size_t at = atomic_load(&store->sweep_at) % SESSION_SHARDS;
        struct session_shard *shard = &store->shards[at];

        pthread_mutex_lock(&shard->lock);
        while (shard->sweep_at < shard->bucket_count && seen < most)
            seen += sweep_bucket(store, shard, shard->sweep_at++, now_ms);
        if (shard->sweep_at >= shard->bucket_count) {
            shard->sweep_at = 0;
            atomic_fetch_add(&store->sweep_at, 1);
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

/* ---- looking ------------------------------------------------------------ */

void session_missing(struct session_store *store, uint32_t hash,
                     const char *id, uint64_t now_ms, struct problem *problem)
{
    const char *reason =
        session_graves_reason(&store->graves, hash, id, now_ms);

    if (!reason) {
        problem_set(problem, PROBLEM_NO_SUCH_SESSION,
                    "there is no session \"%s\"", id);
        return;
    }
    problem_set(problem, PROBLEM_SESSION_GONE, "the session \"%s\" %s%s", id,
                strcmp(reason, "deleted") ? "" : "was ", reason);
    problem->reason = reason;
}

enum session_result session_store_find(struct session_store *store,
                                       const char *id, uint64_t now_ms,
                                       struct session_info *info,
                                       struct problem *problem)
{
    if (session_is_shared(store))
        return SESSION_WAIT;
    return session_store_glance(store, id, now_ms, info, problem);
}

enum session_result session_store_glance(struct session_store *store,
                                         const char *id, uint64_t now_ms,
                                         struct session_info *info,
                                         struct problem *problem)
{
    struct session_place place = session_place_of(store, id);
    enum session_result result = SESSION_REFUSED;
    struct session *session;

    pthread_mutex_lock(&place.shard->lock);
    session = session_shard_find(place.shard, place.hash, id);
    if (session && !session->borrower && session_is_expired(session, now_ms)) {
        session_expire(store, place.shard, session, now_ms);
        session = NULL;
    }
    if (session && !session->is_new) {
        *info = session_info_of(session);
        result = SESSION_OK;
    } else if (session ? session->place != SESSION_IS_REAL
                       : session_must_seek(store, place.hash, id, now_ms)) {
        result = SESSION_WAIT;
    } else {
        session_missing(store, place.hash, id, now_ms, problem);
    }
    pthread_mutex_unlock(&place.shard->lock);
    return result;
}

enum session_result session_store_ended_call(
    struct session_store *store, const char *id, uint64_t step,
    const unsigned char digest[RNN_DIGEST_BYTES], uint64_t now_ms,
    struct arena *arena, const struct session_call **call,
    struct problem *problem)
{
    struct session_place place = session_place_of(store, id);

    if (session_graves_call(&store->graves, place.hash, id, step, digest,
                            now_ms, arena, call))
        return SESSION_OK;
    problem_set(problem, PROBLEM_OVERLOADED,
                "out of memory for the reply of a session that ended");
    return SESSION_REFUSED;
}
