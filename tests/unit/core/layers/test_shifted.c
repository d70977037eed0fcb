/* UpSampling1D, ZeroPadding1D and Cropping1D number by number, how many
 * timesteps a chain of them has, and law 2. */
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
#include "tests/support/window_case.h"

#define T 7
#define D 3

/* One layer over x[T][D] must give the timesteps of x that `wanted` names;
 * -1: zeros, -2: the end. */
static void check(const char *class_name, const char *fields,
                  const int *wanted)
{
    uint64_t seed = 3;
    struct window_case it = {.features = D};
    float *x = model_random_floats(&seed, T * D, 1), zeros[D] = {0};

    for (size_t steps = 0; steps <= T; steps += T) {
        struct model_builder b;
        size_t shape[RNN_MAX_RANK], count = 0;
        struct rnn_model *model;
        float *y;

        window_case_begin(&b, &it, steps, class_name, fields);
        model = model_load(&b, RNN_ISA_AUTO);
        rnn_output_shape(model, 0, T, false, shape);
        y = graph_run(&b, x, T, 0);
        for (; wanted[count] != -2; count++)
            assert_memory_equal(y + count * D,
                                wanted[count] < 0 ? zeros
                                                  : x + wanted[count] * D,
                                D * sizeof(float));
        assert_int_equal(shape[0], count);
        graph_check_bits(&b, rnn_model_info(model)->streams ? 0 : T);
        rnn_model_free(model);
        model_builder_release(&b);
        free(y);
    }
    free(x);
}

static void each_timestep_is_the_right_one(void **state)
{
    static const int twice[] = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, -2};
    static const int same[] = {0, 1, 2, 3, 4, 5, 6, -2};
    static const int padded[] = {-1, -1, 0, 1, 2, 3, 4, 5, 6, -1, -2};
    static const int both[] = {-1, 0, 1, 2, 3, 4, 5, 6, -1, -2};
    static const int cropped[] = {2, 3, 4, 5, -2};
    static const int tail[] = {6, -2};

    (void)state;
    check("UpSampling1D", "\"size\": 2", twice);
    check("UpSampling1D", "\"size\": 1", same);
    check("ZeroPadding1D", "\"padding\": [2, 1]", padded);
    check("ZeroPadding1D", "\"padding\": 1", both);
    check("ZeroPadding1D", "\"data_format\": \"channels_last\"", both);
    check("ZeroPadding1D", "\"padding\": [0, 0]", same);
    check("Cropping1D", "\"cropping\": [2, 1]", cropped);
    check("Cropping1D", "\"cropping\": [6, 0]", tail);
    check("Cropping1D", "\"cropping\": 0", same);
}

static void zeros_may_stand_across(void **state)
{
    uint64_t seed = 3;
    struct window_case it = {.features = D};
    float *x = model_random_floats(&seed, T * D, 1), *y;
    struct model_builder b;

    (void)state;
    window_case_begin(&b, &it, 0, "ZeroPadding1D",
                      "\"padding\": [2, 1], \"data_format\": "
                      "\"channels_first\"");
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < T * (D + 3); i++) {
        size_t t = i / (D + 3), c = i % (D + 3);

        assert_true(y[i] == (c < 2 || c > 4 ? 0 : x[t * D + c - 2]));
    }
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(x);
    free(y);
}

/* There and back: an odd timestep is lost, so that the sum with x has no
 * sense where T is open. */
static void halves_and_doubles(void **state)
{
    static const struct {
        const char *shape, *again;
        bool fits;
    } cases[] = {{"null, 3", "m", true},
                 {"null, 3", "x", false},
                 {"8, 3", "x", true},
                 {"7, 3", "x", false}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;
        char calls[40];

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", cases[i].shape);
        graph_layer(&b, "MaxPooling1D", "m",
                    "\"pool_size\": [2], \"strides\": [2]", "x,0,0");
        graph_layer(&b, "UpSampling1D", "u", "\"size\": 2", "m,0,0");
        graph_layer(&b, "UpSampling1D", "v", "\"size\": 2", "m,0,0");
        graph_layer(&b, "AveragePooling1D", "a",
                    "\"pool_size\": [2], \"strides\": [2]", "v,0,0");
        snprintf(calls, sizeof(calls), "%s,0,0 %s,0,0",
                 cases[i].again[0] == 'm' ? "a" : "u", cases[i].again);
        graph_layer(&b, "Add", "sum", "", calls);
        graph_end(&b, "x,0,0", "sum,0,0", NULL);
        if (!cases[i].fits) {
            model_assert_refused(&b, "\"sum\"");
            continue;
        }
        graph_check_bits(&b, 8);
        model_builder_release(&b);
    }
}

static void what_cannot_be_run_is_named(void **state)
{
    (void)state;
    assert_fields_refused("UpSampling1D", "null, 4", "", "size is absent");
    assert_fields_refused("UpSampling1D", "null, 4", "\"size\": 100000000",
                          "too many");
    assert_fields_refused("ZeroPadding1D", "null, 4", "\"padding\": [1, 2, 3]",
                          "a list of two");
    assert_fields_refused("Cropping1D", "null, 4", "\"cropping\": -1",
                          "cropping is -1");
    assert_fields_refused("Cropping1D", "3, 4", "\"cropping\": [1, 2]",
                          "needs 4 timesteps or more, it is given 3");
    assert_fields_refused("Cropping1D", "3, 4, 5", "", "[3, 4, 5]");
    assert_fields_refused("Cropping1D", "null, 4",
                          "\"data_format\": \"channels_first\"",
                          "data_format");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_timestep_is_the_right_one),
        cmocka_unit_test(zeros_may_stand_across),
        cmocka_unit_test(halves_and_doubles),
        cmocka_unit_test(what_cannot_be_run_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
