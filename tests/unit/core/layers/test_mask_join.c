/* Masks of rows that meet: an average over the rows of each timestep counts
 * those that count. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/graph_builder.h"
#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"

#define T 2
#define N 3
#define F 2

static const char *const versions[] = {"3.15.1", "2.15.0"};

/* Rows of 7 are masked in m, rows of 5 in n; o has no mask. */
static const float x[T * N * F] = {1, 2, 7, 7, 5, 5, 5, 5, 7, 7, 3, 4};

static const char average[] =
    "\"layer\": {\"class_name\": \"GlobalAveragePooling1D\", \"config\": "
    "{\"name\": \"j\"}}";

static void begin(struct model_builder *b, const char *version)
{
    graph_begin(b, version);
    graph_input(b, "x", "null, 3, 2");
    graph_layer(b, "Masking", "m", "\"mask_value\": 7", "x,0,0");
    graph_layer(b, "Masking", "n", "\"mask_value\": 5", "x,0,0");
    graph_layer(b, "ReLU", "o", "", "x,0,0");
}

/* `pattern` has a letter for each row of y, `width` numbers: 1 counts. */
static void check(struct model_builder *b, const float *numbers,
                  const char *pattern, size_t width, const char *what)
{
    size_t rows = strcspn(pattern, " "), steps;
    float *mean, *y;

    graph_layer(b, "TimeDistributed", "a", average, "y,0,0");
    graph_end(b, "x,0,0", "a,0,0 y,0,0", NULL);
    mean = graph_run(b, numbers, T, 0);
    y = graph_run(b, numbers, T, 1);
    steps = (strlen(pattern) + 1) / (rows + 1);
    for (size_t t = 0; t < steps; t++)
        for (size_t k = 0; k < width; k++) {
            double sum = 0;
            size_t count = 0;

            for (size_t r = 0; r < rows; r++)
                if (pattern[t * (rows + 1) + r] == '1') {
                    sum += (double)y[(t * rows + r) * width + k];
                    count++;
                }
            if (!(fabs(mean[t * width + k] - sum / (double)count) < 1e-6))
                fail_msg("%s: the average of step %zu is %g, not %g", what, t,
                         (double)mean[t * width + k], sum / (double)count);
        }
    graph_check_bits(b, 0);
    free(mean);
    free(y);
    model_builder_release(b);
}

static void masks_of_rows_follow_each_other(void **state)
{
    static const struct {
        const char *inputs, *axis, *pattern;
        bool in_keras_2;
    } cases[] = {
        {"m,0,0 n,0,0", "2", "101110 101011", true},
        {"m,0,0 n,0,0", "-2", "101110 101011", true},
        {"n,0,0 o,0,0", "2", "110111 011111", false},
        {"m,0,0 m,0,0", "2", "101101 101101", true},
        {"m,0,0 n,0,0", "1", "101 101 110 011", true},
        {"o,0,0 n,0,0", "1", "111 111 110 011", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int v = 0; v < 1 + cases[i].in_keras_2; v++) {
            struct model_builder b;
            char fields[40];

            snprintf(fields, sizeof(fields), "\"axis\": %s", cases[i].axis);
            begin(&b, versions[v]);
            graph_layer(&b, "Concatenate", "y", fields, cases[i].inputs);
            check(&b, x, cases[i].pattern, F, cases[i].inputs);
        }
}

/* Along the features, and in a sum: row by row. */
static void masks_of_rows_lie_over_each_other(void **state)
{
    static const struct {
        const char *class_name, *inputs, *patterns[2];
    } cases[] = {
        {"Concatenate", "m,0,0 n,0,0", {"111 111", "100 001"}},
        {"Concatenate", "m,0,0 o,0,0", {"111 111", "101 101"}},
        {"Add", "m,0,0 n,0,0", {"111 111", "100 001"}},
        {"Average", "m,0,0 o,0,0", {"111 111", "101 101"}},
        {"Add", "n,0,0 n,0,0", {"110 011", "110 011"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t v = 0; v < 2; v++) {
            struct model_builder b;

            begin(&b, versions[v]);
            graph_layer(&b, cases[i].class_name, "y", "", cases[i].inputs);
            check(&b, x, cases[i].patterns[v], i < 2 ? 2 * F : F,
                  cases[i].class_name);
        }
}

/* Masks of one timestep beside those of two, in Keras 3: p is the mean of the
 * first row over time, which is 0 and masked, or not. */
static void a_mask_of_one_timestep_is_repeated(void **state)
{
    static const char *const patterns[] = {"100 001", "111 111"};
    static const float values[] = {0, 3};
    const float rows[T * N * F] = {1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct model_builder b;
        char fields[60];
        float *mean, *y;

        snprintf(fields, sizeof(fields), "\"scale\": 0, \"offset\": %g",
                 (double)values[i]);
        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 3, 2");
        graph_layer(&b, "Masking", "m", "", "x,0,0");
        graph_operator(&b, "Mean", "g", "\"axis\": 1, \"keepdims\": true",
                       "$x");
        graph_layer(&b, "Rescaling", "s", fields, "g,0,0");
        graph_layer(&b, "Masking", "p", "", "s,0,0");
        graph_layer(&b, "Add", "y", "", "p,0,0 m,0,0");
        graph_layer(&b, "TimeDistributed", "a", average, "y,0,0");
        graph_end(&b, "x,0,0", "a,0,0 y,0,0", NULL);
        mean = graph_run(&b, rows, T, 0);
        y = graph_run(&b, rows, T, 1);
        for (size_t t = 0; t < T; t++)
            for (size_t k = 0; k < F; k++) {
                double sum = 0, count = 0;

                for (size_t r = 0; r < N; r++)
                    if (patterns[i][t * (N + 1) + r] == '1') {
                        sum += (double)y[(t * N + r) * F + k];
                        count++;
                    }
                assert_true(fabs(mean[t * F + k] - sum / count) < 1e-6);
            }
        graph_check_bits(&b, 0);
        free(mean);
        free(y);
        model_builder_release(&b);
    }
}

/* A Softmax passes on a mask of features, here x itself: 0 is masked.  A row
 * counts where some of its numbers do, in Keras 2 where all do. */
static void masks_of_features_become_masks_of_rows(void **state)
{
    static const float holes[T * N * F] = {1, 2, 0, 0, 5, 0, 1, 5, 5, 5, 0, 4};
    static const struct {
        const char *inputs, *axis, *patterns[2];
    } cases[] = {
        {"s,0,0 s,0,0", "3", {"101 111", "100 110"}},
        {"s,0,0 n,0,0", "3", {"111 111", "100 100"}},
        {"n,0,0 s,0,0", "-1", {"111 111", "100 100"}},
        {"s,0,0 o,0,0", "-1", {"111 111", "100 110"}},
        {"s,0,0 s,0,0", "1", {"101 111 101 111", "100 110 100 110"}},
        {"s,0,0 s,0,0", "2", {"101101 111111", "100100 110110"}},
        {"s,0,0 n,0,0", "2", {"101111 111101", NULL}},
        {"o,0,0 s,0,0", "1", {"111 111 101 111", "111 111 100 110"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t v = 0; v < 2 && cases[i].patterns[v]; v++) {
            struct model_builder b;
            char fields[40];

            snprintf(fields, sizeof(fields), "\"axis\": %s", cases[i].axis);
            begin(&b, versions[v]);
            graph_layer(&b, "ReLU", "q", "", "x,0,0");
            graph_layer(&b, "Softmax", "s", "", "q,0,0");
            graph_layer(&b, "Concatenate", "y", fields, cases[i].inputs);
            graph_give_mask(&b, "q", graph_tensor(&b, "x"));
            check(&b, holes, cases[i].patterns[v], i < 4 ? 2 * F : F,
                  cases[i].inputs);
        }
}

static void assert_refused(struct model_builder *b, const char *says)
{
    graph_end(b, "x,0,0", "y,0,0", NULL);
    assert_int_equal(model_assert_refused(b, says), RNN_UNSUPPORTED);
}

static void masks_that_do_not_join_are_refused(void **state)
{
    static const char reshape[] =
        "\"layer\": {\"class_name\": \"Reshape\", \"config\": {\"name\": "
        "\"i\", \"target_shape\": [6]}}";
    static const char back[] =
        "\"layer\": {\"class_name\": \"Reshape\", \"config\": {\"name\": "
        "\"i\", \"target_shape\": [3, 2]}}";
    struct model_builder b;

    (void)state;
    begin(&b, "2.15.0");
    graph_layer(&b, "Concatenate", "y", "\"axis\": 2", "m,0,0 o,0,0");
    assert_refused(&b, "Keras itself cannot run that");
    /* [T, 6] with a mask of [T, 3] beside one of [T] */
    begin(&b, "3.15.1");
    graph_layer(&b, "TimeDistributed", "r", reshape, "m,0,0");
    graph_layer(&b, "Masking", "s", "", "r,0,0");
    graph_layer(&b, "Add", "y", "", "r,0,0 s,0,0");
    assert_refused(&b, "different shapes, which do not join");
    begin(&b, "2.15.0");
    graph_layer(&b, "ReLU", "q", "", "x,0,0");
    graph_layer(&b, "Softmax", "s", "", "q,0,0");
    graph_layer(&b, "Concatenate", "y", "\"axis\": 2", "s,0,0 n,0,0");
    graph_give_mask(&b, "q", graph_tensor(&b, "x"));
    assert_refused(&b, "masks differ in width");
    /* [T, 3, 2] with a mask of [T] */
    begin(&b, "3.15.1");
    graph_layer(&b, "TimeDistributed", "r", reshape, "o,0,0");
    graph_layer(&b, "Masking", "s", "", "r,0,0");
    graph_layer(&b, "TimeDistributed", "t", back, "s,0,0");
    graph_layer(&b, "Concatenate", "y", "", "t,0,0 t,0,0");
    assert_refused(&b, "other axes than the rows");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_of_rows_follow_each_other),
        cmocka_unit_test(masks_of_rows_lie_over_each_other),
        cmocka_unit_test(masks_of_features_become_masks_of_rows),
        cmocka_unit_test(a_mask_of_one_timestep_is_repeated),
        cmocka_unit_test(masks_that_do_not_join_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
