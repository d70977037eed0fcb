/* What operators make of the numbers along an axis as a whole: orders, parts
 * of an order, differences, diagonals, what is taken from places of its own.
 * Each on sequences of a known and of an open number of timesteps, to the bit;
 * cut, batched and on each instruction set. */
#include <math.h>
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

#define T 4
#define D 3

static const float x[T * D] = {3, 1, 2, -1, 5, 0, 2, 2, -4, 7, -3, 1};

enum where {
    STREAMS, /* each timestep alone */
    WHOLE,   /* it needs all of them */
    SOME,    /* and some there are */
    KNOWN,   /* and their number */
};

static const struct {
    const char *class_name, *fields, *arguments;
    enum where where;
    size_t output;
    const char *y;
} cases[] = {
    {"Sort", "\"axis\": -1", "$x", STREAMS, 0, "1 2 3 -1 0 5 -4 2 2 -3 1 7"},
    {"Sort", "\"axis\": 1", "$x", WHOLE, 0, "-1 -3 -4 2 1 0 3 2 1 7 5 2"},
    {"Argsort", "\"axis\": 2", "$x", STREAMS, 0, "1 2 0 0 2 1 2 0 1 1 2 0"},
    {"Argsort", "\"axis\": 1", "$x", WHOLE, 0, "1 3 2 2 0 1 0 2 3 3 1 0"},
    {"TopK", "\"k\": 2, \"sorted\": true", "$x", STREAMS, 0,
     "3 2 5 0 2 2 7 1"},
    {"TopK", "\"k\": 2, \"sorted\": true", "$x", STREAMS, 1,
     "0 2 1 2 0 1 0 2"},
    {"TopK", "\"k\": 1, \"sorted\": false", "$x", STREAMS, 0, "3 5 2 7"},
    {"Median", "\"axis\": 1", "$x", WHOLE, 0, "2.5 1.5 0.5"},
    {"Median", "\"axis\": [1], \"keepdims\": true", "$x", WHOLE, 0,
     "2.5 1.5 0.5"},
    {"Median", "\"axis\": -1, \"keepdims\": true", "$x", STREAMS, 0,
     "2 0 2 1"},
    {"Quantile", "\"axis\": [1], \"method\": \"lower\"", "$x, 0.25", WHOLE, 0,
     "1.25 0 -1"},
    {"Percentile", "\"axis\": 1, \"method\": \"lower\"", "$x, 50", WHOLE, 0,
     "2 1 0"},
    {"Percentile", "\"axis\": 1, \"method\": \"higher\"", "$x, 50", WHOLE, 0,
     "3 2 1"},
    {"Percentile", "\"axis\": 1, \"method\": \"nearest\"", "$x, 50", WHOLE, 0,
     "3 2 1"},
    {"Percentile", "\"axis\": 1, \"method\": \"midpoint\"", "$x, 50", WHOLE, 0,
     "2.5 1.5 0.5"},
    {"Percentile", "\"axis\": 1, \"method\": \"linear\"", "$x, 100", WHOLE, 0,
     "7 5 2"},
    {"Nanquantile", "\"axis\": [1], \"method\": \"higher\"", "$x, 0.5", WHOLE,
     0, "3 2 1"},
    {"Trapezoid", "\"x\": null, \"dx\": 2, \"axis\": 1", "$x", WHOLE, 0,
     "12 12 -5"},
    {"Diff", "\"n\": 1, \"axis\": -1", "$x", STREAMS, 0,
     "-2 1 6 -5 0 -6 -10 4"},
    {"Diff", "\"n\": 2, \"axis\": 1", "$x", SOME, 0, "7 -7 -2 2 -2 9"},
    {"Tril", "\"k\": 0", "$x", WHOLE, 0, "3 0 0 -1 5 0 2 2 -4 7 -3 1"},
    {"Triu", "\"k\": 1", "$x", WHOLE, 0, "0 1 2 0 0 0 0 0 0 0 0 0"},
    {"Diagonal", "\"offset\": -1, \"axis1\": 1, \"axis2\": 2", "$x", KNOWN, 0,
     "-1 2 1"},
    {"Diagonal", "\"offset\": -1, \"axis1\": -1, \"axis2\": 1", "$x", KNOWN, 0,
     "1 0"},
    {"Average", "\"axis\": 1", "$x, [1, 0, 2, 1]", KNOWN, 0, "3.5 0.5 -1.25"},
    {"Average", "\"axis\": 1", "$x", STREAMS, 0, "2.75 1.25 -0.25"},
    {"Average", "\"axis\": 1", "$x, $x", WHOLE, 0, "5.7272727 7.8 -21"},
    {"Moments", "\"axes\": [1]", "$x", STREAMS, 0, "2.75 1.25 -0.25"},
    {"Moments", "\"axes\": [1]", "$x", STREAMS, 1, "8.1875 8.1875 5.1875"},
    {"Moments", "\"axes\": [1], \"keepdims\": true", "$x", WHOLE, 1,
     "8.1875 8.1875 5.1875"},
    {"Digitize", "", "$x, [0, 2]", STREAMS, 0, "2 1 2 0 2 1 2 2 0 2 0 1"},
    {"IsIn", "\"invert\": false", "$x, [2, 5, -4]", STREAMS, 0,
     "0 0 1 0 1 0 1 1 1 0 0 0"},
    {"IsIn", "\"invert\": true", "$x, [2, 5, -4]", STREAMS, 0,
     "1 1 0 1 0 1 0 0 0 1 1 1"},
    {"TakeAlongAxis", "\"axis\": 2", "$x, [[[2, -1]]]", STREAMS, 0,
     "2 2 0 0 -4 -4 1 1"},
    {"TakeAlongAxis", "\"axis\": 1", "$x, [[[3, 0, 0], [0, 0, -1]]]", SOME, 0,
     "7 1 2 3 1 1"},
    {"TakeAlongAxis", "\"axis\": 1", "$x, [[[-1]]]", SOME, 0, "7 -3 1"},
    {"Slice", "\"shape\": [-1, 2, 2]", "$x, [0, 1, 1]", SOME, 0, "5 0 2 -4"},
    {"Slice", "\"shape\": [-1, -1, 2]", "$x, [0, 0, 1]", STREAMS, 0,
     "1 2 5 0 2 -4 -3 1"},
    {"Fliplr", "", "$x", WHOLE, 0, "7 -3 1 2 2 -4 -1 5 0 3 1 2"},
    {"Rot90", "\"k\": 1, \"axes\": [1, 2]", "$x", KNOWN, 0,
     "2 0 -4 1 1 5 2 -3 3 -1 2 7"},
    {"Rot90", "\"k\": 3, \"axes\": [1, 2]", "$x", KNOWN, 0,
     "7 2 -1 3 -3 2 5 1 1 -4 0 2"},
    {"ArraySplit", "\"indices_or_sections\": 2, \"axis\": 2", "$x", STREAMS, 0,
     "3 1 -1 5 2 2 7 -3"},
    {"ArraySplit", "\"indices_or_sections\": 3, \"axis\": 1", "$x", KNOWN, 0,
     "3 1 2 -1 5 0"},
    {"Hsplit", "\"indices_or_sections\": [1]", "$x", KNOWN, 0, "3 1 2"},
    {"Dsplit", "\"indices_or_sections\": 3", "$x", STREAMS, 2, "2 0 -4 1"},
    {"Append", "\"axis\": -1", "$x, $x", STREAMS, 0,
     "3 1 2 3 1 2 -1 5 0 -1 5 0 2 2 -4 2 2 -4 7 -3 1 7 -3 1"},
    {"Hstack", "", "[$x, $x]", WHOLE, 0,
     "3 1 2 -1 5 0 2 2 -4 7 -3 1 3 1 2 -1 5 0 2 2 -4 7 -3 1"},
    {"Dot", "", "$x, [[1, 0], [0, 1], [2, -1]]", STREAMS, 0,
     "7 -1 -1 5 -6 6 9 -4"},
    {"Inner", "", "$x, [[1, 2, 3]]", STREAMS, 0, "11 9 -6 4"},
    {"Tensordot", "\"axes\": 1", "$x, [[1], [2], [3]]", STREAMS, 0,
     "11 9 -6 4"},
    {"Tensordot", "\"axes\": [[1], [0]]", "$x, [1, 1, 1, 1]", KNOWN, 0,
     "11 5 -1"},
    {"Nancumsum", "\"axis\": 1", "$x", STREAMS, 0,
     "3 1 2 2 6 2 4 8 -2 11 5 -1"},
    {"Ldexp", "", "$x, 2", STREAMS, 0, "12 4 8 -4 20 0 8 8 -16 28 -12 4"},
    {"SaturateCast", "\"dtype\": \"uint8\"", "$x", STREAMS, 0,
     "3 1 2 0 5 0 2 2 0 7 0 1"},
    {"SaturateCast", "\"dtype\": \"bool\"", "$x", STREAMS, 0,
     "1 1 1 0 1 0 1 1 0 1 0 1"},
};

static void check(size_t i, const char *shape, bool streams)
{
    struct model_builder b;
    struct rnn_model *model;
    char output[] = "y,0,0";
    const char *next = cases[i].y;
    float *y;

    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", shape);
    graph_operator(&b, cases[i].class_name, "y", cases[i].fields,
                   cases[i].arguments);
    output[4] = (char)('0' + cases[i].output);
    graph_end(&b, "x,0,0", output, NULL);
    model = model_load(&b, RNN_ISA_AUTO);
    if (rnn_model_info(model)->streams != streams)
        fail_msg("case %zu, %s of %s: %d", i, cases[i].class_name, shape,
                 !streams);
    rnn_model_free(model);
    y = graph_run(&b, x, T, 0);
    for (size_t k = 0; *next; k++) {
        char *end;
        float should = strtof(next, &end);

        next = end;
        if (y[k] != should)
            fail_msg("case %zu, %s of %s: number %zu is %.9g, not %.9g", i,
                     cases[i].class_name, shape, k, (double)y[k],
                     (double)should);
    }
    if (shape[0] == 'n' ? cases[i].where != SOME : !streams)
        graph_check_bits(&b, shape[0] == 'n' ? 0 : T);
    model_builder_release(&b);
    free(y);
}

static void numbers_are_those_of_a_lane(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check(i, "4, 3", cases[i].where == STREAMS);
        if (cases[i].where != KNOWN)
            check(i, "null, 3", cases[i].where == STREAMS);
    }
}

/* x sigmoid(z) */
static void halves_are_gated(void **state)
{
    struct model_builder b;
    float *y;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "4, 3");
    graph_operator(&b, "Glu", "y", "\"axis\": 1", "$x");
    graph_end(&b, "x,0,0", "y,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < 2 * D; i++) {
        double should = (double)x[i] / (1 + exp(-(double)x[2 * D + i]));

        if (fabs((double)y[i] - should) > 1e-6)
            fail_msg("number %zu is %g", i, (double)y[i]);
    }
    graph_check_bits(&b, T);
    model_builder_release(&b);
    free(y);
}

/* x / x is none where x is 0. */
static void what_is_no_number_comes_last(void **state)
{
    static const struct {
        const char *class_name, *fields;
        float y[T];
    } each[] = {
        {"Nansum", "\"axis\": -1, \"keepdims\": true", {3, 2, 3, 3}},
        {"Nanmean", "\"axis\": -1, \"keepdims\": true", {1, 1, 1, 1}},
        {"Nanmax", "\"axis\": -1, \"keepdims\": true", {1, 1, 1, 1}},
        {"Nanvar", "\"axis\": -1, \"keepdims\": true", {0, 0, 0, 0}},
        {"Nanargmin", "\"axis\": -1, \"keepdims\": true", {0, 0, 0, 0}},
        {"Nanmedian", "\"axis\": -1, \"keepdims\": true", {1, 1, 1, 1}},
        {"Nanprod", "\"axis\": -1, \"keepdims\": true", {1, 1, 1, 1}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        struct model_builder b;
        float *y;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 3");
        graph_operator(&b, "Divide", "ones", "", "$x, $x");
        graph_operator(&b, each[i].class_name, "y", each[i].fields, "$ones");
        graph_end(&b, "x,0,0", "y,0,0", NULL);
        y = graph_run(&b, x, T, 0);
        for (size_t t = 0; t < T; t++)
            if (y[t] != each[i].y[t])
                fail_msg("%s: step %zu is %g", each[i].class_name, t,
                         (double)y[t]);
        model_builder_release(&b);
        free(y);
    }
}

static const struct {
    const char *class_name, *fields, *arguments, *says;
} refusals[] = {
    {"Sort", "\"axis\": 0", "$x", "batch"},
    {"Sort", "\"axis\": null", "$x", "batch"},
    {"TopK", "\"k\": 2, \"sorted\": false", "$x", "order"},
    {"TopK", "\"k\": 4", "$x", "an axis of 3, where it needs 4"},
    {"TopK", "\"k\": 0", "$x", "less than 1"},
    {"Quantile", "\"axis\": [1]", "$x, [0.5]", "one number"},
    {"Quantile", "\"axis\": [1]", "$x, 1.5", "one number"},
    {"Percentile", "\"axis\": 1, \"method\": \"cubic\"", "$x, 5", "method"},
    {"Median", "\"axis\": null", "$x", "batch"},
    {"Trapezoid", "\"x\": [1, 2], \"axis\": 2", "$x", "dx"},
    {"Diff", "\"n\": 3, \"axis\": 2", "$x", "nothing is left"},
    {"Diff", "\"n\": -1, \"axis\": 2", "$x", "less than 0"},
    {"Glu", "\"axis\": 2", "$x", "halves"},
    {"Glu", "\"axis\": 1", "$x", "left open"},
    {"Diagonal", "", "$x", "works along axis 0"},
    {"Trace", "\"axis1\": 1, \"axis2\": 2", "$x", "left open"},
    {"BroadcastTo", "\"shape\": [2, 4, 3]", "$x", "batch of one"},
    {"BroadcastTo", "\"shape\": [1, 1, 4]", "$x", "another size"},
    {"TakeAlongAxis", "\"axis\": 2", "$x, [0, 1]", "other axes"},
    {"TakeAlongAxis", "\"axis\": 2", "$x, [[[0], [1]]]", "do not fit"},
    {"TakeAlongAxis", "\"axis\": null", "$x, [[[0]]]", "batch"},
    {"Average", "\"axis\": 2", "$x, [1, 2]", "weights"},
    {"Digitize", "", "$x, [2, 1]", "from below"},
    {"Digitize", "", "$x, $x", "constants"},
    {"Slice", "\"shape\": [1, 1, 1]", "$x, [0, 0, 0]", "batch"},
    {"Slice", "\"shape\": [-1, 1, 4]", "$x, [0, 0, 0]", "not there"},
    {"Rot90", "\"k\": 2, \"axes\": [1, 2]", "$x", "mixes up"},
    {"ArraySplit", "\"indices_or_sections\": 4, \"axis\": 2", "$x", "parts"},
    {"Append", "\"axis\": null", "$x, $x", "batch"},
    {"Dot", "", "$x, $x", "mixes the sequences"},
    {"Tensordot", "\"axes\": 3", "$x, [[[1]]]", "not there"},
    {"SaturateCast", "\"dtype\": \"float16\"", "$x", "float32"},
};

static void what_cannot_be_done_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct model_builder b;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 3");
        operator_assert_refused(&b, refusals[i].class_name, refusals[i].fields,
                                refusals[i].arguments, refusals[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_a_lane),
        cmocka_unit_test(halves_are_gated),
        cmocka_unit_test(what_is_no_number_comes_last),
        cmocka_unit_test(what_cannot_be_done_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
