/* Operators against plain loops; what they cannot do is refused by name. */
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

#define T 9
#define D 4

#define SLICE(start, stop, step)                                              \
    "{\"class_name\": \"__slice__\", \"config\": {\"start\": " start          \
    ", \"stop\": " stop ", \"step\": " step "}}"
#define ALL      SLICE("null", "null", "null")
#define ELLIPSIS "{\"class_name\": \"__ellipsis__\", \"config\": {}}"

static float *some_x(void)
{
    uint64_t seed = 5;

    return model_random_floats(&seed, T * D, 2);
}

static void begin(struct model_builder *b, const char *shape)
{
    graph_begin(b, "3.15.1");
    graph_input(b, "x", shape);
}

/* ---- numbers one by one --------------------------------------------------*/

static const float row[D] = {0.5f, -1.5f, 2, 0.1f};
#define ROW "[0.5, -1.5, 2, 0.1]"

static double add_row(double x, size_t k)
{
    return x + row[k];
}
static double from_3(double x, size_t k)
{
    (void)k;
    return 3 - x;
}
static double times_itself(double x, size_t k)
{
    (void)k;
    return x * x;
}
static double of_row(double x, size_t k)
{
    return row[k] / x;
}
static double at_most(double x, size_t k)
{
    (void)k;
    return fmin(x, 0.25);
}
static double at_least(double x, size_t k)
{
    return fmax(row[k], x);
}
static double cubed(double x, size_t k)
{
    (void)k;
    return x * x * x;
}
static double minus(double x, size_t k)
{
    (void)k;
    return -x;
}
static double magnitude(double x, size_t k)
{
    (void)k;
    return fabs(x);
}
static double clipped(double x, size_t k)
{
    (void)k;
    return fmin(fmax(x, -1), 0.5);
}
static double cut(double x, size_t k)
{
    (void)k;
    return trunc(x);
}
static double exponential(double x, size_t k)
{
    (void)k;
    return exp(x);
}
static double leaky(double x, size_t k)
{
    (void)k;
    return x > 0 ? x : 0.3 * x;
}

static const struct {
    const char *class_name, *fields, *arguments;
    double (*f)(double x, size_t k);
} elements[] = {
    {"Add", "", "$x, " ROW, add_row},
    {"Subtract", "", "3, $x", from_3},
    {"Multiply", "", "$x, $x", times_itself},
    {"TrueDivide", "",
     "{\"class_name\": \"__numpy__\", \"config\": {\"value\": [[[0.5, -1.5, "
     "2, 0.1]]], \"dtype\": \"float32\"}}, $x",
     of_row},
    {"Divide", "", ROW ", $x", of_row},
    {"Minimum", "", "$x, 0.25", at_most},
    {"Maximum", "", "[" ROW "], $x", at_least},
    {"Power", "", "$x, 3", cubed},
    {"Negative", "", "$x", minus},
    {"Absolute", "", "$x", magnitude},
    {"Square", "", "$x", times_itself},
    {"Clip", "\"x_min\": -1, \"x_max\": 0.5", "$x", clipped},
    {"Cast", "\"dtype\": \"int32\"", "$x", cut},
    {"Exp", "", "$x", exponential},
    {"LeakyRelu", "\"negative_slope\": 0.3", "$x", leaky},
};

static void numbers_are_taken_one_by_one(void **state)
{
    float *x = some_x();

    (void)state;
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
        struct model_builder b;
        float *y;

        begin(&b, "null, 4");
        graph_operator(&b, elements[i].class_name, "op", elements[i].fields,
                       elements[i].arguments);
        graph_end(&b, "x,0,0", "op,0,0", NULL);
        y = graph_run(&b, x, T, 0);
        for (size_t k = 0; k < T * D; k++) {
            double should = elements[i].f(x[k], k % D);

            if (!(fabs(y[k] - should) <= 1e-6 * fmax(1, fabs(should))))
                fail_msg("%s: number %zu is %g, not %g",
                         elements[i].class_name, k, (double)y[k], should);
        }
        graph_check_bits(&b, 0);
        free(y);
        model_builder_release(&b);
    }
    free(x);
}

/* An axis of one, of time or of features, meets more. */
static void an_axis_of_one_is_repeated(void **state)
{
    struct model_builder b;
    float *x = some_x(), *y;

    (void)state;
    begin(&b, "9, 4");
    graph_operator(&b, "GetItem", "last", "",
                   "$x, [" ALL ", " SLICE("-1", "null", "null") "]");
    graph_operator(&b, "GetItem", "first", "",
                   "$x, [" ELLIPSIS ", " SLICE("null", "1", "null") "]");
    graph_operator(&b, "Subtract", "a", "", "$last, $x");
    graph_operator(&b, "Multiply", "b", "", "$x, $first");
    graph_operator(&b, "Add", "c", "",
                   "$x, [[1], [2], [3], [4], [5], [6], [7], [8], [9]]");
    graph_end(&b, "x,0,0", "a,0,0 b,0,0 c,0,0", NULL);
    for (size_t i = 0; i < 3; i++) {
        y = graph_run(&b, x, T, i);
        for (size_t k = 0; k < T * D; k++) {
            size_t t = k / D;
            float should = i == 0   ? x[(T - 1) * D + k % D] - x[k]
                           : i == 1 ? x[k] * x[t * D]
                                    : x[k] + (float)(t + 1);

            assert_true(y[k] == should);
        }
        free(y);
    }
    graph_check_bits(&b, T);
    free(x);
    model_builder_release(&b);
}

/* ---- slices --------------------------------------------------------------*/

static void the_last_timestep_streams(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    float *x = some_x(), *y;

    (void)state;
    begin(&b, "null, 4");
    graph_operator(&b, "GetItem", "last", "", "$x, [" ALL ", -1, " ALL "]");
    graph_operator(&b, "GetItem", "part", "",
                   "$x, [" ALL ", -1, " SLICE("null", "null", "-2") "]");
    graph_operator(&b, "GetItem", "back", "",
                   "$x, [" ELLIPSIS ", " SLICE("null", "null", "-1") "]");
    graph_end(&b, "x,0,0", "last,0,0 part,0,0 back,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    assert_memory_equal(y, x + (T - 1) * D, D * sizeof(float));
    free(y);
    y = graph_run(&b, x, T, 1);
    assert_true(y[0] == x[T * D - 1] && y[1] == x[T * D - 3]);
    free(y);
    y = graph_run(&b, x, T, 2);
    for (size_t k = 0; k < T * D; k++)
        assert_true(y[k] == x[k / D * D + D - 1 - k % D]);
    free(y);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_true(rnn_model_info(model)->streams);
    rnn_model_free(model);
    graph_check_bits(&b, 0);
    free(x);
    model_builder_release(&b);
}

static const struct {
    const char *slice;
    size_t first, count, step;
} of_time[] = {
    {SLICE("2", "null", "null"), 2, 7, 1},
    {SLICE("null", "-3", "null"), 0, 6, 1},
    {SLICE("1", "-1", "3"), 1, 3, 3},
    {SLICE("-4", "null", "null"), 5, 4, 1},
    {SLICE("-5", "-1", "2"), 4, 2, 2},
    {SLICE("1", "7", "2"), 1, 3, 2},
};

/* The number of timesteps is open: what comes out follows from it. */
static void slices_of_time_make_other_sequences(void **state)
{
    float *x = some_x();

    (void)state;
    for (size_t i = 0; i < sizeof(of_time) / sizeof(of_time[0]); i++) {
        struct model_builder b;
        struct rnn_model *model;
        size_t shape[RNN_MAX_RANK];
        char arguments[400];
        float *y;

        begin(&b, "null, 4");
        snprintf(arguments, sizeof(arguments), "$x, [%s, %s]", ALL,
                 of_time[i].slice);
        graph_operator(&b, "GetItem", "op", "", arguments);
        graph_end(&b, "x,0,0", "op,0,0", NULL);
        model = model_load(&b, RNN_ISA_AUTO);
        assert_int_equal(rnn_output_shape(model, 0, T, false, shape), 2);
        assert_int_equal(shape[0], of_time[i].count);
        rnn_model_free(model);
        y = graph_run(&b, x, T, 0);
        for (size_t t = 0; t < of_time[i].count; t++)
            assert_memory_equal(
                y + t * D, x + (of_time[i].first + t * of_time[i].step) * D,
                D * sizeof(float));
        free(y);
        model_builder_release(&b);
    }
    free(x);
}

static void a_sequence_may_be_too_short_for_a_slice(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    struct rnn_error err;
    float x[2 * D] = {0}, y[D];
    float *outputs[] = {y};
    const float *inputs[] = {x};
    struct rnn_sequence sequence = {
        .timesteps = 2, .inputs = inputs, .outputs = outputs};
    void *scratch;

    (void)state;
    begin(&b, "null, 4");
    graph_operator(&b, "GetItem", "third", "", "$x, [" ALL ", 2]");
    graph_end(&b, "x,0,0", "third,0,0", NULL);
    model = model_load(&b, RNN_ISA_AUTO);
    scratch = aligned_alloc(64, 64 * 1024);
    assert_int_equal(rnn_infer(model, &sequence, 1, NULL, scratch, &err),
                     RNN_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "\"third\" needs 3 or more"));
    free(scratch);
    rnn_model_free(model);
    model_builder_release(&b);
}

/* ---- along axes ----------------------------------------------------------*/

static void sums_go_along_axes(void **state)
{
    struct model_builder b;
    float *x = some_x(), *y;
    double sum = 0;

    (void)state;
    begin(&b, "9, 4");
    graph_operator(&b, "Sum", "all", "\"axis\": [1, 2], \"keepdims\": true",
                   "$x");
    graph_operator(&b, "Mean", "mean", "\"axis\": 1, \"keepdims\": false",
                   "$x");
    graph_operator(&b, "Max", "max",
                   "\"axis\": -1, \"keepdims\": true, \"initial\": null",
                   "$x");
    graph_operator(&b, "Var", "var", "\"axis\": 2, \"keepdims\": true", "$x");
    graph_end(&b, "x,0,0", "all,0,0 mean,0,0 max,0,0 var,0,0", NULL);
    for (size_t k = 0; k < T * D; k++)
        sum += x[k];
    y = graph_run(&b, x, T, 0);
    assert_true(y[0] == (float)sum);
    free(y);
    y = graph_run(&b, x, T, 1);
    for (size_t k = 0; k < D; k++) {
        sum = 0;
        for (size_t t = 0; t < T; t++)
            sum += x[t * D + k];
        assert_true(y[k] == (float)(sum / T));
    }
    free(y);
    y = graph_run(&b, x, T, 2);
    for (size_t t = 0; t < T; t++) {
        float most = x[t * D];

        for (size_t k = 1; k < D; k++)
            most = fmaxf(most, x[t * D + k]);
        assert_true(y[t] == most);
    }
    free(y);
    y = graph_run(&b, x, T, 3);
    for (size_t t = 0; t < T; t++) {
        const float *at = x + t * D;
        double mean = ((double)at[0] + at[1] + at[2] + at[3]) / 4;

        sum = 0;
        for (size_t k = 0; k < D; k++)
            sum += (at[k] - mean) * (at[k] - mean);
        assert_true(fabs(y[t] - sum / D) < 1e-6);
    }
    free(y);
    graph_check_bits(&b, T);
    free(x);
    model_builder_release(&b);
}

static void lengths_become_one(void **state)
{
    struct model_builder b;
    float *x = some_x(), *y;

    (void)state;
    begin(&b, "null, 4");
    graph_operator(&b, "Normalize", "n",
                   "\"axis\": -1, \"order\": 2, \"epsilon\": null", "$x");
    graph_operator(&b, "Multiply", "zero", "", "$x, 0");
    graph_operator(&b, "Normalize", "z", "\"axis\": 1", "$zero");
    graph_end(&b, "x,0,0", "n,0,0 z,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < T * D; i++) {
        const float *at = x + i / D * D;
        double sum = 0;

        for (size_t k = 0; k < D; k++)
            sum += (double)at[k] * at[k];
        assert_true(fabs(y[i] - x[i] / sqrt(sum)) < 1e-6);
    }
    free(y);
    y = graph_run(&b, x, T, 1);
    for (size_t i = 0; i < T * D; i++)
        assert_true(y[i] == 0);
    free(y);
    graph_check_bits(&b, 0);
    free(x);
    model_builder_release(&b);
}

/* ---- refusals ------------------------------------------------------------*/

static const struct {
    const char *shape, *class_name, *fields, *arguments, *says;
} refusals[] = {
    {"null, 4", "GetItem", "", "$x, [0]", "cuts the batch"},
    {"null, 4", "GetItem", "", "$x, [null]", "cuts the batch"},
    {"null, 4", "GetItem", "", "$x, [" SLICE("1", "null", "null") "]",
     "cuts the batch"},
    {"null, 4", "GetItem", "", "$x, [" ALL ", 1, 2, 3]", "more axes"},
    {"null, 4", "GetItem", "", "$x, [" ALL ", -1, 4]", "place 4"},
    {"null, 4", "GetItem", "", "$x, [" ALL ", 0.5]", "whole number"},
    {"null, 4", "GetItem", "", "$x, [" ALL ", null]", "left open"},
    {"null, 4", "GetItem", "", "$x, [" ELLIPSIS ", " ELLIPSIS "]", "two"},
    {"null, 4", "GetItem", "", "$x, [" ALL ", " SLICE("null", "null", "0") "]",
     "step 0"},
    {"9, 4", "GetItem", "", "$x, [" ALL ", " SLICE("9", "null", "1") "]",
     "nothing is left"},
    {"null, 4", "GetItem", "", "$x, $x", "no constant"},
    {"null, 4", "Add", "", "$x", "an argument is missing"},
    {"null, 4", "Add", "", "$x, [$x]", "or a list"},
    {"null, 4", "Add", "", "$x, [1, 2, 3]", "does not fit"},
    {"null, 4", "Add", "", "$x, [[1, 2], [3]]", "no array"},
    {"null, 4", "Add", "", "$x, \"one\"", "no array"},
    {"null, 4", "Add", "", "$x, [[1], [2]]", "constant for each timestep"},
    {"null, 4", "Add", "", "$x, 1, 2", "too much"},
    {"null, 4", "Negative", "\"new\": 7", "$x", "new is 7"},
    {"null, 4", "Negative", "", "$x, 7", "too much"},
    {"null, 4", "Mean", "\"axis\": null", "$x", "mixes the sequences"},
    {"null, 4", "Mean", "\"axis\": 0", "$x", "axis 0, the batch"},
    {"null, 4", "Mean", "\"axis\": 3", "$x", "an axis of what"},
    {"null, 4", "Mean", "\"axis\": [1, 1]", "$x", "each axis once"},
    {"null, 4", "Mean", "\"axis\": 1, \"keepdims\": 7", "$x", "true or false"},
    {"null, 4", "Normalize", "\"axis\": 1, \"order\": 1", "$x", "order 2"},
    {"null, 4", "Transpose", "\"axes\": [1, 0, 2]", "$x", "the batch first"},
    {"null, 4", "Squeeze", "\"axis\": 2", "$x", "not of one"},
    {"null, 4", "Split", "\"indices_or_sections\": 3, \"axis\": 2", "$x",
     "no such equal parts"},
    {"null, 4", "Split", "\"indices_or_sections\": 2, \"axis\": 1", "$x",
     "left open"},
    {"null, 4", "Reshape", "\"newshape\": [2, 8]", "$x", "does not begin"},
    {"null, 4", "Reshape", "\"newshape\": [-1, 8]", "$x", "cannot become"},
    {"null, 4", "Concatenate", "\"axis\": 0", "[$x, $x]", "the batch"},
    {"null, 4", "Stack", "\"axis\": 1", "[$x, $x]", "left open"},
    {"null, 4", "Cast", "\"dtype\": \"float16\"", "$x", "only casts"},
    {"null, 4", "Kron", "", "$x", "operator keras.src.ops.numpy.Kron"},
    {"null, 4", "Einsum", "\"subscripts\": \"abc,abd->acd\"", "$x",
     "two tensors"},
    {"null, 4", "Matmul", "", "$x, $x", "different sizes"},
};

static void what_cannot_be_done_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct model_builder b;

        begin(&b, refusals[i].shape);
        operator_assert_refused(&b, refusals[i].class_name, refusals[i].fields,
                                refusals[i].arguments, refusals[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_taken_one_by_one),
        cmocka_unit_test(an_axis_of_one_is_repeated),
        cmocka_unit_test(the_last_timestep_streams),
        cmocka_unit_test(slices_of_time_make_other_sequences),
        cmocka_unit_test(a_sequence_may_be_too_short_for_a_slice),
        cmocka_unit_test(sums_go_along_axes),
        cmocka_unit_test(lengths_become_one),
        cmocka_unit_test(what_cannot_be_done_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
