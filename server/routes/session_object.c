#include <stdio.h>
#include <string.h>

#include "server/clock.h"
#include "server/metrics.h"
#include "server/model_registry.h"
#include "server/routes/sessions.h"

bool sessions_begin(const struct http_request *request,
                    const char *const *known, struct problem *problem)
{
    for (size_t i = 0; i < request->query_count; i++) {
        const char *name = request->query[i].name;
        size_t k = 0;

        while (known[k] && strcmp(known[k], name) != 0)
            k++;
        if (!known[k])
            return problem_set(problem, PROBLEM_BAD_QUERY,
                               "the query field \"%s\" is not known here",
                               name);
    }
    if (request->params[0] &&
        !session_id_is_valid(request->params[0], strlen(request->params[0])))
        return problem_set(problem, PROBLEM_BAD_ID,
                           "a session id is 1 to 128 of A-Z a-z 0-9 . _ ~ -, "
                           "and not . or ..");
    return true;
}

bool sessions_json(const struct http_request *request, bool takes_body,
                   struct problem *problem)
{
    enum http_media media;

    if (takes_body &&
        !http_media_in(request, 1u << HTTP_MEDIA_JSON, &media, problem))
        return false;
    return http_media_out(request, 1u << HTTP_MEDIA_JSON, HTTP_MEDIA_JSON,
                          &media, problem);
}

struct session_task *sessions_task(struct app *app,
                                   struct http_request *request,
                                   struct problem *problem)
{
    struct session_task *task = request->task;

    if (task)
        return task;
    task = arena_zalloc(request->arena, 1, sizeof(*task),
                        _Alignof(struct session_task));
    if (!task) {
        problem_set(problem, PROBLEM_OVERLOADED,
                    "out of memory for this request");
        return NULL;
    }
    task->loan.store = app->sessions;
    task->loan.id = request->params[0];
    request->task = task;
    return task;
}

void sessions_wake(void *request)
{
    http_wake(request);
}

enum session_result sessions_acquire(struct app *app,
                                     struct http_request *request,
                                     struct session_loan *loan,
                                     struct problem *problem)
{
    uint64_t now_ms = clock_monotonic_ms();
    enum session_result result;

    loan->wake = sessions_wake;
    loan->arg = request;
    if (!loan->wake_at_ms)
        loan->wake_at_ms = now_ms + app->config->session_wait;
    /* A server that must end brings the deadline forward. */
    if (loan->wake_at_ms > request->deadline_ms)
        loan->wake_at_ms = request->deadline_ms;
    result = session_acquire(loan, now_ms, problem);
    request->wake_at_ms = loan->wake_at_ms;
    return result;
}

enum route_result sessions_result(enum session_result result)
{
    switch (result) {
    case SESSION_OK:
        return ROUTE_REPLY;
    case SESSION_WAIT:
        return ROUTE_WAIT;
    case SESSION_REFUSED:
    case SESSION_AGAIN:
        break;
    }
    return ROUTE_PROBLEM;
}

enum route_result sessions_borrow(struct app *app,
                                  struct http_request *request,
                                  struct session_loan *loan,
                                  struct problem *problem)
{
    enum route_result result =
        sessions_result(sessions_acquire(app, request, loan, problem));

    if (result == ROUTE_PROBLEM && problem_status(problem->type) == 409)
        metrics_add(app->metrics, METRIC_SESSION_CONFLICTS, 1);
    return result;
}

/* ---- the session object ------------------------------------------------- */

/* "90s", "2min", "1h": the largest unit that divides it. */
static void write_duration(struct json_writer *writer, uint64_t ms)
{
    static const struct {
        uint64_t ms;
        const char *name;
    } units[] = {{3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    size_t u = 0;
    char text[32];

    while (ms % units[u].ms)
        u++;
    if (ms)
        snprintf(text, sizeof(text), "%llu%s",
                 (unsigned long long)(ms / units[u].ms), units[u].name);
    else
        snprintf(text, sizeof(text), "0");
    json_write_string(writer, text);
}

static void write_seconds(struct json_writer *writer, uint64_t ms)
{
    char text[32];

    snprintf(text, sizeof(text), "%llu.%03u", (unsigned long long)(ms / 1000),
             (unsigned)(ms % 1000));
    json_write_raw(writer, text);
}

static void write_window(struct json_writer *writer,
                         const struct session_info *info)
{
    bool is_window = info->plan.mode == SESSION_WINDOW;

    json_write_key(writer, "window");
    if (is_window)
        json_write_uint(writer, info->plan.window);
    else
        json_write_raw(writer, "null");
    json_write_key(writer, "window_filled");
    if (is_window)
        json_write_uint(writer, info->window_filled);
    else
        json_write_raw(writer, "null");
}

static void write_times(struct json_writer *writer,
                        const struct session_info *info, uint64_t now_ms)
{
    uint64_t idle_ms = now_ms > info->used_ms ? now_ms - info->used_ms : 0;
    uint64_t ttl_ms = info->plan.ttl_ms;
    char created[CLOCK_TEXT_SIZE];

    clock_format(info->created_ms, created);
    json_write_key(writer, "ttl");
    write_duration(writer, ttl_ms);
    json_write_key(writer, "created_at");
    json_write_string(writer, created);
    json_write_key(writer, "idle_seconds");
    write_seconds(writer, idle_ms);
    json_write_key(writer, "expires_in_seconds");
    if (ttl_ms)
        write_seconds(writer, ttl_ms > idle_ms ? ttl_ms - idle_ms : 0);
    else
        json_write_raw(writer, "null");
}

void session_write_object(struct json_writer *writer,
                          const struct session_info *info, uint64_t now_ms)
{
    bool is_window = info->plan.mode == SESSION_WINDOW;

    json_write_raw(writer, "{");
    json_write_key(writer, "id");
    json_write_string(writer, info->id);
    json_write_key(writer, "model");
    json_write_string(writer, info->plan.model->name);
    json_write_key(writer, "mode");
    json_write_string(writer, is_window ? "window" : "carry");
    json_write_key(writer, "step");
    json_write_uint(writer, info->step);
    write_window(writer, info);
    write_times(writer, info, now_ms);
    json_write_key(writer, "state_bytes");
    json_write_uint(writer, info->state_bytes);
    json_write_raw(writer, "}");
}

enum route_result sessions_answer(const struct http_request *request,
                                  unsigned status,
                                  const struct session_info *info,
                                  bool location,
                                  struct http_response *response,
                                  struct problem *problem)
{
    char path[sizeof("/sessions/") + SESSION_ID_SIZE];
    struct json_writer writer;
    const char *where = NULL;

    json_writer_init(&writer, request->arena);
    session_write_object(&writer, info, clock_monotonic_ms());
    if (location) {
        snprintf(path, sizeof(path), "/sessions/%s", info->id);
        where = arena_copy_text(request->arena, path, strlen(path));
    }
    if (writer.failed || (location && !where)) {
        problem_set(problem, PROBLEM_OVERLOADED,
                    "out of memory for the answer");
        return ROUTE_PROBLEM;
    }
    if (where)
        http_response_header(response, "Location", where);
    response->status = status;
    response->content_type = "application/json";
    response->body = writer.text;
    response->body_length = writer.length;
    return ROUTE_REPLY;
}

/* ---- committing --------------------------------------------------------- */

enum session_result sessions_change(struct http_request *request,
                                    struct session_loan *loan,
                                    const struct session_change *change,
                                    struct problem *problem)
{
    enum session_result result;

    /* A server that must end brings the deadline forward. */
    if (loan->is_sent && loan->wake_at_ms > request->deadline_ms)
        loan->wake_at_ms = request->deadline_ms;
    result = session_commit(loan, change, clock_monotonic_ms(), problem);
    request->wake_at_ms = loan->wake_at_ms;
    return result;
}

bool sessions_may_again(struct app *app, const char *id, uint64_t *until_ms,
                        struct problem *problem)
{
    uint64_t now_ms = clock_monotonic_ms();

    if (!*until_ms)
        *until_ms = now_ms + app->config->session_wait;
    metrics_add(app->metrics, METRIC_SESSION_CONFLICTS, 1);
    if (now_ms < *until_ms)
        return true;
    return problem_set(problem, PROBLEM_SESSION_BUSY,
                       "other replicas have changed the session \"%s\" "
                       "faster than this call for session_wait = %llu ms",
                       id, (unsigned long long)app->config->session_wait);
}

/* From the beginning, in a moment. */
static enum route_result begin_again(struct app *app,
                                     struct http_request *request,
                                     struct session_task *task,
                                     struct problem *problem)
{
    if (!sessions_may_again(app, task->loan.id, &task->again_until_ms,
                            problem))
        return ROUTE_PROBLEM;
    *task = (struct session_task){
        .loan = {.store = app->sessions, .id = request->params[0]},
        .again_until_ms = task->again_until_ms};
    http_wake(request);
    return ROUTE_WAIT;
}

enum route_result sessions_committed(struct app *app,
                                     struct http_request *request,
                                     struct session_task *task,
                                     struct http_response *response,
                                     struct problem *problem)
{
    enum session_result result =
        sessions_change(request, &task->loan, &task->change, problem);

    if (result == SESSION_AGAIN)
        return begin_again(app, request, task, problem);
    if (result == SESSION_OK)
        *response = task->answer;
    return sessions_result(result);
}

enum route_result sessions_commit(struct app *app,
                                  struct http_request *request,
                                  struct session_task *task, unsigned status,
                                  const struct session_change *change,
                                  struct http_response *response,
                                  struct problem *problem)
{
    struct session_info info = task->loan.info;

    info.step = change->step;
    info.window_filled = change->window_filled;
    info.used_ms = clock_monotonic_ms();
    /* The answer first: what cannot be answered is not done. */
    if (sessions_answer(request, status, &info, status == 201, response,
                        problem) != ROUTE_REPLY) {
        session_release(&task->loan, false, info.used_ms);
        return ROUTE_PROBLEM;
    }
    task->answer = *response;
    task->change = *change;
    task->is_committing = true;
    return sessions_committed(app, request, task, response, problem);
}
