/* test_predict_binary.c: docs/api-1-predict.md, binary calls, row by row. */
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

static void post_as(const char *content_type, const char *accept,
                    const char *origin)
{
    api->content_type = content_type;
    api->accept = accept;
    api->origin = origin;
    api_post(api, "/predict", "{\"sequence\": " SEED_ROWS "}");
    api->content_type = api->accept = api->origin = NULL;
}

/* ---- binary ------------------------------------------------------------- */

static const float binary_rows[10][3] = {
    {0.1f, 0.2f, 0.3f},    {0.4f, 0.5f, 0.6f},    {0.7f, 0.8f, 0.9f},
    {1, 1.1f, 1.2f},       {1.3f, 1.4f, 1.5f},    {-0.1f, -0.2f, -0.3f},
    {-0.4f, -0.5f, -0.6f}, {-0.7f, -0.8f, -0.9f}, {0, 0, 0},
    {0.5f, 0.5f, 1}};

/* Are the floats of the body what the JSON text `numbers` says, in bits? */
static void assert_same_bits(const char *numbers)
{
    const float *floats = (const float *)(const void *)api->body;
    size_t count = 0;

    for (const char *at = numbers; *at;) {
        char *end;
        float number = strtof(at, &end);

        if (end == at) {
            at++;
            continue;
        }
        assert_true((count + 1) * sizeof(float) <= api->length);
        assert_memory_equal(&number, &floats[count], sizeof(number));
        count++;
        at = end;
    }
    assert_int_equal(count * sizeof(float), api->length);
}

/* rows: P70 P72 P73 P80 */
static void binary_and_json_hold_the_same_bits(void **state)
{
    float two[2][10][3];
    char json[1024];

    (void)state;
    api_post(api, "/predict", "{\"sequence\": " SEED_ROWS "}");
    api_keep(api, "output", json, sizeof(json));
    api_post_floats(api, "/predict", binary_rows[0], 30);
    api_assert_status(api, 200);
    assert_string_equal(api_header(api, "X-Shape"), "2");
    assert_same_bits(json);
    post_as("application/json", "application/octet-stream", NULL);
    assert_string_equal(api_header(api, "X-Shape"), "2");
    assert_same_bits(json);
    api->accept = "application/json";
    api_post_floats(api, "/predict", binary_rows[0], 30);
    api->accept = NULL;
    api_assert_status(api, 200);
    assert_string_equal(api_raw(api, "output"), json);
    assert_null(api_header(api, "X-Shape"));

    memcpy(two[0], binary_rows, sizeof(binary_rows));
    memcpy(two[1], binary_rows, sizeof(binary_rows));
    two[1][0][0] = 5;
    api->accept = "application/json";
    api_post_floats(api, "/predict?batch=2", two[0][0], 60);
    api_keep(api, "outputs", json, sizeof(json));
    api->accept = NULL;
    api_post_floats(api, "/predict?batch=2", two[0][0], 60);
    api_assert_status(api, 200);
    assert_string_equal(api_header(api, "X-Shape"), "2,2");
    assert_same_bits(json);
    api_post_floats(api, "/predict?batch=1", two[0][0], 30);
    assert_string_equal(api_header(api, "X-Shape"), "1,2");
    api->accept = "application/json";
    api_post_floats(api, "/predict?every_step=true&model=free", two[0][0], 60);
    api_keep(api, "output", json, sizeof(json));
    api->accept = NULL;
    api_post_floats(api, "/predict?every_step=true&model=free", two[0][0], 60);
    assert_string_equal(api_header(api, "X-Shape"), "20,2");
    assert_same_bits(json);
}

/* rows: P74 P75 */
static void binary_sessions_speak_in_query_and_headers(void **state)
{
    (void)state;
    api_post_floats(api, "/predict?session=p74&start=true&step=0",
                    binary_rows[0], 6);
    api_assert_status(api, 200);
    assert_string_equal(api_header(api, "X-Session-Step"), "2");
    assert_null(api_header(api, "X-Window-Filled"));
    api_post_floats(api, "/predict?session=p74&step=2&commit=false",
                    binary_rows[2], 3);
    assert_string_equal(api_header(api, "X-Session-Step"), "2");
    api_post_floats(api, "/predict?session=p74&step=2&end=true",
                    binary_rows[2], 3);
    assert_string_equal(api_header(api, "X-Session-Step"), "3");
    api_post_floats(api, "/predict?session=p74", binary_rows[2], 3);
    api_assert_problem(api, 410, "session-gone", NULL);
    api_post_floats(api,
                    "/predict?session=p75&start=restart&mode=window&window=2"
                    "&ttl=1min&model=free",
                    binary_rows[0], 9);
    api_assert_status(api, 200);
    assert_string_equal(api_header(api, "X-Session-Step"), "3");
    assert_string_equal(api_header(api, "X-Window-Filled"), "2");
}

/* rows: P76 */
static void a_window_that_is_not_full_is_204(void **state)
{
    char json[512];

    (void)state;
    api_post(api, "/sessions",
             "{\"id\": \"p76\", \"model\": \"free\", \"mode\": \"window\","
             "\"window\": 3}");
    api_post_floats(api, "/predict?session=p76", binary_rows[0], 3);
    assert_int_equal(api->status, 204);
    assert_int_equal(api->length, 0);
    assert_string_equal(api_header(api, "X-Session-Step"), "1");
    assert_string_equal(api_header(api, "X-Window-Filled"), "1");
    api_post_floats(api, "/predict?session=p76&every_step=true",
                    binary_rows[1], 3);
    assert_int_equal(api->status, 204);
    api->accept = "application/json";
    api_post_floats(api, "/predict?session=p76&every_step=true&commit=false",
                    binary_rows[2], 6);
    api_keep(api, "output", json, sizeof(json));
    api->accept = NULL;
    api_post_floats(api, "/predict?session=p76&every_step=true",
                    binary_rows[2], 6);
    api_assert_status(api, 200);
    assert_string_equal(api_header(api, "X-Shape"), "2,2");
    assert_same_bits(json);
    assert_string_equal(api_header(api, "X-Window-Filled"), "3");
}

/* rows: P78 */
static void a_binary_body_must_fit_and_be_finite(void **state)
{
    float rows[10][3];

    (void)state;
    memcpy(rows, binary_rows, sizeof(rows));
    api_post_floats(api, "/predict", rows[0], 29);
    api_assert_problem(api, 422, "shape-mismatch", NULL);
    api_post_floats(api, "/predict", rows[0], 27);
    api_assert_problem(api, 422, "shape-mismatch", NULL);
    api_post_floats(api, "/predict", rows[0], 0);
    api_assert_problem(api, 422, "shape-mismatch", NULL);
    api_post_floats(api, "/predict?batch=3", rows[0], 30);
    api_assert_problem(api, 422, "shape-mismatch", NULL);
    api->content_type = "application/octet-stream";
    api_call(api, "POST", "/predict", rows, 119);
    api->content_type = NULL;
    api_assert_problem(api, 422, "shape-mismatch", NULL);
    assert_string_equal(api_text(api, "detail"),
                        "the body has 119 bytes, a timestep of the model "
                        "\"seed\" has 12, for 1 sequence");
    rows[4][1] = NAN;
    api_post_floats(api, "/predict", rows[0], 30);
    api_assert_problem(api, 422, "not-finite", NULL);
    rows[4][1] = -INFINITY;
    api_post_floats(api, "/predict", rows[0], 30);
    api_assert_problem(api, 422, "not-finite", NULL);
    assert_string_equal(api_text(api, "detail"),
                        "number 13 of the body (from 0) is infinite");
    /* Without time there is one shape only. */
    api_post_floats(api, "/predict?model=static", rows[0], 3);
    api_assert_status(api, 200);
    assert_string_equal(api_header(api, "X-Shape"), "2");
    api_post_floats(api, "/predict?model=static", rows[0], 6);
    api_assert_problem(api, 422, "shape-mismatch", NULL);
    api_post_floats(api, "/predict?model=static&batch=2", rows[0], 6);
    api_assert_status(api, 200);
    assert_string_equal(api_header(api, "X-Shape"), "2,2");
}

/* rows: P53 P79 E-bad-query */
static void the_query_is_as_strict_as_the_body(void **state)
{
    static const char *const json[] = {"?session=a", "?step=1", "?x=1",
                                       "?every_step=true"};
    static const char *const binary[] = {"?x=1",
                                         "?every_step=1",
                                         "?every_step=yes",
                                         "?step=1",
                                         "?batch=0",
                                         "?batch=-1",
                                         "?start=true",
                                         "?mode=carry",
                                         "?session=a&batch=2",
                                         "?session=a&step=1.5"};

    (void)state;
    for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++) {
        char path[64];

        snprintf(path, sizeof(path), "/predict%s", json[i]);
        api_post(api, path, "{\"sequence\": " SEED_ROWS "}");
        api_assert_problem(api, 400, "bad-query", NULL);
    }
    for (size_t i = 0; i < sizeof(binary) / sizeof(binary[0]); i++) {
        char path[64];

        snprintf(path, sizeof(path), "/predict%s", binary[i]);
        api_post_floats(api, path, binary_rows[0], 30);
        api_assert_problem(api, 400, "bad-query", NULL);
    }
    api_post(api, "/predict?model=other",
             "{\"sequence\": " SEED_ROWS ", \"model\": \"seed\"}");
    api_assert_problem(api, 400, "bad-query", NULL);
    api_post_floats(api, "/predict?session=a%20b", binary_rows[0], 30);
    api_assert_problem(api, 400, "bad-id", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binary_and_json_hold_the_same_bits),
        cmocka_unit_test(binary_sessions_speak_in_query_and_headers),
        cmocka_unit_test(a_window_that_is_not_full_is_204),
        cmocka_unit_test(a_binary_body_must_fit_and_be_finite),
        cmocka_unit_test(the_query_is_as_strict_as_the_body),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
