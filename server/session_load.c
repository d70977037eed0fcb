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
#include "server/session_job.h"

/* A read under way: it borrows the place. */
struct session_search {
    struct session_loan loan;
    struct store_job io;
    struct session *copy; /* to be checked; NULL: memory has none */
    char id[SESSION_ID_SIZE];
};

bool session_must_seek(struct session_store *store, uint32_t hash,
                       const char *id, uint64_t now_ms)
{
    if (session_is_shared(store)) /* graves of ours prove nothing */
        return true;
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
        if (search->io.result == STORE_OK || /* dead, or of no use */
            search->io.result == STORE_DAMAGED)
            place->tag = search->io.row.share.tag;
        if (kind == SESSION_IS_REFUSED)
            memcpy(session_state(place), problem, sizeof(*problem));
        session_hand_on(place);
    } else {
        session_drop_place(at.shard, place); /* they have all gone */
    }
    pthread_mutex_unlock(&at.shard->lock);
}

/* The copy that was checked is right. */
static struct session *keep_copy(struct session_search *search)
{
    struct session *copy = search->copy;
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t age_ms = search->io.row.share.age_ms;

    copy->used_ms = now_ms > age_ms ? now_ms - age_ms : 0;
    search->copy = NULL;
    return copy;
}

void session_graves_forget(struct session_store *store, const char *id,
                           const struct store_job *read)
{
    struct session_place at = session_place_of(store, id);
    bool had_grave;

    if (!store->behind->is_shared || read->result == STORE_FAILED)
        return;
    had_grave = session_graves_reason(&store->graves, at.hash, id,
                                      clock_monotonic_ms()) != NULL;
    session_graves_open(&store->graves, at.hash, id);
    if (read->result == STORE_OK && read->row.share.is_expired && !had_grave)
        session_metric(store, METRIC_SESSIONS_EXPIRED, 1);
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

    if (io->result == STORE_SAME)
        found = keep_copy(search);
    session_drop_aside(store, search->copy);
    session_graves_forget(store, search->id, io);
    session_behind_says(store, io->result == STORE_FAILED ? io->why : NULL);
    switch (io->result) {
    case STORE_OK:
        found = session_understand(store, &io->row, &kind, &problem);
        break;
    case STORE_SAME:
        break;
    case STORE_ABSENT:
        kind = SESSION_IS_ABSENT;
        break;
    case STORE_DAMAGED:
        session_refuse_damaged(store, search->id, io->why, &problem);
        break;
    case STORE_FAILED:
    case STORE_OVERTAKEN: /* of writes */
    case STORE_UNKNOWN:
        problem_set(&problem, PROBLEM_STORE_UNREACHABLE,
                    "the session \"%s\" cannot be read from the store: %s",
                    search->id, io->why);
        break;
    }
    settle(search, found, kind, &problem);
    free(search);
}

static bool refuse_seek(struct session_loan *loan, struct session *copy,
                        struct problem *problem)
{
    if (copy && copy->borrower == loan) {
        loan->is_waiting = false;
        session_hand_on(copy);
    }
    return problem_set(problem, PROBLEM_OVERLOADED,
                       "out of memory to read the session \"%s\"", loan->id);
}

/* The place stands where the copy was. */
static void set_aside(struct session_search *search,
                      struct session_shard *shard, struct session *place)
{
    struct session_store *store = search->loan.store;
    struct session *copy = search->copy;

    if (store->metrics)
        metrics_sessions(store->metrics, copy->model->index, -1);
    search->io.row.share.tag = copy->tag;
    session_replace(shard, copy, place);
    copy->borrower = NULL;
}

bool session_seek(struct session_loan *loan, struct session_shard *shard,
                  uint32_t hash, struct session *copy, struct problem *problem)
{
    struct session_search *search = calloc(1, sizeof(*search));
    struct session *place = session_make_place(loan->id, hash);
    bool is_first = copy && copy->borrower == loan;

    if (!search || !place) {
        free(search);
        session_free(place);
        return refuse_seek(loan, copy, problem);
    }
    memcpy(search->id, loan->id, strlen(loan->id) + 1);
    search->loan = (struct session_loan){
        .store = loan->store, .id = search->id, .session = place};
    search->io = (struct store_job){
        .task = STORE_READ, .row = {.id = search->id}, .done = on_read};
    search->copy = copy;
    if (copy)
        set_aside(search, shard, place);
    else
        session_shard_insert(shard, place);
    session_stand_before(place, &search->loan);
    if (!is_first)
        session_join_queue(place, loan);
    loan->is_waiting = true;
    loan->store->behind->ops->submit(loan->store->behind, &search->io);
    return true;
}
