/* Multiply, Maximum and Minimum of inputs whose rows are masked, against
 * Keras' own steps, place by place. */
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

#define T 3
#define N 2
#define F 2

static const char *const classes[] = {"Multiply", "Maximum", "Minimum"};

/* Rows of 7 are masked in m, rows of 5 in n; o is -x and has no mask. */
static const float x[T * N * F] = {1, 2, 7, 7, 5, 5, 3, -4, 7, 7, 5, 5};

struct part {
    float number;
    bool masked, counts; /* is there a mask; does it count */
};

static struct part part_of(char input, size_t i)
{
    float number = x[i];
    bool whole = x[i / F * F] == x[i / F * F + 1];

    if (input == 'o')
        return (struct part){-number, false, true};
    if (whole && number == (input == 'm' ? 7 : 5))
        return (struct part){0, true, false};
    return (struct part){number, true, true};
}

static float multiply(const struct part *parts, size_t count)
{
    float y = 1;
    bool all = true, any = false;

    for (size_t i = 0; i < count; i++) {
        y *= parts[i].counts ? parts[i].number : 1;
        all = all && parts[i].masked;
        any = any || parts[i].counts;
    }
    return all && !any ? 0 : y;
}

static float choose(const struct part *parts, size_t count, bool largest)
{
    struct part y = parts[0];

    for (size_t i = 1; i < count; i++) {
        float a = y.number, b = parts[i].number;

        if (parts[i].masked && !parts[i].counts)
            b = a;
        if (y.masked && !y.counts)
            a = b;
        y.masked = y.masked && parts[i].masked;
        y.counts = y.counts || parts[i].counts;
        y.number = (a > b) == largest ? a : b;
    }
    return y.number;
}

/* `inputs` are their letters. */
static void check(size_t class, const char *inputs)
{
    struct model_builder b;
    char calls[60] = "";
    size_t count = strlen(inputs), length = 0;
    float *y;

    for (size_t k = 0; k < count; k++)
        length += (size_t)snprintf(calls + length, sizeof(calls) - length,
                                   "%s%c,0,0", k ? " " : "", inputs[k]);
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 2, 2");
    graph_layer(&b, "Masking", "m", "\"mask_value\": 7", "x,0,0");
    graph_layer(&b, "Masking", "n", "\"mask_value\": 5", "x,0,0");
    graph_layer(&b, "Rescaling", "o", "\"scale\": -1", "x,0,0");
    graph_layer(&b, classes[class], "y", "", calls);
    graph_end(&b, "x,0,0", "y,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < T * N * F; i++) {
        struct part parts[3] = {{0}};
        float wanted;

        for (size_t k = 0; k < count && k < 3; k++)
            parts[k] = part_of(inputs[k], i);
        wanted =
            class ? choose(parts, count, class == 1) : multiply(parts, count);
        if (y[i] != wanted)
            fail_msg("%s of %s: y[%zu] is %g, not %g", classes[class], inputs,
                     i, (double)y[i], (double)wanted);
    }
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(y);
}

static void masked_rows_are_left_out(void **state)
{
    static const char *const inputs[] = {"mn",  "mo",  "om", "mno",
                                         "omn", "mon", "nnm"};

    (void)state;
    for (size_t class = 0; class < 3; class ++)
        for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
            check(class, inputs[i]);
}

/* [T, 1, 2] beside [T, 2, 2]: its row, and its mask, are repeated. */
static void a_row_of_one_is_repeated_with_its_mask(void **state)
{
    static const float two[] = {1, 2, 7, 7, 7, 7, 3, 4};
    static const float wanted[] = {1, 4, 1, 2, 7, 7, 21, 28};
    struct model_builder b;
    float *y;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 2, 2");
    graph_layer(&b, "Masking", "m", "\"mask_value\": 7", "x,0,0");
    graph_operator(&b, "GetItem", "g", "",
                   "$x, [{\"class_name\": \"__slice__\", \"config\": "
                   "{\"start\": null, \"stop\": null, \"step\": null}}, "
                   "{\"class_name\": \"__slice__\", \"config\": {\"start\": "
                   "null, \"stop\": null, \"step\": null}}, {\"class_name\": "
                   "\"__slice__\", \"config\": {\"start\": 0, \"stop\": 1, "
                   "\"step\": null}}]");
    graph_layer(&b, "Masking", "n", "\"mask_value\": 9", "g,0,0");
    graph_layer(&b, "Multiply", "y", "", "m,0,0 n,0,0");
    graph_end(&b, "x,0,0", "y,0,0", NULL);
    y = graph_run(&b, two, 2, 0);
    assert_memory_equal(y, wanted, sizeof(wanted));
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(y);
}

/* Keras puts in an axis of one, and the mask is lost: the zeroes that a
 * Masking makes are then the least. */
static void an_input_with_fewer_axes_has_no_mask(void **state)
{
    static const float seven[] = {7, 7, 2, 3};
    struct model_builder b;
    float *y;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 2");
    graph_layer(&b, "GlobalMaxPooling1D", "p", "", "x,0,0");
    graph_layer(&b, "Masking", "m", "\"mask_value\": 7", "p,0,0");
    graph_layer(&b, "Minimum", "y", "", "m,0,0 x,0,0");
    graph_end(&b, "x,0,0", "y,0,0", NULL);
    y = graph_run(&b, seven, 2, 0);
    for (size_t i = 0; i < 4; i++)
        assert_true(y[i] == 0);
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(y);
}

/* A mask of timesteps for rows: Keras would put the batch beside them. */
static void a_mask_of_timesteps_does_not_fit_rows(void **state)
{
    struct model_builder b;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 4");
    graph_layer(&b, "Masking", "m", "", "x,0,0");
    graph_layer(&b, "TimeDistributed", "r",
                "\"layer\": {\"class_name\": \"Reshape\", \"config\": "
                "{\"name\": \"i\", \"target_shape\": [2, 2]}}",
                "m,0,0");
    graph_layer(&b, "Multiply", "y", "", "r,0,0 r,0,0");
    graph_end(&b, "x,0,0", "y,0,0", NULL);
    assert_int_equal(
        model_assert_refused(&b, "is given [?, 2, 2] with a mask of [?]"),
        RNN_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masked_rows_are_left_out),
        cmocka_unit_test(a_row_of_one_is_repeated_with_its_mask),
        cmocka_unit_test(an_input_with_fewer_axes_has_no_mask),
        cmocka_unit_test(a_mask_of_timesteps_does_not_fit_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
