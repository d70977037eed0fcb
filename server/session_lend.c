#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "server/model_registry.h"
#include "server/session_internal.h"

/* ---- the queue behind a borrower; the shard's lock is held -------------- */

static void join_queue(struct session *session, struct session_loan *loan)
{
    struct session_loan *borrower = session->borrower;

    borrower->newest->next = loan;
    borrower->newest = loan;
    loan->next = NULL;
    loan->session = session;
    loan->is_waiting = true;
}

static void leave_queue(struct session *session, struct session_loan *loan)
{
    struct session_loan *borrower = session->borrower;
    struct session_loan *before = borrower;

    while (before->next != loan)
        before = before->next;
    before->next = loan->next;
    if (borrower->newest == loan)
        borrower->newest = before;
    loan->session = NULL;
    loan->is_waiting = false;
}

static void lend(struct session *session, struct session_loan *loan)
{
    session->borrower = loan;
    loan->session = session;
    loan->next = NULL;
    loan->newest = loan;
}

/* The borrower is done: the session goes to the first in the queue. */
static void hand_on(struct session *session)
{
    struct session_loan *done = session->borrower;
    struct session_loan *next = done->next;

    session->borrower = next;
    done->session = NULL;
    done->next = NULL;
    if (!next)
        return;
    next->newest = done->newest;
    next->wake(next->arg);
}

/* ---- borrowing ---------------------------------------------------------- */

static enum session_result refuse_busy(struct session_loan *loan,
                                       struct problem *problem)
{
    problem_set(problem, PROBLEM_SESSION_BUSY,
                "the session \"%s\" is still in use by another call after "
                "session_wait = %llu ms",
                loan->id,
                (unsigned long long)loan->store->config->session_wait);
    return SESSION_REFUSED;
}

static enum session_result refuse_live(struct session_loan *loan,
                                       struct problem *problem)
{
    problem_set(problem, PROBLEM_SESSION_LIVE,
                "the session \"%s\" exists already", loan->id);
    return SESSION_REFUSED;
}

/* The session is ours: tell the borrower what it is. */
static enum session_result lent(struct session_loan *loan)
{
    struct session *session = loan->session;

    loan->is_waiting = false;
    loan->info = session_info_of(session);
    loan->state = session_state(session);
    loan->last = session->last;
    loan->is_new = session->is_new;
    return SESSION_OK;
}

/* A session was found in its shard: take it, queue, or leave it. */
static enum session_result lend_found(struct session_loan *loan,
                                      struct session *session, uint64_t now_ms,
                                      struct problem *problem)
{
    if (loan->want == SESSION_WANT_NEW && !session->is_new)
        return refuse_live(loan, problem);
    if (!session->borrower) {
        lend(session, loan);
        return lent(loan);
    }
    if (now_ms >= loan->wake_at_ms)
        return refuse_busy(loan, problem);
    join_queue(session, loan);
    return SESSION_WAIT;
}

/* We waited for `loan->session`: is it our turn, or too late?  OK: it is
 * ours; WAIT: neither. */
static enum session_result end_wait(struct session_loan *loan, uint64_t now_ms,
                                    struct problem *problem)
{
    struct session *session = loan->session;

    if (session->borrower == loan) {
        if (loan->want != SESSION_WANT_NEW)
            return lent(loan);
        /* What we waited for was being made, and now it is. */
        loan->is_waiting = false;
        hand_on(session);
        return refuse_live(loan, problem);
    }
    if (now_ms < loan->wake_at_ms)
        return SESSION_WAIT;
    leave_queue(session, loan);
    return refuse_busy(loan, problem);
}

/* The live session in its shard, buried if it just expired. */
static struct session *find_live(struct session_loan *loan,
                                 const struct session_place *place,
                                 uint64_t now_ms)
{
    struct session *session =
        session_shard_find(place->shard, place->hash, loan->id);

    /* Ours alone counts as not borrowed: nobody has used it since. */
    if (!session || !session_is_expired(session, now_ms) ||
        (session->borrower && session->borrower != loan))
        return session;
    session_kill(loan->store, place->shard, session, SESSION_WAS_EXPIRED,
                 now_ms);
    loan->session = NULL;
    loan->is_waiting = false;
    return NULL;
}

/* Make the session, unless somebody was faster. */
static enum session_result make(struct session_loan *loan,
                                const struct session_place *place,
                                uint64_t now_ms, struct problem *problem)
{
    struct session *made = session_reserve(loan->store, &loan->plan, loan->id,
                                           place->hash, now_ms, problem);
    enum session_result result;
    struct session *session;

    if (!made)
        return SESSION_REFUSED;
    pthread_mutex_lock(&place->shard->lock);
    session = find_live(loan, place, now_ms);
    if (session) {
        result = lend_found(loan, session, now_ms, problem);
    } else {
        session_shard_insert(place->shard, made);
        lend(made, loan);
        result = lent(loan);
        made = NULL;
    }
    pthread_mutex_unlock(&place->shard->lock);
    if (made)
        session_unreserve(loan->store, made);
    return result;
}

enum session_result session_acquire(struct session_loan *loan, uint64_t now_ms,
                                    struct problem *problem)
{
    struct session_place place = session_place_of(loan->store, loan->id);
    enum session_result result = SESSION_REFUSED;
    bool must_make = false;
    struct session *session;

    if (!loan->wake_at_ms)
        loan->wake_at_ms = now_ms + loan->store->config->session_wait;
    pthread_mutex_lock(&place.shard->lock);
    session = find_live(loan, &place, now_ms);
    if (loan->session) {
        result = end_wait(loan, now_ms, problem);
    } else if (session) {
        result = lend_found(loan, session, now_ms, problem);
    } else if (loan->want == SESSION_WANT_LIVE) {
        session_missing(loan->store, place.hash, loan->id, now_ms, problem);
    } else {
        must_make = true;
    }
    pthread_mutex_unlock(&place.shard->lock);
    return must_make ? make(loan, &place, now_ms, problem) : result;
}

/* ---- giving back -------------------------------------------------------- */

bool session_prepare(struct session_loan *loan, size_t reply_bytes,
                     struct problem *problem)
{
    size_t state = loan->info.state_bytes;
    size_t room = reply_bytes;
    size_t extra;

    if (reply_bytes > SESSION_REPLY_BYTES)
        room = state > SESSION_REPLY_BYTES ? state : SESSION_REPLY_BYTES;
    extra = room > state ? room - state : 0;
    if (extra && !session_charge(loan->store, extra)) {
        extra = 0;
        room = state;
    }
    loan->room = malloc(sizeof(*loan->room) + room);
    if (!loan->room) {
        session_discharge(loan->store, extra);
        return problem_set(problem, PROBLEM_OVERLOADED,
                           "out of memory to keep the reply");
    }
    loan->room->extra_bytes = (uint32_t)extra;
    loan->room_bytes = room;
    return true;
}

/* The call as it is to be kept, in the room that was prepared. */
static struct session_call *keep_call(struct session_loan *loan,
                                      const struct session_change *change)
{
    struct session_call *call = loan->room;
    const struct session_plan *plan = &loan->info.plan;
    size_t state = loan->info.state_bytes;
    uint32_t extra = call->extra_bytes;
    size_t length = state;
    struct session_call *shrunk;

    *call = (struct session_call){.step_before = change->step_before,
                                  .step_after = change->step,
                                  .model = plan->model,
                                  .mode = plan->mode,
                                  .window = (uint32_t)plan->window,
                                  .filled_before =
                                      (uint32_t)change->filled_before};
    memcpy(call->digest, change->digest, sizeof(call->digest));
    if (change->reply_length <= SESSION_REPLY_BYTES &&
        change->reply_length <= loan->room_bytes) {
        length = change->reply_length;
        call->reply_length = (uint32_t)length;
        memcpy(call->bytes, change->reply, length);
    } else {
        assert(length <= loan->room_bytes);
        memcpy(call->bytes, change->state_before, length);
    }
    call->extra_bytes = length > state ? (uint32_t)(length - state) : 0;
    session_discharge(loan->store, extra - call->extra_bytes);
    shrunk = realloc(call, sizeof(*call) + length);
    loan->room = NULL;
    if (!shrunk) /* then it stays as large as it was */
        return call;
    return shrunk;
}

static void drop_room(struct session_loan *loan)
{
    if (loan->room)
        session_discharge(loan->store, loan->room->extra_bytes);
    free(loan->room);
    loan->room = NULL;
}

/* From now on it is one of the live ones. */
static void come_to_life(struct session_store *store, struct session *session)
{
    session->is_new = false;
    session_graves_open(&store->graves, session->hash, session->id);
    session_metric(store, METRIC_SESSIONS_CREATED, 1);
    if (store->metrics)
        metrics_sessions(store->metrics, session->model->index, 1);
}

enum session_result session_commit(struct session_loan *loan,
                                   const struct session_change *change,
                                   uint64_t now_ms, struct problem *problem)
{
    struct session_store *store = loan->store;
    struct session *session = loan->session;
    struct session_place place = session_place_of(store, loan->id);
    struct session_call *call = NULL, *former;

    (void)problem; /* nothing below can fail */
    if (change->digest)
        call = keep_call(loan, change);
    drop_room(loan);
    if (change->state)
        memcpy(session_state(session), change->state, loan->info.state_bytes);

    pthread_mutex_lock(&place.shard->lock);
    former = session->last;
    session->last = call;
    session->step = change->step;
    session->window_filled = (uint32_t)change->window_filled;
    session->used_ms = now_ms;
    if (session->is_new)
        come_to_life(store, session);
    if (former)
        session_discharge(store, former->extra_bytes);
    if (change->fate == SESSION_GOES_ON)
        hand_on(session);
    else
        session_kill(store, place.shard, session,
                     change->fate == SESSION_ENDED ? SESSION_WAS_ENDED
                                                   : SESSION_WAS_DELETED,
                     now_ms);
    loan->session = NULL;
    pthread_mutex_unlock(&place.shard->lock);
    free(former);
    return SESSION_OK;
}

void session_release(struct session_loan *loan, bool touch, uint64_t now_ms)
{
    struct session *session = loan->session;
    struct session_place place = session_place_of(loan->store, loan->id);
    struct session *unmade = NULL;

    drop_room(loan);
    pthread_mutex_lock(&place.shard->lock);
    if (touch)
        session->used_ms = now_ms;
    if (session->is_new) {
        session_shard_remove(place.shard, session);
        session_scatter(loan);
        unmade = session;
    } else {
        hand_on(session);
    }
    loan->session = NULL;
    pthread_mutex_unlock(&place.shard->lock);
    if (unmade)
        session_unreserve(loan->store, unmade);
}
