/* test_predict.c: docs/api-1-predict.md, fields and answers without a
 * session, row by row.  What no model of today has (several inputs, token
 * ids) is shown by tests/unit/server/routes/. */
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

/* ---- fields ------------------------------------------------------------- */

/* rows: P1 P30 P34 */
static void one_sequence_has_one_output(void **state)
{
    (void)state;
    api_post(api, "/predict", "{\"sequence\": " SEED_ROWS "}");
    api_assert_status(api, 200);
    assert_string_equal(api_header(api, "Content-Type"), "application/json");
    assert_true(isfinite(api_number(api, "output.0")));
    assert_true(isfinite(api_number(api, "output.1")));
    assert_false(api_has(api, "output.2"));
    assert_false(api_has(api, "session"));
    /* Every number has a point or an exponent. */
    assert_int_equal(strspn(api_raw(api, "output"), "[]0123456789.,-e"),
                     strlen(api_raw(api, "output")));
    assert_non_null(strpbrk(strchr(api_raw(api, "output"), ','), ".e"));
}

/* rows: P2 */
static void one_feature_may_be_written_without_brackets(void **state)
{
    char rows[256];

    (void)state;
    api_post(api, "/predict?model=one",
             "{\"sequence\": [[0.5], [0.25], [-1]]}");
    api_keep(api, "output", rows, sizeof(rows));
    api_post(api, "/predict?model=one", "{\"sequence\": [0.5, 0.25, -1]}");
    api_assert_status(api, 200);
    assert_string_equal(api_raw(api, "output"), rows);
    api_post(api, "/predict?model=one",
             "{\"sequences\": [[0.5, 0.25, -1], [[0.5], [0.25], [-1]]]}");
    api_assert_status(api, 200);
    assert_true(api_number(api, "outputs.0.0") ==
                api_number(api, "outputs.1.0"));
}

/* rows: P4 P30 */
static void sequences_of_a_batch_may_have_any_length(void **state)
{
    char one[256], two[256], both[600];

    (void)state;
    api_post(api, "/predict?model=free", "{\"sequence\": " ONE_ROW "}");
    api_keep(api, "output", one, sizeof(one));
    api_post(api, "/predict?model=free", "{\"sequence\": " SEED_ROWS "}");
    api_keep(api, "output", two, sizeof(two));
    api_post(api, "/predict?model=free",
             "{\"sequences\": [" ONE_ROW ", " SEED_ROWS "]}");
    api_assert_status(api, 200);
    snprintf(both, sizeof(both), "[%s,%s]", one, two);
    assert_string_equal(api_raw(api, "outputs"), both);
}

/* rows: P5 P6 P30 */
static void inputs_may_be_given_by_name(void **state)
{
    char one[256], both[600];

    (void)state;
    api_post(api, "/predict", "{\"sequence\": " SEED_ROWS "}");
    api_keep(api, "output", one, sizeof(one));
    api_post(api, "/predict",
             "{\"inputs\": {\"input_layer\": " SEED_ROWS "}}");
    api_assert_status(api, 200);
    assert_string_equal(api_raw(api, "output"), one);
    api_post(api, "/predict",
             "{\"inputs\": [{\"input_layer\": " SEED_ROWS "},"
             "{\"input_layer\": " SEED_ROWS "}]}");
    api_assert_status(api, 200);
    snprintf(both, sizeof(both), "[%s,%s]", one, one);
    assert_string_equal(api_raw(api, "outputs"), both);
}

/* rows: P7 */
static void every_step_is_each_prefix(void **state)
{
    static const char *const prefixes[] = {
        "[[0.1,0.2,0.3]]", "[[0.1,0.2,0.3],[0.4,0.5,0.6]]",
        "[[0.1,0.2,0.3],[0.4,0.5,0.6],[7,8,9]]"};
    char all[600] = "[";

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        size_t length = strlen(all);

        api_post(api, "/predict?model=free", "{\"sequence\": %s}",
                 prefixes[i]);
        api_assert_status(api, 200);
        snprintf(all + length, sizeof(all) - length, "%s%s", i ? "," : "",
                 api_raw(api, "output"));
    }
    snprintf(all + strlen(all), sizeof(all) - strlen(all), "]");
    api_post(api, "/predict?model=free",
             "{\"sequence\": %s, \"every_step\": true}", prefixes[2]);
    api_assert_status(api, 200);
    assert_string_equal(api_raw(api, "output"), all);
    api_post(api, "/predict?model=free",
             "{\"sequences\": [%s], \"every_step\": true}", prefixes[2]);
    api_assert_status(api, 200);
    assert_int_equal(strlen(api_raw(api, "outputs")), strlen(all) + 2);
}

/* rows: P8 */
static void every_step_needs_a_model_that_streams(void **state)
{
    char rows[256];

    (void)state;
    api_post(api, "/predict?model=static",
             "{\"sequence\": [1, 2, 3], \"every_step\": true}");
    api_assert_problem(api, 422, "cannot-stream", "/every_step");
    assert_non_null(strstr(api_text(api, "detail"), "no time axis"));
    /* An output that has time already is answered as it is. */
    api_post(api, "/predict?model=rows", "{\"sequence\": [[1, 2], [3, 4]]}");
    api_keep(api, "output", rows, sizeof(rows));
    assert_true(api_has(api, "output.1.1"));
    api_post(api, "/predict?model=rows",
             "{\"sequence\": [[1, 2], [3, 4]], \"every_step\": true}");
    api_assert_status(api, 200);
    assert_string_equal(api_raw(api, "output"), rows);
}

/* rows: P18 P19 E-no-such-model E-other-model */
static void the_model_may_be_named(void **state)
{
    char first[256], other[256];

    (void)state;
    api_post(api, "/predict", "{\"sequence\": " SEED_ROWS "}");
    api_keep(api, "output", first, sizeof(first));
    api_post(api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"model\": \"seed\"}");
    assert_string_equal(api_raw(api, "output"), first);
    api_post(api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"model\": \"other\"}");
    api_keep(api, "output", other, sizeof(other));
    assert_string_not_equal(other, first);
    api_post(api, "/predict?model=other", "{\"sequence\": " SEED_ROWS "}");
    assert_string_equal(api_raw(api, "output"), other);
    api_post(api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"model\": \"none\"}");
    api_assert_problem(api, 404, "no-such-model", "/model");
    /* A session's own. */
    api_post(api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"model\": \"other\","
             "\"session\": \"p18\", \"start\": true}");
    assert_string_equal(api_raw(api, "output"), other);
    api_post(api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"session\": \"p18\", \"start\":"
             "\"restart\"}");
    assert_string_equal(api_raw(api, "output"), other);
    api_post(api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p18\", \"model\":"
             "\"seed\"}");
    api_assert_problem(api, 409, "other-model", "/model");
    api_post(api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p18\", \"model\":"
             "\"seed\", \"start\": \"restart\"}");
    api_assert_problem(api, 409, "other-model", "/model");
}

/* rows: P20 P21 */
static void there_is_exactly_one_field_with_tensors(void **state)
{
    (void)state;
    api_post(api, "/predict", "{}");
    assert_int_equal(api->status, 400);
    api_post(api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"sequences\": [" SEED_ROWS "]}");
    assert_int_equal(api->status, 400);
    assert_string_equal(api_text(api, "type"), "/problems/bad-field");
    api_post(api, "/predict",
             "{\"sequence\": " SEED_ROWS ", \"sequences\": null,"
             "\"inputs\": null, \"every_step\": null, \"session\": null,"
             "\"start\": null, \"end\": null, \"step\": null, \"commit\":"
             "null, \"model\": null, \"mode\": null, \"window\": null,"
             "\"ttl\": null}");
    api_assert_status(api, 200);
}

/* ---- timesteps ---------------------------------------------------------- */

/* rows: P40 P42 E1 E2 E3 */
static void a_fixed_t_is_kept_but_in_a_carry_session(void **state)
{
    (void)state;
    api_post(api, "/predict", "{\"sequence\": " ONE_ROW "}");
    api_assert_problem(api, 422, "shape-mismatch", "/sequence");
    assert_string_equal(api_text(api, "detail"),
                        "sequence has 1 timestep, the model \"seed\" takes "
                        "10");
    api_post(api, "/predict", "{\"sequences\": [" SEED_ROWS ", " ONE_ROW "]}");
    api_assert_problem(api, 422, "shape-mismatch", "/sequences/1");
    api_post(api, "/predict",
             "{\"sequence\": " ONE_ROW ", \"session\": \"p42\", \"start\":"
             "true}");
    api_assert_status(api, 200);
    api_post(api, "/predict",
             "{\"sequence\": [[1,2,3],[4,5,6],[7,8,9]], \"session\":"
             "\"p42\"}");
    api_assert_status(api, 200);
    assert_int_equal(api_number(api, "session.step"), 4);
}

/* ---- of another daemon -------------------------------------------------- */

/* rows: P41 */
static void any_timesteps_lets_a_streaming_model_take_any(void **state)
{
    struct daemon free_t;
    struct api other;

    (void)state;
    api_models_serve(&world.models,
                     (const char *[]){"--any-timesteps", "yes", NULL},
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
        cmocka_unit_test(the_model_may_be_named),
        cmocka_unit_test(there_is_exactly_one_field_with_tensors),
        cmocka_unit_test(a_fixed_t_is_kept_but_in_a_carry_session),
        cmocka_unit_test(any_timesteps_lets_a_streaming_model_take_any),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
