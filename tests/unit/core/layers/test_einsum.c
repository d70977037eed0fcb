/* Dot, EinsumDense and products of matrices against plain loops. */
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
    uint64_t seed = 9;

    return model_random_floats(&seed, T * D, 2);
}

static void begin(struct model_builder *b, const char *shape)
{
    graph_begin(b, "3.15.1");
    graph_input(b, "x", shape);
}

static double length(const float *x, size_t count, size_t step)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)x[i * step] * x[i * step];
    return sqrt(sum);
}

static double product(const float *a, const float *b, size_t count,
                      size_t step)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)a[i * step] * b[i * step];
    return sum;
}

static void a_dot_sums_along_an_axis_of_each(void **state)
{
    struct model_builder b;
    float *x = some_x(), *y;

    (void)state;
    begin(&b, "6, 4");
    graph_layer(&b, "Dot", "time", "\"axes\": 1", "x,0,0 x,0,0");
    graph_layer(&b, "Dot", "cosine", "\"axes\": -1, \"normalize\": true",
                "x,0,0 x,0,0");
    graph_end(&b, "x,0,0", "time,0,0 cosine,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < D * D; i++)
        assert_true(y[i] == (float)product(x + i / D, x + i % D, T, D));
    free(y);
    y = graph_run(&b, x, T, 1);
    for (size_t i = 0; i < T * T; i++) {
        const float *p = x + i / T * D, *q = x + i % T * D;

        assert_true(fabs(y[i] - product(p, q, D, 1) /
                                    (length(p, D, 1) * length(q, D, 1))) <
                    1e-6);
    }
    free(y);
    graph_check_bits(&b, T);
    free(x);
    model_builder_release(&b);
}

/* Weights of the timesteps, [T], and what they weigh. */
static void a_dot_over_time_weighs_any_sequence(void **state)
{
    struct model_builder b;
    float *x = some_x(), *y;

    (void)state;
    begin(&b, "null, 4");
    graph_operator(&b, "GetItem", "w", "",
                   "$x, [{\"class_name\": \"__ellipsis__\", \"config\": {}}, "
                   "0]");
    graph_layer(&b, "Dot", "d", "\"axes\": 1", "w,0,0 x,0,0");
    graph_end(&b, "x,0,0", "d,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    for (size_t k = 0; k < D; k++)
        assert_true(y[k] == (float)product(x, x + k, T, D));
    free(y);
    graph_check_bits(&b, 0);
    free(x);
    model_builder_release(&b);
}

static void two_vectors_make_one_number(void **state)
{
    struct model_builder b;
    float *x = some_x(), *y;

    (void)state;
    begin(&b, "4");
    graph_layer(&b, "Dot", "d", "\"axes\": [1, 1]", "x,0,0 x,0,0");
    graph_end(&b, "x,0,0", "d,0,0", NULL);
    y = graph_run(&b, x, 1, 0);
    assert_true(y[0] == (float)product(x, x, D, 1));
    free(y);
    free(x);
    model_builder_release(&b);
}

static void an_equation_says_what_is_summed(void **state)
{
    static const size_t kernel[] = {4, 2, 3}, bias[] = {2, 1};
    struct model_builder b;
    struct rnn_model *model;
    float *x = some_x(), *y;
    const float *w, *c;

    (void)state;
    begin(&b, "null, 4");
    graph_layer(&b, "EinsumDense", "e",
                "\"equation\": \"...x,xyz->...yz\", \"output_shape\": [2, 3], "
                "\"bias_axes\": \"y\", \"activation\": \"relu\"",
                "x,0,0");
    graph_end(&b, "x,0,0", "e,0,0", NULL);
    w = model_builder_add_tensor(&b, "e/kernel", 3, kernel, 1)->data;
    c = model_builder_add_tensor(&b, "e/bias", 2, bias, 1)->data;
    model = model_load(&b, RNN_ISA_AUTO);
    assert_true(rnn_model_info(model)->streams);
    rnn_model_free(model);
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < T * 6; i++) {
        double sum = c[i / 3 % 2];

        for (size_t k = 0; k < D; k++)
            sum += (double)x[i / 6 * D + k] * w[k * 6 + i % 6];
        assert_true(fabs(y[i] - fmax(sum, 0)) < 1e-6);
    }
    free(y);
    graph_check_bits(&b, 0);
    free(x);
    model_builder_release(&b);
}

/* The kernel has an axis of time, which is summed or stays. */
static void an_equation_may_name_time(void **state)
{
    static const size_t kernel[] = {6, 4, 2};
    struct model_builder b;
    float *x = some_x(), *y;
    const float *w, *v;

    (void)state;
    begin(&b, "6, 4");
    graph_layer(&b, "EinsumDense", "e",
                "\"equation\": \"abc,bcd->ad\", \"output_shape\": 2, "
                "\"bias_axes\": null",
                "x,0,0");
    graph_layer(&b, "EinsumDense", "f",
                "\"equation\": \"abc,bcd->abd\", \"output_shape\": [6, 2], "
                "\"bias_axes\": null",
                "x,0,0");
    graph_end(&b, "x,0,0", "e,0,0 f,0,0", NULL);
    w = model_builder_add_tensor(&b, "e/kernel", 3, kernel, 1)->data;
    v = model_builder_add_tensor(&b, "f/kernel", 3, kernel, 1)->data;
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < 2; i++) {
        double sum = 0;

        for (size_t k = 0; k < T * D; k++)
            sum += (double)x[k] * w[k * 2 + i];
        assert_true(y[i] == (float)sum);
    }
    free(y);
    y = graph_run(&b, x, T, 1);
    for (size_t i = 0; i < T * 2; i++) {
        double sum = 0;

        for (size_t k = 0; k < D; k++)
            sum += (double)x[i / 2 * D + k] * v[(i / 2 * D + k) * 2 + i % 2];
        assert_true(y[i] == (float)sum);
    }
    free(y);
    graph_check_bits(&b, T);
    free(x);
    model_builder_release(&b);
}

static void matrices_are_multiplied(void **state)
{
    struct model_builder b;
    float *x = some_x(), *y;

    (void)state;
    begin(&b, "6, 4");
    graph_operator(&b, "Transpose", "t", "\"axes\": [0, 2, 1]", "$x");
    graph_operator(&b, "Matmul", "m", "", "$t, $x");
    graph_operator(&b, "Matmul", "c", "",
                   "$x, [[1, 0], [0, 1], [2, 0], [0, "
                   "-1]]");
    graph_operator(&b, "Einsum", "e", "\"subscripts\": \"btd,bsd->bts\"",
                   "$x, $x");
    graph_end(&b, "x,0,0", "m,0,0 c,0,0 e,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < D * D; i++)
        assert_true(y[i] == (float)product(x + i / D, x + i % D, T, D));
    free(y);
    y = graph_run(&b, x, T, 1);
    for (size_t t = 0; t < T; t++) {
        const float *at = x + t * D;

        assert_true(y[t * 2] == (float)(at[0] + 2.0 * at[2]));
        assert_true(y[t * 2 + 1] == (float)((double)at[1] - at[3]));
    }
    free(y);
    y = graph_run(&b, x, T, 2);
    for (size_t i = 0; i < T * T; i++)
        assert_true(y[i] ==
                    (float)product(x + i / T * D, x + i % T * D, D, 1));
    free(y);
    graph_check_bits(&b, T);
    free(x);
    model_builder_release(&b);
}

static const struct {
    const char *class_name, *fields, *calls, *says;
} refusals[] = {
    {"Dot", "\"axes\": 0", "x,0,0 x,0,0", "along axis 0"},
    {"Dot", "\"axes\": 3", "x,0,0 x,0,0", "along axis 3"},
    {"Dot", "\"axes\": [1, 2]", "x,0,0 x,0,0", "different sizes"},
    {"Dot", "\"axes\": 1", "x,0,0", "takes 2 inputs"},
    {"Dot", "\"axes\": [1, 1, 1]", "x,0,0 x,0,0", "axes is [1,1,1]"},
    {"EinsumDense", "\"equation\": \"ab,bc\"", "x,0,0", "not of the form"},
    {"EinsumDense", "\"equation\": \"ab,bc->ac\"", "x,0,0", "fewer axes"},
    {"EinsumDense", "\"equation\": \"abcd,dc->ab\"", "x,0,0", "more axes"},
    {"EinsumDense", "\"equation\": \"abc,cd->bad\"", "x,0,0", "mixes"},
    {"EinsumDense", "\"equation\": \"abc,ad->abd\"", "x,0,0", "mixes"},
    {"EinsumDense", "\"equation\": \"abc,bcd->ad\", \"output_shape\": 2",
     "x,0,0", "size is not known"},
    {"EinsumDense", "\"equation\": \"abc,cd->abd\", \"output_shape\": null",
     "x,0,0", "size is not known"},
    {"EinsumDense", "\"equation\": 7", "x,0,0", "equation is 7"},
    {"EinsumDense", "\"bias_axes\": 7, \"equation\": \"abc,cd->abd\"", "x,0,0",
     "bias_axes is 7"},
};

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct model_builder b;

        begin(&b, "null, 4");
        graph_layer(&b, refusals[i].class_name, "it", refusals[i].fields,
                    refusals[i].calls);
        graph_end(&b, "x,0,0", "it,0,0", NULL);
        model_assert_refused(&b, refusals[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dot_sums_along_an_axis_of_each),
        cmocka_unit_test(a_dot_over_time_weighs_any_sequence),
        cmocka_unit_test(two_vectors_make_one_number),
        cmocka_unit_test(an_equation_says_what_is_summed),
        cmocka_unit_test(an_equation_may_name_time),
        cmocka_unit_test(matrices_are_multiplied),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
