#include <string.h>

#include "server/http/message.h"
#include "server/json/predict_rules.h"
#include "server/json/session_wish.h"

/* What one reading fills. */
struct query {
    struct predict_body body;
    size_t batch;
    uint32_t given;
    struct problem *problem;
};

static bool bad_value(struct query *query, const struct http_query *field,
                      const char *wanted)
{
    return problem_set(query->problem, PROBLEM_BAD_QUERY,
                       "\"%s\" must be %s, not \"%.64s\"", field->name, wanted,
                       field->value);
}

static bool take_bool(struct query *query, const struct http_query *field,
                      bool *value)
{
    if (!strcmp(field->value, "true"))
        *value = true;
    else if (!strcmp(field->value, "false"))
        *value = false;
    else
        return bad_value(query, field, "true or false");
    return true;
}

static bool take_whole(struct query *query, const struct http_query *field,
                       uint64_t least, uint64_t *value)
{
    const uint64_t max = UINT64_C(1000000000000000000);
    const char *at = field->value;
    uint64_t number = 0;

    for (; *at >= '0' && *at <= '9' && number <= max / 10; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    if (at == field->value || *at || number < least || number > max)
        return bad_value(query, field,
                         least ? "a whole number from 1 on"
                               : "a whole number from 0 on");
    *value = number;
    return true;
}

static bool take_start(struct query *query, const struct http_query *field)
{
    bool start = false;

    if (!strcmp(field->value, "restart")) {
        query->body.start = SESSION_RESTART;
        return true;
    }
    if (!take_bool(query, field, &start))
        return bad_value(query, field, "true or restart");
    query->body.start = start ? SESSION_START_TRUE : SESSION_START_NO;
    return true;
}

static bool take_session(struct query *query, const struct http_query *field)
{
    if (!session_id_is_valid(field->value, strlen(field->value)))
        return problem_set(query->problem, PROBLEM_BAD_ID,
                           "\"session\" must be 1 to 128 of A-Z a-z 0-9 . _ "
                           "~ - and neither \".\" nor \"..\"");
    query->body.session = field->value;
    return true;
}

static bool take_wish(struct query *query, const struct http_query *field,
                      enum predict_field which)
{
    struct session_wish *wish = &query->body.wish;
    uint64_t window = 0;

    if (which == PREDICT_MODE_FIELD)
        return session_mode_parse(field->value, &wish->mode) ||
               bad_value(query, field, "carry or window");
    if (which == PREDICT_TTL_FIELD) {
        wish->has_ttl = true;
        return duration_parse(field->value, &wish->ttl_ms) ||
               bad_value(query, field, "a time as 30s (ms, s, min, h) or 0");
    }
    if (!take_whole(query, field, 1, &window))
        return false;
    wish->has_window = true;
    wish->window = (size_t)window;
    return true;
}

static bool take_field(struct query *query, const struct http_query *field,
                       enum predict_field which)
{
    struct predict_body *body = &query->body;

    switch (which) {
    case PREDICT_EVERY_STEP_FIELD:
        return take_bool(query, field, &body->every_step);
    case PREDICT_SESSION_FIELD:
        return take_session(query, field);
    case PREDICT_START_FIELD:
        return take_start(query, field);
    case PREDICT_END_FIELD:
        return take_bool(query, field, &body->end);
    case PREDICT_STEP_FIELD:
        body->has_step = true;
        return take_whole(query, field, 0, &body->step);
    case PREDICT_COMMIT_FIELD:
        return take_bool(query, field, &body->commit);
    case PREDICT_MODEL_FIELD:
        body->model = field->value;
        return true;
    case PREDICT_MODE_FIELD:
    case PREDICT_WINDOW_FIELD:
    case PREDICT_TTL_FIELD:
        return take_wish(query, field, which);
    case PREDICT_SEQUENCE_FIELD:
    case PREDICT_SEQUENCES_FIELD:
    case PREDICT_INPUTS_FIELD:
    case PREDICT_FIELD_COUNT:
        break;
    }
    return problem_set(query->problem, PROBLEM_BAD_QUERY,
                       "\"%.64s\" is not a field of this query", field->name);
}

static bool take(struct query *query, const struct http_query *field)
{
    enum predict_field which = 0;
    uint64_t batch = 0;

    if (!strcmp(field->name, "batch")) {
        if (!take_whole(query, field, 1, &batch))
            return false;
        query->batch = (size_t)batch;
        return true;
    }
    while (which < PREDICT_FIELD_COUNT &&
           strcmp(field->name, predict_field_name(which)) != 0)
        which++;
    if (!take_field(query, field, which))
        return false;
    query->given |= UINT32_C(1) << which;
    return true;
}

bool predict_query_read(const struct http_request *request,
                        struct predict_body *body, size_t *batch,
                        struct problem *problem)
{
    struct query query = {
        .body = {.form = body->form,
                 .samples = body->samples,
                 .sample_count = body->sample_count,
                 .commit = true},
        .problem = problem,
    };
    enum predict_field field;
    const char *fault;
    size_t i;

    for (i = 0; i < request->query_count; i++)
        if (!take(&query, &request->query[i]))
            return false;
    if (query.batch && query.body.session)
        return problem_set(problem, PROBLEM_BAD_QUERY,
                           "\"batch\" does not go with \"session\", which "
                           "takes one sequence");
    fault = predict_rules_check(&query.body, query.given, &field);
    if (fault)
        return problem_set(problem, PROBLEM_BAD_QUERY, "\"%s\" %s",
                           predict_field_name(field), fault);
    *body = query.body;
    *batch = query.batch;
    return true;
}
