#include <string.h>

#include "server/clock.h"
#include "server/json/state_safetensors.h"
#include "server/model_registry.h"
#include "server/routes/routes.h"
#include "server/routes/session_plan.h"
#include "server/routes/sessions.h"

/* Above this many bytes the work is for a worker. */
#define LOOP_BYTES ((size_t)64 * 1024)

#define BOTH (1u << HTTP_MEDIA_JSON | 1u << HTTP_MEDIA_SAFETENSORS)

static const char *const no_query[] = {NULL};

static enum route_result no_memory(struct problem *problem)
{
    problem_set(problem, PROBLEM_OVERLOADED, "out of memory for the state");
    return ROUTE_PROBLEM;
}

/* ---- GET /sessions/{id}/state ------------------------------------------- */

/* Is the state too long to be written by a loop? */
static bool is_heavy(struct app *app, const struct http_request *request)
{
    struct session_info info;
    struct problem unused;

    switch (session_store_glance(app->sessions, request->params[0],
                                 clock_monotonic_ms(), &info, &unused)) {
    case SESSION_OK:
        return info.state_bytes > LOOP_BYTES;
    case SESSION_WAIT: /* nobody knows before it has been read */
        return true;
    case SESSION_REFUSED:
    case SESSION_AGAIN:
        break;
    }
    return false;
}

static enum route_result answer_state(const struct http_request *request,
                                      const struct session_info *info,
                                      const void *state, enum http_media media,
                                      struct http_response *response,
                                      struct problem *problem)
{
    if (media == HTTP_MEDIA_JSON) {
        response->content_type = "application/json";
        response->body = session_export_json(info, state, request->arena,
                                             &response->body_length);
    } else {
        response->content_type = "application/x-safetensors";
        response->body = session_export_safetensors(
            info, state, NULL, request->arena, &response->body_length);
    }
    return response->body ? ROUTE_REPLY : no_memory(problem);
}

enum route_result route_session_export(struct app *app,
                                       struct http_request *request,
                                       struct http_response *response,
                                       struct problem *problem)
{
    struct session_task *task;
    enum route_result result;
    enum http_media media;

    if (!sessions_begin(request, no_query, problem) ||
        !http_media_out(request, BOTH, HTTP_MEDIA_JSON, &media, problem))
        return ROUTE_PROBLEM;
    if (!request->on_worker && !request->task && is_heavy(app, request))
        return ROUTE_OFFLOAD;
    task = sessions_task(app, request, problem);
    if (!task)
        return ROUTE_PROBLEM;
    result = sessions_borrow(app, request, &task->loan, problem);
    if (result != ROUTE_REPLY)
        return result;
    task->state =
        arena_alloc(request->arena, task->loan.info.state_bytes, 1, 64);
    if (task->state)
        memcpy(task->state, task->loan.state, task->loan.info.state_bytes);
    session_release(&task->loan, false, clock_monotonic_ms());
    if (!task->state)
        return no_memory(problem);
    return answer_state(request, &task->loan.info, task->state, media,
                        response, problem);
}

/* ---- PUT /sessions/{id}/state ------------------------------------------- */

/* The model that the state is of: the one that is named, if the fingerprint
 * is its, else any that has it. */
static const struct served_model *find_owner(const struct app *app,
                                             const struct state_body *body)
{
    const struct served_model *named =
        body->model ? model_registry_find(app->models, body->model) : NULL;

    if (named && !strcmp(named->fingerprint, body->fingerprint))
        return named;
    for (size_t i = 0; i < model_registry_count(app->models); i++) {
        const struct served_model *model = model_registry_at(app->models, i);

        if (!strcmp(model->fingerprint, body->fingerprint))
            return model;
    }
    return NULL;
}

bool sessions_other_model(const struct state_body *body,
                          struct problem *problem)
{
    if (body->numerics && body->numerics != RNN_NUMERICS)
        return problem_set_at(
            problem, PROBLEM_OTHER_MODEL, "/numerics",
            "the state was made by version %llu of the numerics, this rnnd "
            "has version %d: even of the same model it cannot go on here",
            (unsigned long long)body->numerics, RNN_NUMERICS);
    return problem_set_at(problem, PROBLEM_OTHER_MODEL, "/fingerprint",
                          "the state is of a model with the fingerprint "
                          "%.64s, none that is served has it",
                          body->fingerprint);
}

static bool read_state(struct app *app, struct http_request *request,
                       struct state_body *body, struct problem *problem)
{
    size_t most = app->config->max_elements;
    enum http_media in, out;

    if (!sessions_begin(request, no_query, problem) ||
        !http_media_in(request, BOTH, &in, problem) ||
        !http_media_out(request, 1u << HTTP_MEDIA_JSON, HTTP_MEDIA_JSON, &out,
                        problem))
        return false;
    if (in == HTTP_MEDIA_SAFETENSORS)
        return state_safetensors_read(request->body, request->body_length,
                                      most, request->arena, body, problem);
    return state_body_read((const char *)request->body, request->body_length,
                           most, request->arena, body, problem);
}

static bool read_import(struct app *app, struct http_request *request,
                        struct session_task *task, struct problem *problem)
{
    const struct served_model *model;
    struct session_wish wish = {0};
    struct state_body body;

    if (!read_state(app, request, &body, problem))
        return false;
    model = find_owner(app, &body);
    if (!model)
        return sessions_other_model(&body, problem);
    wish.mode = body.mode;
    wish.has_window = body.mode == SESSION_WINDOW;
    wish.window = body.window;
    if (!session_plan_make(app, model, &wish, &task->loan.plan, problem))
        return false;
    task->loan.want = SESSION_WANT_ANY;
    task->step = body.step;
    return session_state_restore(&task->loan.plan, &body, request->arena,
                                 &task->state, &task->filled, problem);
}

/* A live session takes only what has its own model, mode and window. */
static bool check_live(const struct session_loan *loan,
                       struct problem *problem)
{
    const struct session_plan *own = &loan->info.plan, *given = &loan->plan;

    if (strcmp(own->model->fingerprint, given->model->fingerprint) != 0)
        return problem_set_at(problem, PROBLEM_OTHER_MODEL, "/fingerprint",
                              "the session \"%s\" belongs to the model "
                              "\"%s\", the state to \"%s\"",
                              loan->id, own->model->name, given->model->name);
    if (own->mode != given->mode)
        return problem_set_at(
            problem, PROBLEM_SHAPE_MISMATCH, "/mode",
            "the session \"%s\" is in mode %s, the state "
            "in mode %s",
            loan->id, own->mode == SESSION_CARRY ? "carry" : "window",
            given->mode == SESSION_CARRY ? "carry" : "window");
    if (own->window != given->window)
        return problem_set_at(problem, PROBLEM_SHAPE_MISMATCH, "/window",
                              "the session \"%s\" has a window of %zu, the "
                              "state one of %zu",
                              loan->id, own->window, given->window);
    return true;
}

enum route_result route_session_import(struct app *app,
                                       struct http_request *request,
                                       struct http_response *response,
                                       struct problem *problem)
{
    struct session_change change = {.step = 0};
    struct session_task *task;
    enum route_result result;

    if (!request->on_worker && !request->task &&
        request->body_length > LOOP_BYTES)
        return ROUTE_OFFLOAD;
    task = sessions_task(app, request, problem);
    if (!task ||
        (!task->is_begun && !read_import(app, request, task, problem)))
        return ROUTE_PROBLEM;
    task->is_begun = true;
    if (task->is_committing)
        return sessions_committed(app, request, task, response, problem);
    result = sessions_borrow(app, request, &task->loan, problem);
    if (result != ROUTE_REPLY)
        return result;
    if (!task->loan.is_new && !check_live(&task->loan, problem)) {
        session_release(&task->loan, false, clock_monotonic_ms());
        return ROUTE_PROBLEM;
    }
    change.state = task->state;
    change.step = task->step;
    change.window_filled = task->filled;
    return sessions_commit(app, request, task, task->loan.is_new ? 201 : 200,
                           &change, response, problem);
}
