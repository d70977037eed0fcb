/* test_predict.c: docs/api-1-predict.md, row by row, against the real
 * daemon.  What no model of today has (several inputs, token ids) is shown by
 * tests/unit/server/routes/. */
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

static struct api_models models;
static struct daemon daemon_;
static struct api api;

static int set_up(void **state)
{
    (void)state;
    api_models_make(&models);
    api_models_serve(&models,
                     (const char *[]){"--max-timesteps", "300",
                                      "--max-elements", "3000", "--max-batch",
                                      "16", NULL},
                     &daemon_);
    api_init(&api, daemon_.url);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_release(&api);
    daemon_stop(&daemon_);
    api_models_remove(&models);
    return 0;
}

/* What a member of the last answer was, kept for a comparison. */
static const char *keep(const char *name, char *text, size_t size)
{
    assert_int_equal(api.status, 200);
    snprintf(text, size, "%s", api_raw(&api, name));
    return text;
}

static void assert_ok(void)
{
    if (api.status != 200)
        fail_msg("%ld %s", api.status, api.body);
}

/* ---- fields ------------------------------------------------------------- */

/* rows: P1 P30 P34 */
static void one_sequence_has_one_output(void **state)
{
    (void)state;
    api_post(&api, "/predict", "{\"sequence\": " SEED_ROWS "}");
    assert_ok();
    assert_string_equal(api_header(&api, "Content-Type"), "application/json");
    assert_true(isfinite(api_number(&api, "output.0")));
    assert_true(isfinite(api_number(&api, "output.1")));
    assert_false(api_has(&api, "output.2"));
    assert_false(api_has(&api, "session"));
    /* Every number has a point or an exponent. */
    assert_int_equal(strspn(api_raw(&api, "output"), "[]0123456789.,-e"),
                     strlen(api_raw(&api, "output")));
    assert_non_null(strpbrk(strchr(api_raw(&api, "output"), ','), ".e"));
}

/* rows: P2 */
static void one_feature_may_be_written_without_brackets(void **state)
{
    char rows[256];

    (void)state;
    api_post(&api, "/predict?model=one",
             "{\"sequence\": [[0.5], [0.25], [-1]]}");
    keep("output", rows, sizeof(rows));
    api_post(&api, "/predict?model=one", "{\"sequence\": [0.5, 0.25, -1]}");
    assert_ok();
    assert_string_equal(api_raw(&api, "output"), rows);
    api_post(&api, "/predict?model=one",
             "{\"sequences\": [[0.5, 0.25, -1], [[0.5], [0.25], [-1]]]}");
    assert_ok();
    assert_true(api_number(&api, "outputs.0.0") ==
                api_number(&api, "outputs.1.0"));
}

/* rows: P4 P30 */
static void sequences_of_a_batch_may_have_any_length(void **state)
{
    char one[256], two[256], both[512];

    (void)state;
    api_post(&api, "/predict?model=free", "{\"sequence\": " ONE_ROW "}");
    keep("output", one, sizeof(one));
    api_post(&api, "/predict?model=free", "{\"sequence\": " SEED_ROWS "}");
    keep("output", two, sizeof(two));
    api_post(&api, "/predict?model=free",
             "{\"sequences\": [" ONE_ROW ", " SEED_ROWS "]}");
    assert_ok();
    snprintf(both, sizeof(both), "[%s,%s]", one, two);
    assert_string_equal(api_raw(&api, "outputs"), both);
}

/* rows: P5 P6 P30 */
static void inputs_may_be_given_by_name(void **state)
{
    char one[256], both[512];

    (void)state;
    api_post(&api, "/predict", "{\"sequence\": " SEED_ROWS "}");
    keep("output", one, sizeof(one));
    api_post(&api, "/predict",
             "{\"inputs\": {\"input_layer\": " SEED_ROWS "}}");
    assert_ok();
    assert_string_equal(api_raw(&api, "output"), one);
    api_post(&api, "/predict",
             "{\"inputs\": [{\"input_layer\": " SEED_ROWS "},"
             "{\"input_layer\": " SEED_ROWS "}]}");
    assert_ok();
    snprintf(both, sizeof(both), "[%s,%s]", one, one);
    assert_string_equal(api_raw(&api, "outputs"), both);
}

/* rows: P7 */
static void every_step_is_each_prefix(void **state)
{
    static const char *const prefixes[] = {
        "[[0.1,0.2,0.3]]", "[[0.1,0.2,0.3],[0.4,0.5,0.6]]",
        "[[0.1,0.2,0.3],[0.4,0.5,0.6],[7,8,9]]"};
    char all[512] = "[";

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        size_t length = strlen(all);

        api_post(&api, "/predict?model=free", "{\"sequence\": %s}",
                 prefixes[i]);
        assert_ok();
        snprintf(all + length, sizeof(all) - length, "%s%s", i ? "," : "",
                 api_raw(&api, "output"));
    }
    snprintf(all + strlen(all), sizeof(all) - strlen(all), "]");
    api_post(&api, "/predict?model=free",
             "{\"sequence\": %s, \"every_step\": true}", prefixes[2]);
    assert_ok();
    assert_string_equal(api_raw(&api, "output"), all);
    api_post(&api, "/predict?model=free",
             "{\"sequences\": [%s], \"every_step\": true}", prefixes[2]);
    assert_ok();
    assert_int_equal(strlen(api_raw(&api, "outputs")), strlen(all) + 2);
}

/* rows: P8 */
static void every_step_needs_a_model_that_streams(void **state)
{
    char rows[256];

    (void)state;
    api_post(&api, "/predict?model=static",
             "{\"sequence\": [1, 2, 3], \"every_step\": true}");
    api_assert_problem(&api, 422, "cannot-stream", "/every_step");
    assert_non_null(strstr(api_text(&api, "detail"), "no time axis"));
    /* An output that has time already is answered as it is. */
    api_post(&api, "/predict?model=rows", "{\"sequence\": [[1, 2], [3, 4]]}");
    keep("output", rows, sizeof(rows));
    assert_true(api_has(&api, "output.1.1"));
    api_post(&api, "/predict?model=rows",
             "{\"sequence\": [[1, 2], [3, 4]], \"every_step\": true}");
    assert_ok();
    assert_string_equal(api_raw(&api, "output"), rows);
}

/* rows: P9 P33 */
static void every_step_of_a_window_has_null_while_it_fills(void **state)
{
    char last[256];

    (void)state;
    api_post(&api, "/predict?model=free",
             "{\"sequence\": [[1,1,1],[2,2,2],[3,3,3],[4,4,4]], \"session\":"
             "\"p9\", \"start\": true, \"mode\": \"window\", \"window\": 3,"
             "\"every_step\": true}");
    assert_ok();
    assert_true(api_is_null(&api, "output.0"));
    assert_true(api_is_null(&api, "output.1"));
    assert_true(isfinite(api_number(&api, "output.2.0")));
    assert_true(isfinite(api_number(&api, "output.3.1")));
    assert_false(api_has(&api, "output.4"));
    assert_int_equal(api_number(&api, "session.step"), 4);
    assert_int_equal(api_number(&api, "session.window"), 3);
    assert_int_equal(api_number(&api, "session.window_filled"), 3);
    snprintf(last, sizeof(last), "%.9g", api_number(&api, "output.3.1"));
    api_post(&api, "/predict?model=free",
             "{\"sequence\": [[2,2,2],[3,3,3],[4,4,4]]}");
    assert_ok();
    assert_true(api_number(&api, "output.1") == strtod(last, NULL));
}

/* rows: P10 P57 */
static void windows_of_one_call_are_bounded(void **state)
{
    (void)state;
    api_post(&api, "/sessions",
             "{\"id\": \"p10\", \"model\": \"one\", \"mode\": \"window\","
             "\"window\": 100}");
    assert_int_equal(api.status, 201);
    api_post(&api, "/predict",
             "{\"sequence\": [1, 2, 3, 4], \"session\": \"p10\","
             "\"every_step\": true}");
    api_assert_problem(&api, 413, "too-large", NULL);
    assert_non_null(strstr(api_text(&api, "detail"), "max_timesteps"));
    api_post(&api, "/predict",
             "{\"sequence\": [1, 2, 3], \"session\": \"p10\","
             "\"every_step\": true}");
    assert_ok();
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
        api_post(&api, "/predict", "%s", bodies[i]);
        assert_int_equal(api.status, 400);
        assert_string_equal(api_text(&api, "type"), "/problems/bad-field");
    }
    api_post(&api, "/predict",
             "{\"inputs\": {\"input_layer\": " ONE_ROW "}, \"session\":"
             "\"p11\", \"start\": true}");
    assert_ok();
    assert_int_equal(api_number(&api, "session.step"), 1);
}

/* rows: P12 P16 P32 */
static void start_creates_a_session(void **state)
{
    (void)state;
    api_post(&api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p12\"}");
    api_assert_problem(&api, 404, "no-such-session", NULL);
    api_post(&api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"session\": \"p12\", \"start\":"
             "true, \"step\": 0}");
    assert_ok();
    assert_string_equal(api_text(&api, "session.id"), "p12");
    assert_int_equal(api_number(&api, "session.step"), 10);
    assert_false(api_has(&api, "session.window"));
    api_post(&api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p12\", \"start\":"
             "true}");
    api_assert_problem(&api, 409, "session-live", "/start");
    api_post(&api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p12\", \"step\":"
             "10}");
    assert_ok();
    assert_int_equal(api_number(&api, "session.step"), 11);
}

/* rows: P13 P14 */
static void restart_begins_again_with_what_it_was(void **state)
{
    char first[256];

    (void)state;
    api_post(&api, "/predict",
             "{\"sequence\": [[1,1,1],[2,2,2]], \"session\": \"p13\","
             "\"start\": \"restart\", \"mode\": \"window\", \"window\": 2,"
             "\"ttl\": \"90s\", \"model\": \"free\"}");
    keep("output", first, sizeof(first));
    api_post(&api, "/predict",
             "{\"sequence\": [[9,9,9]], \"session\": \"p13\"}");
    assert_ok();
    api_post(&api, "/predict",
             "{\"sequence\": [[1,1,1]], \"session\": \"p13\", \"start\":"
             "\"restart\"}");
    assert_ok();
    assert_true(api_is_null(&api, "output"));
    assert_int_equal(api_number(&api, "session.step"), 1);
    assert_int_equal(api_number(&api, "session.window"), 2);
    assert_int_equal(api_number(&api, "session.window_filled"), 1);
    api_post(&api, "/predict",
             "{\"sequence\": [[2,2,2]], \"session\": \"p13\"}");
    assert_ok();
    assert_string_equal(api_raw(&api, "output"), first);
    api_get(&api, "/sessions/p13");
    assert_string_equal(api_text(&api, "ttl"), "90s");
    /* mode, window and ttl go with start only. */
    api_post(&api, "/predict",
             "{\"sequence\": [[2,2,2]], \"session\": \"p13\", \"ttl\":"
             "\"1s\"}");
    api_assert_problem(&api, 400, "bad-field", "/ttl");
    /* A restart of a live session keeps its own. */
    api_post(&api, "/predict",
             "{\"sequence\": [[2,2,2]], \"session\": \"p13\", \"start\":"
             "\"restart\", \"ttl\": \"1s\", \"mode\": \"carry\"}");
    assert_ok();
    api_get(&api, "/sessions/p13");
    assert_string_equal(api_text(&api, "ttl"), "90s");
    assert_string_equal(api_text(&api, "mode"), "window");
}

/* rows: P15 S60 */
static void end_forgets_if_the_call_succeeds(void **state)
{
    (void)state;
    api_post(&api, "/sessions", "{\"id\": \"p15\"}");
    api_post(&api, "/predict",
             "{\"sequence\": [[1,2]], \"session\": \"p15\", \"end\": true}");
    api_assert_problem(&api, 422, "shape-mismatch", "/sequence/0");
    api_post(&api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p15\", \"end\":"
             "true}");
    assert_ok();
    assert_int_equal(api_number(&api, "session.step"), 1);
    api_post(&api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p15\"}");
    api_assert_problem(&api, 410, "session-gone", NULL);
    assert_string_equal(api_text(&api, "reason"), "ended");
    /* Begin and end in one call. */
    api_post(&api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p15\", \"start\":"
             "true, \"end\": true}");
    assert_ok();
    api_get(&api, "/sessions/p15");
    api_assert_problem(&api, 410, "session-gone", NULL);
}

/* rows: P17 P32 */
static void a_peek_leaves_the_session_as_it_was(void **state)
{
    static const char *const refused[] = {
        "\"start\": true", "\"start\": \"restart\"", "\"end\": true"};
    char before[4096], peek[256];

    (void)state;
    api_post(&api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"session\": \"p17\", \"start\":"
             "true}");
    api_get(&api, "/sessions/p17/state");
    snprintf(before, sizeof(before), "%s", api.body);
    api_post(&api, "/predict",
             "{\"sequence\": [[5,5,5]], \"session\": \"p17\", \"commit\":"
             "false, \"step\": 10}");
    keep("output", peek, sizeof(peek));
    assert_int_equal(api_number(&api, "session.step"), 10);
    api_get(&api, "/sessions/p17/state");
    assert_string_equal(api.body, before);
    api_post(&api, "/predict",
             "{\"sequence\": [[5,5,5]], \"session\": \"p17\"}");
    assert_ok();
    assert_string_equal(api_raw(&api, "output"), peek);
    assert_int_equal(api_number(&api, "session.step"), 11);
    for (size_t i = 0; i < 3; i++) {
        api_post(&api, "/predict",
                 "{\"sequence\": [[5,5,5]], \"session\": \"p17b\","
                 "\"commit\": false, %s}",
                 refused[i]);
        api_assert_problem(&api, 400, "bad-field", "/commit");
    }
}

/* rows: P18 P19 E-no-such-model E-other-model */
static void the_model_may_be_named(void **state)
{
    char first[256], other[256];

    (void)state;
    api_post(&api, "/predict", "{\"sequence\": " SEED_ROWS "}");
    keep("output", first, sizeof(first));
    api_post(&api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"model\": \"seed\"}");
    assert_string_equal(api_raw(&api, "output"), first);
    api_post(&api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"model\": \"other\"}");
    keep("output", other, sizeof(other));
    assert_string_not_equal(other, first);
    api_post(&api, "/predict?model=other", "{\"sequence\": " SEED_ROWS "}");
    assert_string_equal(api_raw(&api, "output"), other);
    api_post(&api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"model\": \"none\"}");
    api_assert_problem(&api, 404, "no-such-model", "/model");
    /* A session's own. */
    api_post(&api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"model\": \"other\","
             "\"session\": \"p18\", \"start\": true}");
    assert_string_equal(api_raw(&api, "output"), other);
    api_post(&api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"session\": \"p18\", \"start\":"
             "\"restart\"}");
    assert_string_equal(api_raw(&api, "output"), other);
    api_post(&api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p18\", \"model\":"
             "\"seed\"}");
    api_assert_problem(&api, 409, "other-model", "/model");
    api_post(&api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p18\", \"model\":"
             "\"seed\", \"start\": \"restart\"}");
    api_assert_problem(&api, 409, "other-model", "/model");
}

/* rows: P20 P21 */
static void there_is_exactly_one_field_with_tensors(void **state)
{
    (void)state;
    api_post(&api, "/predict", "{}");
    assert_int_equal(api.status, 400);
    api_post(&api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"sequences\": [" SEED_ROWS "]}");
    assert_int_equal(api.status, 400);
    assert_string_equal(api_text(&api, "type"), "/problems/bad-field");
    api_post(&api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"sequences\": null,"
             "\"inputs\": null, \"every_step\": null, \"session\": null,"
             "\"start\": null, \"end\": null, \"step\": null, \"commit\":"
             "null, \"model\": null, \"mode\": null, \"window\": null,"
             "\"ttl\": null}");
    assert_ok();
}

/* ---- timesteps ---------------------------------------------------------- */

/* rows: P40 P42 E1 E2 E3 */
static void a_fixed_t_is_kept_but_in_a_carry_session(void **state)
{
    (void)state;
    api_post(&api, "/predict", "{\"sequence\": " ONE_ROW "}");
    api_assert_problem(&api, 422, "shape-mismatch", "/sequence");
    assert_string_equal(api_text(&api, "detail"),
                        "sequence has 1 timestep, the model \"seed\" takes "
                        "10");
    api_post(&api, "/predict",
             "{\"sequences\": [" SEED_ROWS ", " ONE_ROW "]}");
    api_assert_problem(&api, 422, "shape-mismatch", "/sequences/1");
    api_post(&api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p42\", \"start\":"
             "true}");
    assert_ok();
    api_post(&api, "/predict",
             "{\"sequence\": [[1,2,3],[4,5,6],[7,8,9]], \"session\":"
             "\"p42\"}");
    assert_ok();
    assert_int_equal(api_number(&api, "session.step"), 4);
}

/* ---- 400 or 422 --------------------------------------------------------- */

/* rows: P50 P53 P55 */
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

        api_post(&api, "/predict", "%s", cases[i].body);
        snprintf(type, sizeof(type), "/problems/%s", cases[i].type);
        if (api.status != 400 || strcmp(api_text(&api, "type"), type) != 0)
            fail_msg("%s: %ld %s", cases[i].body, api.status, api.body);
    }
    api_post(&api, "/predict",
             "{\"s\\u0065quence\": " SEED_ROWS ", \"session\": \"p53\","
             "\"start\": true, \"step\": 0.0}");
    assert_ok();
    api_post(&api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p53\", \"step\":"
             "1e1}");
    assert_ok();
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

        api_post(&api, "/predict", "%s", cases[i].body);
        snprintf(type, sizeof(type), "/problems/%s", cases[i].type);
        if (api.status != 422 || strcmp(api_text(&api, "type"), type) != 0 ||
            strcmp(api_text(&api, "pointer"), cases[i].pointer) != 0)
            fail_msg("%s: %ld %s", cases[i].body, api.status, api.body);
    }
    api_post(&api, "/predict?model=one", "{\"sequence\": [0]}");
    keep("output", zero, sizeof(zero));
    api_post(&api, "/predict?model=one", "{\"sequence\": [1e-999]}");
    assert_ok();
    assert_string_equal(api_raw(&api, "output"), zero);
}

/* rows: P56 E-not-finite S62 */
static void what_is_not_finite_changes_nothing(void **state)
{
    char before[4096];

    (void)state;
    api_post(&api, "/predict",
             "{\"model\": \"wild\", \"sequence\": [1, 2, 3, 4]}");
    api_assert_problem(&api, 422, "not-finite", NULL);
    assert_non_null(strstr(api_text(&api, "detail"), "wild"));
    api_post(&api, "/predict",
             "{\"model\": \"wild\", \"sequence\": [1e-10], \"session\":"
             "\"p56\", \"start\": true}");
    assert_ok();
    api_get(&api, "/sessions/p56/state");
    snprintf(before, sizeof(before), "%s", api.body);
    api_post(&api, "/predict",
             "{\"sequence\": [1, 2, 3, 4], \"session\": \"p56\"}");
    api_assert_problem(&api, 422, "not-finite", NULL);
    api_get(&api, "/sessions/p56/state");
    assert_string_equal(api.body, before);
    api_post(&api, "/predict",
             "{\"model\": \"wild\", \"sequence\": [1, 2, 3, 4], \"session\":"
             "\"p56b\", \"start\": true}");
    api_assert_problem(&api, 422, "not-finite", NULL);
    api_get(&api, "/sessions/p56b");
    api_assert_problem(&api, 404, "no-such-session", NULL);
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
    api_post(&api, "/predict?model=one", "{\"sequence\": [%s]}",
             repeat("1", 301));
    api_assert_problem(&api, 413, "too-large", "/sequence");
    assert_non_null(strstr(api_text(&api, "detail"), "max_timesteps"));
    api_post(&api, "/predict?model=one", "{\"sequence\": [%s]}",
             repeat("1", 300));
    assert_ok();
    api_post(&api, "/predict?model=one", "{\"sequences\": [%s]}",
             repeat("[1]", 17));
    api_assert_problem(&api, 413, "too-large", "/sequences");
    assert_non_null(strstr(api_text(&api, "detail"), "max_batch"));
    api_post(&api, "/predict?model=free", "{\"sequences\": [%s]}",
             repeat("[[1,2,3],[1,2,3]]", 16));
    assert_ok();
    api_post(&api, "/predict", "{\"sequence\": [[%s]]}", repeat("1", 3001));
    assert_int_equal(api.status, 413);
    assert_non_null(strstr(api_text(&api, "detail"), "max_elements"));
    api_post_floats(&api, "/predict?model=free", floats, 3003);
    api_assert_problem(&api, 413, "too-large", NULL);
    assert_non_null(strstr(api_text(&api, "detail"), "max_elements"));
    api_post_floats(&api, "/predict?model=one", floats, 301);
    api_assert_problem(&api, 413, "too-large", NULL);
    assert_non_null(strstr(api_text(&api, "detail"), "max_timesteps"));
    api_post_floats(&api, "/predict?model=one&batch=17", floats, 17);
    api_assert_problem(&api, 413, "too-large", NULL);
    assert_non_null(strstr(api_text(&api, "detail"), "max_batch"));
}

/* ---- media types -------------------------------------------------------- */

static void post_as(const char *content_type, const char *accept,
                    const char *origin)
{
    api.content_type = content_type;
    api.accept = accept;
    api.origin = origin;
    api_post(&api, "/predict", "{\"sequence\": " SEED_ROWS "}");
    api.content_type = api.accept = api.origin = NULL;
}

/* rows: P60 P61 P62 E-unsupported-media-type */
static void json_comes_under_few_names(void **state)
{
    char origin[96];

    (void)state;
    snprintf(origin, sizeof(origin), "%s", daemon_.url);
    post_as(NULL, NULL, NULL); /* curl's default, the form type */
    assert_ok();
    post_as("", NULL, NULL);
    assert_ok();
    post_as("application/json", NULL, NULL);
    assert_ok();
    post_as("Application/JSON; charset=UTF-8", NULL, NULL);
    assert_ok();
    post_as("application/json", NULL, origin);
    assert_ok();
    post_as("application/x-www-form-urlencoded", NULL, origin);
    api_assert_problem(&api, 415, "unsupported-media-type", NULL);
    post_as("text/plain", NULL, NULL);
    api_assert_problem(&api, 415, "unsupported-media-type", NULL);
    post_as("multipart/form-data; boundary=x", NULL, NULL);
    api_assert_problem(&api, 415, "unsupported-media-type", NULL);
    post_as("application/json; charset=utf-16", NULL, NULL);
    api_assert_problem(&api, 415, "unsupported-media-type", NULL);
    api.more = "Content-Encoding: gzip";
    post_as("application/json", NULL, NULL);
    api.more = NULL;
    api_assert_problem(&api, 415, "unsupported-media-type", NULL);
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
        assert_ok();
        assert_string_equal(api_header(&api, "Content-Type"),
                            "application/json");
    }
    post_as("application/json", "application/octet-stream", NULL);
    assert_ok();
    assert_string_equal(api_header(&api, "Content-Type"),
                        "application/octet-stream");
    post_as("application/json", "text/html", NULL);
    api_assert_problem(&api, 406, "not-acceptable", NULL);
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
    const float *floats = (const float *)(const void *)api.body;
    size_t count = 0;

    for (const char *at = numbers; *at;) {
        char *end;
        float number = strtof(at, &end);

        if (end == at) {
            at++;
            continue;
        }
        assert_true((count + 1) * sizeof(float) <= api.length);
        assert_memory_equal(&number, &floats[count], sizeof(number));
        count++;
        at = end;
    }
    assert_int_equal(count * sizeof(float), api.length);
}

/* rows: P70 P72 P73 P80 */
static void binary_and_json_hold_the_same_bits(void **state)
{
    float two[2][10][3];
    char json[1024];

    (void)state;
    api_post(&api, "/predict", "{\"sequence\": " SEED_ROWS "}");
    keep("output", json, sizeof(json));
    api_post_floats(&api, "/predict", binary_rows[0], 30);
    assert_ok();
    assert_string_equal(api_header(&api, "X-Shape"), "2");
    assert_same_bits(json);
    post_as("application/json", "application/octet-stream", NULL);
    assert_string_equal(api_header(&api, "X-Shape"), "2");
    assert_same_bits(json);
    api.accept = "application/json";
    api_post_floats(&api, "/predict", binary_rows[0], 30);
    api.accept = NULL;
    assert_ok();
    assert_string_equal(api_raw(&api, "output"), json);
    assert_null(api_header(&api, "X-Shape"));

    memcpy(two[0], binary_rows, sizeof(binary_rows));
    memcpy(two[1], binary_rows, sizeof(binary_rows));
    two[1][0][0] = 5;
    api.accept = "application/json";
    api_post_floats(&api, "/predict?batch=2", two[0][0], 60);
    keep("outputs", json, sizeof(json));
    api.accept = NULL;
    api_post_floats(&api, "/predict?batch=2", two[0][0], 60);
    assert_ok();
    assert_string_equal(api_header(&api, "X-Shape"), "2,2");
    assert_same_bits(json);
    api_post_floats(&api, "/predict?batch=1", two[0][0], 30);
    assert_string_equal(api_header(&api, "X-Shape"), "1,2");
    api.accept = "application/json";
    api_post_floats(&api, "/predict?every_step=true&model=free", two[0][0],
                    60);
    keep("output", json, sizeof(json));
    api.accept = NULL;
    api_post_floats(&api, "/predict?every_step=true&model=free", two[0][0],
                    60);
    assert_string_equal(api_header(&api, "X-Shape"), "20,2");
    assert_same_bits(json);
}

/* rows: P74 P75 */
static void binary_sessions_speak_in_query_and_headers(void **state)
{
    (void)state;
    api_post_floats(&api, "/predict?session=p74&start=true&step=0",
                    binary_rows[0], 6);
    assert_ok();
    assert_string_equal(api_header(&api, "X-Session-Step"), "2");
    assert_null(api_header(&api, "X-Window-Filled"));
    api_post_floats(&api, "/predict?session=p74&step=2&commit=false",
                    binary_rows[2], 3);
    assert_string_equal(api_header(&api, "X-Session-Step"), "2");
    api_post_floats(&api, "/predict?session=p74&step=2&end=true",
                    binary_rows[2], 3);
    assert_string_equal(api_header(&api, "X-Session-Step"), "3");
    api_post_floats(&api, "/predict?session=p74", binary_rows[2], 3);
    api_assert_problem(&api, 410, "session-gone", NULL);
    api_post_floats(&api,
                    "/predict?session=p75&start=restart&mode=window&window=2"
                    "&ttl=1min&model=free",
                    binary_rows[0], 9);
    assert_ok();
    assert_string_equal(api_header(&api, "X-Session-Step"), "3");
    assert_string_equal(api_header(&api, "X-Window-Filled"), "2");
}

/* rows: P76 */
static void a_window_that_is_not_full_is_204(void **state)
{
    char json[512];

    (void)state;
    api_post(&api, "/sessions",
             "{\"id\": \"p76\", \"model\": \"free\", \"mode\": \"window\","
             "\"window\": 3}");
    api_post_floats(&api, "/predict?session=p76", binary_rows[0], 3);
    assert_int_equal(api.status, 204);
    assert_int_equal(api.length, 0);
    assert_string_equal(api_header(&api, "X-Session-Step"), "1");
    assert_string_equal(api_header(&api, "X-Window-Filled"), "1");
    api_post_floats(&api, "/predict?session=p76&every_step=true",
                    binary_rows[1], 3);
    assert_int_equal(api.status, 204);
    api.accept = "application/json";
    api_post_floats(&api, "/predict?session=p76&every_step=true&commit=false",
                    binary_rows[2], 6);
    keep("output", json, sizeof(json));
    api.accept = NULL;
    api_post_floats(&api, "/predict?session=p76&every_step=true",
                    binary_rows[2], 6);
    assert_ok();
    assert_string_equal(api_header(&api, "X-Shape"), "2,2");
    assert_same_bits(json);
    assert_string_equal(api_header(&api, "X-Window-Filled"), "3");
}

/* rows: P78 */
static void a_binary_body_must_fit_and_be_finite(void **state)
{
    float rows[10][3];

    (void)state;
    memcpy(rows, binary_rows, sizeof(rows));
    api_post_floats(&api, "/predict", rows[0], 29);
    api_assert_problem(&api, 422, "shape-mismatch", NULL);
    api_post_floats(&api, "/predict", rows[0], 27);
    api_assert_problem(&api, 422, "shape-mismatch", NULL);
    api_post_floats(&api, "/predict", rows[0], 0);
    api_assert_problem(&api, 422, "shape-mismatch", NULL);
    api_post_floats(&api, "/predict?batch=3", rows[0], 30);
    api_assert_problem(&api, 422, "shape-mismatch", NULL);
    api.content_type = "application/octet-stream";
    api_call(&api, "POST", "/predict", rows, 119);
    api.content_type = NULL;
    api_assert_problem(&api, 422, "shape-mismatch", NULL);
    assert_string_equal(api_text(&api, "detail"),
                        "the body has 119 bytes, a timestep of the model "
                        "\"seed\" has 12, for 1 sequence");
    rows[4][1] = NAN;
    api_post_floats(&api, "/predict", rows[0], 30);
    api_assert_problem(&api, 422, "not-finite", NULL);
    rows[4][1] = -INFINITY;
    api_post_floats(&api, "/predict", rows[0], 30);
    api_assert_problem(&api, 422, "not-finite", NULL);
    assert_string_equal(api_text(&api, "detail"),
                        "number 13 of the body (from 0) is infinite");
    /* Without time there is one shape only. */
    api_post_floats(&api, "/predict?model=static", rows[0], 3);
    assert_ok();
    assert_string_equal(api_header(&api, "X-Shape"), "2");
    api_post_floats(&api, "/predict?model=static", rows[0], 6);
    api_assert_problem(&api, 422, "shape-mismatch", NULL);
    api_post_floats(&api, "/predict?model=static&batch=2", rows[0], 6);
    assert_ok();
    assert_string_equal(api_header(&api, "X-Shape"), "2,2");
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
        api_post(&api, path, "{\"sequence\": " SEED_ROWS "}");
        api_assert_problem(&api, 400, "bad-query", NULL);
    }
    for (size_t i = 0; i < sizeof(binary) / sizeof(binary[0]); i++) {
        char path[64];

        snprintf(path, sizeof(path), "/predict%s", binary[i]);
        api_post_floats(&api, path, binary_rows[0], 30);
        api_assert_problem(&api, 400, "bad-query", NULL);
    }
    api_post(&api, "/predict?model=other",
             "{\"sequence\": " SEED_ROWS ", \"model\": \"seed\"}");
    api_assert_problem(&api, 400, "bad-query", NULL);
    api_post_floats(&api, "/predict?session=a%20b", binary_rows[0], 30);
    api_assert_problem(&api, 400, "bad-id", NULL);
}

/* ---- of another daemon -------------------------------------------------- */

/* rows: P41 */
static void any_timesteps_lets_a_streaming_model_take_any(void **state)
{
    struct daemon free_t;
    struct api other;

    (void)state;
    api_models_serve(&models, (const char *[]){"--any-timesteps", "yes", NULL},
                     &free_t);
    api_init(&other, free_t.url);
    api_post(&other, "/predict", "{\"sequence\": " ONE_ROW "}");
    assert_int_equal(other.status, 200);
    api_post(&other, "/predict?model=static", "{\"sequence\": [1, 2]}");
    api_assert_problem(&other, 422, "shape-mismatch", "/sequence");
    api_release(&other);
    daemon_stop(&free_t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sequence_has_one_output),
        cmocka_unit_test(one_feature_may_be_written_without_brackets),
        cmocka_unit_test(sequences_of_a_batch_may_have_any_length),
        cmocka_unit_test(inputs_may_be_given_by_name),
        cmocka_unit_test(every_step_is_each_prefix),
        cmocka_unit_test(every_step_needs_a_model_that_streams),
        cmocka_unit_test(every_step_of_a_window_has_null_while_it_fills),
        cmocka_unit_test(windows_of_one_call_are_bounded),
        cmocka_unit_test(fields_of_sessions_need_one_and_take_one_sequence),
        cmocka_unit_test(start_creates_a_session),
        cmocka_unit_test(restart_begins_again_with_what_it_was),
        cmocka_unit_test(end_forgets_if_the_call_succeeds),
        cmocka_unit_test(a_peek_leaves_the_session_as_it_was),
        cmocka_unit_test(the_model_may_be_named),
        cmocka_unit_test(there_is_exactly_one_field_with_tensors),
        cmocka_unit_test(a_fixed_t_is_kept_but_in_a_carry_session),
        cmocka_unit_test(what_is_not_of_this_form_is_400),
        cmocka_unit_test(what_does_not_fit_the_model_is_422),
        cmocka_unit_test(what_is_not_finite_changes_nothing),
        cmocka_unit_test(limits_are_413_with_their_name),
        cmocka_unit_test(json_comes_under_few_names),
        cmocka_unit_test(accept_chooses_the_answers_form),
        cmocka_unit_test(binary_and_json_hold_the_same_bits),
        cmocka_unit_test(binary_sessions_speak_in_query_and_headers),
        cmocka_unit_test(a_window_that_is_not_full_is_204),
        cmocka_unit_test(a_binary_body_must_fit_and_be_finite),
        cmocka_unit_test(the_query_is_as_strict_as_the_body),
        cmocka_unit_test(any_timesteps_lets_a_streaming_model_take_any),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
