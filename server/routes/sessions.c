#include "server/routes/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "core/state.h"
#include "server/clock.h"
#include "server/model_registry.h"
#include "server/routes/routes.h"
#include "server/routes/session_plan.h"

#define LIST_LIMIT      ((size_t)100) /* without ?limit= */
#define LIST_LIMIT_MOST ((size_t)1000)

static const char *const no_query[] = {NULL};

static enum route_result no_memory(struct problem *problem)
{
    problem_set(problem, PROBLEM_OVERLOADED, "out of memory for this request");
    return ROUTE_PROBLEM;
}

/* The id that was given, else a new one. */
static bool choose_id(struct session_task *task, const char *given,
                      struct problem *problem)
{
    if (!given) {
        if (!session_id_make(task->id))
            return problem_set(problem, PROBLEM_INTERNAL,
                               "the system gives no random numbers");
        given = task->id;
    }
    task->loan.id = given;
    return true;
}

/* ---- POST /sessions ----------------------------------------------------- */

static bool read_create(struct app *app, struct http_request *request,
                        struct session_task *task, struct problem *problem)
{
    const struct served_model *model;
    struct session_body body;

    if (!sessions_begin(request, no_query, problem) ||
        !sessions_json(request, true, problem) ||
        !session_body_read((const char *)request->body, request->body_length,
                           false, request->arena, &body, problem))
        return false;
    model = model_registry_find(app->models, body.model);
    if (!model)
        return problem_set_at(problem, PROBLEM_NO_SUCH_MODEL, "/model",
                              "there is no model \"%s\"", body.model);
    task->loan.want = SESSION_WANT_NEW;
    return session_plan_make(app, model, &body.wish, &task->loan.plan,
                             problem) &&
           choose_id(task, body.id, problem);
}

enum route_result route_session_create(struct app *app,
                                       struct http_request *request,
                                       struct http_response *response,
                                       struct problem *problem)
{
    struct session_task *task = sessions_task(app, request, problem);
    struct session_change change = {.step = 0};
    enum route_result result;

    if (!task ||
        (!task->is_begun && !read_create(app, request, task, problem)))
        return ROUTE_PROBLEM;
    task->is_begun = true;
    if (task->is_committing)
        return sessions_committed(app, request, task, response, problem);
    result = sessions_borrow(app, request, &task->loan, problem);
    if (result != ROUTE_REPLY)
        return result;
    return sessions_commit(app, request, task, 201, &change, response,
                           problem);
}

/* ---- GET /sessions/{id} ------------------------------------------------- */

/* Others may have changed it: the store is asked. */
static enum route_result look(struct http_request *request,
                              struct session_task *task,
                              struct session_info *info,
                              struct problem *problem)
{
    enum route_result result;

    task->look.store = task->loan.store;
    task->look.id = task->loan.id;
    task->look.wake = sessions_wake;
    task->look.arg = request;
    result = sessions_result(session_store_look(&task->look, problem));
    if (result == ROUTE_REPLY)
        *info = task->look.info;
    return result;
}

/* It is not in memory: to look is to borrow. */
static enum route_result fetch(struct app *app, struct http_request *request,
                               struct session_info *info,
                               struct problem *problem)
{
    struct session_task *task = sessions_task(app, request, problem);
    enum route_result result;

    if (!task)
        return ROUTE_PROBLEM;
    if (session_store_is_shared(app->sessions))
        return look(request, task, info, problem);
    result = sessions_borrow(app, request, &task->loan, problem);
    if (result != ROUTE_REPLY)
        return result;
    *info = task->loan.info;
    session_release(&task->loan, false, clock_monotonic_ms());
    return ROUTE_REPLY;
}

enum route_result route_session_get(struct app *app,
                                    struct http_request *request,
                                    struct http_response *response,
                                    struct problem *problem)
{
    enum session_result found = SESSION_WAIT;
    enum route_result result;
    struct session_info info;

    if (!sessions_begin(request, no_query, problem) ||
        !sessions_json(request, false, problem))
        return ROUTE_PROBLEM;
    if (!request->task)
        found = session_store_find(app->sessions, request->params[0],
                                   clock_monotonic_ms(), &info, problem);
    if (found == SESSION_REFUSED)
        return ROUTE_PROBLEM;
    if (found == SESSION_WAIT) {
        result = fetch(app, request, &info, problem);
        if (result != ROUTE_REPLY)
            return result;
    }
    return sessions_answer(request, 200, &info, false, response, problem);
}

/* ---- POST /sessions/{id}/reset ------------------------------------------ */

enum route_result route_session_reset(struct app *app,
                                      struct http_request *request,
                                      struct http_response *response,
                                      struct problem *problem)
{
    struct session_task *task;
    struct session_change change = {.step = 0};
    enum route_result result;
    void *zero;

    if (!sessions_begin(request, no_query, problem) ||
        !sessions_json(request, false, problem))
        return ROUTE_PROBLEM;
    task = sessions_task(app, request, problem);
    if (!task)
        return ROUTE_PROBLEM;
    if (task->is_committing)
        return sessions_committed(app, request, task, response, problem);
    result = sessions_borrow(app, request, &task->loan, problem);
    if (result != ROUTE_REPLY)
        return result;
    zero = arena_zalloc(request->arena, task->loan.info.state_bytes, 1, 64);
    if (!zero) {
        session_release(&task->loan, false, clock_monotonic_ms());
        return no_memory(problem);
    }
    if (task->loan.info.plan.mode == SESSION_CARRY)
        rnn_state_zero(task->loan.info.plan.model->model, zero);
    change.state = zero;
    return sessions_commit(app, request, task, 200, &change, response,
                           problem);
}

/* ---- POST /sessions/{id}/fork ------------------------------------------- */

/* Copy the source while it is borrowed; only then the other is made, so that
 * no request ever holds two sessions. */
static enum route_result copy_source(struct app *app,
                                     struct http_request *request,
                                     struct session_task *task,
                                     struct problem *problem)
{
    struct session_loan *loan = &task->loan;
    enum route_result result = sessions_borrow(app, request, loan, problem);
    size_t bytes;

    if (result != ROUTE_REPLY)
        return result;
    bytes = loan->info.state_bytes;
    task->source = loan->info;
    task->state = arena_alloc(request->arena, bytes, 1, 64);
    if (task->state)
        memcpy(task->state, loan->state, bytes);
    session_release(loan, false, clock_monotonic_ms());
    if (!task->state)
        return no_memory(problem);
    task->is_copied = true;
    *loan = (struct session_loan){.store = app->sessions,
                                  .want = SESSION_WANT_NEW,
                                  .plan = task->source.plan};
    return ROUTE_REPLY;
}

static enum route_result begin_fork(struct app *app,
                                    struct http_request *request,
                                    struct session_task *task,
                                    struct problem *problem)
{
    enum route_result result;
    struct session_body body;

    if (!session_body_read((const char *)request->body, request->body_length,
                           true, request->arena, &body, problem))
        return ROUTE_PROBLEM;
    result = copy_source(app, request, task, problem);
    if (result == ROUTE_REPLY && !choose_id(task, body.id, problem))
        return ROUTE_PROBLEM;
    return result;
}

enum route_result route_session_fork(struct app *app,
                                     struct http_request *request,
                                     struct http_response *response,
                                     struct problem *problem)
{
    struct session_change change;
    struct session_task *task;
    enum route_result result = ROUTE_REPLY;

    if (!sessions_begin(request, no_query, problem) ||
        !sessions_json(request, true, problem))
        return ROUTE_PROBLEM;
    task = sessions_task(app, request, problem);
    if (!task)
        return ROUTE_PROBLEM;
    if (task->is_committing)
        return sessions_committed(app, request, task, response, problem);
    if (!task->is_copied)
        result = begin_fork(app, request, task, problem);
    if (result == ROUTE_REPLY)
        result = sessions_borrow(app, request, &task->loan, problem);
    if (result != ROUTE_REPLY)
        return result;
    change =
        (struct session_change){.state = task->state,
                                .step = task->source.step,
                                .window_filled = task->source.window_filled};
    return sessions_commit(app, request, task, 201, &change, response,
                           problem);
}

/* ---- DELETE /sessions/{id} ---------------------------------------------- */

enum route_result route_session_delete(struct app *app,
                                       struct http_request *request,
                                       struct http_response *response,
                                       struct problem *problem)
{
    struct session_task *task;
    enum route_result result;

    if (!sessions_begin(request, no_query, problem))
        return ROUTE_PROBLEM;
    task = sessions_task(app, request, problem);
    if (!task)
        return ROUTE_PROBLEM;
    if (!task->is_committing) {
        task->loan.want = SESSION_WANT_GONE;
        result = sessions_borrow(app, request, &task->loan, problem);
        if (result != ROUTE_REPLY)
            return result;
        task->answer = *response;
        task->answer.status = 204;
        task->change = (struct session_change){.fate = SESSION_DELETED};
        task->is_committing = true;
    }
    return sessions_committed(app, request, task, response, problem);
}

/* ---- GET /sessions ------------------------------------------------------ */

static bool read_limit(const struct http_request *request, size_t *limit,
                       struct problem *problem)
{
    const char *text = http_query_value(request, "limit");
    size_t value = 0;

    *limit = LIST_LIMIT;
    if (!text)
        return true;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9' || value > LIST_LIMIT_MOST) {
            value = 0;
            break;
        }
        value = 10 * value + (size_t)(*c - '0');
    }
    if (value < 1 || value > LIST_LIMIT_MOST)
        return problem_set(problem, PROBLEM_BAD_QUERY,
                           "limit is \"%.32s\", it is a whole number from 1 "
                           "to %zu",
                           text, LIST_LIMIT_MOST);
    *limit = value;
    return true;
}

static bool read_after(const struct http_request *request, const char **after,
                       struct problem *problem)
{
    const char *text = http_query_value(request, "after");

    *after = text ? text : "";
    if (text && !session_id_is_valid(text, strlen(text)))
        return problem_set(problem, PROBLEM_BAD_ID,
                           "after is \"%.32s\", that is no session id", text);
    return true;
}

static enum route_result answer_list(const struct http_request *request,
                                     const struct session_info *infos,
                                     size_t count, bool has_more,
                                     struct http_response *response,
                                     struct problem *problem)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct json_writer writer;

    json_writer_init(&writer, request->arena);
    json_write_raw(&writer, "{");
    json_write_key(&writer, "sessions");
    json_write_raw(&writer, "[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            json_write_raw(&writer, ",");
        session_write_object(&writer, &infos[i], now_ms);
    }
    json_write_raw(&writer, "]");
    json_write_key(&writer, "next");
    json_write_string(&writer, has_more ? infos[count - 1].id : NULL);
    json_write_raw(&writer, "}");
    if (writer.failed)
        return no_memory(problem);
    response->content_type = "application/json";
    response->body = writer.text;
    response->body_length = writer.length;
    return ROUTE_REPLY;
}

/* One more than is shown tells whether there are more. */
static bool begin_list(struct app *app, struct http_request *request,
                       struct session_task *task, const char *after,
                       size_t limit, struct problem *problem)
{
    struct session_page *page = &task->page;

    *page = (struct session_page){.store = app->sessions,
                                  .after = after,
                                  .limit = limit + 1,
                                  .wake = sessions_wake,
                                  .arg = request};
    page->infos = arena_alloc(request->arena, limit + 1, sizeof(*page->infos),
                              _Alignof(struct session_info));
    return page->infos || problem_set(problem, PROBLEM_OVERLOADED,
                                      "out of memory for this request");
}

enum route_result route_session_list(struct app *app,
                                     struct http_request *request,
                                     struct http_response *response,
                                     struct problem *problem)
{
    static const char *const known[] = {"limit", "after", NULL};
    struct session_task *task;
    enum route_result result;
    const char *after;
    size_t limit;
    bool has_more;

    if (!app->config->list_sessions) {
        problem_set(problem, PROBLEM_NOT_ALLOWED,
                    "listing sessions needs the option list_sessions");
        return ROUTE_PROBLEM;
    }
    if (!sessions_begin(request, known, problem) ||
        !sessions_json(request, false, problem) ||
        !read_limit(request, &limit, problem) ||
        !read_after(request, &after, problem))
        return ROUTE_PROBLEM;
    if (!request->on_worker && !request->task) /* it looks at every session */
        return ROUTE_OFFLOAD;
    task = sessions_task(app, request, problem);
    if (!task || (!task->page.infos &&
                  !begin_list(app, request, task, after, limit, problem)))
        return ROUTE_PROBLEM;
    result = sessions_result(
        session_store_page(&task->page, clock_monotonic_ms(), problem));
    if (result != ROUTE_REPLY)
        return result;
    has_more = task->page.count > limit;
    return answer_list(request, task->page.infos,
                       has_more ? limit : task->page.count, has_more, response,
                       problem);
}
