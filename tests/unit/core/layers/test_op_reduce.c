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

/* `along` is 1 for A, 2 for B, 3 for both. */
static bool wanted(const float *item, unsigned along, size_t a, size_t b,
                   bool all)
{
    bool found = all;

    for (size_t i = 0; i < A; i++)
        for (size_t k = 0; k < B; k++) {
            bool is_one = item[i * B + k] != 0;

            if ((!(along & 1) && i != a) || (!(along & 2) && k != b))
                continue;
            found = all ? found && is_one : found || is_one;
        }
    return found;
}

static void check(unsigned along, bool all, bool keepdims, const char *axis)
{
    struct model_builder b;
    char fields[100];
    float *y, *next;

    snprintf(fields, sizeof(fields), "\"axis\": %s, \"keepdims\": %s", axis,
             keepdims ? "true" : "false");
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 3, 2");
    graph_operator(&b, all ? "All" : "Any", "y", fields, "$x");
    graph_end(&b, "x,0,0", "y,0,0", NULL);
    next = y = graph_run(&b, x, T, 0);
    for (size_t t = 0; t < T; t++)
        for (size_t i = 0; i < (along & 1 ? 1 : A); i++)
            for (size_t k = 0; k < (along & 2 ? 1 : B); k++, next++)
                if (*next != wanted(x + t * A * B, along, i, k, all))
                    fail_msg("%s along %s at [%zu, %zu, %zu] is %g",
                             all ? "All" : "Any", axis, t, i, k,
                             (double)*next);
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(y);
}

static void numbers_are_looked_at_along_axes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        check(2, i & 1, i & 2, "-1");
        check(2, i & 1, i & 2, "3");
        check(1, i & 1, i & 2, "2");
        check(3, i & 1, i & 2, "[2, 3]");
        check(3, i & 1, i & 2, "[-1, -2]");
    }
}

static void the_batch_and_time_are_refused(void **state)
{
    static const struct {
        const char *axis, *says;
    } cases[] = {
        {"null", "along all axes"}, {"0", "axis 0, the batch"},
        {"1", "works along time"},  {"[-1, 1]", "works along time"},
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
        cmocka_unit_test(the_batch_and_time_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
