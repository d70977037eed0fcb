/* session_evict.c: room in memory, at the cost of what the store holds too.
 *
 * Nothing is written: only a session that nobody uses and whose row is as it
 * is may go.  The clock's hand goes round the shards and spares, the first
 * time, what was lent since it came by last.
 */
#include "server/model_registry.h"
#include "server/session_internal.h"

/* May it go, because the store holds it as it is? */
static bool is_idle(struct session *session, bool spares_recent)
{
    if (session->borrower || session->is_new || session->is_changed ||
        session->is_writing)
        return false;
    if (spares_recent && session->is_recent) {
        session->is_recent = false;
        return false;
    }
    return true;
}

/* Put idle sessions of one bucket out of memory; returns their bytes. */
static size_t evict_bucket(struct session_store *store,
                           struct session_shard *shard, size_t index,
                           bool spares_recent)
{
    struct session *session = shard->buckets[index];
    size_t freed = 0;

    while (session) {
        struct session *next = session->next;

        if (is_idle(session, spares_recent)) {
            freed += session_drop_copy(store, shard, session);
            session_metric(store, METRIC_SESSIONS_EVICTED, 1);
            atomic_store(&store->has_rest, true);
        }
        session = next;
    }
    return freed;
}

bool session_evict(struct session_store *store, size_t bytes)
{
    size_t freed = 0;

    if (!store->behind)
        return false;
    /* Twice around: the second time what was used of late goes too. */
    for (size_t n = 0; n < 2 * (size_t)SESSION_SHARDS && freed <= bytes; n++) {
        size_t at = atomic_load(&store->evict_at) % SESSION_SHARDS;
        struct session_shard *shard = &store->shards[at];

        pthread_mutex_lock(&shard->lock);
        for (size_t i = 0; i < shard->bucket_count && freed <= bytes; i++) {
            shard->evict_at = (shard->evict_at + 1) % shard->bucket_count;
            freed += evict_bucket(store, shard, shard->evict_at,
                                  n < SESSION_SHARDS);
        }
        pthread_mutex_unlock(&shard->lock);
        if (freed <= bytes)
            atomic_fetch_add(&store->evict_at, 1);
    }
    return freed > 0;
}
