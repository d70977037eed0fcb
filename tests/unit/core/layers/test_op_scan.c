/* Sums and products so far, along time and other axes, both ways. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/graph_builder.h"
#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"

#define T 7
#define D 3

struct way {
    bool multiplies, along_time, exclusive, reverse;
};

static void scan(const struct way *way, const float *x, double *y)
{
    size_t lanes = way->along_time ? D : T, width = way->along_time ? T : D;
    size_t step = way->along_time ? D : 1, lane = way->along_time ? 1 : D;

    for (size_t k = 0; k < lanes; k++) {
        double kept = way->multiplies;

        for (size_t i = 0; i < width; i++) {
            size_t n = way->reverse ? width - 1 - i : i;
            size_t at = k * lane + n * step;
            double before = kept;

            kept =
                way->multiplies ? kept * (double)x[at] : kept + (double)x[at];
            y[at] = way->exclusive ? before : kept;
        }
    }
}

static void check(const struct way *way)
{
    struct model_builder b;
    struct rnn_model *model;
    uint64_t seed = 4;
    float *x = model_random_floats(&seed, T * D, 2), *y;
    double should[T * D];
    char fields[100];

    snprintf(fields, sizeof(fields),
             "\"axis\": %d, \"exclusive\": %s, \"reverse\": %s",
             way->along_time ? 1 : -1, way->exclusive ? "true" : "false",
             way->reverse ? "true" : "false");
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 3");
    graph_operator(&b, way->multiplies ? "Cumprod" : "Cumsum", "y", fields,
                   "$x");
    graph_end(&b, "x,0,0", "y,0,0", NULL);
    model = model_load(&b, RNN_ISA_AUTO);
    assert_true(rnn_model_info(model)->streams !=
                (way->along_time && way->reverse));
    rnn_model_free(model);
    scan(way, x, should);
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < T * D; i++)
        assert_true(y[i] == (float)should[i]);
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(x);
    free(y);
}

static void numbers_so_far_are_joined(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        struct way way = {i & 1, i & 2, i & 4, i & 8};

        check(&way);
    }
}

static void the_batch_is_refused(void **state)
{
    struct model_builder b;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 3");
        operator_assert_refused(&b, "Cumsum",
                                i ? "\"axis\": 0" : "\"axis\": null", "$x",
                                i ? "the batch" : "without an axis");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_so_far_are_joined),
        cmocka_unit_test(the_batch_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
