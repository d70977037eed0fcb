/* test_predict_forms.c: docs/api-1-predict.md, what is refused, and media
 * types, row by row. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/api.h"
#include "tests/support/api_models.h"

#define SEED_ROWS                                                             \
    "[[0.1,0.2,0.3],[0.4,0.5,0.6],[0.7,0.8,0.9],[1,1.1,1.2],[1.3,1.4,1.5],"   \
    "[-0.1,-0.2,-0.3],[-0.4,-0.5,-0.6],[-0.7,-0.8,-0.9],[0,0,0],[0.5,0.5,1]]"
#define ONE_ROW "[[0.1,0.2,0.3]]"

static struct api_world world;
static struct api *const api = &world.api;

static int set_up(void **state)
{
    (void)state;
    api_world_open(&world,
                   (const char *[]){"--max-timesteps", "300", "--max-elements",
                                    "3000", "--max-batch", "16", NULL});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_world_close(&world);
    return 0;
}

/* ---- 400 or 422 --------------------------------------------------------- */

/* rows: P50 P53 P55 E3 E4 E-malformed-json E-duplicate-field E-unknown-field
 * E-bad-field */
static void what_is_not_of_this_form_is_400(void **state)
{
    static const struct {
        const char *body, *type;
    } cases[] = {
        {"{\"sequence\": 5}", "bad-field"},
        {"{\"sequence\": \"a\"}", "bad-field"},
        {"{\"sequence\": [[1,2,3]], \"every_step\": 1}", "bad-field"},
        {"{\"sequence\": [[1,2,3]], \"every_step\": \"true\"}", "bad-field"},
        {"{\"sequence\": [[1,2,3]], \"model\": 5}", "bad-field"},
        {"{\"sequence\": [[1,2,3]], \"session\": \"a\", \"step\": -1}",
         "bad-field"},
        {"{\"sequence\": [[1,2,3]], \"session\": \"a\", \"step\": 1.5}",
         "bad-field"},
        {"{\"sequence\": [[1,2,3]], \"session\": \"a\", \"start\": \"no\"}",
         "bad-field"},
        {"{\"sequence\": [[1,2,3]], \"session\": \"a b\"}", "bad-id"},
        {"{\"sequence\": [[1,2,3]], \"steps\": 1}", "unknown-field"},
        {"{\"sequence\": [[1,2,3]], \"sequence\": [[1,2,3]]}",
         "duplicate-field"},
        {"{\"sequence\": [[1,2,3]], \"s\\u0065quence\": [[1,2,3]]}",
         "duplicate-field"},
        {"[]", "bad-field"},
        {"{\"sequence\": [[1,2,3]]", "malformed-json"},
        {"", "malformed-json"},
        {"{\"sequence\": [[NaN,2,3]]}", "malformed-json"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char type[64];

        api_post(api, "/predict", "%s", cases[i].body);
        snprintf(type, sizeof(type), "/problems/%s", cases[i].type);
        if (api->status != 400 || strcmp(api_text(api, "type"), type) != 0)
            fail_msg("%s: %ld %s", cases[i].body, api->status, api->body);
        if (!strcmp(cases[i].type, "malformed-json"))
            assert_true(api_number(api, "offset") <=
                        (double)strlen(cases[i].body));
    }
    api_post(api, "/predict",
             "{\"s\\u0065quence\": " SEED_ROWS ", \"session\": \"p53\","
             "\"start\": true, \"step\": 0.0}");
    api_assert_status(api, 200);
    api_post(api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p53\", \"step\":"
             "1e1}");
    api_assert_status(api, 200);
}

/* rows: P51 P52 P54 */
static void what_does_not_fit_the_model_is_422(void **state)
{
    static const struct {
        const char *body, *type, *pointer;
    } cases[] = {
        {"{\"sequence\": [[1,2],[1,2]]}", "shape-mismatch", "/sequence/0"},
        {"{\"sequence\": [[1,2,3],[1,2]]}", "shape-mismatch", "/sequence/1"},
        {"{\"sequence\": []}", "shape-mismatch", "/sequence"},
        {"{\"sequence\": [[]]}", "shape-mismatch", "/sequence/0"},
        {"{\"sequences\": []}", "shape-mismatch", "/sequences"},
        {"{\"sequence\": [[1,2,null]]}", "shape-mismatch", "/sequence/0/2"},
        {"{\"sequence\": [[1,\"2\",3]]}", "shape-mismatch", "/sequence/0/1"},
        {"{\"sequence\": [[1,true,3]]}", "shape-mismatch", "/sequence/0/1"},
        {"{\"sequence\": [1,2,3]}", "shape-mismatch", "/sequence"},
        {"{\"sequence\": [[[1,2,3]]]}", "shape-mismatch", "/sequence"},
        {"{\"inputs\": {\"a/b\": [[1,2,3]]}}", "shape-mismatch",
         "/inputs/a~1b"},
        {"{\"inputs\": {}}", "shape-mismatch", "/inputs"},
        {"{\"sequence\": [[1,2,1e39]]}", "number-out-of-range",
         "/sequence/0/2"},
        {"{\"sequence\": [[1,2,-1e999]]}", "number-out-of-range",
         "/sequence/0/2"},
    };
    char zero[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char type[64];

        api_post(api, "/predict", "%s", cases[i].body);
        snprintf(type, sizeof(type), "/problems/%s", cases[i].type);
        if (api->status != 422 || strcmp(api_text(api, "type"), type) != 0 ||
            strcmp(api_text(api, "pointer"), cases[i].pointer) != 0)
            fail_msg("%s: %ld %s", cases[i].body, api->status, api->body);
    }
    api_post(api, "/predict?model=one", "{\"sequence\": [0]}");
    api_keep(api, "output", zero, sizeof(zero));
    api_post(api, "/predict?model=one", "{\"sequence\": [1e-999]}");
    api_assert_status(api, 200);
    assert_string_equal(api_raw(api, "output"), zero);
}

/* rows: P56 E4 E-not-finite S62 */
static void what_is_not_finite_changes_nothing(void **state)
{
    char before[4096];

    (void)state;
    api_post(api, "/predict",
             "{\"model\": \"wild\", \"sequence\": [1, 2, 3, 4]}");
    api_assert_problem(api, 422, "not-finite", NULL);
    assert_non_null(strstr(api_text(api, "detail"), "wild"));
    api_post(api, "/predict",
             "{\"model\": \"wild\", \"sequence\": [1e-10], \"session\":"
             "\"p56\", \"start\": true}");
    api_assert_status(api, 200);
    api_get(api, "/sessions/p56/state");
    snprintf(before, sizeof(before), "%s", api->body);
    api_post(api, "/predict",
             "{\"sequence\": [1, 2, 3, 4], \"session\": \"p56\"}");
    api_assert_problem(api, 422, "not-finite", NULL);
    api_get(api, "/sessions/p56/state");
    assert_string_equal(api->body, before);
    api_post(api, "/predict",
             "{\"model\": \"wild\", \"sequence\": [1, 2, 3, 4], \"session\":"
             "\"p56b\", \"start\": true}");
    api_assert_problem(api, 422, "not-finite", NULL);
    api_get(api, "/sessions/p56b");
    api_assert_problem(api, 404, "no-such-session", NULL);
}

/* `count` times `item`, with commas. */
static char *repeat(const char *item, size_t count)
{
    static char text[65536];
    size_t length = 0;

    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length,
                                   "%s%s", i ? "," : "", item);
    assert_true(length < sizeof(text));
    return text;
}

/* rows: P57 E-too-large */
static void limits_are_413_with_their_name(void **state)
{
    static const float floats[3003];

    (void)state;
    api_post(api, "/predict?model=one", "{\"sequence\": [%s]}",
             repeat("1", 301));
    api_assert_problem(api, 413, "too-large", "/sequence");
    assert_non_null(strstr(api_text(api, "detail"), "max_timesteps"));
    api_post(api, "/predict?model=one", "{\"sequence\": [%s]}",
             repeat("1", 300));
    api_assert_status(api, 200);
    api_post(api, "/predict?model=one", "{\"sequences\": [%s]}",
             repeat("[1]", 17));
    api_assert_problem(api, 413, "too-large", "/sequences");
    assert_non_null(strstr(api_text(api, "detail"), "max_batch"));
    api_post(api, "/predict?model=free", "{\"sequences\": [%s]}",
             repeat("[[1,2,3],[1,2,3]]", 16));
    api_assert_status(api, 200);
    api_post(api, "/predict", "{\"sequence\": [[%s]]}", repeat("1", 3001));
    assert_int_equal(api->status, 413);
    assert_non_null(strstr(api_text(api, "detail"), "max_elements"));
    api_post_floats(api, "/predict?model=free", floats, 3003);
    api_assert_problem(api, 413, "too-large", NULL);
    assert_non_null(strstr(api_text(api, "detail"), "max_elements"));
    api_post_floats(api, "/predict?model=one", floats, 301);
    api_assert_problem(api, 413, "too-large", NULL);
    assert_non_null(strstr(api_text(api, "detail"), "max_timesteps"));
    api_post_floats(api, "/predict?model=one&batch=17", floats, 17);
    api_assert_problem(api, 413, "too-large", NULL);
    assert_non_null(strstr(api_text(api, "detail"), "max_batch"));
}

/* ---- media types -------------------------------------------------------- */

static void post_as(const char *content_type, const char *accept,
                    const char *origin)
{
    api->content_type = content_type;
    api->accept = accept;
    api->origin = origin;
    api_post(api, "/predict", "{\"sequence\": " SEED_ROWS "}");
    api->content_type = api->accept = api->origin = NULL;
}

/* rows: P60 P61 P62 E-unsupported-media-type */
static void json_comes_under_few_names(void **state)
{
    char origin[96];

    (void)state;
    snprintf(origin, sizeof(origin), "%s", world.daemon.url);
    post_as(NULL, NULL, NULL); /* curl's default, the form type */
    api_assert_status(api, 200);
    post_as("", NULL, NULL);
    api_assert_status(api, 200);
    post_as("application/json", NULL, NULL);
    api_assert_status(api, 200);
    post_as("Application/JSON; charset=UTF-8", NULL, NULL);
    api_assert_status(api, 200);
    post_as("application/json", NULL, origin);
    api_assert_status(api, 200);
    post_as("application/x-www-form-urlencoded", NULL, origin);
    api_assert_problem(api, 415, "unsupported-media-type", NULL);
    post_as("text/plain", NULL, NULL);
    api_assert_problem(api, 415, "unsupported-media-type", NULL);
    post_as("multipart/form-data; boundary=x", NULL, NULL);
    api_assert_problem(api, 415, "unsupported-media-type", NULL);
    post_as("application/json; charset=utf-16", NULL, NULL);
    api_assert_problem(api, 415, "unsupported-media-type", NULL);
    api->more = "Content-Encoding: gzip";
    post_as("application/json", NULL, NULL);
    api->more = NULL;
    api_assert_problem(api, 415, "unsupported-media-type", NULL);
}

/* rows: P63 P64 E-not-acceptable */
static void accept_chooses_the_answers_form(void **state)
{
    static const char *const json[] = {
        "*/*", "application/json", "application/*",
        "application/octet-stream;q=0.1, application/json",
        "text/html, */*;q=0.1"};

    (void)state;
    for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++) {
        post_as("application/json", json[i], NULL);
        api_assert_status(api, 200);
        assert_string_equal(api_header(api, "Content-Type"),
                            "application/json");
    }
    post_as("application/json", "application/octet-stream", NULL);
    api_assert_status(api, 200);
    assert_string_equal(api_header(api, "Content-Type"),
                        "application/octet-stream");
    post_as("application/json", "text/html", NULL);
    api_assert_problem(api, 406, "not-acceptable", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_of_this_form_is_400),
        cmocka_unit_test(what_does_not_fit_the_model_is_422),
        cmocka_unit_test(what_is_not_finite_changes_nothing),
        cmocka_unit_test(limits_are_413_with_their_name),
        cmocka_unit_test(json_comes_under_few_names),
        cmocka_unit_test(accept_chooses_the_answers_form),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
