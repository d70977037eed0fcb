/* session_later.c: what may be written to the store behind later: a change in
 * `async`, and a ttl that began anew.  It is marked, and gathered once in a
 * flush_interval.
 */
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/session_job.h"

/* Rows, and about so many bytes, that are written in one go. */
#define GATHER_ROWS  ((size_t)1000)
#define GATHER_BYTES ((size_t)4 << 20)

void session_mark_changed(struct session_store *store, struct session *session)
{
    struct session_changes *changes = &store->changes;
    bool is_first;

    if (!store->behind || session->is_changed)
        return;
    if (store->behind->is_shared) { /* all but its ttl is there already */
        session_touch(store, session);
        return;
    }
    session->is_changed = true;
    pthread_mutex_lock(&changes->lock);
    is_first = !changes->first;
    session->changed_before = changes->last;
    session->changed_after = NULL;
    if (changes->last)
        changes->last->changed_after = session;
    else
        changes->first = session;
    changes->last = session;
    if (is_first && !changes->writing)
        changes->clean_ms = clock_monotonic_ms();
    pthread_mutex_unlock(&changes->lock);
    if (is_first)
        store->behind->ops->stir(store->behind);
}

void session_unmark_changed(struct session_store *store,
                            struct session *session)
{
    struct session_changes *changes = &store->changes;

    if (!session->is_changed)
        return;
    session->is_changed = false;
    pthread_mutex_lock(&changes->lock);
    if (session->changed_before)
        session->changed_before->changed_after = session->changed_after;
    else
        changes->first = session->changed_after;
    if (session->changed_after)
        session->changed_after->changed_before = session->changed_before;
    else
        changes->last = session->changed_before;
    pthread_mutex_unlock(&changes->lock);
}

/* The id of the session that has waited longest; false: none waits. */
static bool first_changed(struct session_store *store,
                          char id[SESSION_ID_SIZE])
{
    struct session_changes *changes = &store->changes;
    const struct session *first;

    pthread_mutex_lock(&changes->lock);
    first = changes->first;
    if (first)
        memcpy(id, first->id, first->id_length + (size_t)1);
    pthread_mutex_unlock(&changes->lock);
    return first != NULL;
}

/* One row more is on its way, or one less. */
static void count_writing(struct session_store *store, bool is_begun,
                          bool has_failed)
{
    struct session_changes *changes = &store->changes;

    pthread_mutex_lock(&changes->lock);
    changes->writing += is_begun ? 1 : (size_t)-1;
    if (has_failed)
        changes->drained_ms = 0;
    pthread_mutex_unlock(&changes->lock);
}

/* What was gathered before has been written by now, or has failed. */
static void begin_gathering(struct session_store *store)
{
    struct session_changes *changes = &store->changes;

    pthread_mutex_lock(&changes->lock);
    if (changes->drained_ms)
        changes->clean_ms = changes->drained_ms;
    changes->drained_ms = 0;
    pthread_mutex_unlock(&changes->lock);
}

/* All that had waited at `now_ms` is on its way. */
static void end_gathering(struct session_store *store, uint64_t now_ms)
{
    pthread_mutex_lock(&store->changes.lock);
    store->changes.drained_ms = now_ms;
    pthread_mutex_unlock(&store->changes.lock);
}

static void on_gathered(struct store_job *io)
{
    struct session_job *job = session_job_of(io);
    struct session_store *store = job->store;
    struct session_place at = session_place_of(store, job->id);
    bool ok = io->result == STORE_OK;
    struct session *session;

    session_behind_says(store, ok ? NULL : io->why);
    if (ok)
        session_metric(store, METRIC_STORE_WRITES, 1);
    pthread_mutex_lock(&at.shard->lock);
    session = session_shard_find(at.shard, at.hash, job->id);
    if (session && session->is_writing) {
        session->is_writing = false;
        if (!ok)
            session_mark_changed(store, session);
    }
    pthread_mutex_unlock(&at.shard->lock);
    count_writing(store, false, !ok);
    free(job);
}

/* The row of a changed session, which counts as unchanged from here on.
 * NULL: it has gone or was written meanwhile, or with `is_out` memory is. */
static struct session_job *gather_one(struct session_store *store,
                                      const char *id, bool *is_out)
{
    struct session_place at = session_place_of(store, id);
    struct session_job *job = NULL;
    struct session *session;
    struct record record;

    pthread_mutex_lock(&at.shard->lock);
    session = session_shard_find(at.shard, at.hash, id);
    if (session && session->is_changed) {
        session_to_record(store, session, &record);
        job = session_job_make(store, session, &record, 0, on_gathered);
        *is_out = !job;
        if (job) {
            count_writing(store, true, false);
            session_unmark_changed(store, session);
            session->is_writing = true;
        }
    }
    pthread_mutex_unlock(&at.shard->lock);
    return job;
}

struct store_job *session_gather(void *arg)
{
    struct session_store *store = arg;
    struct store_job *first = NULL, **end = &first;
    uint64_t now_ms = clock_monotonic_ms();
    size_t rows = 0, bytes = 0;
    char id[SESSION_ID_SIZE];
    bool is_out = false;

    begin_gathering(store);
    while (rows < GATHER_ROWS && bytes < GATHER_BYTES &&
           first_changed(store, id)) {
        struct session_job *job = gather_one(store, id, &is_out);

        if (is_out)
            break;
        if (!job)
            continue;
        *end = &job->io;
        end = &job->io.next;
        rows++;
        bytes += job->io.row.body_length;
    }
    if (is_out)
        session_behind_says(store, "out of memory for a row");
    else if (rows < GATHER_ROWS && bytes < GATHER_BYTES)
        end_gathering(store, now_ms);
    return first;
}
