/* session_load.c: a session that the store behind has and memory has not.
 *
 * Who asks for it first puts a place where it would be, lends that to a job,
 * and waits behind it like behind any borrower; so do all others.  The job's
 * end turns the place into the session, or says why there is none, and hands
 * it on.  A place that is absent belongs to the first that waits, who may
 * make the session: nobody else can meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/model_registry.h"
#include "server/session_internal.h"
#include "server/store/record.h"
#include "server/store/store.h"

/* A read under way: it borrows the place. */
struct session_search {
    struct session_loan loan;
    struct store_job io;
    char id[SESSION_ID_SIZE];
};

bool session_must_seek(struct session_store *store, uint32_t hash,
                       const char *id, uint64_t now_ms)
{
    return store->behind && atomic_load(&store->has_rest) &&
           !session_graves_reason(&store->graves, hash, id, now_ms);
}

void session_drop_place(struct session_shard *shard, struct session *place)
{
    session_shard_remove(shard, place);
    session_scatter(place->borrower);
    session_free(place);
}

void session_leave_place(struct session_shard *shard, struct session *place)
{
    if (place->borrower->next)
        session_hand_on(place);
    else
        session_drop_place(shard, place);
}

void session_bury_place(struct session_store *store,
                        struct session_shard *shard, struct session *place,
                        uint64_t now_ms)
{
    session_shard_remove(shard, place);
    session_scatter(place->borrower);
    session_metric(store, METRIC_SESSIONS_ENDED, 1);
    session_graves_bury(&store->graves, place, SESSION_WAS_DELETED, now_ms);
}

void session_place_to_record(const struct session_store *store,
                             const struct session *place, uint64_t now_ms,
                             struct record *record)
{
    /* Of which model it was is of no use any more, and may be unknown. */
    static const char none[] = "0000000000000000000000000000000000000000"
                               "000000000000000000000000";

    *record = (struct record){
        .id = {.text = place->id, .length = place->id_length},
        .fingerprint = {.text = none, .length = sizeof(none) - 1},
        .numerics = RNN_NUMERICS,
        .fate = RECORD_DELETED,
        .mode = SESSION_CARRY,
        .created_ms = session_wall_of(store, now_ms),
        .used_ms = session_wall_of(store, now_ms)};
}

/* ---- what the store has ------------------------------------------------- */

static void refuse_damaged(struct session_store *store, const char *id,
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

static void refuse_other_model(const struct record *record, const char *id,
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
        refuse_other_model(record, id, problem);
    if (fault)
        refuse_damaged(store, id, fault, problem);
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

/* What a row that was found means: a session, or NULL and the place's kind,
 * with REFUSED the problem. */
static struct session *understand(struct session_store *store,
                                  const struct store_row *row,
                                  enum session_place_kind *kind,
                                  struct problem *problem)
{
    uint64_t wall_ms = session_wall_of(store, clock_monotonic_ms());
    struct record record;
    const char *fault = record_decode(row->head, row->head_length, row->body,
                                      row->body_length, &record);
    uint64_t expires_ms;

    *kind = SESSION_IS_REFUSED;
    if (!fault && (record.id.length != strlen(row->id) ||
                   memcmp(record.id.text, row->id, record.id.length) != 0))
        fault = "it is the row of another session";
    if (fault) {
        refuse_damaged(store, row->id, fault, problem);
        return NULL;
    }
    *kind = SESSION_IS_ABSENT;
    expires_ms = session_record_expires(&record);
    if (record.fate == RECORD_LIVE && (!expires_ms || wall_ms < expires_ms)) {
        *kind = SESSION_IS_REFUSED;
        return revive(store, &record, row->id, problem);
    }
    if (wall_ms >= session_record_until(store, &record))
        return NULL; /* it only has not been swept away yet */
    if (record.fate == RECORD_LIVE)
        remember_dead(store, &record, row->id, SESSION_WAS_EXPIRED,
                      expires_ms);
    else
        remember_dead(store, &record, row->id,
                      (enum session_reason)(record.fate - RECORD_EXPIRED),
                      record.used_ms);
    return NULL;
}

/* ---- asking ------------------------------------------------------------- */

/* The place is what it has become: a session, or an answer. */
static void settle(struct session_search *search, struct session *found,
                   enum session_place_kind kind, const struct problem *problem)
{
    struct session_store *store = search->loan.store;
    struct session_place at = session_place_of(store, search->id);
    struct session *place;

    pthread_mutex_lock(&at.shard->lock);
    place = search->loan.session;
    if (found) {
        session_replace(at.shard, place, found);
        found->is_new = false;
        session_hand_on(found);
        session_free(place);
        if (store->metrics)
            metrics_sessions(store->metrics, found->model->index, 1);
    } else if (search->loan.next) {
        place->place = kind;
        if (kind == SESSION_IS_REFUSED)
            memcpy(session_state(place), problem, sizeof(*problem));
        session_hand_on(place);
    } else {
        session_drop_place(at.shard, place); /* they have all gone */
    }
    pthread_mutex_unlock(&at.shard->lock);
}

static void on_read(struct store_job *io)
{
    struct session_search *search =
        (struct session_search *)((char *)io -
                                  offsetof(struct session_search, io));
    struct session_store *store = search->loan.store;
    enum session_place_kind kind = SESSION_IS_REFUSED;
    struct session *found = NULL;
    struct problem problem;

    session_behind_says(store, io->result == STORE_FAILED ? io->why : NULL);
    switch (io->result) {
    case STORE_OK:
        found = understand(store, &io->row, &kind, &problem);
        break;
    case STORE_ABSENT:
        kind = SESSION_IS_ABSENT;
        break;
    case STORE_DAMAGED:
        refuse_damaged(store, search->id, io->why, &problem);
        break;
    case STORE_FAILED:
        problem_set(&problem, PROBLEM_STORE_UNREACHABLE,
                    "the session \"%s\" cannot be read from the store: %s",
                    search->id, io->why);
        break;
    }
    settle(search, found, kind, &problem);
    free(search);
}

bool session_seek(struct session_loan *loan, struct session_shard *shard,
                  uint32_t hash, struct problem *problem)
{
    struct session_search *search = calloc(1, sizeof(*search));
    struct session *place = session_make_place(loan->id, hash);

    if (!search || !place) {
        free(search);
        session_free(place);
        return problem_set(problem, PROBLEM_OVERLOADED,
                           "out of memory to read the session \"%s\"",
                           loan->id);
    }
    memcpy(search->id, loan->id, strlen(loan->id) + 1);
    search->loan = (struct session_loan){
        .store = loan->store, .id = search->id, .session = place};
    search->loan.newest = &search->loan;
    place->borrower = &search->loan;
    session_shard_insert(shard, place);
    session_join_queue(place, loan);
    search->io = (struct store_job){
        .task = STORE_READ, .row = {.id = search->id}, .done = on_read};
    loan->store->behind->ops->submit(loan->store->behind, &search->io);
    return true;
}
