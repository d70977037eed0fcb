/* session_save.c: what has changed goes to the store behind.
 *
 * Two ways.  A change that must be there before it counts (`step`, `fsync`,
 * and every end of a session) is a job that takes the borrower's place: the
 * session stays lent to it until the row is written or is known not to be,
 * whether or not the request still waits.  Only then is the change made in
 * memory.  What may come later (`async`, and a ttl that began anew) is
 * marked, and gathered once in a flush_interval.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "server/clock.h"
#include "server/model_registry.h"
#include "server/session_internal.h"
#include "server/store/record.h"
#include "server/store/store.h"

/* Rows, and about so many bytes, that are written in one go. */
#define GATHER_ROWS  ((size_t)1000)
#define GATHER_BYTES ((size_t)4 << 20)

/* A row under way. */
struct session_job {
    struct session_loan loan;    /* of a commit: it borrows the session */
    struct session_loan *waiter; /* NULL: has left, or there never was one */
    struct session_store *store;
    struct store_job io;
    struct session_call *call; /* to be kept */
    struct session_change change;
    uint64_t now_ms;
    char id[SESSION_ID_SIZE];
    unsigned char head[RECORD_HEAD_BYTES];
    unsigned char body[]; /* the state first */
};

static struct session_job *job_of(struct store_job *io)
{
    return (struct session_job *)((char *)io -
                                  offsetof(struct session_job, io));
}

/* A job that writes `record`.  NULL: out of memory. */
static struct session_job *make_job(struct session_store *store,
                                    const struct record *record,
                                    void (*done)(struct store_job *io))
{
    size_t length = record_body_length(record);
    struct session_job *job;

    if (length > store->behind->most_row_bytes)
        return NULL;
    job = malloc(sizeof(*job) + length);
    if (!job)
        return NULL;
    memset(job, 0, sizeof(*job));
    job->store = store;
    memcpy(job->id, record->id.text, record->id.length);
    job->io = (struct store_job){
        .task = STORE_WRITE,
        .row = {.id = job->id,
                .head = job->head,
                .body = job->body,
                .head_length = record_encode(record, job->head, job->body),
                .body_length = length,
                .is_dead = record->fate != RECORD_LIVE,
                .expires_ms = session_record_expires(record),
                .until_ms = session_record_until(store, record)},
        .done = done};
    return job;
}

/* ---- before it counts --------------------------------------------------- */

bool session_writes_first(const struct session_loan *loan,
                          const struct session_change *change)
{
    return loan->store->behind &&
           (!loan->store->writes_later || change->fate != SESSION_GOES_ON);
}

/* The row is written: now the change is made.  The shard's lock is held. */
static void make_change(struct session_job *job, struct session_shard *shard)
{
    const struct session_change *change = &job->change;
    struct session *session = job->loan.session;
    struct session_call *former = session->last;

    /* A tombstone has no state, neither in its row. */
    if (change->state && change->fate == SESSION_GOES_ON)
        memcpy(session_state(session), job->body, job->loan.info.state_bytes);
    session->last = job->call;
    session->step = change->step;
    session->window_filled = (uint32_t)change->window_filled;
    session->used_ms = job->now_ms;
    session_unmark_changed(job->store, session);
    if (session->is_new)
        session_come_to_life(job->store, session);
    if (former)
        session_discharge(job->store, former->extra_bytes);
    free(former);
    if (change->fate == SESSION_GOES_ON)
        session_hand_on(session);
    else
        session_kill(job->store, shard, session,
                     change->fate == SESSION_ENDED ? SESSION_WAS_ENDED
                                                   : SESSION_WAS_DELETED,
                     job->now_ms);
}

/* It is not: everything is as it was.  Returns what has never been. */
static struct session *undo_change(struct session_job *job,
                                   struct session_shard *shard)
{
    struct session *session = job->loan.session;

    if (job->call) {
        session_discharge(job->store, job->call->extra_bytes);
        free(job->call);
    }
    if (!session->is_new) {
        session_hand_on(session);
        return NULL;
    }
    session_shard_remove(shard, session);
    session_scatter(session->borrower);
    return session;
}

static void tell(struct session_job *job, bool ok)
{
    struct session_loan *waiter = job->waiter;

    if (!waiter)
        return;
    waiter->outcome = ok ? SESSION_STORED : SESSION_LOST;
    waiter->job = NULL;
    snprintf(waiter->why, sizeof(waiter->why), "%s", job->io.why);
    waiter->wake(waiter->arg);
}

static void on_written(struct store_job *io)
{
    struct session_job *job = job_of(io);
    struct session_store *store = job->store;
    struct session_place at = session_place_of(store, job->id);
    bool ok = io->result == STORE_OK;
    struct session *unmade = NULL;

    session_behind_says(store, ok ? NULL : io->why);
    if (ok)
        session_metric(store, METRIC_STORE_WRITES, 1);
    pthread_mutex_lock(&at.shard->lock);
    if (ok)
        make_change(job, at.shard);
    else
        unmade = undo_change(job, at.shard);
    tell(job, ok);
    pthread_mutex_unlock(&at.shard->lock);
    if (unmade)
        session_unreserve(store, unmade);
    free(job);
}

/* The session as it will be. */
static void change_to_record(const struct session_loan *loan,
                             const struct session_change *change,
                             const struct session_call *call, uint64_t now_ms,
                             struct record *record)
{
    session_to_record(loan->session, record);
    record->step = change->step;
    record->filled = (uint32_t)change->window_filled;
    record->used_ms = session_wall_of(now_ms);
    if (change->state)
        record->state = change->state;
    session_call_to_record(call, record);
    if (change->fate == SESSION_GOES_ON)
        return;
    record->fate =
        change->fate == SESSION_ENDED ? RECORD_ENDED : RECORD_DELETED;
    record->state_length = 0;
    if (change->fate == SESSION_DELETED)
        record->has_call = false;
}

enum session_result session_write(struct session_loan *loan,
                                  const struct session_change *change,
                                  struct session_call *call, uint64_t now_ms,
                                  struct problem *problem)
{
    struct session_store *store = loan->store;
    struct session_place at = session_place_of(store, loan->id);
    struct session_job *job;
    struct record record;

    change_to_record(loan, change, call, now_ms, &record);
    job = make_job(store, &record, on_written);
    if (!job) {
        if (call)
            session_discharge(store, call->extra_bytes);
        free(call);
        session_release(loan, false, now_ms);
        problem_set(problem, PROBLEM_OVERLOADED,
                    "out of memory to store the session \"%s\"", loan->id);
        return SESSION_REFUSED;
    }
    job->call = call;
    job->change = *change;
    job->now_ms = now_ms;
    job->waiter = loan;
    job->loan = (struct session_loan){
        .store = store, .id = job->id, .info = loan->info};
    loan->job = job;
    loan->outcome = SESSION_SENT;
    loan->is_sent = true;
    loan->wake_at_ms = now_ms + store->config->store_timeout;
    pthread_mutex_lock(&at.shard->lock);
    session_take_over(loan->session, &job->loan);
    pthread_mutex_unlock(&at.shard->lock);
    store->behind->ops->submit(store->behind, &job->io);
    return SESSION_WAIT;
}

enum session_result session_written(struct session_loan *loan, uint64_t now_ms,
                                    struct problem *problem)
{
    struct session_place at = session_place_of(loan->store, loan->id);
    enum session_outcome outcome;
    bool is_late = now_ms >= loan->wake_at_ms;

    pthread_mutex_lock(&at.shard->lock);
    outcome = loan->outcome;
    if (outcome == SESSION_SENT && is_late)
        loan->job->waiter = NULL;
    pthread_mutex_unlock(&at.shard->lock);
    if (outcome == SESSION_STORED)
        return SESSION_OK;
    if (outcome == SESSION_SENT && !is_late)
        return SESSION_WAIT;
    if (outcome == SESSION_LOST)
        problem_set(problem, PROBLEM_STORE_UNREACHABLE,
                    "the session \"%s\" could not be stored and is as it was: "
                    "%s",
                    loan->id, loan->why);
    else
        problem_set(problem, PROBLEM_STORE_UNREACHABLE,
                    "the session \"%s\" was not stored within store_timeout = "
                    "%llu ms; whether it will be is not known: repeat the "
                    "call with its step",
                    loan->id,
                    (unsigned long long)loan->store->config->store_timeout);
    return SESSION_REFUSED;
}

/* ---- later -------------------------------------------------------------- */

void session_mark_changed(struct session_store *store, struct session *session)
{
    struct session_changes *changes = &store->changes;
    bool is_first;

    if (!store->behind || session->is_changed)
        return;
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
    struct session_job *job = job_of(io);
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
        session_to_record(session, &record);
        job = make_job(store, &record, on_gathered);
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

/* ---- room --------------------------------------------------------------- */

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
            size_t bytes = session_reserved_bytes(session);

            if (session->last)
                bytes += session->last->extra_bytes;
            if (store->metrics)
                metrics_sessions(store->metrics, session->model->index, -1);
            session_metric(store, METRIC_SESSIONS_EVICTED, 1);
            atomic_store(&store->has_rest, true);
            session_shard_remove(shard, session);
            session_free(session);
            session_discharge(store, bytes);
            atomic_fetch_sub(&store->count, 1);
            freed += bytes;
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
