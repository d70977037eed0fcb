/* Logarithms and powers are those of float64, rounded once. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/layers/plain_math.h"
#include "tests/support/model_builder.h"
#include "tests/support/ulps.h"

#define NUMBERS 200000

static void logarithms_are_rounded_once(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < NUMBERS; i++) {
        float x = expf(model_random_float(&seed, 85));

        assert_true(ulps_apart(plain_log(x), log((double)x)) < 0.5001);
        x = 1 + model_random_float(&seed, 1e-3);
        assert_true(ulps_apart(plain_log(x), log((double)x)) < 0.5001);
    }
    assert_true(plain_log(1) == 0);
    assert_true(plain_log(0) == -INFINITY);
    assert_true(plain_log(INFINITY) == INFINITY);
    assert_true(isnan(plain_log(-1)));
    assert_true(isnan(plain_log(NAN)));
}

static void powers_are_rounded_once(void **state)
{
    uint64_t seed = 2;

    (void)state;
    for (int i = 0; i < NUMBERS; i++) {
        float x = expf(model_random_float(&seed, 20));
        float y = model_random_float(&seed, 6);

        assert_true(ulps_apart(plain_power(x, y), pow((double)x, (double)y)) <
                    0.5001);
        y = truncf(y);
        assert_true(ulps_apart(plain_power(-x, y),
                               pow(-(double)x, (double)y)) < 0.5001);
    }
}

static void cases_of_powers(void **state)
{
    static const float numbers[] = {0,    -0.0f, 1,        -1,        2,
                                    -2.5, 0.5f,  INFINITY, -INFINITY, 17,
                                    -33,  1e30f, -1e-30f,  3};
    const size_t count = sizeof(numbers) / sizeof(numbers[0]);

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            assert_true(ulps_apart(plain_power(numbers[i], numbers[k]),
                                   pow((double)numbers[i],
                                       (double)numbers[k])) <= 0.5001);
    assert_true(isnan(plain_power(-2, 0.5f)));
    assert_true(plain_power(3, 2) == 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logarithms_are_rounded_once),
        cmocka_unit_test(powers_are_rounded_once),
        cmocka_unit_test(cases_of_powers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
