/* session_return.c: giving a borrowed session back. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/model_registry.h"
#include "server/session_internal.h"

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

void session_come_to_life(struct session_store *store, struct session *session)
{
    session->is_new = false;
    session_graves_open(&store->graves, session->hash, session->id);
    session_metric(store, METRIC_SESSIONS_CREATED, 1);
    if (store->metrics)
        metrics_sessions(store->metrics, session->model->index, 1);
}

/* The change counts from here on; `call` is kept. */
static void make_change(struct session_loan *loan,
                        const struct session_change *change,
                        struct session_call *call, uint64_t now_ms)
{
    struct session_store *store = loan->store;
    struct session *session = loan->session;
    struct session_place place = session_place_of(store, loan->id);
    struct session_call *former;

    /* The store behind reads it under the lock. */
    if (change->state && !store->behind)
        memcpy(session_state(session), change->state, loan->info.state_bytes);

    pthread_mutex_lock(&place.shard->lock);
    if (change->state && store->behind)
        memcpy(session_state(session), change->state, loan->info.state_bytes);
    former = session->last;
    session->last = call;
    session->step = change->step;
    session->window_filled = (uint32_t)change->window_filled;
    session->used_ms = now_ms;
    if (session->is_new)
        session_come_to_life(store, session);
    if (former)
        session_discharge(store, former->extra_bytes);
    session_mark_changed(store, session);
    if (change->fate == SESSION_GOES_ON)
        session_hand_on(session);
    else
        session_kill(store, place.shard, session,
                     change->fate == SESSION_ENDED ? SESSION_WAS_ENDED
                                                   : SESSION_WAS_DELETED,
                     now_ms);
    loan->session = NULL;
    pthread_mutex_unlock(&place.shard->lock);
    free(former);
}

enum session_result session_commit(struct session_loan *loan,
                                   const struct session_change *change,
                                   uint64_t now_ms, struct problem *problem)
{
    struct session_call *call = NULL;

    if (loan->is_sent)
        return session_written(loan, now_ms, problem);
    if (change->digest)
        call = keep_call(loan, change);
    drop_room(loan);
    if (session_writes_first(loan, change, now_ms))
        return session_write(loan, change, call, now_ms, problem);
    make_change(loan, change, call, now_ms);
    return SESSION_OK;
}

void session_release(struct session_loan *loan, bool touch, uint64_t now_ms)
{
    struct session *session = loan->session;
    struct session_place place = session_place_of(loan->store, loan->id);
    struct session *unmade = NULL;

    drop_room(loan);
    pthread_mutex_lock(&place.shard->lock);
    if (session->place) {
        session_leave_place(place.shard, session);
        loan->session = NULL;
        pthread_mutex_unlock(&place.shard->lock);
        return;
    }
    if (touch)
        session->used_ms = now_ms;
    if (touch && !session->is_new)
        session_mark_changed(loan->store, session);
    if (session->is_new) {
        session_shard_remove(place.shard, session);
        session_scatter(loan);
        unmade = session;
    } else {
        session_hand_on(session);
    }
    loan->session = NULL;
    pthread_mutex_unlock(&place.shard->lock);
    if (unmade)
        session_unreserve(loan->store, unmade);
}
