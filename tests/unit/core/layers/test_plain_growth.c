/* What is made of e^x, of log x and of e^(-x^2) is that of float64, rounded
 * once. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/layers/plain_growth.h"
#include "tests/support/model_builder.h"
#include "tests/support/ulps.h"

#define NUMBERS 100000
#define COUNT   (sizeof(functions) / sizeof(functions[0]))

static double bessel(double x)
{
    long double term = 1, sum = 1;

    for (int k = 1; k < 400; k++)
        sum += term *= (long double)x * (long double)x / 4 / k / k;
    return (double)sum;
}

/* By halves; near 1 by its distance to it. */
static double inverse_erf(double x)
{
    double z = fabs(x), low = 0, high = 6;

    if (z >= 1 || isnan(x))
        return z == 1 ? copysign((double)INFINITY, x) : (double)NAN;
    if (z < 1e-5)
        return x / M_2_SQRTPI * (1 + M_PI / 12 * z * z);
    for (int i = 0; i < 70; i++) {
        double middle = (low + high) / 2;
        bool above = z < 0.5 ? erf(middle) > z : erfc(middle) < 1 - z;

        *(above ? &high : &low) = middle;
    }
    return copysign(low, x);
}

static const struct {
    float (*is)(float);
    double (*should)(double);
    double low, high; /* of what is tried */
} functions[] = {
    {plain_exp2, exp2, -160, 140},      {plain_expm1, expm1, -100, 90},
    {plain_log1p, log1p, -1, 100},      {plain_log2, log2, 0, 100},
    {plain_log10, log10, 0, 100},       {plain_cbrt, cbrt, -1e6, 1e6},
    {plain_sinh, sinh, -90, 90},        {plain_cosh, cosh, -90, 90},
    {plain_arcsinh, asinh, -1e6, 1e6},  {plain_arccosh, acosh, 1, 1000},
    {plain_arctanh, atanh, -1, 1},      {plain_erf, erf, -5, 5},
    {plain_erfc, erfc, -4, 10.5},       {plain_i0, bessel, -95, 95},
    {plain_erfinv, inverse_erf, -1, 1},
};

/* Between low and high, most of them near 0. */
static float draw(uint64_t *seed, double low, double high)
{
    double place = model_random_float(seed, 1), scale = 1;

    if (place > 0)
        scale = exp((double)model_random_float(seed, 10) - 10);
    place = low > 0 || place < 0 ? low + (high - low) * fabs(place)
                                 : (place < 0.5 ? low : high) * place;
    return (float)(low > 0 ? place : place * scale);
}

static void functions_are_rounded_once(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT; k++) {
        uint64_t seed = k + 1;

        for (int i = 0; i < NUMBERS; i++) {
            float x = draw(&seed, functions[k].low, functions[k].high);
            double apart =
                ulps_apart(functions[k].is(x), functions[k].should((double)x));

            if (!(apart < 0.501))
                fail_msg("function %zu of %a is off by %g", k, (double)x,
                         apart);
        }
    }
}

static void sums_of_powers_are_rounded_once(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (int i = 0; i < NUMBERS; i++) {
        float a = model_random_float(&seed, 20);
        float b = model_random_float(&seed, 20);
        double most = fmax((double)a, (double)b);
        double apart = fabs((double)a - (double)b);

        assert_true(fabs((double)plain_logaddexp(a, b) -
                         (most + log1p(exp(-apart)))) < 2e-6);
        assert_true(fabs((double)plain_logaddexp2(a, b) -
                         (most + log2(1 + exp2(-apart)))) < 2e-6);
    }
    assert_true(plain_logaddexp(0, 0) == (float)M_LN2);
    assert_true(plain_logaddexp(INFINITY, 3) == INFINITY);
    assert_true(isnan(plain_logaddexp(NAN, 3)));
}

static void cases(void **state)
{
    static const float numbers[] = {0,      -0.0f, 1,        -1,
                                    1.5f,   -2,    INFINITY, -INFINITY,
                                    1e-40f, NAN,   FLT_MAX,  -FLT_MAX};

    (void)state;
    for (size_t k = 0; k < COUNT; k++)
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
            float x = numbers[i];
            double apart =
                ulps_apart(functions[k].is(x), functions[k].should((double)x));

            if (!(apart < 0.501))
                fail_msg("function %zu of %a is off by %g", k, (double)x,
                         apart);
        }
    assert_true(plain_log2(8) == 3 && plain_log10(1000) == 3);
    assert_true(plain_cbrt(-27) == -3 && plain_exp2(10) == 1024);
    assert_true(plain_erf(9) == 1 && plain_erfc(-9) == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_rounded_once),
        cmocka_unit_test(sums_of_powers_are_rounded_once),
        cmocka_unit_test(cases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
