#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/message.h"
#include "server/json/predict_body.h"

/* A request with the query fields of "a=1&b=2"; `text` is taken apart. */
static void make_request(struct http_request *request, char *text)
{
    char *rest = NULL, *field;

    memset(request, 0, sizeof(*request));
    for (field = strtok_r(text, "&", &rest); field;
         field = strtok_r(NULL, "&", &rest)) {
        char *equals = strchr(field, '=');

        *equals = '\0';
        request->query[request->query_count++] =
            (struct http_query){field, equals + 1};
    }
}

static bool read_query(const char *query, struct predict_body *body,
                       size_t *batch, struct problem *problem)
{
    static char text[512];
    struct http_request request;

    snprintf(text, sizeof(text), "%s", query);
    make_request(&request, text);
    memset(problem, 0, sizeof(*problem));
    return predict_query_read(&request, body, batch, problem);
}

static void every_field_is_read_from_the_query(void **state)
{
    struct json_sample sample;
    struct predict_body body = {
        .form = PREDICT_SEQUENCES, .samples = &sample, .sample_count = 1};
    struct problem problem;
    size_t batch = 9;

    (void)state;
    assert_true(read_query("session=a.b&start=true&end=true&step=0&commit="
                           "true&every_step=true&model=m&mode=window&window="
                           "12&ttl=2h",
                           &body, &batch, &problem));
    assert_int_equal(batch, 0);
    assert_string_equal(body.session, "a.b");
    assert_int_equal(body.start, SESSION_START_TRUE);
    assert_true(body.end && body.has_step && body.commit && body.every_step);
    assert_int_equal(body.step, 0);
    assert_string_equal(body.model, "m");
    assert_int_equal(body.wish.mode, SESSION_WINDOW);
    assert_true(body.wish.has_window && body.wish.has_ttl);
    assert_int_equal(body.wish.window, 12);
    assert_int_equal(body.wish.ttl_ms, 7200000);
    assert_int_equal(body.form, PREDICT_SEQUENCES);
    assert_ptr_equal(body.samples, &sample);
    assert_int_equal(body.sample_count, 1);

    assert_true(read_query("batch=3&model=", &body, &batch, &problem));
    assert_int_equal(batch, 3);
    assert_null(body.session);
    assert_true(body.commit);
    assert_false(body.has_step || body.end || body.every_step);

    assert_true(read_query("session=s&start=restart&step=1000000000000000000",
                           &body, &batch, &problem));
    assert_int_equal(body.start, SESSION_RESTART);
    assert_int_equal(body.step, 1000000000000000000);
    assert_true(read_query("session=s&commit=false", &body, &batch, &problem));
    assert_false(body.commit);
    assert_true(read_query("", &body, &batch, &problem));
}

static void a_query_that_is_wrong_is_refused(void **state)
{
    static const char *const queries[] = {
        "sequence=[1]",
        "sequences=1",
        "inputs=a",
        "unknown=1",
        "Session=s",
        "session=s&step=-1",
        "session=s&step=1.0",
        "session=s&step=",
        "session=s&step= 1",
        "session=s&step=1000000000000000001",
        "session=s&step=99999999999999999999999",
        "session=s&end=1",
        "session=s&end=True",
        "session=s&commit=no",
        "session=s&start=yes",
        "session=s&start=",
        "every_step=",
        "batch=0",
        "batch=x",
        "batch=-1",
        "batch=2&session=s",
        "batch=1&session=s",
        "step=1",
        "start=true",
        "end=false",
        "commit=true",
        "mode=carry",
        "window=1",
        "ttl=0",
        "session=s&ttl=1s",
        "session=s&start=true&ttl=1",
        "session=s&start=true&mode=x",
        "session=s&start=true&mode=window&window=0",
        "session=s&start=true&window=3",
        "session=s&start=true&commit=false",
        "session=s&end=true&commit=false",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct predict_body body = {.model = "before"};
        struct problem problem;
        size_t batch = 77;

        if (read_query(queries[i], &body, &batch, &problem))
            fail_msg("%s is taken", queries[i]);
        if (problem.type != PROBLEM_BAD_QUERY)
            fail_msg("%s: %s", queries[i], problem.detail);
        assert_string_equal(body.model, "before");
        assert_int_equal(batch, 77);
    }
}

static void an_id_that_is_wrong_is_a_bad_id(void **state)
{
    struct predict_body body = {0};
    struct problem problem;
    size_t batch;

    (void)state;
    assert_false(read_query("session=a b", &body, &batch, &problem));
    assert_int_equal(problem.type, PROBLEM_BAD_ID);
    assert_false(read_query("session=", &body, &batch, &problem));
    assert_int_equal(problem.type, PROBLEM_BAD_ID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_read_from_the_query),
        cmocka_unit_test(a_query_that_is_wrong_is_refused),
        cmocka_unit_test(an_id_that_is_wrong_is_a_bad_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
