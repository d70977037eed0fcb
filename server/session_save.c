/* session_save.c: what has changed goes to the store behind.
 *
 * Two ways.  A change that must be there before it counts (`step`, `fsync`,
 * and every end of a session) is a job that takes the borrower's place: the
 * session stays lent to it until the row is written or is known not to be,
 * whether or not the request still waits.  Only then is the change made in
 * memory.  What may come later is session_later.c's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "server/clock.h"
#include "server/model_registry.h"
#include "server/session_internal.h"
#include "server/session_job.h"

/* How much later than flush_interval changes may be written before calls wait
 * for it. */
#define OVERRUN_MS 250

struct session_job *session_job_of(struct store_job *io)
{
    return (struct session_job *)((char *)io -
                                  offsetof(struct session_job, io));
}

/* Unused rows are not stored, and count as zero. */
static void clean_rows(const struct session *session,
                       const struct record *record, unsigned char *body)
{
    struct session_plan plan = session_plan_of(session);

    session_rows_clean(&plan, record->filled, body);
    if (record->has_call && !record->reply_length)
        session_rows_clean(&plan, record->filled_before,
                           body + record->state_length);
}

struct session_job *session_job_make(struct session_store *store,
                                     const struct session *session,
                                     const struct record *record, size_t added,
                                     void (*done)(struct store_job *io))
{
    size_t length = record_body_length(record);
    bool is_shared = store->behind->is_shared;
    size_t more = is_shared ? session_share_bytes(record) : 0;
    struct session_job *job;

    if (length > store->behind->most_row_bytes)
        return NULL;
    job = malloc(sizeof(*job) + length + more);
    if (!job)
        return NULL;
    memset(job, 0, sizeof(*job));
    job->store = store;
    memcpy(job->id, record->id.text, record->id.length);
    record_put_body(record, job->body);
    if (more)
        clean_rows(session, record, job->body);
    job->io = (struct store_job){
        .task = STORE_WRITE,
        .row = {.id = job->id,
                .head = job->head,
                .body = job->body,
                .head_length = record_put_head(record, job->head, job->body),
                .body_length = length,
                .is_dead = record->fate != RECORD_LIVE,
                .expires_ms = session_record_expires(record),
                .until_ms = session_record_until(store, record)},
        .done = done};
    if (is_shared)
        session_share_job(job, record, session, added);
    return job;
}

/* ---- before it counts --------------------------------------------------- */

/* More is changed than the disk takes: then calls wait for it, so that what a
 * kill would lose does not grow.  A store that fails stops nobody. */
static bool is_overrun(struct session_store *store, uint64_t now_ms)
{
    return !session_store_is_failing(store) &&
           session_store_lag_ms(store, now_ms) >
               store->config->flush_interval + OVERRUN_MS;
}

bool session_writes_first(const struct session_loan *loan,
                          const struct session_change *change, uint64_t now_ms)
{
    struct session_store *store = loan->store;

    return store->behind &&
           (store->behind->is_shared || !store->writes_later ||
            change->fate != SESSION_GOES_ON || is_overrun(store, now_ms));
}

/* The row is written: now the change is made.  The shard's lock is held. */
static void make_change(struct session_job *job, struct session_shard *shard)
{
    const struct session_change *change = &job->change;
    struct session *session = job->loan.session;
    struct session_call *former = session->last;

    if (session->place) {
        session_bury_place(job->store, shard, session, job->now_ms);
        return;
    }
    /* A tombstone has no state, neither in its row. */
    if (change->state && change->fate == SESSION_GOES_ON)
        memcpy(session_state(session), job->body, job->loan.info.state_bytes);
    session->last = job->call;
    session->step = change->step;
    session->window_filled = (uint32_t)change->window_filled;
    session->used_ms = job->now_ms;
    session_unmark_changed(job->store, session);
    if (session_is_shared(job->store))
        session->tag = job->io.row.share.tag;
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

/* It is not: everything is as it was, or in a shared store nobody knows, and
 * the copy is of no use.  Returns what has never been. */
static struct session *undo_change(struct session_job *job,
                                   struct session_shard *shard)
{
    struct session *session = job->loan.session;

    if (job->call) {
        session_discharge(job->store, job->call->extra_bytes);
        free(job->call);
    }
    if (session->place) {
        session_leave_place(shard, session);
        return NULL;
    }
    if (!session->is_new) {
        if (job->io.result == STORE_FAILED)
            session_hand_on(session);
        else
            session_drop_copy(job->store, shard, session);
        return NULL;
    }
    session_shard_remove(shard, session);
    session_scatter(session->borrower);
    return session;
}

static enum session_outcome outcome_of(enum store_result result)
{
    switch (result) {
    case STORE_OK:
        return SESSION_STORED;
    case STORE_OVERTAKEN:
        return SESSION_OVERTAKEN;
    case STORE_UNKNOWN:
        return SESSION_UNKNOWN;
    case STORE_FAILED:
    case STORE_ABSENT: /* of reads */
    case STORE_DAMAGED:
    case STORE_SAME:
        break;
    }
    return SESSION_LOST;
}

static void tell(struct session_job *job)
{
    struct session_loan *waiter = job->waiter;

    if (!waiter)
        return;
    waiter->outcome = outcome_of(job->io.result);
    waiter->job = NULL;
    snprintf(waiter->why, sizeof(waiter->why), "%s", job->io.why);
    waiter->wake(waiter->arg);
}

static void on_written(struct store_job *io)
{
    struct session_job *job = session_job_of(io);
    struct session_store *store = job->store;
    struct session_place at = session_place_of(store, job->id);
    bool ok = io->result == STORE_OK;
    bool answered = ok || io->result == STORE_OVERTAKEN;
    struct session *unmade = NULL;

    session_behind_says(store, answered ? NULL : io->why);
    if (ok)
        session_metric(store, METRIC_STORE_WRITES, 1);
    pthread_mutex_lock(&at.shard->lock);
    if (ok)
        make_change(job, at.shard);
    else
        unmade = undo_change(job, at.shard);
    tell(job);
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
    if (loan->session->place) {
        session_place_to_record(loan->store, loan->session, now_ms, record);
        return;
    }
    session_to_record(loan->store, loan->session, record);
    record->step = change->step;
    record->filled = (uint32_t)change->window_filled;
    record->used_ms = session_wall_of(loan->store, now_ms);
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
    job = session_job_make(store, loan->session, &record, change->rows_added,
                           on_written);
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
    if (outcome == SESSION_OVERTAKEN)
        return SESSION_AGAIN;
    if (outcome == SESSION_UNKNOWN)
        problem_set(problem, PROBLEM_STORE_UNREACHABLE,
                    "whether the session \"%s\" was stored is not known: "
                    "repeat the call with its step; %s",
                    loan->id, loan->why);
    else if (outcome == SESSION_LOST)
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
