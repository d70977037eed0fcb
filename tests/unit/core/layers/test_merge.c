/* Concatenate and the elementwise merges against plain loops. */
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
#define D 5

static const char *const classes[] = {"Add",     "Subtract", "Multiply",
                                      "Average", "Maximum",  "Minimum"};

static double merge(size_t class, const double *x, size_t count)
{
    double y = x[0];

    for (size_t i = 1; i < count; i++)
        switch (class) {
        case 1:
            y -= x[i];
            break;
        case 2:
            y *= x[i];
            break;
        case 4:
            y = fmax(y, x[i]);
            break;
        case 5:
            y = fmin(y, x[i]);
            break;
        default:
            y += x[i];
        }
    return class == 3 ? y / (double)count : y;
}

static float *some_x(void)
{
    uint64_t seed = 21;

    return model_random_floats(&seed, T * D, 1);
}

/* a is [T, D], b is [T, 1]: merged with x from the left. */
static void begin(struct model_builder *b)
{
    graph_begin(b, "3.15.1");
    graph_input(b, "x", "null, 5");
    graph_layer(b, "Dense", "a", "\"units\": 5", "x,0,0");
    graph_layer(b, "Dense", "b", "\"units\": 1", "x,0,0");
    graph_dense(b, "a", D, D);
    graph_dense(b, "b", D, 1);
}

static void check_class(size_t class, const char *calls, size_t count)
{
    struct model_builder b;
    float *x = some_x(), *y, *a, *one;

    begin(&b);
    graph_layer(&b, classes[class], "m", "", calls);
    graph_end(&b, "x,0,0", "m,0,0 a,0,0 b,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    a = graph_run(&b, x, T, 1);
    one = graph_run(&b, x, T, 2);
    for (size_t i = 0; i < T * D; i++) {
        double parts[] = {x[i], a[i], one[i / D]};

        assert_true(fabs(y[i] - merge(class, parts, count)) < 1e-6);
    }
    graph_check_bits(&b, 0);
    free(x);
    free(y);
    free(a);
    free(one);
    model_builder_release(&b);
}

static void each_merges_from_the_left(void **state)
{
    (void)state;
    for (size_t class = 0; class < 6; class ++) {
        check_class(class, "x,0,0 a,0,0", 2);
        if (class != 1)
            check_class(class, "x,0,0 a,0,0 b,0,0", 3);
    }
}

/* The last value of an LSTM beside all of a sequence: repeated over time. */
static void a_value_without_time_is_repeated(void **state)
{
    struct model_builder b;
    float *x = some_x(), *y, *last, *a;

    (void)state;
    begin(&b);
    graph_layer(&b, "LSTM", "l",
                "\"units\": 5, \"recurrent_activation\": \"sigmoid\"",
                "b,0,0");
    graph_recurrent(&b, "l", 4, 1, D);
    graph_layer(&b, "Multiply", "m", "", "l,0,0 a,0,0");
    graph_end(&b, "x,0,0", "m,0,0 l,0,0 a,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    last = graph_run(&b, x, T, 1);
    a = graph_run(&b, x, T, 2);
    for (size_t i = 0; i < T * D; i++)
        assert_true(fabs(y[i] - (double)last[i % D] * a[i]) < 1e-6);
    graph_check_bits(&b, 0);
    free(x);
    free(y);
    free(last);
    free(a);
    model_builder_release(&b);
}

/* p, what is left of x, is one timestep: repeated in the layers and in the
 * operators of the same names. */
static void check_one_timestep(size_t class, bool is_operator, bool first)
{
    struct model_builder b;
    float *x = some_x(), *y, *one;

    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 5");
    graph_layer(&b, "GlobalAveragePooling1D", "g", "", "x,0,0");
    graph_layer(&b, "RepeatVector", "p", "\"n\": 1", "g,0,0");
    if (is_operator)
        graph_operator(&b, classes[class], "m", "",
                       first ? "$p, $x" : "$x, $p");
    else
        graph_layer(&b, classes[class], "m", "",
                    first ? "p,0,0 x,0,0" : "x,0,0 p,0,0");
    graph_end(&b, "x,0,0", "m,0,0 p,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    one = graph_run(&b, x, T, 1);
    for (size_t i = 0; i < T * D; i++) {
        double parts[] = {x[i], one[i % D]}, turned[] = {parts[1], parts[0]};

        assert_true(fabs(y[i] - merge(class, first ? turned : parts, 2)) <
                    1e-6);
    }
    graph_check_bits(&b, 0);
    free(x);
    free(y);
    free(one);
    model_builder_release(&b);
}

static void one_timestep_is_repeated(void **state)
{
    (void)state;
    for (size_t class = 0; class < 6; class ++)
        for (unsigned bits = 0; bits < 4; bits++)
            if (class != 3 || !(bits & 1)) /* there is no such operator */
                check_one_timestep(class, bits & 1, bits & 2);
}

/* ... and so is an axis of one that stands for time, in operators. */
static void an_axis_that_stayed_is_repeated(void **state)
{
    static const char *const arguments[] = {"$x, $g", "$g, $x"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct model_builder b;
        float *x = some_x(), *y, *one;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 5");
        graph_layer(&b, "GlobalMaxPooling1D", "g", "\"keepdims\": true",
                    "x,0,0");
        graph_operator(&b, "Subtract", "m", "", arguments[i]);
        graph_end(&b, "x,0,0", "m,0,0 g,0,0", NULL);
        y = graph_run(&b, x, T, 0);
        one = graph_run(&b, x, T, 1);
        for (size_t k = 0; k < T * D; k++)
            assert_true(y[k] == (i ? one[k % D] - x[k] : x[k] - one[k % D]));
        graph_check_bits(&b, 0);
        free(x);
        free(y);
        free(one);
        model_builder_release(&b);
    }
}

static void concatenate_joins_the_last_axis(void **state)
{
    static const char *const axes[] = {"\"axis\": -1", "\"axis\": 2", ""};

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        struct model_builder b;
        float *x = some_x(), *y, *one;

        begin(&b);
        graph_layer(&b, "Concatenate", "c", axes[k],
                    "b,0,0 x,0,0 x,0,0 a,0,0");
        graph_end(&b, "x,0,0", "c,0,0 b,0,0", NULL);
        y = graph_run(&b, x, T, 0);
        one = graph_run(&b, x, T, 1);
        for (size_t t = 0; t < T; t++) {
            const float *row = y + t * (1 + 3 * D);

            assert_true(row[0] == one[t]);
            assert_memory_equal(row + 1, x + t * D, D * sizeof(float));
            assert_memory_equal(row + 1 + D, x + t * D, D * sizeof(float));
        }
        graph_check_bits(&b, 0);
        free(x);
        free(y);
        free(one);
        model_builder_release(&b);
    }
}

/* x [T, 2, 3]: axis 2 is the 2, axis 3 the 3; [T, 2, 1] repeats. */
static void inner_axes_are_joined_and_repeated(void **state)
{
    struct model_builder b;
    float *x, *y, *one, *m;
    uint64_t seed = 4;

    (void)state;
    x = model_random_floats(&seed, T * 6, 1);
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 2, 3");
    graph_layer(&b, "Dense", "b", "\"units\": 1", "x,0,0");
    graph_dense(&b, "b", 3, 1);
    graph_layer(&b, "Concatenate", "c", "\"axis\": 3", "x,0,0 b,0,0");
    graph_layer(&b, "Concatenate", "d", "\"axis\": 2", "x,0,0 x,0,0");
    graph_layer(&b, "Subtract", "m", "", "x,0,0 b,0,0");
    graph_end(&b, "x,0,0", "c,0,0 b,0,0 d,0,0 m,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    one = graph_run(&b, x, T, 1);
    m = graph_run(&b, x, T, 3);
    for (size_t i = 0; i < T * 2; i++) {
        assert_memory_equal(y + i * 4, x + i * 3, 3 * sizeof(float));
        assert_true(y[i * 4 + 3] == one[i]);
        for (size_t k = 0; k < 3; k++)
            assert_true(m[i * 3 + k] == x[i * 3 + k] - one[i]);
    }
    free(y);
    y = graph_run(&b, x, T, 2);
    for (size_t t = 0; t < T; t++) {
        assert_memory_equal(y + t * 12, x + t * 6, 6 * sizeof(float));
        assert_memory_equal(y + t * 12 + 6, x + t * 6, 6 * sizeof(float));
    }
    graph_check_bits(&b, 0);
    free(x);
    free(y);
    free(one);
    free(m);
    model_builder_release(&b);
}

static void what_does_not_merge_is_refused(void **state)
{
    static const struct {
        const char *class_name, *fields, *calls, *says;
    } cases[] = {
        {"Add", "", "x,0,0 c,0,0", "[?, 5] and [?, 3]"},
        {"Subtract", "", "x,0,0 a,0,0 x,0,0", "takes 2 inputs"},
        {"Concatenate", "\"axis\": 1", "x,0,0 c,0,0", "[?, 5] and [?, 3]"},
        {"Concatenate", "\"axis\": -2", "x,0,0 y,0,0", "[?, 5] and [5]"},
        {"Concatenate", "\"axis\": 0", "x,0,0 a,0,0", "axis is 0"},
        {"Concatenate", "\"axis\": 3", "x,0,0 a,0,0", "axis is 3"},
        {"Concatenate", "\"axis\": 0.5", "x,0,0 a,0,0", "whole number"},
        {"Concatenate", "", "x,0,0 y,0,0", "do not fit together"},
        {"Add", "\"new\": 1", "x,0,0 a,0,0", "new is 1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        begin(&b);
        graph_input(&b, "y", "5");
        graph_layer(&b, "Dense", "c", "\"units\": 3", "x,0,0");
        graph_dense(&b, "c", D, 3);
        graph_layer(&b, cases[i].class_name, "m", cases[i].fields,
                    cases[i].calls);
        graph_end(&b, "x,0,0 y,0,0", "m,0,0", NULL);
        model_assert_refused(&b, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_merges_from_the_left),
        cmocka_unit_test(a_value_without_time_is_repeated),
        cmocka_unit_test(concatenate_joins_the_last_axis),
        cmocka_unit_test(inner_axes_are_joined_and_repeated),
        cmocka_unit_test(one_timestep_is_repeated),
        cmocka_unit_test(an_axis_that_stayed_is_repeated),
        cmocka_unit_test(what_does_not_merge_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
