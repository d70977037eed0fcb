/* One number of all along some axes: Any and All along each choice of them,
 * and all that fold timesteps. */
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

#define T 4
#define A 3
#define B 2

static const float bits[T * A * B] = {
    0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 1, 3, 1, -1, 1, 0, 1, 0, 1, 0, 1,
};

#define ALONG_A    1U
#define ALONG_B    2U
#define ALONG_TIME 4U

/* The place of a number among the answers: axes that go count for nothing. */
static size_t place(unsigned along, size_t t, size_t a, size_t b)
{
    size_t index = along & ALONG_TIME ? 0 : t;

    if (!(along & ALONG_A))
        index = index * A + a;
    return along & ALONG_B ? index : index * B + b;
}

static void find(unsigned along, bool all, float *wanted)
{
    for (size_t i = 0; i < T * A * B; i++)
        wanted[i] = all;
    for (size_t t = 0; t < T; t++)
        for (size_t a = 0; a < A; a++)
            for (size_t b = 0; b < B; b++) {
                bool is_one = bits[(t * A + a) * B + b] != 0;
                float *y = &wanted[place(along, t, a, b)];

                *y = all ? *y != 0 && is_one : *y != 0 || is_one;
            }
}

static void check(unsigned along, bool all, bool keepdims, const char *axis)
{
    struct model_builder b;
    char fields[100];
    float *y, wanted[T * A * B];

    snprintf(fields, sizeof(fields), "\"axis\": %s, \"keepdims\": %s", axis,
             keepdims ? "true" : "false");
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 3, 2");
    graph_operator(&b, all ? "All" : "Any", "y", fields, "$x");
    graph_end(&b, "x,0,0", "y,0,0", NULL);
    y = graph_run(&b, bits, T, 0);
    find(along, all, wanted);
    for (size_t i = 0; i <= place(along, T - 1, A - 1, B - 1); i++)
        if (y[i] != wanted[i])
            fail_msg("%s along %s: number %zu is %g", all ? "All" : "Any",
                     axis, i, (double)y[i]);
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(y);
}

static void numbers_are_looked_at_along_axes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        check(ALONG_B, i & 1, i & 2, "-1");
        check(ALONG_B, i & 1, i & 2, "3");
        check(ALONG_A, i & 1, i & 2, "2");
        check(ALONG_A | ALONG_B, i & 1, i & 2, "[2, 3]");
        check(ALONG_A | ALONG_B, i & 1, i & 2, "[-1, -2]");
    }
}

static void time_is_an_axis_too(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        check(ALONG_TIME, i & 1, i & 2, "1");
        check(ALONG_TIME | ALONG_B, i & 1, i & 2, "[-1, 1]");
        check(ALONG_TIME | ALONG_A, i & 1, i & 2, "[1, 2]");
    }
    check(ALONG_TIME | ALONG_A | ALONG_B, false, true, "[1, 2, 3]");
}

/* ---- along time ----------------------------------------------------------*/

#define STEPS 7
#define WIDTH 3

/* What a row of numbers becomes. */
static double folded(const char *name, const double *x, size_t count)
{
    double sum = 0, squares = 0, most = x[0], least = x[0], product = 1;
    double exponentials = 0, sizes = 0, size = 0, other = 0, mean;
    size_t at_most = 0, at_least = 0, nonzero = 0;

    for (size_t i = 0; i < count; i++) {
        sum += x[i];
        squares += x[i] * x[i];
        sizes += fabs(x[i]);
        product *= x[i];
        exponentials += exp(x[i]);
        nonzero += x[i] != 0;
        size = fmax(size, fabs(x[i]));
        if (x[i] > most)
            at_most = i;
        if (x[i] < least)
            at_least = i;
        most = fmax(most, x[i]);
        least = fmin(least, x[i]);
    }
    mean = sum / (double)count;
    for (size_t i = 0; i < count; i++)
        other += (x[i] - mean) * (x[i] - mean) / (double)count;
    return !strcmp(name, "Sum")            ? sum
           : !strcmp(name, "Mean")         ? mean
           : !strcmp(name, "Max")          ? most
           : !strcmp(name, "Min")          ? least
           : !strcmp(name, "Ptp")          ? most - least
           : !strcmp(name, "Prod")         ? product
           : !strcmp(name, "Var")          ? other
           : !strcmp(name, "Std")          ? sqrt(other)
           : !strcmp(name, "Logsumexp")    ? log(exponentials)
           : !strcmp(name, "Argmax")       ? (double)at_most
           : !strcmp(name, "Argmin")       ? (double)at_least
           : !strcmp(name, "Any")          ? nonzero > 0
           : !strcmp(name, "All")          ? nonzero == count
           : !strcmp(name, "CountNonzero") ? (double)nonzero
           : !strcmp(name, "norm 1")       ? sizes
           : !strcmp(name, "norm inf")     ? size
                                           : sqrt(squares);
}

static const struct {
    const char *class_name, *fields, *name;
} folds[] = {
    {"Sum", "", "Sum"},
    {"Mean", "", "Mean"},
    {"Average", "", "Mean"},
    {"Max", "", "Max"},
    {"Min", "", "Min"},
    {"Ptp", "", "Ptp"},
    {"Prod", "", "Prod"},
    {"Var", "", "Var"},
    {"Std", "", "Std"},
    {"Logsumexp", "", "Logsumexp"},
    {"Argmax", "", "Argmax"},
    {"Argmin", "", "Argmin"},
    {"Any", "", "Any"},
    {"All", "", "All"},
    {"CountNonzero", "", "CountNonzero"},
    {"Norm", "\"ord\": null, ", "norm"},
    {"Norm", "\"ord\": 2, ", "norm"},
    {"Norm", "\"ord\": 1, ", "norm 1"},
    {"Norm", "\"ord\": Infinity, ", "norm inf"},
};

static float *some_numbers(void)
{
    uint64_t seed = 8;
    float *x = model_random_floats(&seed, STEPS * WIDTH, 2);

    x[4] = x[7] = 0;
    return x;
}

/* Does it stream, and give these numbers after each timestep? */
static void check_fold(size_t i, const char *axis, bool all)
{
    struct model_builder b;
    struct rnn_model *model;
    char fields[100];
    float *x = some_numbers(), *y;
    double row[STEPS * WIDTH];

    snprintf(fields, sizeof(fields), "%s\"axis\": %s", folds[i].fields, axis);
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", all ? "null, 3, 1" : "null, 3");
    graph_operator(&b, folds[i].class_name, "y", fields, "$x");
    graph_end(&b, "x,0,0", "y,0,0", NULL);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_true(rnn_model_info(model)->streams);
    rnn_model_free(model);
    for (size_t steps = 1; steps <= STEPS; steps++) {
        y = graph_run(&b, x, steps, 0);
        for (size_t k = 0; k < (all ? 1 : WIDTH); k++) {
            size_t count = all ? steps * WIDTH : steps;
            double should;

            for (size_t n = 0; n < count; n++)
                row[n] = (double)x[all ? n : n * WIDTH + k];
            should = folded(folds[i].name, row, count);
            if (!(fabs((double)y[k] - should) <= 1e-6 * fmax(1, should)))
                fail_msg("%s after %zu: %g, not %g", folds[i].name, steps,
                         (double)y[k], should);
        }
        free(y);
    }
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(x);
}

static void timesteps_are_taken_one_by_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(folds) / sizeof(folds[0]); i++) {
        check_fold(i, "1", false);
        if (strncmp(folds[i].class_name, "Arg", 3) != 0 &&
            strcmp(folds[i].class_name, "Norm") != 0)
            check_fold(i, "[1, 2]", true);
    }
    check_fold(sizeof(folds) / sizeof(folds[0]) - 4, "[2, 1]", true);
}

/* Numbers that are far from 0, where a sum of squares would lose them. */
static void a_deviation_loses_no_digits(void **state)
{
    struct model_builder b;
    float x[64], *y;

    (void)state;
    for (size_t i = 0; i < 64; i++)
        x[i] = i % 2 ? 100001.0f : 100000.0f;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 1");
    graph_operator(&b, "Std", "y", "\"axis\": 1", "$x");
    graph_end(&b, "x,0,0", "y,0,0", NULL);
    y = graph_run(&b, x, 64, 0);
    assert_true(y[0] == 0.5f);
    model_builder_release(&b);
    free(y);
}

/* ---- refusals ------------------------------------------------------------*/

static const struct {
    const char *class_name, *fields, *arguments, *says;
} refusals[] = {
    {"Any", "\"axis\": null", "$x", "mixes the sequences"},
    {"Any", "\"axis\": 0", "$x", "axis 0, the batch"},
    {"Any", "\"axis\": 4", "$x", "4 where an axis"},
    {"Argmax", "\"axis\": [2, 3]", "$x", "one along one axis"},
    {"Norm", "\"ord\": 1, \"axis\": [2, 3]", "$x", "ord is none of"},
    {"Norm", "\"ord\": 3, \"axis\": 1", "$x", "ord is none of"},
    {"Norm", "\"ord\": \"nuc\", \"axis\": [2, 3]", "$x", "ord is none of"},
    {"Average", "\"axis\": [1, 2]", "$x, $x", "weights are neither"},
    {"Max", "\"axis\": 1, \"initial\": 7", "$x", "initial is 7"},
};

static void what_cannot_be_done_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct model_builder b;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 3, 2");
        assert_int_equal(operator_assert_refused(
                             &b, refusals[i].class_name, refusals[i].fields,
                             refusals[i].arguments, refusals[i].says),
                         RNN_UNSUPPORTED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_looked_at_along_axes),
        cmocka_unit_test(time_is_an_axis_too),
        cmocka_unit_test(timesteps_are_taken_one_by_one),
        cmocka_unit_test(a_deviation_loses_no_digits),
        cmocka_unit_test(what_cannot_be_done_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
