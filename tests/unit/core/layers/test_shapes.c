/* Layers that move axes or work along other ones than the last, against plain
 * loops. */
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

#define T 6
#define D 4

static float *some_x(void)
{
    uint64_t seed = 8;

    return model_random_floats(&seed, T * D, 2);
}

static void begin(struct model_builder *b, const char *shape)
{
    graph_begin(b, "3.15.1");
    graph_input(b, "x", shape);
}

/* One layer of [6, 4]. */
static float *run_layer(const char *class_name, const char *fields,
                        const float *x)
{
    struct model_builder b;
    float *y;

    begin(&b, "6, 4");
    graph_layer(&b, class_name, "it", fields, "x,0,0");
    graph_end(&b, "x,0,0", "it,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    graph_check_bits(&b, T);
    model_builder_release(&b);
    return y;
}

static void axes_change_places(void **state)
{
    float *x = some_x(), *y;

    (void)state;
    y = run_layer("Permute", "\"dims\": [2, 1]", x);
    for (size_t i = 0; i < T * D; i++)
        assert_true(y[i] == x[i % T * D + i / T]);
    free(y);
    y = run_layer("Flatten", "\"data_format\": \"channels_first\"", x);
    for (size_t i = 0; i < T * D; i++)
        assert_true(y[i] == x[i % T * D + i / T]);
    free(y);
    y = run_layer("Reshape", "\"target_shape\": [3, -1]", x);
    assert_memory_equal(y, x, T * D * sizeof(float));
    free(y);
    free(x);
}

/* Where time stays, each item is moved alone. */
static void items_are_moved_alone(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    float *x = some_x(), *y;

    (void)state;
    begin(&b, "null, 4");
    graph_layer(&b, "Reshape", "r", "\"target_shape\": [-1, 2, 2]", "x,0,0");
    graph_layer(&b, "Permute", "p", "\"dims\": [1, 3, 2]", "r,0,0");
    graph_operator(&b, "Split", "s", "\"indices_or_sections\": 2, \"axis\": 2",
                   "$x");
    graph_operator(&b, "ExpandDims", "e", "\"axis\": 2", "$x");
    graph_operator(&b, "Squeeze", "q", "\"axis\": 2", "$e");
    graph_operator(&b, "Swapaxes", "w", "\"axis1\": 3, \"axis2\": 2", "$p");
    graph_end(&b, "x,0,0", "p,0,0 s,0,1 q,0,0 w,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < T * D; i++)
        assert_true(y[i] == x[i / 4 * 4 + i % 2 * 2 + i % 4 / 2]);
    free(y);
    y = graph_run(&b, x, T, 1);
    for (size_t i = 0; i < T * 2; i++)
        assert_true(y[i] == x[i / 2 * D + 2 + i % 2]);
    free(y);
    for (size_t i = 2; i < 4; i++) {
        y = graph_run(&b, x, T, i);
        assert_memory_equal(y, x, T * D * sizeof(float));
        free(y);
    }
    model = model_load(&b, RNN_ISA_AUTO);
    assert_true(rnn_model_info(model)->streams);
    rnn_model_free(model);
    graph_check_bits(&b, 0);
    free(x);
    model_builder_release(&b);
}

static void timesteps_may_become_more(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    size_t shape[RNN_MAX_RANK];
    float *x = some_x(), *y;

    (void)state;
    begin(&b, "null, 4");
    graph_layer(&b, "Reshape", "r", "\"target_shape\": [-1, 2]", "x,0,0");
    graph_layer(&b, "Concatenate", "c", "\"axis\": 1", "x,0,0 x,0,0");
    graph_operator(&b, "Stack", "s", "\"axis\": -1", "[$x, $x]");
    graph_end(&b, "x,0,0", "r,0,0 c,0,0 s,0,0", NULL);
    model = model_load(&b, RNN_ISA_AUTO);
    for (size_t i = 0; i < 2; i++) {
        rnn_output_shape(model, i, T, false, shape);
        assert_int_equal(shape[0], 2 * T);
    }
    assert_false(rnn_model_info(model)->streams);
    rnn_model_free(model);
    y = graph_run(&b, x, T, 0);
    assert_memory_equal(y, x, T * D * sizeof(float));
    free(y);
    y = graph_run(&b, x, T, 1);
    assert_memory_equal(y, x, T * D * sizeof(float));
    assert_memory_equal(y + T * D, x, T * D * sizeof(float));
    free(y);
    y = graph_run(&b, x, T, 2);
    for (size_t i = 0; i < T * D * 2; i++)
        assert_true(y[i] == x[i / 2]);
    free(y);
    graph_check_bits(&b, 0);
    free(x);
    model_builder_release(&b);
}

/* Mean and variance of `count` numbers, `step` apart. */
static void measure(const float *x, size_t count, size_t step, double *mean,
                    double *variance)
{
    *mean = *variance = 0;
    for (size_t i = 0; i < count; i++)
        *mean += x[i * step] / (double)count;
    for (size_t i = 0; i < count; i++)
        *variance +=
            (x[i * step] - *mean) * (x[i * step] - *mean) / (double)count;
}

static void a_softmax_may_go_along_time(void **state)
{
    float *x = some_x(), *y;
    double sum = 0;

    (void)state;
    y = run_layer("Softmax", "\"axis\": 1", x);
    for (size_t k = 0; k < D; k++) {
        sum = 0;
        for (size_t t = 0; t < T; t++)
            sum += exp((double)x[t * D + k]);
        for (size_t t = 0; t < T; t++)
            assert_true(fabs(y[t * D + k] - exp((double)x[t * D + k]) / sum) <
                        1e-6);
    }
    free(y);
    y = run_layer("Softmax", "\"axis\": [1, 2]", x);
    sum = 0;
    for (size_t i = 0; i < T * D; i++)
        sum += exp((double)x[i]);
    for (size_t i = 0; i < T * D; i++)
        assert_true(fabs(y[i] - exp((double)x[i]) / sum) < 1e-6);
    free(y);
    free(x);
}

static void a_norm_may_go_along_time(void **state)
{
    static const size_t size[] = {T};
    struct model_builder b;
    float *x = some_x(), *y;
    const float *gamma, *beta;

    (void)state;
    begin(&b, "6, 4");
    graph_layer(&b, "LayerNormalization", "n",
                "\"axis\": [1], \"epsilon\": 0.001", "x,0,0");
    graph_end(&b, "x,0,0", "n,0,0", NULL);
    gamma = model_builder_add_tensor(&b, "n/gamma", 1, size, 1)->data;
    beta = model_builder_add_tensor(&b, "n/beta", 1, size, 1)->data;
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < T * D; i++) {
        double mean, variance;

        measure(x + i % D, T, D, &mean, &variance);
        assert_true(fabs(y[i] - ((x[i] - mean) / sqrt(variance + 0.001) *
                                     gamma[i / D] +
                                 beta[i / D])) < 1e-6);
    }
    free(y);
    graph_check_bits(&b, T);
    free(x);
    model_builder_release(&b);
}

static void each_timestep_may_have_its_numbers(void **state)
{
    static const size_t size[] = {T};
    struct model_builder b;
    float *x = some_x(), *y;
    const float *mean;
    float *variance;

    (void)state;
    begin(&b, "6, 4");
    graph_layer(&b, "BatchNormalization", "n",
                "\"axis\": 1, \"epsilon\": 0.001, \"center\": false, "
                "\"scale\": false",
                "x,0,0");
    graph_end(&b, "x,0,0", "n,0,0", NULL);
    mean = model_builder_add_tensor(&b, "n/moving_mean", 1, size, 1)->data;
    variance =
        model_builder_add_tensor(&b, "n/moving_variance", 1, size, 1)->data;
    for (size_t t = 0; t < T; t++)
        variance[t] = 1 + (float)t;
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < T * D; i++)
        assert_true(fabs(y[i] - (x[i] - mean[i / D]) /
                                    sqrt(variance[i / D] + 0.001)) < 1e-6);
    free(y);
    graph_check_bits(&b, T);
    free(x);
    model_builder_release(&b);
}

static void groups_are_normed_over_time(void **state)
{
    static const size_t size[] = {D};
    struct model_builder b;
    float *x = some_x(), *y;
    const float *gamma;

    (void)state;
    begin(&b, "null, 4");
    graph_layer(&b, "GroupNormalization", "g",
                "\"groups\": 2, \"axis\": -1, \"epsilon\": 0.001, \"center\": "
                "false",
                "x,0,0");
    graph_end(&b, "x,0,0", "g,0,0", NULL);
    gamma = model_builder_add_tensor(&b, "g/gamma", 1, size, 1)->data;
    y = graph_run(&b, x, T, 0);
    for (size_t g = 0; g < 2; g++) {
        float group[T * 2];
        double mean, variance;

        for (size_t i = 0; i < T * 2; i++)
            group[i] = x[i / 2 * D + g * 2 + i % 2];
        measure(group, (size_t)T * 2, 1, &mean, &variance);
        for (size_t i = 0; i < T * 2; i++) {
            size_t k = g * 2 + i % 2;

            assert_true(fabs(y[i / 2 * D + k] - (group[i] - mean) /
                                                    sqrt(variance + 0.001) *
                                                    gamma[k]) < 1e-6);
        }
    }
    free(y);
    graph_check_bits(&b, 0);
    free(x);
    model_builder_release(&b);
}

static void numbers_fall_into_bins(void **state)
{
    static const float x[] = {-3,    -1,   -0.5f, 0,     0.25f, 0.5f,
                              0.75f, 1e9f, -1e9f, 0.49f, 1,     -0.99f};
    static const size_t bins[] = {0, 1, 1, 1, 1, 2, 2, 3, 0, 1, 3, 1};
    struct model_builder b;
    float *y;

    (void)state;
    begin(&b, "null, 1");
    graph_layer(&b, "Discretization", "n",
                "\"bin_boundaries\": [-1, 0.5, 1], \"output_mode\": \"int\"",
                "x,0,0");
    graph_layer(&b, "Discretization", "one",
                "\"bin_boundaries\": [-1, 0.5, 1], \"output_mode\": "
                "\"one_hot\"",
                "x,0,0");
    graph_end(&b, "x,0,0", "n,0,0 one,0,0", NULL);
    y = graph_run(&b, x, 12, 0);
    for (size_t i = 0; i < 12; i++)
        assert_true(y[i] == (float)bins[i]);
    free(y);
    y = graph_run(&b, x, 12, 1);
    for (size_t i = 0; i < 48; i++)
        assert_true(y[i] == (float)(bins[i / 4] == i % 4));
    free(y);
    graph_check_bits(&b, 0);
    model_builder_release(&b);
}

static const struct {
    const char *shape, *class_name, *fields, *says;
} refusals[] = {
    {"6, 4", "Permute", "\"dims\": [1]", "each axis goes"},
    {"6, 4", "Permute", "\"dims\": [1, 1]", "each axis once"},
    {"6, 4", "Permute", "\"dims\": [0, 1]", "axes from 1"},
    {"6, 4", "Reshape", "\"target_shape\": [5, 5]", "cannot become [5, 5]"},
    {"6, 4", "Reshape", "\"target_shape\": [-1, -1]", "cannot become"},
    {"6, 4", "Reshape", "\"target_shape\": [-1, 5]", "cannot become"},
    {"6, 4", "Reshape", "\"target_shape\": [-2]", "target_shape is [-2]"},
    {"6, 4", "Reshape", "\"target_shape\": []", "target_shape is []"},
    {"null, 4", "Reshape", "\"target_shape\": [2, -1]", "cannot become"},
    {"null, 4", "Reshape", "\"target_shape\": [-1, 3]", "cannot become"},
    {"6, 4", "Softmax", "\"axis\": 3", "along axis 3"},
    {"6, 4", "GroupNormalization", "\"groups\": 3", "not 3 equal groups"},
    {"6, 4", "GroupNormalization", "\"groups\": 0", "groups is 0"},
    {"null, 4", "GroupNormalization", "\"groups\": 1, \"axis\": 1",
     "no known number"},
    {"6, 4", "Discretization", "\"output_mode\": \"int\"", "adapt()"},
    {"6, 4", "Discretization",
     "\"bin_boundaries\": [1, 1], \"output_mode\": \"int\"", "not above"},
    {"6, 4", "Discretization",
     "\"bin_boundaries\": [1], \"output_mode\": \"count\"", "such axes"},
    {"6, 4", "Discretization",
     "\"bin_boundaries\": [1], \"output_mode\": \"tf_idf\"", "tf_idf"},
    {"null, 4", "PReLU", "\"shared_axes\": [2]", "how many is left open"},
    {"null, 4", "BatchNormalization", "\"axis\": 1", "how many is left open"},
    {"null, 4", "LayerNormalization", "\"axis\": 1", "each timestep"},
    {"6, 4", "RMSNormalization", "\"axis\": 1", "Keras itself"},
};

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct model_builder b;

        begin(&b, refusals[i].shape);
        graph_layer(&b, refusals[i].class_name, "it", refusals[i].fields,
                    "x,0,0");
        graph_end(&b, "x,0,0", "it,0,0", NULL);
        model_assert_refused(&b, refusals[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_change_places),
        cmocka_unit_test(items_are_moved_alone),
        cmocka_unit_test(timesteps_may_become_more),
        cmocka_unit_test(a_softmax_may_go_along_time),
        cmocka_unit_test(a_norm_may_go_along_time),
        cmocka_unit_test(each_timestep_may_have_its_numbers),
        cmocka_unit_test(groups_are_normed_over_time),
        cmocka_unit_test(numbers_fall_into_bins),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
