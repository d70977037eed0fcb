/* Any and All along each choice of axes, against plain loops. */
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

static const float x[T * A * B] = {
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
                bool is_one = x[(t * A + a) * B + b] != 0;
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
    y = graph_run(&b, x, T, 0);
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

static void the_batch_is_refused(void **state)
{
    static const struct {
        const char *axis, *says;
    } cases[] = {
        {"null", "mixes the sequences"},
        {"0", "axis 0, the batch"},
        {"[1, 2, 3]", "no axis but the batch"},
        {"4", "4 where an axis"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;
        char fields[100];

        snprintf(fields, sizeof(fields), "\"axis\": %s", cases[i].axis);
        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 3, 2");
        graph_operator(&b, "Any", "y", fields, "$x");
        graph_end(&b, "x,0,0", "y,0,0", NULL);
        assert_int_equal(model_assert_refused(&b, cases[i].says),
                         RNN_UNSUPPORTED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_looked_at_along_axes),
        cmocka_unit_test(time_is_an_axis_too),
        cmocka_unit_test(the_batch_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
