/* test_predict_session.c: docs/api-1-predict.md, the fields that go with
 * a session, row by row. */
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

/* rows: P9 P33 */
static void every_step_of_a_window_has_null_while_it_fills(void **state)
{
    char last[256];

    (void)state;
    api_post(api, "/predict?model=free",
             "{\"sequence\": [[1,1,1],[2,2,2],[3,3,3],[4,4,4]], \"session\":"
             "\"p9\", \"start\": true, \"mode\": \"window\", \"window\": 3,"
             "\"every_step\": true}");
    api_assert_status(api, 200);
    assert_true(api_is_null(api, "output.0"));
    assert_true(api_is_null(api, "output.1"));
    assert_true(isfinite(api_number(api, "output.2.0")));
    assert_true(isfinite(api_number(api, "output.3.1")));
    assert_false(api_has(api, "output.4"));
    assert_int_equal(api_number(api, "session.step"), 4);
    assert_int_equal(api_number(api, "session.window"), 3);
    assert_int_equal(api_number(api, "session.window_filled"), 3);
    snprintf(last, sizeof(last), "%.9g", api_number(api, "output.3.1"));
    api_post(api, "/predict?model=free",
             "{\"sequence\": [[2,2,2],[3,3,3],[4,4,4]]}");
    api_assert_status(api, 200);
    assert_true(api_number(api, "output.1") == strtod(last, NULL));
}

/* rows: P10 P57 */
static void windows_of_one_call_are_bounded(void **state)
{
    (void)state;
    api_post(api, "/sessions",
             "{\"id\": \"p10\", \"model\": \"one\", \"mode\": \"window\","
             "\"window\": 100}");
    assert_int_equal(api->status, 201);
    api_post(api, "/predict",
             "{\"sequence\": [1, 2, 3, 4], \"session\": \"p10\","
             "\"every_step\": true}");
    api_assert_problem(api, 413, "too-large", NULL);
    assert_non_null(strstr(api_text(api, "detail"), "max_timesteps"));
    api_post(api, "/predict",
             "{\"sequence\": [1, 2, 3], \"session\": \"p10\","
             "\"every_step\": true}");
    api_assert_status(api, 200);
}

/* rows: P11 P22 */
static void fields_of_sessions_need_one_and_take_one_sequence(void **state)
{
    static const char *const bodies[] = {
        "{\"sequences\": [" ONE_ROW "], \"session\": \"x\"}",
        "{\"inputs\": [{\"input_layer\": " ONE_ROW "}], \"session\": \"x\"}",
        "{\"sequence\": " ONE_ROW ", \"start\": true}",
        "{\"sequence\": " ONE_ROW ", \"end\": true}",
        "{\"sequence\": " ONE_ROW ", \"step\": 0}",
        "{\"sequence\": " ONE_ROW ", \"commit\": false}",
        "{\"sequence\": " ONE_ROW ", \"mode\": \"carry\"}",
        "{\"sequence\": " ONE_ROW ", \"ttl\": \"1s\"}",
        "{\"sequence\": " ONE_ROW ", \"window\": 3}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        api_post(api, "/predict", "%s", bodies[i]);
        assert_int_equal(api->status, 400);
        assert_string_equal(api_text(api, "type"), "/problems/bad-field");
    }
    api_post(api, "/predict",
             "{\"inputs\": {\"input_layer\": " ONE_ROW "}, \"session\":"
             "\"p11\", \"start\": true}");
    api_assert_status(api, 200);
    assert_int_equal(api_number(api, "session.step"), 1);
}

/* rows: P12 P16 P32 */
static void start_creates_a_session(void **state)
{
    (void)state;
    api_post(api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p12\"}");
    api_assert_problem(api, 404, "no-such-session", NULL);
    api_post(api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"session\": \"p12\", \"start\":"
             "true, \"step\": 0}");
    api_assert_status(api, 200);
    assert_string_equal(api_text(api, "session.id"), "p12");
    assert_int_equal(api_number(api, "session.step"), 10);
    assert_false(api_has(api, "session.window"));
    api_post(api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p12\", \"start\":"
             "true}");
    api_assert_problem(api, 409, "session-live", "/start");
    api_post(api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p12\", \"step\":"
             "10}");
    api_assert_status(api, 200);
    assert_int_equal(api_number(api, "session.step"), 11);
}

/* rows: P13 P14 */
static void restart_begins_again_with_what_it_was(void **state)
{
    char first[256];

    (void)state;
    api_post(api, "/predict",
             "{\"sequence\": [[1,1,1],[2,2,2]], \"session\": \"p13\","
             "\"start\": \"restart\", \"mode\": \"window\", \"window\": 2,"
             "\"ttl\": \"90s\", \"model\": \"free\"}");
    api_keep(api, "output", first, sizeof(first));
    api_post(api, "/predict",
             "{\"sequence\": [[9,9,9]], \"session\": \"p13\"}");
    api_assert_status(api, 200);
    api_post(api, "/predict",
             "{\"sequence\": [[1,1,1]], \"session\": \"p13\", \"start\":"
             "\"restart\"}");
    api_assert_status(api, 200);
    assert_true(api_is_null(api, "output"));
    assert_int_equal(api_number(api, "session.step"), 1);
    assert_int_equal(api_number(api, "session.window"), 2);
    assert_int_equal(api_number(api, "session.window_filled"), 1);
    api_post(api, "/predict",
             "{\"sequence\": [[2,2,2]], \"session\": \"p13\"}");
    api_assert_status(api, 200);
    assert_string_equal(api_raw(api, "output"), first);
    api_get(api, "/sessions/p13");
    assert_string_equal(api_text(api, "ttl"), "90s");
    /* mode, window and ttl go with start only. */
    api_post(api, "/predict",
             "{\"sequence\": [[2,2,2]], \"session\": \"p13\", \"ttl\":"
             "\"1s\"}");
    api_assert_problem(api, 400, "bad-field", "/ttl");
    /* A restart of a live session keeps its own. */
    api_post(api, "/predict",
             "{\"sequence\": [[2,2,2]], \"session\": \"p13\", \"start\":"
             "\"restart\", \"ttl\": \"1s\", \"mode\": \"carry\"}");
    api_assert_status(api, 200);
    api_get(api, "/sessions/p13");
    assert_string_equal(api_text(api, "ttl"), "90s");
    assert_string_equal(api_text(api, "mode"), "window");
}

/* rows: P15 S60 */
static void end_forgets_if_the_call_succeeds(void **state)
{
    (void)state;
    api_post(api, "/sessions", "{\"id\": \"p15\"}");
    api_post(api, "/predict",
             "{\"sequence\": [[1,2]], \"session\": \"p15\", \"end\": true}");
    api_assert_problem(api, 422, "shape-mismatch", "/sequence/0");
    api_post(api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p15\", \"end\":"
             "true}");
    api_assert_status(api, 200);
    assert_int_equal(api_number(api, "session.step"), 1);
    api_post(api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p15\"}");
    api_assert_problem(api, 410, "session-gone", NULL);
    assert_string_equal(api_text(api, "reason"), "ended");
    /* Begin and end in one call. */
    api_post(api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p15\", \"start\":"
             "true, \"end\": true}");
    api_assert_status(api, 200);
    api_get(api, "/sessions/p15");
    api_assert_problem(api, 410, "session-gone", NULL);
}

/* rows: P17 P32 */
static void a_peek_leaves_the_session_as_it_was(void **state)
{
    static const char *const refused[] = {
        "\"start\": true", "\"start\": \"restart\"", "\"end\": true"};
    char before[4096], peek[256];

    (void)state;
    api_post(api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"session\": \"p17\", \"start\":"
             "true}");
    api_get(api, "/sessions/p17/state");
    snprintf(before, sizeof(before), "%s", api->body);
    api_post(api, "/predict",
             "{\"sequence\": [[5,5,5]], \"session\": \"p17\", \"commit\":"
             "false, \"step\": 10}");
    api_keep(api, "output", peek, sizeof(peek));
    assert_int_equal(api_number(api, "session.step"), 10);
    api_get(api, "/sessions/p17/state");
    assert_string_equal(api->body, before);
    api_post(api, "/predict",
             "{\"sequence\": [[5,5,5]], \"session\": \"p17\"}");
    api_assert_status(api, 200);
    assert_string_equal(api_raw(api, "output"), peek);
    assert_int_equal(api_number(api, "session.step"), 11);
    for (size_t i = 0; i < 3; i++) {
        api_post(api, "/predict",
                 "{\"sequence\": [[5,5,5]], \"session\": \"p17b\","
                 "\"commit\": false, %s}",
                 refused[i]);
        api_assert_problem(api, 400, "bad-field", "/commit");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_of_a_window_has_null_while_it_fills),
        cmocka_unit_test(windows_of_one_call_are_bounded),
        cmocka_unit_test(fields_of_sessions_need_one_and_take_one_sequence),
        cmocka_unit_test(start_creates_a_session),
        cmocka_unit_test(restart_begins_again_with_what_it_was),
        cmocka_unit_test(end_forgets_if_the_call_succeeds),
        cmocka_unit_test(a_peek_leaves_the_session_as_it_was),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
