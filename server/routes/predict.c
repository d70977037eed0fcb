#include "server/routes/predict.h"

#include <string.h>

#include "server/clock.h"
#include "server/routes/routes.h"
#include "server/routes/session_plan.h"

/* A loop may be held for about a millisecond.  AVX2 cores of the last ten
 * years do 4 to 16 multiply-adds in a nanosecond at batch 1 and read a few
 * hundred bytes of JSON in a microsecond; above these marks the work goes to
 * a worker. */
#define LOOP_COST  ((uint64_t)5000000)
#define LOOP_BYTES ((size_t)256 * 1024)

static bool refuse_query(const char *name, struct problem *problem)
{
    return problem_set(problem, PROBLEM_BAD_QUERY,
                       "the query field \"%s\" is not known with a JSON "
                       "body: it may name \"model\"",
                       name);
}

/* With a JSON body the query may only name the model. */
static bool read_json_query(struct predict *p, struct problem *problem)
{
    for (size_t i = 0; i < p->request->query_count; i++) {
        const struct http_query *field = &p->request->query[i];

        if (strcmp(field->name, "model") != 0)
            return refuse_query(field->name, problem);
        if (p->body.model && strcmp(p->body.model, field->value) != 0)
            return problem_set(problem, PROBLEM_BAD_QUERY,
                               "the query names the model \"%s\", the body "
                               "\"%s\"",
                               field->value, p->body.model);
        p->body.model = field->value;
    }
    return true;
}

static bool read_body(struct predict *p, struct problem *problem)
{
    const struct config *config = p->app->config;
    const struct http_request *request = p->request;
    struct predict_limits limits = {.max_elements = config->max_elements,
                                    .max_timesteps = config->max_timesteps,
                                    .max_batch = config->max_batch};
    unsigned media = 1u << HTTP_MEDIA_JSON | 1u << HTTP_MEDIA_BINARY;

    if (!http_media_in(request, media, &p->in, problem) ||
        !http_media_out(request, media, p->in, &p->out, problem))
        return false;
    if (p->in == HTTP_MEDIA_BINARY) {
        p->body.commit = true;
        return predict_query_read(request, &p->body, &p->batch, problem);
    }
    return predict_body_read((const char *)request->body, request->body_length,
                             &limits, request->arena, &p->body, problem) &&
           read_json_query(p, problem);
}

static bool find_model(struct predict *p, struct problem *problem)
{
    struct model_registry *models = p->app->models;

    p->model = model_registry_find(models, p->body.model);
    if (p->body.model)
        p->named = p->model;
    if (p->model)
        return true;
    return problem_set_at(problem, PROBLEM_NO_SUCH_MODEL, "/model",
                          "there is no model \"%s\"", p->body.model);
}

/* The call's digest: the query, the body and both media types. */
static void digest_call(struct predict *p)
{
    const unsigned char media[2] = {(unsigned char)p->in,
                                    (unsigned char)p->out};
    const struct rnn_digest_part parts[] = {
        {p->request->raw_query, strlen(p->request->raw_query)},
        {p->request->body, p->request->body_length},
        {media, sizeof(media)}};

    rnn_digest(parts, sizeof(parts) / sizeof(parts[0]), p->claim.digest);
}

/* What the session is to be if it must be made.  A failure counts only when
 * it must: a restart of a live one keeps what that is. */
static void plan_session(struct predict *p)
{
    struct problem unused;

    p->loan = (struct session_loan){.store = p->app->sessions,
                                    .id = p->body.session,
                                    .want = SESSION_WANT_LIVE,
                                    .trusts_copy =
                                        p->body.commit && !p->must_be_sure};
    p->claim.start = p->body.start;
    p->claim.has_step = p->body.has_step;
    p->claim.step = p->body.has_step ? p->body.step : 0;
    if (p->body.has_step)
        digest_call(p);
    if (p->body.start == SESSION_START_NO)
        return;
    p->has_plan = session_plan_make(p->app, p->model, &p->body.wish,
                                    &p->loan.plan, &unused);
    if (p->has_plan)
        p->loan.want = SESSION_WANT_ANY;
}

static struct predict *read_call(struct app *app, struct http_request *request,
                                 struct problem *problem)
{
    struct predict *p =
        arena_zalloc(request->arena, 1, sizeof(*p), _Alignof(struct predict));

    if (!p) {
        predict_no_memory(problem);
        return NULL;
    }
    p->app = app;
    p->request = request;
    if (!read_body(p, problem) || !find_model(p, problem))
        return NULL;
    if (p->body.session)
        plan_session(p);
    return p;
}

bool predict_begin_again(struct predict *p, struct problem *problem)
{
    *p = (struct predict){.app = p->app,
                          .request = p->request,
                          .in = p->in,
                          .out = p->out,
                          .body = p->body,
                          .batch = p->batch,
                          .must_be_sure = true,
                          .again_until_ms = p->again_until_ms};
    if (!find_model(p, problem))
        return false;
    plan_session(p);
    return true;
}

/* Too much for a loop?  Of a session only what it is now is looked at; should
 * it change until it is borrowed, nothing is wrong but the estimate. */
static bool is_heavy(const struct predict *p)
{
    const struct served_model *model = p->model;
    const struct session_plan *plan = NULL;
    struct session_info info;
    struct problem unused;

    if (p->body.session) {
        plan = p->has_plan ? &p->loan.plan : NULL;
        switch (session_store_glance(p->app->sessions, p->body.session,
                                     clock_monotonic_ms(), &info, &unused)) {
        case SESSION_OK:
            plan = &info.plan;
            break;
        case SESSION_WAIT: /* nobody knows before it has been read */
            return true;
        case SESSION_REFUSED:
        case SESSION_AGAIN:
            break;
        }
    }
    if (plan)
        model = plan->model;
    return predict_cost(p, model, plan) > LOOP_COST;
}

static enum route_result stateless(struct predict *p,
                                   struct http_response *response,
                                   struct problem *problem)
{
    enum route_result result;

    if (!p->is_gathered && !predict_bind(p, problem))
        return ROUTE_PROBLEM;
    result = predict_compute(p, problem);
    if (result != ROUTE_REPLY)
        return result;
    if (!predict_answer(p, problem) || !predict_respond(p, response, problem))
        return ROUTE_PROBLEM;
    return ROUTE_REPLY;
}

enum route_result route_predict(struct app *app, struct http_request *request,
                                struct http_response *response,
                                struct problem *problem)
{
    struct predict *p = request->task;

    if (!p) {
        if (!request->on_worker && request->body_length > LOOP_BYTES)
            return ROUTE_OFFLOAD;
        p = read_call(app, request, problem);
        if (!p)
            return ROUTE_PROBLEM;
        request->task = p;
        if (!request->on_worker && is_heavy(p))
            return ROUTE_OFFLOAD;
    }
    if (p->body.session)
        return predict_in_session(p, response, problem);
    return stateless(p, response, problem);
}
