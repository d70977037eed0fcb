/* ConvLSTM1D under a mask: steps of which nothing counts are as if they were
 * not there, and a place that does not count keeps what it has. */
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

#define T    6
#define ROWS 4
#define D    2
#define F    3
#define STEP (ROWS * D)
#define OUT  (ROWS * F)

static void begin(struct model_builder *b, bool sequences, bool zero,
                  bool masked)
{
    char fields[300];

    snprintf(fields, sizeof(fields),
             "\"filters\": 3, \"kernel_size\": [3], \"padding\": \"same\", "
             "\"return_sequences\": %s, \"zero_output_for_mask\": %s",
             sequences ? "true" : "false", zero ? "true" : "false");
    graph_begin(b, "3.15.1");
    graph_input(b, "x", "null, 4, 2");
    if (masked)
        graph_layer(b, "Masking", "m", "\"mask_value\": -2", "x,0,0");
    graph_layer(b, "ConvLSTM1D", "r", fields, masked ? "m,0,0" : "x,0,0");
    graph_end(b, "x,0,0", "r,0,0", NULL);
    b->seed = 7;
    model_builder_add_tensor(b, "r/kernel", 3, (size_t[]){3, D, 4 * F}, 0.5);
    model_builder_add_tensor(b, "r/recurrent_kernel", 3,
                             (size_t[]){3, F, 4 * F}, 0.5);
    model_builder_add_tensor(b, "r/bias", 1, (size_t[]){4 * F}, 0.5);
}

static float *some_x(void)
{
    uint64_t seed = 21;

    return model_random_floats(&seed, T * STEP, 1);
}

static void check_steps(const char *pattern, bool zero)
{
    struct model_builder b;
    float *x = some_x(), few[T * STEP], *h = NULL, *y;
    size_t count = 0, done = 0;

    for (size_t t = 0; t < T; t++) {
        if (pattern[t] == '1')
            memcpy(few + count++ * STEP, x + t * STEP, STEP * sizeof(float));
        for (size_t i = 0; i < STEP && pattern[t] != '1'; i++)
            x[t * STEP + i] = -2;
    }
    if (count) {
        begin(&b, true, false, false);
        h = graph_run(&b, few, count, 0);
        model_builder_release(&b);
    }
    begin(&b, true, zero, true);
    y = graph_run(&b, x, T, 0);
    for (size_t t = 0; t < T; t++) {
        bool counts = pattern[t] == '1';

        done += counts;
        for (size_t i = 0; i < OUT; i++)
            assert_true(
                y[t * OUT + i] ==
                (!done || (zero && !counts) ? 0 : h[(done - 1) * OUT + i]));
    }
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    begin(&b, false, zero, true);
    free(y);
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < OUT; i++)
        assert_true(y[i] == (!done || (zero && pattern[T - 1] != '1')
                                 ? 0
                                 : h[(done - 1) * OUT + i]));
    model_builder_release(&b);
    free(x);
    free(h);
    free(y);
}

static void masked_steps_hold_the_state(void **state)
{
    static const char *const patterns[] = {"111111", "011010", "100101",
                                           "000000", "110000"};

    (void)state;
    for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++)
        for (int zero = 0; zero < 2; zero++)
            check_steps(patterns[p], zero);
}

/* Row 1 does not count in step 2: its place has the output of step 1. */
static void a_place_holds_for_itself(void **state)
{
    struct model_builder b;
    float *x = some_x(), *y;

    (void)state;
    x[2 * STEP + D] = x[2 * STEP + D + 1] = -2;
    begin(&b, true, false, true);
    y = graph_run(&b, x, T, 0);
    assert_memory_equal(y + 2 * OUT + F, y + OUT + F, F * sizeof(float));
    assert_memory_not_equal(y + 2 * OUT, y + OUT, F * sizeof(float));
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(x);
    free(y);
}

static void a_mask_of_other_places_is_refused(void **state)
{
    struct model_builder b;
    struct rnn_model *model = NULL;
    struct rnn_error err;

    (void)state;
    begin(&b, true, false, true);
    model_builder_replace(&b, "\"same\"", "\"valid\"");
    model_builder_finish(&b);
    assert_int_equal(rnn_model_load(b.bytes, b.size, NULL, &model, &err),
                     RNN_UNSUPPORTED);
    assert_non_null(strstr(err.message, "\"r\" (ConvLSTM1D) makes 2 places"));
    model_builder_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masked_steps_hold_the_state),
        cmocka_unit_test(a_place_holds_for_itself),
        cmocka_unit_test(a_mask_of_other_places_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
