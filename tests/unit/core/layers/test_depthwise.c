/* DepthwiseConv1D and SeparableConv1D against plain loops, and law 2. */
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
#include "tests/support/model_run.h"
#include "tests/support/window_case.h"

struct depthwise {
    struct window_case window;
    size_t filters; /* 0: DepthwiseConv1D */
    size_t multiplier;
    bool use_bias;
    const float *kernel, *pointwise, *bias;
};

static void begin(struct model_builder *b, struct depthwise *it, size_t steps)
{
    char fields[400], filters[60] = "";
    size_t columns = it->window.features * it->multiplier;

    if (it->filters)
        snprintf(filters, sizeof(filters), "\"filters\": %zu, ", it->filters);
    snprintf(fields, sizeof(fields),
             "%s\"depth_multiplier\": %zu, \"use_bias\": %s, %s", filters,
             it->multiplier, it->use_bias ? "true" : "false",
             window_case_fields(&it->window, "kernel_size"));
    window_case_begin(b, &it->window, steps,
                      it->filters ? "SeparableConv1D" : "DepthwiseConv1D",
                      fields);
    it->kernel = window_case_weight(b, "depthwise_kernel", 3, it->window.size,
                                    it->window.features, it->multiplier);
    if (it->filters)
        it->pointwise = window_case_weight(b, "pointwise_kernel", 3, 1,
                                           columns, it->filters);
    it->bias =
        it->use_bias
            ? window_case_weight(b, "bias", 1,
                                 it->filters ? it->filters : columns, 0, 0)
            : NULL;
}

/* Output o of column `column` of the depthwise part. */
static double column_of(const struct depthwise *it, const float *x, size_t o,
                        size_t column, double *scale)
{
    size_t columns = it->window.features * it->multiplier;
    double sum = 0;

    *scale = 0;
    for (size_t i = 0; i < it->window.size; i++) {
        long t = window_case_place(&it->window, o, i);
        double term = 0;

        if (t >= 0 && t < (long)it->window.steps)
            term = (double)x[(size_t)t * it->window.features +
                             column / it->multiplier] *
                   (double)it->kernel[i * columns + column];
        sum += term;
        *scale += fabs(term);
    }
    return sum;
}

static void assert_output(const struct depthwise *it, const float *x, size_t o,
                          const float *y)
{
    size_t columns = it->window.features * it->multiplier;
    double scale;

    for (size_t j = 0; !it->filters && j < columns; j++) {
        double sum = column_of(it, x, o, j, &scale);

        assert_close(y[j], sum + (it->bias ? it->bias[j] : 0), scale);
    }
    for (size_t f = 0; f < it->filters; f++) {
        double sum = it->bias ? it->bias[f] : 0, all = fabs(sum);

        for (size_t j = 0; j < columns; j++) {
            double w = it->pointwise[j * it->filters + f];

            sum += w * column_of(it, x, o, j, &scale);
            all += fabs(w) * scale;
        }
        assert_close(y[f], sum, all);
    }
}

static struct depthwise some_depthwise(uint64_t *seed)
{
    bool separable = pick_size(seed, 0, 1);
    struct depthwise it = {.window = window_case_pick(seed, separable),
                           .filters = separable ? pick_size(seed, 1, 40) : 0,
                           .multiplier = pick_size(seed, 1, 4),
                           .use_bias = pick_size(seed, 0, 3) > 0};

    /* Keras 3 has both at once. */
    if (it.window.stride > 1 && pick_size(seed, 0, 2) == 0)
        it.window.dilation = pick_size(seed, 2, 4);
    return it;
}

static void random_ones_are_their_equation(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int turn = 0; turn < 200; turn++) {
        struct depthwise it = some_depthwise(&seed);
        size_t outputs = window_case_outputs(&it.window);
        bool streams = it.window.stride == 1 &&
                       (it.window.size == 1 || it.window.padding[0] == 'c');
        size_t width =
            it.filters ? it.filters : it.window.features * it.multiplier;
        struct model_builder b;
        float *x, *y;

        if (!outputs)
            continue;
        begin(&b, &it, turn % 2 && !streams ? it.window.steps : 0);
        x = model_random_floats(&seed, it.window.steps * it.window.features,
                                1);
        y = graph_run(&b, x, it.window.steps, 0);
        for (size_t o = 0; o < outputs; o++)
            assert_output(&it, x, o, y + o * width);
        if (turn % 8 == 0)
            graph_check_bits(&b, streams ? 0 : it.window.steps);
        free(x);
        free(y);
        model_builder_release(&b);
    }
}

static void causal_ones_stream(void **state)
{
    static const struct depthwise cases[] = {
        {{0, 3, 3, 1, 1, "causal", false}, 5, 1, true, 0, 0, 0},
        {{0, 16, 2, 1, 5, "causal", false}, 7, 2, true, 0, 0, 0},
        {{0, 5, 1, 1, 1, "valid", false}, 0, 3, false, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct depthwise it = cases[i];
        struct model_builder b;
        struct rnn_model *model;

        begin(&b, &it, 0);
        graph_check_bits(&b, 0);
        model = model_load(&b, RNN_ISA_AUTO);
        assert_true(rnn_model_info(model)->streams);
        assert_int_equal(rnn_model_info(model)->state_bytes,
                         (it.window.size - 1) * it.window.dilation *
                             it.window.features * sizeof(float));
        rnn_model_free(model);
        model_builder_release(&b);
    }
}

static void what_cannot_be_run_is_named(void **state)
{
    (void)state;
    assert_fields_refused("DepthwiseConv1D", "null, 4",
                          "\"kernel_size\": 3, \"padding\": \"causal\"",
                          "padding is \"causal\"");
    assert_fields_refused("DepthwiseConv1D", "null, 4",
                          "\"kernel_size\": 3, \"groups\": 2", "groups is 2");
    assert_fields_refused("DepthwiseConv1D", "null, 4",
                          "\"kernel_size\": 3, \"depth_multiplier\": 0",
                          "depth_multiplier is 0");
    assert_fields_refused("DepthwiseConv1D", "null, 4",
                          "\"kernel_size\": 3, \"depth_multiplier\": "
                          "3000000000",
                          "too many");
    assert_fields_refused("SeparableConv1D", "null, 4", "\"kernel_size\": 3",
                          "filters is absent");
    assert_fields_refused("SeparableConv1D", "4",
                          "\"filters\": 2, \"kernel_size\": 3",
                          "without time");
}

static void channels_first_is_turned(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (int turn = 0; turn < 16; turn++) {
        struct depthwise it = some_depthwise(&seed), turned;
        struct model_builder last, first;

        if (!window_case_outputs(&it.window))
            continue;
        turned = it;
        turned.window.channels_first = true;
        begin(&last, &it, it.window.steps);
        begin(&first, &turned, it.window.steps);
        assert_turned(&last, &first, &it.window);
        model_builder_release(&last);
        model_builder_release(&first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_ones_are_their_equation),
        cmocka_unit_test(causal_ones_stream),
        cmocka_unit_test(channels_first_is_turned),
        cmocka_unit_test(what_cannot_be_run_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
