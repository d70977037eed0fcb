/* session_revive.c: what a row of the store behind means: a session, a
 * tombstone, or nothing that can be used.
 */
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/model_registry.h"
#include "server/session_job.h"

void session_refuse_damaged(struct session_store *store, const char *id,
                            const char *fault, struct problem *problem)
{
    session_metric(store, METRIC_SESSIONS_DAMAGED, 1);
    if (store->log)
        log_line(store->log, LOG_ERROR,
                 "the stored session \"%s\" is damaged: %s", id, fault);
    problem_set(problem, PROBLEM_INTERNAL,
                "the stored session \"%s\" is damaged and is not used: %s", id,
                fault);
}

void session_refuse_other_model(const struct record *record, const char *id,
                                struct problem *problem)
{
    bool is_older = record->numerics != RNN_NUMERICS;

    problem_set(problem, PROBLEM_OTHER_MODEL,
                "the session \"%s\" belongs to the model \"%.*s\" with the "
                "fingerprint %.*s%s, which is not served here; it is kept "
                "until its ttl ends",
                id, (int)record->model.length, record->model.text,
                (int)record->fingerprint.length, record->fingerprint.text,
                is_older ? " of another version of the numerics" : "");
}

/* The bytes of a kept call: a reply, or the state before it. */
static bool has_sound_call(const struct record *record,
                           const struct session_plan *plan)
{
    size_t wanted = record->reply_length ? record->reply_length
                                         : session_state_bytes(plan);

    return !record->has_call || (record->call_length == wanted &&
                                 record->reply_length <= SESSION_REPLY_BYTES &&
                                 record->filled_before <= record->window);
}

static struct session_call *call_of_record(const struct record *record,
                                           const struct session_plan *plan)
{
    struct session_call *call = malloc(sizeof(*call) + record->call_length);

    if (!call)
        return NULL;
    *call = (struct session_call){.step_before = record->step_before,
                                  .step_after = record->step_after,
                                  .model = plan->model,
                                  .mode = plan->mode,
                                  .window = record->window,
                                  .filled_before = record->filled_before,
                                  .reply_length = record->reply_length};
    memcpy(call->digest, record->digest, sizeof(call->digest));
    memcpy(call->bytes, record->call, record->call_length);
    return call;
}

struct session_plan session_record_plan(const struct record *record,
                                        const struct served_model *model)
{
    return (struct session_plan){.model = model,
                                 .mode = (enum session_mode)record->mode,
                                 .window = record->window,
                                 .ttl_ms = record->ttl_ms};
}

/* It is no more: a tombstone in memory tells that from «never was».  Without
 * memory for it, it is as if it had gone already. */
static void remember_dead(struct session_store *store,
                          const struct record *record, const char *id,
                          enum session_reason reason, uint64_t died_ms)
{
    struct session_place at = session_place_of(store, id);
    const struct served_model *model = session_record_model(store, record);
    struct session *dead = session_make_place(id, at.hash);

    if (!dead)
        return;
    if (reason == SESSION_WAS_ENDED && record->has_call && model) {
        struct session_plan plan = session_record_plan(record, model);

        if (has_sound_call(record, &plan))
            dead->last = call_of_record(record, &plan);
    }
    if (dead->last && !session_charge(store, session_call_bytes(dead->last))) {
        free(dead->last);
        dead->last = NULL;
    }
    session_graves_bury(&store->graves, dead, reason,
                        session_monotonic_of(store, died_ms));
}

const char *session_record_fault(const struct record *record,
                                 const struct session_plan *plan)
{
    if (plan->mode != SESSION_CARRY && plan->mode != SESSION_WINDOW)
        return "its mode is not known here";
    if ((plan->mode == SESSION_WINDOW) != (plan->window > 0) ||
        record->filled > record->window)
        return "its window does not fit its mode";
    if (plan->mode == SESSION_CARRY && !plan->model->info->streams)
        return "its model cannot carry a state";
    if (record->state_length != session_state_bytes(plan))
        return "its state has another size than its model's";
    if (!has_sound_call(record, plan))
        return "its kept call has another size than it says";
    return NULL;
}

/* The session of a record, charged and counted, in no table.  NULL: the
 * problem says why. */
static struct session *revive(struct session_store *store,
                              const struct record *record, const char *id,
                              struct problem *problem)
{
    struct session_place at = session_place_of(store, id);
    const struct served_model *model = session_record_model(store, record);
    struct session_plan plan = session_record_plan(record, model);
    const char *fault = model ? session_record_fault(record, &plan) : NULL;
    struct session *session;
    size_t extra = 0;

    if (!model)
        session_refuse_other_model(record, id, problem);
    if (fault)
        session_refuse_damaged(store, id, fault, problem);
    if (!model || fault)
        return NULL;
    session = session_reserve(store, &plan, id, at.hash, clock_monotonic_ms(),
                              problem);
    if (!session) {
        /* It is not a new one that has no room: it will have. */
        problem->type = PROBLEM_OVERLOADED;
        return NULL;
    }
    if (record->has_call && record->call_length > record->state_length)
        extra = record->call_length - record->state_length;
    if (record->has_call)
        session->last = call_of_record(record, &plan);
    if (record->has_call &&
        (!session->last || !session_charge(store, extra))) {
        session_unreserve(store, session);
        problem_set(problem, PROBLEM_OVERLOADED,
                    "out of memory for the stored session \"%s\"", id);
        return NULL;
    }
    if (session->last)
        session->last->extra_bytes = (uint32_t)extra;
    memcpy(session_state(session), record->state, record->state_length);
    session->step = record->step;
    session->window_filled = record->filled;
    session->created_ms = record->created_ms;
    session->used_ms = session_monotonic_of(store, record->used_ms);
    return session;
}

const char *session_record_read(const struct session_store *store,
                                const struct store_row *row,
                                struct record *record, void **whole)
{
    bool is_shared = store->behind->is_shared;
    const struct served_model *model;
    struct session_plan plan;
    const char *fault;
    size_t length;

    fault =
        record_decode(row->head, row->head_length,
                      is_shared ? NULL : row->body, row->body_length, record);
    if (!fault && (record->id.length != strlen(row->id) ||
                   memcmp(record->id.text, row->id, record->id.length) != 0))
        fault = "it is the row of another session";
    if (fault || !is_shared)
        return fault;
    if (record->mode != SESSION_WINDOW || record->fate != RECORD_LIVE)
        return record_decode(row->head, row->head_length,
                             row->share.is_expired ? NULL : row->body,
                             row->body_length, record);
    model = session_record_model(store, record);
    if (!model || row->share.is_expired)
        return NULL;
    plan = session_record_plan(record, model);
    if (!plan.window)
        return "its window does not fit its mode";
    *whole = session_share_body(row, record, &plan, &length, &fault);
    if (!*whole)
        return fault ? fault : "";
    return record_decode(row->head, row->head_length, *whole, length, record);
}

/* A shared store has judged that by its own clock. */
bool session_record_lives(struct session_store *store,
                          const struct store_row *row, struct record *record)
{
    uint64_t wall_ms = session_wall_of(store, clock_monotonic_ms());
    uint64_t age_ms = row->share.age_ms;
    uint64_t expires_ms;

    if (store->behind->is_shared) {
        record->used_ms = wall_ms > age_ms ? wall_ms - age_ms : 0;
        return record->fate == RECORD_LIVE && !row->share.is_expired;
    }
    expires_ms = session_record_expires(record);
    return record->fate == RECORD_LIVE &&
           (!expires_ms || wall_ms < expires_ms);
}

void session_record_bury(struct session_store *store,
                         const struct record *record, const char *id)
{
    uint64_t wall_ms = session_wall_of(store, clock_monotonic_ms());

    if (!store->behind->is_shared &&
        wall_ms >= session_record_until(store, record))
        return;
    if (record->fate == RECORD_LIVE)
        remember_dead(store, record, id, SESSION_WAS_EXPIRED,
                      session_record_expires(record));
    else
        remember_dead(store, record, id,
                      (enum session_reason)(record->fate - RECORD_EXPIRED),
                      record->used_ms);
}

struct session *session_understand(struct session_store *store,
                                   const struct store_row *row,
                                   enum session_place_kind *kind,
                                   struct problem *problem)
{
    struct session *found = NULL;
    struct record record;
    void *whole = NULL;
    const char *fault = session_record_read(store, row, &record, &whole);

    *kind = SESSION_IS_REFUSED;
    if (fault && !*fault) {
        problem_set(problem, PROBLEM_OVERLOADED,
                    "out of memory for the stored session \"%s\"", row->id);
    } else if (fault) {
        session_refuse_damaged(store, row->id, fault, problem);
    } else if (session_record_lives(store, row, &record)) {
        found = revive(store, &record, row->id, problem);
        if (found && session_is_shared(store))
            found->tag = row->share.tag;
    } else {
        *kind = SESSION_IS_ABSENT;
        session_record_bury(store, &record, row->id);
    }
    free(whole);
    return found;
}
