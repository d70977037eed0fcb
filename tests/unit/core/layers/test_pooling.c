/* MaxPooling1D and AveragePooling1D against plain loops, and law 2. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"
#include "tests/support/window_case.h"

/* Output o of row x[count], whose numbers lie `next` apart. */
static double pooled(const struct window_case *it, bool max, const float *x,
                     size_t count, size_t next, size_t o)
{
    double most = -INFINITY, sum = 0;
    size_t counted = 0;

    for (size_t i = 0; i < it->size; i++) {
        long t = window_case_place(it, o, i);

        if (t < 0 || t >= (long)count)
            continue;
        most = fmax(most, x[(size_t)t * next]);
        sum += x[(size_t)t * next];
        counted++;
    }
    return max ? most : sum / (double)counted;
}

static void random_ones_are_their_equation(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int turn = 0; turn < 150; turn++) {
        struct window_case it = window_case_pick(&seed, false);
        bool max = turn % 2;
        size_t outputs;
        struct model_builder b;
        float *x, *y;

        it.dilation = 1;
        it.features = pick_size(&seed, 1, 140);
        outputs = window_case_outputs(&it);
        if (!outputs)
            continue;
        window_case_begin(&b, &it, turn % 4 < 2 ? it.steps : 0,
                          max ? "MaxPooling1D" : "AveragePooling1D",
                          window_case_fields(&it, "pool_size"));
        x = model_random_floats(&seed, it.steps * it.features, 1);
        y = graph_run(&b, x, it.steps, 0);
        for (size_t i = 0; i < outputs * it.features; i++)
            assert_true(y[i] == (float)pooled(&it, max, x + i % it.features,
                                              it.steps, it.features,
                                              i / it.features));
        if (turn % 8 == 0 && it.size > 1)
            graph_check_bits(&b, it.steps);
        free(x);
        free(y);
        model_builder_release(&b);
    }
}

/* Along the last axis, for each timestep alone: it streams. */
static void channels_first_goes_across(void **state)
{
    uint64_t seed = 2;

    (void)state;
    for (int turn = 0; turn < 20; turn++) {
        struct window_case it = window_case_pick(&seed, false);
        struct window_case across;
        bool max = turn % 2;
        size_t outputs, steps = pick_size(&seed, 1, 40);
        char fields[300];
        struct model_builder b;
        float *x, *y;

        it.dilation = 1;
        it.features = pick_size(&seed, 1, 30);
        across = it;
        across.steps = it.features;
        outputs = window_case_outputs(&across);
        snprintf(fields, sizeof(fields),
                 "%s, \"data_format\": \"channels_first\"",
                 window_case_fields(&it, "pool_size"));
        window_case_begin(&b, &it, 0,
                          max ? "MaxPooling1D" : "AveragePooling1D", fields);
        if (!outputs) {
            model_assert_refused(&b, "timesteps or more");
            continue;
        }
        x = model_random_floats(&seed, steps * it.features, 1);
        y = graph_run(&b, x, steps, 0);
        for (size_t i = 0; i < steps * outputs; i++)
            assert_true(y[i] == (float)pooled(&across, max,
                                              x + i / outputs * it.features,
                                              it.features, 1, i % outputs));
        graph_check_bits(&b, 0);
        free(x);
        free(y);
        model_builder_release(&b);
    }
}

static void what_cannot_be_run_is_named(void **state)
{
    (void)state;
    assert_fields_refused("MaxPooling1D", "null, 4", "", "pool_size");
    assert_fields_refused("MaxPooling1D", "null, 4",
                          "\"pool_size\": 2, \"padding\": \"causal\"",
                          "padding is \"causal\"");
    assert_fields_refused("AveragePooling1D", "null, 4",
                          "\"pool_size\": 2, \"data_format\": \"other\"",
                          "data_format is \"other\"");
    assert_fields_refused("AveragePooling1D", "3, 4, 2", "\"pool_size\": 2",
                          "[timesteps, features]");
    assert_fields_refused("MaxPooling1D", "3, 4", "\"pool_size\": 4",
                          "needs 4 timesteps or more, it is given 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_ones_are_their_equation),
        cmocka_unit_test(channels_first_goes_across),
        cmocka_unit_test(what_cannot_be_run_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
