/* Global pooling: the steps that count, an axis that stays, features first. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/graph_builder.h"
#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"

#define T 9
#define D 4

static float *some_x(void)
{
    uint64_t seed = 21;

    return model_random_floats(&seed, T * D, 1);
}

static void begin(struct model_builder *b, const char *shape,
                  const char *fields)
{
    graph_begin(b, "3.15.1");
    graph_input(b, "x", shape);
    graph_layer(b, "GlobalMaxPooling1D", "m", fields, "x,0,0");
    graph_layer(b, "GlobalAveragePooling1D", "a", fields, "x,0,0");
    graph_end(b, "x,0,0", "m,0,0 a,0,0", NULL);
}

/* What one model answers, against `count` maxima and means. */
static void check(struct model_builder *b, const float *x, size_t count,
                  const double *max, const double *mean)
{
    float *y = graph_run(b, x, T, 0), *z = graph_run(b, x, T, 1);

    for (size_t i = 0; i < count; i++) {
        assert_true(y[i] == (float)max[i]);
        assert_true(z[i] == (float)mean[i]);
    }
    free(y);
    free(z);
}

static void an_axis_of_one_may_stay(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    float *x = some_x();
    double max[D], mean[D] = {0};

    (void)state;
    for (size_t k = 0; k < D; k++)
        max[k] = (double)x[k];
    for (size_t i = 0; i < T * D; i++) {
        max[i % D] = fmax(max[i % D], (double)x[i]);
        mean[i % D] += (double)x[i];
    }
    for (size_t k = 0; k < D; k++)
        mean[k] /= T;
    begin(&b, "null, 4", "\"keepdims\": true");
    check(&b, x, D, max, mean);
    graph_check_bits(&b, 0);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_true(rnn_model_info(model)->streams);
    assert_int_equal(rnn_model_info(model)->outputs[0].rank, 2);
    assert_int_equal(rnn_model_info(model)->outputs[0].shape[0], 1);
    rnn_model_free(model);
    model_builder_release(&b);
    free(x);
}

/* ... and be repeated over time in what merges. */
static void what_stays_spreads_over_time(void **state)
{
    struct model_builder b;
    float *x = some_x(), *y;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 4");
    graph_layer(&b, "GlobalMaxPooling1D", "m", "\"keepdims\": true", "x,0,0");
    graph_layer(&b, "Subtract", "s", "", "x,0,0 m,0,0");
    graph_end(&b, "x,0,0", "s,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    for (size_t k = 0; k < D; k++) {
        float most = x[k];

        for (size_t t = 0; t < T; t++)
            most = fmaxf(most, x[t * D + k]);
        for (size_t t = 0; t < T; t++)
            assert_true(y[t * D + k] == x[t * D + k] - most);
    }
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(x);
    free(y);
}

static void features_first_pools_each_step(void **state)
{
    static const char *const fields[] = {
        "\"data_format\": \"channels_first\"",
        "\"data_format\": \"channels_first\", \"keepdims\": true",
    };
    float *x = some_x();
    double max[T], mean[T];

    (void)state;
    for (size_t t = 0; t < T; t++) {
        double sum = 0;

        max[t] = (double)x[t * D];
        for (size_t k = 0; k < D; k++) {
            max[t] = fmax(max[t], (double)x[t * D + k]);
            sum += (double)x[t * D + k];
        }
        mean[t] = sum / D;
    }
    for (size_t i = 0; i < 4; i++) {
        struct model_builder b;
        struct rnn_model *model;
        bool fixed = i > 1, row = fixed && i == 2;

        begin(&b, fixed ? "9, 4" : "null, 4", fields[i % 2]);
        check(&b, x, T, max, mean);
        graph_check_bits(&b, row ? T : 0);
        model = model_load(&b, RNN_ISA_AUTO);
        /* Nine features come of nine steps. */
        assert_int_equal(rnn_model_info(model)->outputs[0].has_time, !row);
        assert_int_equal(rnn_model_info(model)->streams, !row);
        rnn_model_free(model);
        model_builder_release(&b);
    }
    free(x);
}

/* The average of the steps that are not 0; the maximum is one of all. */
static void an_average_leaves_out_what_is_masked(void **state)
{
    struct model_builder b;
    float *x = some_x(), *y;
    double sum[D] = {0};
    size_t count = 0;

    (void)state;
    graph_begin(&b, "2.15.0");
    graph_input(&b, "x", "null, 4");
    graph_layer(&b, "Masking", "z", "", "x,0,0");
    graph_layer(&b, "GlobalMaxPooling1D", "m", "", "z,0,0");
    graph_layer(&b, "GlobalAveragePooling1D", "a", "", "z,0,0");
    graph_end(&b, "x,0,0", "m,0,0 a,0,0", NULL);
    for (size_t t = 0; t < T; t++) {
        for (size_t k = 0; k < D; k++) {
            x[t * D + k] = t % 3 ? -fabsf(x[t * D + k]) : 0;
            sum[k] += (double)x[t * D + k];
        }
        count += t % 3 != 0;
    }
    y = graph_run(&b, x, T, 1);
    for (size_t k = 0; k < D; k++)
        assert_true(y[k] == (float)(sum[k] / (double)count));
    free(y);
    y = graph_run(&b, x, T, 0);
    for (size_t k = 0; k < D; k++)
        assert_true(y[k] == 0);
    free(y);
    y = graph_run(&b, x, 1, 1); /* nothing counts: 0 / 0 */
    for (size_t k = 0; k < D; k++)
        assert_true(isnan(y[k]));
    free(y);
    free(x);
    model_builder_release(&b);
}

static void a_masked_average_streams(void **state)
{
    struct model_builder b;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 1");
    graph_layer(&b, "ReLU", "r", "", "x,0,0");
    graph_layer(&b, "Masking", "z", "", "r,0,0");
    graph_layer(&b, "Dense", "d", "\"units\": 3", "z,0,0");
    graph_layer(&b, "GlobalAveragePooling1D", "a", "", "d,0,0");
    graph_end(&b, "x,0,0", "a,0,0", NULL);
    graph_dense(&b, "d", 1, 3);
    graph_check_bits(&b, 0);
    model_builder_release(&b);
}

static void begin_masked(struct model_builder *b, const char *shape,
                         const char *fields)
{
    graph_begin(b, "3.15.1");
    graph_input(b, "x", shape);
    graph_layer(b, "Masking", "z", "", "x,0,0");
    graph_layer(b, "GlobalAveragePooling1D", "a", fields, "z,0,0");
    graph_end(b, "x,0,0", "a,0,0", NULL);
}

/* The mask of `steps` timesteps, one for each feature; one is repeated. */
static double masked_mean(const float *x, size_t steps, size_t features,
                          size_t t)
{
    size_t most = steps > features ? steps : features;
    double sum = 0, count = 0;

    for (size_t i = 0; i < steps; i++)
        count += x[i * features] != 0;
    for (size_t k = 0; k < most; k++)
        if (x[(steps > 1 ? k : 0) * features] != 0)
            sum += (double)x[t * features + (features > 1 ? k : 0)];
    return sum / count;
}

static void features_first_are_masked_by_the_steps(void **state)
{
    static const struct {
        const char *shape;
        size_t steps, features, fixed;
    } cases[] = {
        {"4, 4", 4, 4, 4},
        {"1, 4", 1, 4, 1},
        {"9, 1", 9, 1, 9},
        {"null, 1", 9, 1, 0},
    };
    static const char *const fields[] = {
        "\"data_format\": \"channels_first\"",
        "\"data_format\": \"channels_first\", \"keepdims\": true",
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        size_t steps = cases[i / 2].steps, features = cases[i / 2].features;
        struct model_builder b;
        float *x = some_x(), *y;

        for (size_t t = 1; t < steps; t += 2)
            memset(x + t * features, 0, features * sizeof(float));
        begin_masked(&b, cases[i / 2].shape, fields[i % 2]);
        y = graph_run(&b, x, steps, 0);
        for (size_t t = 0; t < steps; t++)
            assert_true(y[t] == (float)masked_mean(x, steps, features, t));
        graph_check_bits(&b, cases[i / 2].fixed);
        free(y);
        memset(x, 0, steps * features * sizeof(float)); /* nothing counts */
        y = graph_run(&b, x, steps, 0);
        for (size_t t = 0; t < steps; t++)
            assert_true(isnan(y[t]));
        free(y);
        free(x);
        model_builder_release(&b);
    }
}

/* A mask of steps has nothing to say about features that are not as many. */
static void a_mask_and_features_first_are_refused(void **state)
{
    static const char *const shapes[] = {"null, 4", "5, 4"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct model_builder b;

        begin_masked(&b, shapes[i], "\"data_format\": \"channels_first\"");
        assert_int_equal(model_assert_refused(&b, "\"a\" (GlobalAverage"),
                         RNN_UNSUPPORTED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_axis_of_one_may_stay),
        cmocka_unit_test(what_stays_spreads_over_time),
        cmocka_unit_test(features_first_pools_each_step),
        cmocka_unit_test(an_average_leaves_out_what_is_masked),
        cmocka_unit_test(a_masked_average_streams),
        cmocka_unit_test(features_first_are_masked_by_the_steps),
        cmocka_unit_test(a_mask_and_features_first_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
