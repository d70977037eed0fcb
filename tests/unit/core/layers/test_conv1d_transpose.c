/* Conv1DTranspose against its definition: what every timestep of x adds to
 * y. */
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

struct transpose {
    struct window_case window;
    size_t filters;
    long output_padding; /* -1: none */
    bool use_bias;
    const float *kernel, *bias;
};

static size_t reach_of(const struct transpose *it)
{
    return (it->window.size - 1) * it->window.dilation + 1;
}

/* As _get_output_shape_given_tf_padding() of Keras. */
static size_t outputs_of(const struct transpose *it)
{
    size_t reach = reach_of(it), stride = it->window.stride;
    size_t steps = it->window.steps;
    bool same = it->window.padding[0] == 's';

    if (it->output_padding >= 0)
        return (steps - 1) * stride + (same ? reach % 2 : reach) +
               (size_t)it->output_padding;
    if (same)
        return steps * stride;
    return (steps - 1) * stride + (reach > stride ? reach : stride);
}

static void begin(struct model_builder *b, struct transpose *it, size_t steps)
{
    char fields[400], padding[60] = "";

    if (it->output_padding >= 0)
        snprintf(padding, sizeof(padding), "\"output_padding\": [%ld], ",
                 it->output_padding);
    snprintf(fields, sizeof(fields),
             "\"filters\": %zu, \"use_bias\": %s, %s%s", it->filters,
             it->use_bias ? "true" : "false", padding,
             window_case_fields(&it->window, "kernel_size"));
    window_case_begin(b, &it->window, steps, "Conv1DTranspose", fields);
    it->kernel = window_case_weight(b, "kernel", 3, it->window.size,
                                    it->filters, it->window.features);
    it->bias = it->use_bias
                   ? window_case_weight(b, "bias", 1, it->filters, 0, 0)
                   : NULL;
}

/* Number i of x, through tap j, on timestep t of y. */
static void add(const struct transpose *it, const float *x, size_t i, size_t j,
                double *y, double *scale)
{
    size_t width = it->window.features;

    for (size_t f = 0; f < it->filters; f++)
        for (size_t c = 0; c < width; c++) {
            double term =
                (double)x[i * width + c] *
                (double)it->kernel[(j * it->filters + f) * width + c];

            y[f] += term;
            scale[f] += fabs(term);
        }
}

static void check(const struct transpose *it, const float *x, const float *y)
{
    size_t outputs = outputs_of(it), stride = it->window.stride;
    long full = (long)((it->window.steps - 1) * stride + reach_of(it));
    long left = it->window.padding[0] == 's' && full > (long)outputs
                    ? (full - (long)outputs) / 2
                    : 0;
    double *want = calloc(outputs * it->filters, sizeof(double));
    double *scale = calloc(outputs * it->filters, sizeof(double));

    for (size_t i = 0; i < it->window.steps; i++)
        for (size_t j = 0; j < it->window.size; j++) {
            long t = (long)(i * stride + j * it->window.dilation) - left;

            if (t >= 0 && t < (long)outputs)
                add(it, x, i, j, want + (size_t)t * it->filters,
                    scale + (size_t)t * it->filters);
        }
    for (size_t o = 0; o < outputs * it->filters; o++)
        assert_close(y[o],
                     want[o] + (it->bias ? it->bias[o % it->filters] : 0),
                     scale[o]);
    free(want);
    free(scale);
}

static void random_ones_are_their_definition(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int turn = 0; turn < 200; turn++) {
        struct transpose it = {.window = window_case_pick(&seed, false),
                               .filters = pick_size(&seed, 1, 40),
                               .output_padding = -1,
                               .use_bias = pick_size(&seed, 0, 3) > 0};
        bool even_same;
        struct model_builder b;
        float *x, *y;

        it.window.steps = pick_size(&seed, 1, 40);
        even_same = it.window.padding[0] == 's' && reach_of(&it) % 2 == 0;
        if (pick_size(&seed, 0, 1) && (it.window.stride > 1 || !even_same))
            it.output_padding =
                (long)pick_size(&seed, even_same, it.window.stride - 1);
        begin(&b, &it, turn % 2 ? it.window.steps : 0);
        x = model_random_floats(&seed, it.window.steps * it.window.features,
                                1);
        y = graph_run(&b, x, it.window.steps, 0);
        check(&it, x, y);
        if (turn % 8 == 0 && it.window.size > 1)
            graph_check_bits(&b, it.window.steps);
        free(x);
        free(y);
        model_builder_release(&b);
    }
}

static void what_cannot_be_run_is_named(void **state)
{
    static const struct {
        const char *fields, *says;
    } cases[] = {
        {"\"filters\": 2, \"kernel_size\": 3, \"padding\": \"causal\"",
         "padding is \"causal\""},
        {"\"filters\": 2, \"kernel_size\": 3, \"strides\": 2, "
         "\"dilation_rate\": 2",
         "dilation_rate is 2"},
        {"\"filters\": 2, \"kernel_size\": 3, \"strides\": 2, "
         "\"output_padding\": 2",
         "output_padding is 2"},
        {"\"filters\": 2, \"kernel_size\": 4, \"strides\": 2, "
         "\"output_padding\": [0], \"padding\": \"same\"",
         "which Keras does not compute"},
        {"\"filters\": 2, \"kernel_size\": 3, \"groups\": 2", "groups is 2"},
        {"\"filters\": 2, \"kernel_size\": 3, \"data_format\": "
         "\"channels_first\"",
         "channels_first"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_fields_refused("Conv1DTranspose", "null, 4", cases[i].fields,
                              cases[i].says);
}

static void channels_first_is_turned(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (int turn = 0; turn < 16; turn++) {
        struct transpose it = {.window = window_case_pick(&seed, false),
                               .filters = pick_size(&seed, 1, 40),
                               .output_padding = -1,
                               .use_bias = true},
                         turned;
        struct model_builder last, first;

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
        cmocka_unit_test(random_ones_are_their_definition),
        cmocka_unit_test(channels_first_is_turned),
        cmocka_unit_test(what_cannot_be_run_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
