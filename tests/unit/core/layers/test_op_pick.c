/* Numbers from other places: which ones, of axes of known and open size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/graph_builder.h"
#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"

#define T    5
#define D    3
#define FILL (-1) /* no place: a constant, 7 */

static const struct {
    const char *class_name, *fields, *arguments;
    size_t rows, width;
    int of_time[12], of_features[8]; /* where they come from */
    bool streams, known_only;
} picks[] = {
    {"Take",
     "\"axis\": -1",
     "$x, [2, 0, -2, 2]",
     T,
     4,
     {0, 1, 2, 3, 4},
     {2, 0, 1, 2},
     true,
     false},
    {"Take",
     "\"axis\": 1",
     "$x, [3, 0, 0]",
     3,
     D,
     {3, 0, 0},
     {0, 1, 2},
     false,
     false},
    {"Take",
     "\"axis\": 1",
     "$x, [-1, 0]",
     2,
     D,
     {4, 0},
     {0, 1, 2},
     false,
     false},
    {"Take", "\"axis\": 1", "$x, -1", 1, D, {4}, {0, 1, 2}, true, false},
    {"Take", "\"axis\": 1", "$x, 2", 1, D, {2}, {0, 1, 2}, false, false},
    {"Take",
     "\"axis\": 2",
     "$x, {\"class_name\": \"__numpy__\", \"config\": {\"value\": [1], "
     "\"dtype\": \"int64\"}}",
     T,
     1,
     {0, 1, 2, 3, 4},
     {1},
     true,
     false},
    {"Repeat",
     "\"repeats\": 2, \"axis\": 2",
     "$x",
     T,
     6,
     {0, 1, 2, 3, 4},
     {0, 0, 1, 1, 2, 2},
     true,
     false},
    {"Repeat",
     "\"repeats\": [2, 0, 3], \"axis\": -1",
     "$x",
     T,
     5,
     {0, 1, 2, 3, 4},
     {0, 0, 2, 2, 2},
     true,
     false},
    {"Repeat",
     "\"repeats\": [2], \"axis\": 1",
     "$x",
     10,
     D,
     {0, 0, 1, 1, 2, 2, 3, 3, 4, 4},
     {0, 1, 2},
     false,
     false},
    {"Repeat",
     "\"repeats\": [0, 1, 0, 2, 0], \"axis\": 1",
     "$x",
     3,
     D,
     {1, 3, 3},
     {0, 1, 2},
     false,
     true},
    {"Tile",
     "\"repeats\": [2]",
     "$x",
     T,
     6,
     {0, 1, 2, 3, 4},
     {0, 1, 2, 0, 1, 2},
     true,
     false},
    {"Tile",
     "\"repeats\": [1, 2, 2]",
     "$x",
     10,
     6,
     {0, 1, 2, 3, 4, 0, 1, 2, 3, 4},
     {0, 1, 2, 0, 1, 2},
     false,
     false},
    {"Roll",
     "\"shift\": 1, \"axis\": -1",
     "$x",
     T,
     D,
     {0, 1, 2, 3, 4},
     {2, 0, 1},
     true,
     false},
    {"Roll",
     "\"shift\": [-7, 2], \"axis\": [1, 2]",
     "$x",
     T,
     D,
     {2, 3, 4, 0, 1},
     {1, 2, 0},
     false,
     false},
    {"Pad",
     "\"pad_width\": [[0, 0], [0, 0], [1, 2]]",
     "$x, 7",
     T,
     6,
     {0, 1, 2, 3, 4},
     {FILL, 0, 1, 2, FILL, FILL},
     true,
     false},
    {"Pad",
     "\"pad_width\": [[0, 0], [2, 1], [0, 1]], \"mode\": \"constant\"",
     "$x, 7",
     8,
     4,
     {FILL, FILL, 0, 1, 2, 3, 4, FILL},
     {0, 1, 2, FILL},
     false,
     false},
    {"Pad",
     "\"pad_width\": [[0, 0], [4, 3], [1, 0]], \"mode\": \"reflect\"",
     "$x",
     12,
     4,
     {4, 3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1},
     {1, 0, 1, 2},
     false,
     false},
    {"Pad",
     "\"pad_width\": [[0, 0], [5, 2], [0, 1]], \"mode\": "
     "\"symmetric\"",
     "$x",
     12,
     4,
     {4, 3, 2, 1, 0, 0, 1, 2, 3, 4, 4, 3},
     {0, 1, 2, 2},
     false,
     false},
};

static void check(size_t i, bool known)
{
    struct model_builder b;
    struct rnn_model *model;
    bool short_too;
    uint64_t seed = 6;
    float *x = model_random_floats(&seed, T * D, 1), *y;

    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", known ? "5, 3" : "null, 3");
    graph_operator(&b, picks[i].class_name, "y", picks[i].fields,
                   picks[i].arguments);
    graph_end(&b, "x,0,0", "y,0,0", NULL);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_true(rnn_model_info(model)->streams == picks[i].streams);
    short_too = rnn_model_info(model)->least_timesteps <= 1;
    rnn_model_free(model);
    y = graph_run(&b, x, T, 0);
    for (size_t t = 0; t < picks[i].rows; t++)
        for (size_t k = 0; k < picks[i].width; k++) {
            int row = picks[i].of_time[t], at = picks[i].of_features[k];
            float should = row == FILL || at == FILL ? 7 : x[row * D + at];

            if (y[t * picks[i].width + k] != should)
                fail_msg("%s %s at [%zu, %zu]", picks[i].class_name,
                         picks[i].fields, t, k);
        }
    if (known ? !picks[i].streams : short_too)
        graph_check_bits(&b, known ? T : 0);
    model_builder_release(&b);
    free(x);
    free(y);
}

static void places_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(picks) / sizeof(picks[0]); i++) {
        check(i, true);
        if (!picks[i].known_only)
            check(i, false);
    }
}

static const struct {
    const char *shape, *class_name, *fields, *arguments, *says;
} refusals[] = {
    {"null, 3", "Take", "\"axis\": null", "$x, [1]", "without an axis"},
    {"null, 3", "Take", "\"axis\": 0", "$x, [1]", "the batch"},
    {"null, 3", "Take", "\"axis\": 1", "$x, $x", "no constants"},
    {"null, 3", "Take", "\"axis\": 2", "$x, [3]", "it needs 4"},
    {"null, 3", "Take", "\"axis\": 2", "$x, [[1], [2]]", "whole number"},
    {"null, 3", "Take", "\"axis\": 2", "$x, []", "a list of some"},
    {"null, 3", "Repeat", "\"repeats\": 2, \"axis\": null", "$x",
     "without an axis"},
    {"null, 3", "Repeat", "\"repeats\": 0, \"axis\": 1", "$x", "or never"},
    {"null, 3", "Repeat", "\"repeats\": [1, 2], \"axis\": 1", "$x",
     "another number of places"},
    {"null, 3", "Repeat", "\"repeats\": [0, 0, 0], \"axis\": 2", "$x",
     "nothing is left"},
    {"null, 3", "Repeat", "\"repeats\": [1, -1, 0], \"axis\": 2", "$x",
     "too often"},
    {"null, 3", "Tile", "\"repeats\": [2, 1, 1]", "$x", "the batch"},
    {"null, 3", "Tile", "\"repeats\": [1, 0]", "$x", "or never"},
    {"null, 3", "Roll", "\"shift\": 1, \"axis\": null", "$x",
     "without an axis"},
    {"null, 3", "Roll", "\"shift\": [1, 2], \"axis\": 1", "$x",
     "without an axis"},
    {"null, 3", "Roll", "\"shift\": 1, \"axis\": [1, 2]", "$x",
     "without a shift"},
    {"null, 3", "Pad", "\"pad_width\": [[1, 0], [0, 0], [0, 0]]", "$x",
     "batch larger"},
    {"null, 3", "Pad", "\"pad_width\": [[1, 0]]", "$x", "does not say"},
    {"null, 3", "Pad", "\"pad_width\": [[0, 0], [-1, 0], [0, 0]]", "$x",
     "from 0"},
    {"null, 3", "Pad",
     "\"pad_width\": [[0, 0], [1, 0], [0, 0]], \"mode\": "
     "\"edge\"",
     "$x", "mode is none"},
    {"null, 3", "Pad",
     "\"pad_width\": [[0, 0], [0, 0], [3, 0]], \"mode\": "
     "\"reflect\"",
     "$x", "it needs 4"},
    {"null, 3", "Pad", "\"pad_width\": [[0, 0], [1, 0], [0, 0]]", "$x, [1, 2]",
     "no number"},
};

static void what_cannot_be_done_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct model_builder b;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", refusals[i].shape);
        operator_assert_refused(&b, refusals[i].class_name, refusals[i].fields,
                                refusals[i].arguments, refusals[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_taken),
        cmocka_unit_test(what_cannot_be_done_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
