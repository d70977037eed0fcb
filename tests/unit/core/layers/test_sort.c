/* The order of numbers: equal ones as they lie, what is none at the end. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/layers/sort.h"
#include "tests/support/xorshift.h"

#define MOST 70

/* Has `b` to stand behind `a`? */
static bool in_order(const float *x, float a, float b, bool descending)
{
    float at_a = x[(size_t)a], at_b = x[(size_t)b];

    if (isnan(at_a) || isnan(at_b))
        return isnan(at_b) && (!isnan(at_a) || a < b);
    if (at_a == at_b)
        return a < b;
    return descending ? at_a > at_b : at_a < at_b;
}

static void check(const float *x, size_t count, bool descending)
{
    float places[MOST];
    size_t seen[MOST] = {0};

    sort_places(x, count, descending, places);
    for (size_t i = 0; i < count; i++)
        seen[(size_t)places[i]]++;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seen[i], 1);
    for (size_t i = 1; i < count; i++)
        assert_true(in_order(x, places[i - 1], places[i], descending));
}

static void any_numbers_come_in_order(void **state)
{
    uint64_t seed = 8;
    float x[MOST];

    (void)state;
    for (size_t count = 0; count <= MOST; count++) {
        for (size_t i = 0; i < count; i++) {
            uint64_t drawn = xorshift(&seed) % 20;

            x[i] = drawn == 19 ? NAN : drawn == 18 ? -0.0F : (float)drawn / 2;
        }
        check(x, count, false);
        check(x, count, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_numbers_come_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
