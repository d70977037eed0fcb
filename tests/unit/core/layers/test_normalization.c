/* The layers that norm the last axis: by the row itself, by numbers that
 * training has found, or by numbers of the config. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"
#include "tests/support/step_check.h"

#define TIMESTEPS 43 /* more than one chunk of 32 */

/* One double rounded to float32, and a little for the reference itself. */
#define ROUNDED 1.2e-7

static const size_t widths[] = {1, 2, 3, 4, 5, 8, 17, 64, 131};

#define WIDTHS (sizeof(widths) / sizeof(widths[0]))

/* A model of one layer called "x", of `fields`. */
static void build(struct model_builder *b, size_t width, const char *class,
                  const char *fields)
{
    model_builder_init(b, 0, width);
    b->seed = width;
    model_builder_add(b, &(struct model_layer){.class_name = class,
                                               .name = "x",
                                               .bare = true,
                                               .more = fields});
}

/* Weight `name` [width] of numbers from `low` to `low` + 2. */
static const float *add(struct model_builder *b, const char *name,
                        size_t width, double low)
{
    struct model_tensor *tensor =
        model_builder_add_tensor(b, name, 1, &width, 1);

    for (size_t k = 0; k < width; k++)
        tensor->data[k] += (float)(low + 1);
    return tensor->data;
}

static double *make_room(size_t width)
{
    return calloc(TIMESTEPS * width, sizeof(double));
}

/* Rows of mean 5 with a deviation below 1: what cancels has to cancel well. */
static float *make_x(size_t width)
{
    uint64_t seed = 3;
    float *x = model_random_floats(&seed, TIMESTEPS * width, 1);

    for (size_t i = 0; i < TIMESTEPS * width; i++)
        x[i] += 5;
    return x;
}

static void check(struct model_builder *b, float *x, double *ref)
{
    step_check(b, x, TIMESTEPS, ref, ROUNDED);
    free(x);
    free(ref);
    model_builder_release(b);
}

static void check_batch_norm(size_t width, bool scale, bool center)
{
    const float *gamma = NULL, *beta = NULL, *mean, *variance;
    float *x = make_x(width);
    double *ref = make_room(width);
    struct model_builder b;
    char fields[160];

    snprintf(fields, sizeof(fields),
             "\"axis\": %s, \"epsilon\": 0.01, \"momentum\": 0.9, \"scale\": "
             "%s, \"center\": %s",
             width % 2 ? "-1" : "[2]", scale ? "true" : "false",
             center ? "true" : "false");
    build(&b, width, "BatchNormalization", fields);
    if (scale)
        gamma = add(&b, "x/gamma", width, -1);
    if (center)
        beta = add(&b, "x/beta", width, -1);
    mean = add(&b, "x/moving_mean", width, 4);
    variance = add(&b, "x/moving_variance", width, 0);
    for (size_t i = 0; i < TIMESTEPS * width; i++) {
        size_t k = i % width;

        ref[i] = ((double)x[i] - mean[k]) / sqrt(variance[k] + 0.01) *
                     (gamma ? gamma[k] : 1) +
                 (beta ? beta[k] : 0);
    }
    check(&b, x, ref);
}

static void batch_normalization_computes_its_equation(void **state)
{
    (void)state;
    for (size_t i = 0; i < WIDTHS; i++)
        for (int which = 0; which < 4; which++)
            check_batch_norm(widths[i], which & 1, which & 2);
}

static void check_layer_norm(size_t width, int which)
{
    bool scale = which & 1, center = which & 2, rms = which & 4;
    const float *gamma = NULL, *beta = NULL;
    float *x = make_x(width);
    double *ref = make_room(width);
    struct model_builder b;
    char fields[160];

    snprintf(fields, sizeof(fields),
             "\"axis\": %s, \"epsilon\": 0.01, \"scale\": %s, \"center\": "
             "%s%s",
             width % 2 ? "[2]" : "-1", scale ? "true" : "false",
             center ? "true" : "false", rms ? ", \"rms_scaling\": true" : "");
    build(&b, width, "LayerNormalization", fields);
    if (scale || rms)
        gamma = add(&b, "x/gamma", width, -1);
    if (center && !rms)
        beta = add(&b, "x/beta", width, -1);
    for (size_t t = 0; t < TIMESTEPS; t++) {
        const float *row = x + t * width;
        double mean = 0, variance = 0;

        for (size_t k = 0; k < width; k++)
            mean += row[k] / (double)width;
        for (size_t k = 0; k < width; k++)
            variance += pow(row[k] - mean, 2) / (double)width;
        for (size_t k = 0; k < width; k++)
            ref[t * width + k] = (row[k] - (rms ? 0 : mean)) /
                                     sqrt(variance + 0.01) *
                                     (gamma ? gamma[k] : 1) +
                                 (beta ? beta[k] : 0);
    }
    check(&b, x, ref);
}

static void layer_normalization_computes_its_equation(void **state)
{
    (void)state;
    for (size_t i = 0; i < WIDTHS; i++)
        for (int which = 0; which < 8; which++)
            check_layer_norm(widths[i], which);
}

static void check_by_square(size_t width, bool unit)
{
    const float *scale = NULL;
    float *x = make_x(width);
    double *ref = make_room(width);
    struct model_builder b;

    build(&b, width, unit ? "UnitNormalization" : "RMSNormalization",
          unit ? "\"axis\": -1" : "\"axis\": [-1], \"epsilon\": 0.05");
    if (!unit)
        scale = add(&b, "x/scale", width, -1);
    for (size_t t = 0; t < TIMESTEPS; t++) {
        double square = 0;

        for (size_t k = 0; k < width; k++)
            square += pow(x[t * width + k], 2);
        square = unit ? square : square / (double)width + 0.05;
        for (size_t k = 0; k < width; k++)
            ref[t * width + k] =
                x[t * width + k] / sqrt(square) * (scale ? scale[k] : 1);
    }
    check(&b, x, ref);
}

static void root_mean_square_and_unit_compute_their_equations(void **state)
{
    (void)state;
    for (size_t i = 0; i < WIDTHS; i++) {
        check_by_square(widths[i], false);
        check_by_square(widths[i], true);
    }
}

/* 0 stays 0; and a short row is no unit in Keras 2. */
static void a_row_without_length_is_not_blown_up(void **state)
{
    const float x[6] = {0, 0, 0, 3e-8f, 0, 4e-8f};

    (void)state;
    for (int major = 2; major < 4; major++) {
        double length = major == 2 ? 1e-6 : 5e-8;
        struct model_builder b;
        struct rnn_model *model;
        float *y;

        build(&b, 3, "UnitNormalization", "\"axis\": -1");
        b.keras_version = major == 2 ? "2.15.0" : "3.15.1";
        model = model_load(&b, RNN_ISA_AUTO);
        y = model_run_one(model, x, 2, false, NULL);
        for (size_t i = 0; i < 6; i++)
            assert_true(fabs(y[i] - x[i] / length) < 1e-6);
        free(y);
        rnn_model_free(model);
        model_builder_release(&b);
    }
}

/* mean and variance: weights, a list, or one number for all. */
static void check_given(size_t width, int how, bool invert)
{
    static const char *const fields[] = {
        "\"axis\": [-1], \"mean\": null, \"variance\": null",
        "\"axis\": [], \"mean\": null, \"variance\": null",
        "\"axis\": [2], \"mean\": [4.5, 5.25, 6.0], \"variance\": [[2.25, "
        "0.0, 0.25]]",
        "\"axis\": [-1], \"mean\": 4.75, \"variance\": {\"class_name\": "
        "\"__numpy__\", \"config\": {\"value\": 0.5, \"dtype\": "
        "\"float32\"}}"};
    static const float means[] = {4.5f, 5.25f, 6.0f},
                       variances[] = {2.25f, 0.0f, 0.25f};
    const float *mean = means, *variance = variances;
    const float one_mean = 4.75f, one_variance = 0.5f;
    float *x = make_x(width);
    double *ref = make_room(width);
    struct model_builder b;
    char more[256];

    snprintf(more, sizeof(more), "%s, \"invert\": %s", fields[how],
             invert ? "true" : "false");
    build(&b, width, "Normalization", more);
    if (how == 0) {
        mean = add(&b, "x/mean", width, 4);
        variance = add(&b, "x/variance", width, 0.5);
    } else if (how == 1) {
        struct model_tensor *tensor =
            model_builder_add_tensor(&b, "x/mean", 0, NULL, 1);

        mean = tensor->data;
        tensor = model_builder_add_tensor(&b, "x/variance", 0, NULL, 1);
        tensor->data[0] = 1.75f;
        variance = tensor->data;
    } else if (how == 3) {
        mean = &one_mean;
        variance = &one_variance;
    }
    for (size_t i = 0; i < TIMESTEPS * width; i++) {
        size_t k = how % 2 ? 0 : i % width;
        double s = fmax(sqrt(variance[k]), (double)1e-7f);

        ref[i] = invert ? mean[k] + x[i] * s : ((double)x[i] - mean[k]) / s;
    }
    check(&b, x, ref);
}

static void normalization_takes_weights_or_numbers(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++)
        for (int invert = 0; invert < 2; invert++)
            for (size_t i = 0; i < WIDTHS; i++)
                if (how != 2 || widths[i] == 3)
                    check_given(widths[i], how, invert);
}

static void check_rescaling(const char *fields, const double *scale,
                            const double *offset)
{
    float *x = make_x(3);
    double *ref = make_room(3);
    struct model_builder b;

    build(&b, 3, "Rescaling", fields);
    for (size_t i = 0; i < 3 * TIMESTEPS; i++)
        ref[i] =
            x[i] * (double)(float)scale[i % 3] + (double)(float)offset[i % 3];
    check(&b, x, ref);
}

static void rescaling_takes_one_number_or_one_for_each_feature(void **state)
{
    const double tenth[] = {0.1, 0.1, 0.1}, none[] = {0, 0, 0};
    const double three[] = {0.1, -2, 300}, minus[] = {-1, -1, -1};

    (void)state;
    check_rescaling("\"scale\": 0.1", tenth, none);
    check_rescaling("\"scale\": 0.1, \"offset\": -1", tenth, minus);
    check_rescaling("\"scale\": [0.1, -2, 300], \"offset\": -1.0", three,
                    minus);
    check_rescaling("\"scale\": 0.1, \"offset\": {\"class_name\": "
                    "\"__numpy__\", \"config\": {\"value\": [0.1, -2, 300], "
                    "\"dtype\": \"float32\"}}",
                    tenth, three);
}

/* [T, 2, 3]: each of the two rows alone. */
static void rows_inside_a_timestep_are_rows(void **state)
{
    const float x[6] = {1, 2, 3, 10, 30, 80};
    struct model_builder b;
    struct rnn_model *model;
    float *y;

    (void)state;
    build(&b, 3, "LayerNormalization",
          "\"axis\": 3, \"scale\": false, \"center\": false, \"epsilon\": 0");
    model_builder_replace(&b, "[null, null, 3]", "[null, null, 2, 3]");
    model = model_load(&b, RNN_ISA_AUTO);
    y = model_run_one(model, x, 1, false, NULL);
    assert_float_equal(y[0], -sqrt(1.5), 1e-6);
    assert_float_equal(y[1], 0, 1e-6);
    assert_float_equal(y[3], -30 / sqrt(2600.0 / 3), 1e-6);
    assert_float_equal(y[5], 40 / sqrt(2600.0 / 3), 1e-6);
    free(y);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void what_is_not_supported_is_refused_by_name(void **state)
{
    static const struct {
        const char *class, *fields, *says;
    } cases[] = {
        {"BatchNormalization", "\"axis\": 0", "works along axis 0"},
        {"BatchNormalization", "\"axis\": [1, 2]", "each timestep"},
        {"BatchNormalization", "\"axis\": []", "axis is []"},
        {"BatchNormalization", "\"axis\": 0.5", "axis is 0.5"},
        {"BatchNormalization", "\"axis\": -1, \"renorm\": true",
         "renorm is true"},
        {"BatchNormalization", "\"axis\": -1, \"epsilon\": \"NaN\"",
         "epsilon is \"NaN\""},
        {"BatchNormalization", "\"axis\": -1", "x/gamma"},
        {"LayerNormalization", "\"axis\": -2", "each timestep"},
        {"RMSNormalization", "\"axis\": [3]", "works along axis 3"},
        {"UnitNormalization", "\"axis\": [0, 1]", "works along axis 0"},
        {"Normalization", "\"axis\": 1", "each timestep"},
        {"Normalization", "\"mean\": [1, 2], \"variance\": [1]",
         "variance is [1]"},
        {"Normalization", "\"mean\": [1, 2], \"variance\": [1, 1]",
         "2 numbers in mean"},
        {"Normalization", "\"mean\": 1, \"variance\": -1",
         "number 1 of variance is -1"},
        {"Normalization", "\"variance\": 1", "mean is absent"},
        {"Rescaling", "\"offset\": 1", "scale is absent"},
        {"Rescaling", "\"scale\": [1, 2]", "2 numbers in scale"},
        {"Rescaling", "\"scale\": [[1], [2], [3]]", "scale is [[1],[2],[3]]"},
        {"Rescaling", "\"scale\": []", "scale is []"},
        {"Rescaling", "\"scale\": 1e300", "scale is 1e"},
        {"Rescaling", "\"scale\": [1, 2, null]", "scale is [1,2,null]"},
        {"Rescaling", "\"scale\": \"Infinity\"", "scale is \"Infinity\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        build(&b, 3, cases[i].class, cases[i].fields);
        model_assert_refused(&b, cases[i].says);
    }
}

/* As model.summary() counts: statistics are not trained, and the `count` of
 * a Normalization is a parameter. */
static void statistics_are_parameters_that_are_not_trained(void **state)
{
    struct model_builder b;
    struct rnn_model *model;

    (void)state;
    build(&b, 3, "BatchNormalization", "\"axis\": -1");
    add(&b, "x/gamma", 3, 0);
    add(&b, "x/beta", 3, 0);
    add(&b, "x/moving_mean", 3, 0);
    add(&b, "x/moving_variance", 3, 0);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_int_equal(rnn_model_info(model)->parameters, 12);
    assert_int_equal(rnn_model_info(model)->trainable_parameters, 6);
    rnn_model_free(model);
    model_builder_release(&b);
    build(&b, 3, "Normalization", "\"axis\": [-1]");
    add(&b, "x/mean", 3, 0);
    add(&b, "x/variance", 3, 0);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_int_equal(rnn_model_info(model)->parameters, 7);
    assert_int_equal(rnn_model_info(model)->trainable_parameters, 0);
    rnn_model_free(model);
    model_builder_release(&b);
}

/* sqrt of a negative sum would be NaN in every answer. */
static void a_variance_without_a_root_is_refused(void **state)
{
    struct model_builder b;
    struct rnn_model *model = NULL;
    struct rnn_error err = {.message = ""};

    (void)state;
    build(&b, 3, "BatchNormalization",
          "\"axis\": -1, \"scale\": false, \"center\": false");
    add(&b, "x/moving_mean", 3, 0);
    add(&b, "x/moving_variance", 3, 0);
    model_builder_tensor(&b, "x/moving_variance")->data[1] = -1;
    model_builder_finish(&b);
    assert_int_equal(rnn_model_load(b.bytes, b.size, NULL, &model, &err),
                     RNN_BAD_MODEL);
    assert_non_null(strstr(err.message, "number 2 of moving_variance is -1"));
    model_builder_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_normalization_computes_its_equation),
        cmocka_unit_test(layer_normalization_computes_its_equation),
        cmocka_unit_test(root_mean_square_and_unit_compute_their_equations),
        cmocka_unit_test(a_row_without_length_is_not_blown_up),
        cmocka_unit_test(normalization_takes_weights_or_numbers),
        cmocka_unit_test(rescaling_takes_one_number_or_one_for_each_feature),
        cmocka_unit_test(rows_inside_a_timestep_are_rows),
        cmocka_unit_test(what_is_not_supported_is_refused_by_name),
        cmocka_unit_test(statistics_are_parameters_that_are_not_trained),
        cmocka_unit_test(a_variance_without_a_root_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
