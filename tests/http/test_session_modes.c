/* test_session_modes.c: docs/api-2-sessions.md, modes, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/api.h"
#include "tests/support/api_models.h"

static struct api_world world;
static struct api *const api = &world.api;

static int set_up(void **state)
{
    (void)state;
    api_world_open(&world, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_world_close(&world);
    return 0;
}

/* rows: S40 P42 */
static void any_cut_of_a_sequence_gives_the_same_bits(void **state)
{
    static const int cuts[][4] = {
        {12, 0, 0, 0}, {1, 11, 0, 0}, {5, 1, 6, 0}, {3, 3, 3, 3}};
    char whole[512];

    (void)state;
    for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++) {
        int t = 0;

        for (size_t i = 0; i < 4 && cuts[c][i]; i++) {
            char rows[1024] = "";

            for (int k = 0; k < cuts[c][i]; k++, t++)
                snprintf(rows + strlen(rows), sizeof(rows) - strlen(rows),
                         "%s[%d.5,0.%d,-%d]", k ? "," : "", t, t, t);
            api_post(api, "/predict",
                     "{\"model\": \"free\", \"sequence\": [%s], \"session\":"
                     "\"s40-%zu\"%s}",
                     rows, c, i ? "" : ", \"start\": true");
            api_assert_status(api, 200);
        }
        assert_int_equal(t, 12);
        if (c == 0)
            api_keep(api, "output", whole, sizeof(whole));
        assert_string_equal(api_raw(api, "output"), whole);
    }
}

/* rows: S41 E-cannot-stream */
static void a_model_that_cannot_stream_has_no_carry(void **state)
{
    (void)state;
    api_post(api, "/sessions", "{\"model\": \"static\"}");
    api_assert_problem(api, 422, "cannot-stream", "/mode");
    assert_non_null(strstr(api_text(api, "detail"), "no time axis"));
    api_post(api, "/predict",
             "{\"model\": \"static\", \"sequence\": [1,2,3], \"session\":"
             "\"s41\", \"start\": true}");
    api_assert_problem(api, 422, "cannot-stream", "/mode");
    /* Nothing of it has time, so there is no window either. */
    api_post(api, "/sessions",
             "{\"model\": \"static\", \"mode\": \"window\", \"window\": 2}");
    api_assert_problem(api, 422, "shape-mismatch", "/mode");
}

/* rows: S42 S43 S44 P33 */
static void a_window_is_a_stateless_call_over_its_rows(void **state)
{
    static const int sizes[] = {1, 3, 2, 1, 9, 4, 1};
    char all[64][48], output[512];
    size_t t = 0;

    (void)state;
    api_post(api, "/sessions",
             "{\"id\": \"s42\", \"model\": \"free\", \"mode\": \"window\","
             "\"window\": 4}");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char rows[1024] = "", window[512] = "";

        for (int k = 0; k < sizes[i]; k++, t++) {
            snprintf(all[t], sizeof(all[t]), "[0.%zu,%zu,-1.%zu]", t, t, t);
            snprintf(rows + strlen(rows), sizeof(rows) - strlen(rows), "%s%s",
                     k ? "," : "", all[t]);
        }
        api_post(api, "/predict", "{\"sequence\": [%s], \"session\": \"s42\"}",
                 rows);
        api_assert_status(api, 200);
        assert_int_equal(api_number(api, "session.step"), t);
        assert_int_equal(api_number(api, "session.window"), 4);
        assert_int_equal(api_number(api, "session.window_filled"),
                         t < 4 ? t : 4);
        if (t < 4) {
            assert_true(api_is_null(api, "output"));
            continue;
        }
        api_keep(api, "output", output, sizeof(output));
        for (size_t k = t - 4; k < t; k++)
            snprintf(window + strlen(window), sizeof(window) - strlen(window),
                     "%s%s", k > t - 4 ? "," : "", all[k]);
        api_post(api, "/predict", "{\"model\": \"free\", \"sequence\": [%s]}",
                 window);
        api_assert_status(api, 200);
        assert_string_equal(api_raw(api, "output"), output);
    }
}

/* rows: S45 S46 S47 */
static void the_window_is_the_models_t_or_given(void **state)
{
    (void)state;
    api_post(api, "/sessions", "{\"mode\": \"window\"}");
    api_assert_status(api, 201);
    assert_int_equal(api_number(api, "window"), 10);
    api_post(api, "/sessions", "{\"mode\": \"window\", \"window\": 10}");
    api_assert_status(api, 201);
    api_post(api, "/sessions", "{\"mode\": \"window\", \"window\": 9}");
    api_assert_problem(api, 422, "shape-mismatch", "/window");
    api_post(api, "/sessions", "{\"model\": \"free\", \"mode\": \"window\"}");
    api_assert_problem(api, 400, "bad-field", "/window");
    api_post(api, "/sessions", "{\"window\": 10}");
    api_assert_problem(api, 400, "bad-field", "/window");
    api_post(api, "/sessions",
             "{\"model\": \"free\", \"mode\": \"window\", \"window\":"
             "65537}");
    api_assert_problem(api, 413, "too-large", "/window");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_of_a_sequence_gives_the_same_bits),
        cmocka_unit_test(a_model_that_cannot_stream_has_no_carry),
        cmocka_unit_test(a_window_is_a_stateless_call_over_its_rows),
        cmocka_unit_test(the_window_is_the_models_t_or_given),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
