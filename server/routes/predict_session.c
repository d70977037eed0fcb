#include <string.h>

#include "server/clock.h"
#include "server/metrics.h"
#include "server/routes/predict.h"
#include "server/routes/session_plan.h"
#include "server/routes/sessions.h"

/* A call borrows the session, is judged (session_once.h), works on a copy,
 * and commits only when the whole reply and the whole new state are there.
 * On every other way out the session is given back as it was. */

static enum route_result give_back(struct predict *p, enum route_result result)
{
    if (p->loan.session)
        session_release(&p->loan, result == ROUTE_REPLY, clock_monotonic_ms());
    return result;
}

static enum route_result refuse(struct predict *p, struct problem *problem)
{
    unsigned status = problem_status(problem->type);

    if (status == 409 || problem->type == PROBLEM_STEP_REUSED)
        metrics_add(p->app->metrics, METRIC_SESSION_CONFLICTS, 1);
    return give_back(p, ROUTE_PROBLEM);
}

/* From zero with "start", else from what the session holds. */
static bool base_of_loan(struct predict *p, struct predict_base *base,
                         struct problem *problem)
{
    const struct session_info *info = &p->loan.info;
    void *zero;

    *base = (struct predict_base){.plan = info->plan,
                                  .before = p->loan.state,
                                  .state_bytes = info->state_bytes,
                                  .filled = info->window_filled,
                                  .step = info->step};
    if (p->body.start == SESSION_START_NO || p->loan.is_new)
        return true;
    zero = arena_zalloc(p->request->arena, base->state_bytes, 1, 64);
    if (!zero)
        return predict_no_memory(problem);
    if (base->plan.mode == SESSION_CARRY)
        rnn_state_zero(base->plan.model->model, zero);
    base->before = zero;
    base->filled = 0;
    base->step = 0;
    return true;
}

static void base_of_call(const struct session_call *call,
                         struct predict_base *base)
{
    *base = (struct predict_base){.plan = {.model = call->model,
                                           .mode = call->mode,
                                           .window = call->window},
                                  .before = call->bytes,
                                  .filled = call->filled_before,
                                  .step = call->step_before};
    base->state_bytes = session_state_bytes(&base->plan);
}

/* The reply of a call that was committed before: the stored one, or made
 * again from the state before it (the same bits: ARCHITECTURE.md). */
static enum route_result replay(struct predict *p,
                                const struct session_call *call,
                                struct http_response *response,
                                struct problem *problem)
{
    bool is_made;

    if (call->reply_length) {
        is_made = predict_unpack(p, call, problem);
    } else {
        base_of_call(call, &p->origin);
        p->base = &p->origin;
        p->model = call->model;
        is_made = predict_bind(p, problem) && predict_run(p, problem) &&
                  predict_answer(p, problem);
    }
    if (!is_made || !predict_respond(p, response, problem))
        return give_back(p, ROUTE_PROBLEM);
    http_response_header(response, "Idempotent-Replayed", "true");
    metrics_add(p->app->metrics, METRIC_SESSION_REPLAYS, 1);
    return give_back(p, ROUTE_REPLY);
}

/* As if it had come now, and nothing is taken from a copy: with the session
 * as it is. */
static enum route_result begin_again(struct predict *p,
                                     struct http_response *response,
                                     struct problem *problem)
{
    http_response_reset(response);
    if (!predict_begin_again(p, problem))
        return ROUTE_PROBLEM;
    return predict_in_session(p, response, problem);
}

/* It is being stored, or has been: then the answer stands. */
static enum route_result committed(struct predict *p,
                                   struct http_response *response,
                                   struct problem *problem)
{
    enum session_result result =
        sessions_change(p->request, &p->loan, &p->change, problem);

    if (result == SESSION_AGAIN &&
        sessions_may_again(p->app, p->body.session, &p->again_until_ms,
                           problem))
        return begin_again(p, response, problem);
    if (result == SESSION_OK)
        *response = p->answer;
    return sessions_result(result);
}

static enum route_result commit(struct predict *p,
                                struct http_response *response,
                                struct problem *problem)
{
    p->change = (struct session_change){.state = p->after,
                                        .step = p->step,
                                        .window_filled = p->filled,
                                        .fate = p->body.end ? SESSION_ENDED
                                                            : SESSION_GOES_ON};
    if (p->base->plan.mode == SESSION_WINDOW &&
        p->body.start == SESSION_START_NO)
        p->change.rows_added = p->new_rows;
    if (p->claim.has_step) {
        p->change.digest = p->claim.digest;
        p->change.step_before = p->base->step;
        p->change.state_before = p->base->before;
        p->change.filled_before = p->base->filled;
        p->change.reply = predict_pack(p, &p->change.reply_length);
        if (!p->change.reply) {
            predict_no_memory(problem);
            return give_back(p, ROUTE_PROBLEM);
        }
    }
    p->answer = *response;
    p->is_committing = true;
    return committed(p, response, problem);
}

static bool start_run(struct predict *p, struct problem *problem)
{
    bool keeps = p->claim.has_step && p->body.commit;

    if (!base_of_loan(p, &p->origin, problem))
        return false;
    p->base = &p->origin;
    p->model = p->origin.plan.model;
    return predict_bind(p, problem) &&
           (!keeps ||
            session_prepare(&p->loan, predict_kept_bytes(p), problem));
}

static enum route_result run(struct predict *p, struct http_response *response,
                             struct problem *problem)
{
    enum route_result result;

    if (!p->is_gathered && !start_run(p, problem))
        return give_back(p, ROUTE_PROBLEM);
    result = predict_compute(p, problem);
    if (result == ROUTE_GATHER)
        return result;
    if (result != ROUTE_REPLY)
        return give_back(p, result);
    if (!p->body.commit) { /* a peek: the session stays as it is */
        p->step = p->base->step;
        p->filled = p->base->filled;
    }
    if (!predict_answer(p, problem) || !predict_respond(p, response, problem))
        return give_back(p, ROUTE_PROBLEM);
    if (!p->body.commit)
        return give_back(p, ROUTE_REPLY);
    return commit(p, response, problem);
}

/* The call of a session that ended, if this is a repetition of it. */
static bool find_ended(struct predict *p, const struct session_call **call,
                       struct problem *problem)
{
    *call = NULL;
    if (!p->claim.has_step)
        return true;
    return session_store_ended_call(p->app->sessions, p->body.session,
                                    p->claim.step, p->claim.digest,
                                    clock_monotonic_ms(), p->request->arena,
                                    call, problem) == SESSION_OK;
}

/* There is no session and none can be made.  Where that is because of what
 * the new one was to be, say so. */
static enum route_result refuse_absent(struct predict *p,
                                       struct problem *problem)
{
    unsigned status = problem_status(problem->type);

    if (p->body.start != SESSION_START_NO && !p->has_plan &&
        (status == 404 || status == 410))
        session_plan_make(p->app, p->model, &p->body.wish, &p->loan.plan,
                          problem);
    return refuse(p, problem);
}

static bool check_model(const struct predict *p, struct problem *problem)
{
    const struct served_model *own = p->loan.info.plan.model;

    if (!p->named || p->named == own)
        return true;
    return problem_set_at(problem, PROBLEM_OTHER_MODEL, "/model",
                          "the session \"%s\" belongs to the model \"%s\", "
                          "the call names \"%s\"",
                          p->body.session, own->name, p->named->name);
}

/* The session is ours, or with `is_lent` false there is none. */
static enum route_result attend(struct predict *p, bool is_lent,
                                struct http_response *response,
                                struct problem *problem)
{
    const struct session_call *ended = NULL;

    if ((!is_lent || p->loan.is_new) && !find_ended(p, &ended, problem))
        return give_back(p, ROUTE_PROBLEM);
    if (ended)
        return replay(p, ended, response, problem);
    if (!is_lent)
        return refuse_absent(p, problem);
    if (!check_model(p, problem))
        return refuse(p, problem);
    switch (session_judge(&p->claim, !p->loan.is_new, p->loan.info.step,
                          p->loan.last, problem)) {
    case SESSION_RUN:
        return run(p, response, problem);
    case SESSION_REPLAY:
        return replay(p, p->loan.last, response, problem);
    case SESSION_FORBID:
        break;
    }
    return refuse(p, problem);
}

/* Will it run, if what memory has of the session is right? */
static bool would_run(const struct predict *p)
{
    struct problem unused;

    return check_model(p, &unused) &&
           session_judge(&p->claim, !p->loan.is_new, p->loan.info.step,
                         p->loan.last, &unused) == SESSION_RUN;
}

/* What a copy led to, `result`: a refusal may be due to its age. */
static enum route_result doubt(struct predict *p, enum route_result result,
                               struct http_response *response,
                               struct problem *problem)
{
    if (result == ROUTE_PROBLEM && !p->is_committing &&
        problem_status(problem->type) < 500)
        return begin_again(p, response, problem);
    return result;
}

enum route_result predict_in_session(struct predict *p,
                                     struct http_response *response,
                                     struct problem *problem)
{
    const bool was_copy = p->loan.is_copy;
    enum session_result lent;
    enum route_result result;

    if (p->is_committing)
        return committed(p, response, problem);
    if (p->is_gathered) {
        result = run(p, response, problem);
        return was_copy ? doubt(p, result, response, problem) : result;
    }
    lent = sessions_acquire(p->app, p->request, &p->loan, problem);
    if (lent == SESSION_WAIT)
        return ROUTE_WAIT;
    if (lent != SESSION_OK || !p->loan.is_copy)
        return attend(p, lent == SESSION_OK, response, problem);
    /* Whether the copy was right a commit finds out; what comes to anything
     * else must know before. */
    if (!would_run(p)) {
        session_release(&p->loan, false, clock_monotonic_ms());
        return begin_again(p, response, problem);
    }
    result = attend(p, true, response, problem);
    return doubt(p, result, response, problem);
}
