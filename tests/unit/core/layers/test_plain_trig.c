/* Sines, tangents and angles are those of float64, rounded once. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/layers/plain_trig.h"
#include "tests/support/model_builder.h"
#include "tests/support/ulps.h"

#define NUMBERS 200000

static double sinc(double x)
{
    return x == 0 ? 1 : sin(M_PI * x) / (M_PI * x);
}

static const struct {
    float (*is)(float);
    double (*should)(double);
} of_any[] = {{plain_sin, sin}, {plain_cos, cos}, {plain_tan, tan}};

static const struct {
    float (*is)(float);
    double (*should)(double);
} of_few[] = {{plain_arcsin, asin}, {plain_arccos, acos}};

/* Any float32 that is finite, all sizes alike. */
static float any_float(uint64_t *seed)
{
    uint32_t bits;
    float x;

    do {
        bits = (uint32_t)(model_random(seed) >> 16);
        memcpy(&x, &bits, sizeof(x));
    } while (!isfinite(x));
    return x;
}

static void turns_are_taken_out_of_any_number(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (size_t k = 0; k < sizeof(of_any) / sizeof(of_any[0]); k++)
        for (int i = 0; i < NUMBERS; i++) {
            float x = any_float(&seed), z = model_random_float(&seed, 30);

            assert_true(ulps_apart(of_any[k].is(x),
                                   of_any[k].should((double)x)) < 0.5001);
            assert_true(ulps_apart(of_any[k].is(z),
                                   of_any[k].should((double)z)) < 0.5001);
        }
}

/* The float32s that are nearest to multiples of pi/2. */
static void no_digit_is_lost_near_zeros(void **state)
{
    (void)state;
    for (int n = 1; n < 40000; n++) {
        float x = (float)(n * M_PI_2);

        for (size_t k = 0; k < sizeof(of_any) / sizeof(of_any[0]); k++)
            assert_true(ulps_apart(of_any[k].is(-x),
                                   of_any[k].should(-(double)x)) < 0.5001);
    }
    /* the nearest of all */
    assert_true(ulps_apart(plain_cos(0x1.6ac5b2p+34f),
                           cos((double)0x1.6ac5b2p+34f)) < 0.5001);
    assert_true(ulps_apart(plain_sin(FLT_MAX), sin((double)FLT_MAX)) < 0.5001);
}

static void angles_are_rounded_once(void **state)
{
    uint64_t seed = 2;

    (void)state;
    for (int i = 0; i < NUMBERS; i++) {
        float x = any_float(&seed), y = any_float(&seed);
        float z = model_random_float(&seed, 1);

        for (size_t k = 0; k < sizeof(of_few) / sizeof(of_few[0]); k++)
            assert_true(ulps_apart(of_few[k].is(z),
                                   of_few[k].should((double)z)) < 0.5001);
        assert_true(ulps_apart(plain_arctan(x), atan((double)x)) < 0.5001);
        assert_true(ulps_apart(plain_arctan2(y, x),
                               atan2((double)y, (double)x)) < 0.5001);
        z *= 9;
        assert_true(fabs((double)plain_sinc(z) - sinc((double)z)) < 7e-8);
    }
}

static void cases(void **state)
{
    static const float numbers[] = {0, -0.0f, 1, -1, INFINITY, -INFINITY, 2};
    const size_t count = sizeof(numbers) / sizeof(numbers[0]);

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            assert_true(ulps_apart(plain_arctan2(numbers[i], numbers[k]),
                                   atan2((double)numbers[i],
                                         (double)numbers[k])) < 0.5001);
    assert_true(isnan(plain_sin(INFINITY)) && isnan(plain_cos(-INFINITY)));
    assert_true(isnan(plain_tan(NAN)) && isnan(plain_arctan(NAN)));
    assert_true(isnan(plain_arcsin(1.5f)) && isnan(plain_arccos(-1.5f)));
    assert_true(plain_arcsin(1) == (float)M_PI_2);
    assert_true(plain_sinc(0) == 1 && plain_sinc(3) == 0);
    assert_true(signbit(plain_sin(-0.0f)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_are_taken_out_of_any_number),
        cmocka_unit_test(no_digit_is_lost_near_zeros),
        cmocka_unit_test(angles_are_rounded_once),
        cmocka_unit_test(cases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
