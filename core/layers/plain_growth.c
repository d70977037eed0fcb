/* What is made of e^x, log x and e^(-x^2)
 *
 *     e^x - 1 = x + x^2/2! + ...                      where |x| is small
 *     log(1 + x) = 2 (s + s^3/3 + ...), s = x / (2 + x)        the same
 *     arcsinh x = log(1 + x + x^2 / (1 + sqrt(1 + x^2))),  x >= 0
 *     arccosh(1 + t) = log(1 + t + sqrt(2 t + t^2))
 *     arctanh x = log(1 + 2 x / (1 - x)) / 2
 *
 *     erf x = 2/sqrt(pi) e^(-x^2) (x + 2 x^3/3 + 4 x^5/(3 5) + ...)
 *     erfc x = e^(-x^2)/sqrt(pi) / (x + 1/2 / (x + 2/2 / (x + 3/2 / ...)))
 */
#include "core/layers/plain_growth.h"

#include <math.h>

#include "core/layers/plain_math.h"

#define SMALL 0.35

/* e^x - 1 */
static double exp_less_1(double x)
{
    double sum = 1;

    if (!(fabs(x) < SMALL))
        return plain_exp_of(x) - 1;
    for (int k = 16; k >= 2; k--)
        sum = 1 + sum * x / k;
    return x * sum;
}

/* log(1 + x) */
static double log_more_1(double x)
{
    double s = x / (2 + x), square = s * s, sum = 0;

    if (!(fabs(x) < SMALL))
        return plain_log_of(1 + x);
    for (int k = 23; k >= 3; k -= 2)
        sum = (sum + 1.0 / k) * square;
    return 2 * (s + s * sum);
}

static float with_sign_of(float x, double y)
{
    return (float)copysign(y, (double)x);
}

float plain_exp2(float x)
{
    float whole = rintf(x);

    if (!(fabsf(x) < 1000))
        return x < 0 ? 0 : x > 0 ? INFINITY : x;
    return (float)ldexp(plain_exp_of((double)(x - whole) * M_LN2), (int)whole);
}

float plain_expm1(float x)
{
    return x == 0 ? x : (float)exp_less_1((double)x);
}

float plain_log1p(float x)
{
    return x == 0 ? x : (float)log_more_1((double)x);
}

float plain_log2(float x)
{
    return (float)(plain_log_of((double)x) / M_LN2);
}

float plain_log10(float x)
{
    return (float)(plain_log_of((double)x) / M_LN10);
}

float plain_cbrt(float x)
{
    if (x == 0 || !isfinite(x))
        return x;
    return with_sign_of(x, plain_exp_of(plain_log_of(fabs((double)x)) / 3));
}

/* The larger one, and how far the other is away, in units of `unit`. */
static double log_sum(float a, float b, double unit)
{
    double apart = (double)a - (double)b;

    if (isnan(apart))
        return (double)a + (double)b;
    return (double)(a < b ? b : a) +
           log_more_1(plain_exp_of(-fabs(apart) * unit)) / unit;
}

float plain_logaddexp(float a, float b)
{
    return (float)log_sum(a, b, 1);
}

float plain_logaddexp2(float a, float b)
{
    return (float)log_sum(a, b, M_LN2);
}

float plain_sinh(float x)
{
    double e = exp_less_1(fabs((double)x));

    /* (e^x - e^-x) / 2 */
    return with_sign_of(x, isinf(e) ? e : (e + e / (e + 1)) / 2);
}

float plain_cosh(float x)
{
    double e = plain_exp_of(fabs((double)x));

    return (float)((e + 1 / e) / 2);
}

float plain_arcsinh(float x)
{
    double z = fabs((double)x);

    if (!isfinite(x))
        return x;
    return with_sign_of(x, log_more_1(z + z * z / (1 + sqrt(1 + z * z))));
}

float plain_arccosh(float x)
{
    double t = (double)x - 1;

    if (t < 0)
        return NAN;
    return (float)log_more_1(t + sqrt(t * (2 + t)));
}

float plain_arctanh(float x)
{
    double z = fabs((double)x);

    return with_sign_of(x, log_more_1(2 * z / (1 - z)) / 2);
}

/* ---- the integral of e^(-x^2) --------------------------------------------*/

/* 0 <= x < 4 */
static double erf_series(double x)
{
    double term = x, sum = x;

    for (int k = 1; k <= 100; k++) {
        term *= 2 * x * x / (2 * k + 1);
        sum += term;
    }
    return M_2_SQRTPI * plain_exp_of(-x * x) * sum;
}

/* x >= 2 */
static double erfc_fraction(double x)
{
    double rest = x;

    for (int k = 100; k >= 1; k--)
        rest = x + k / 2.0 / rest;
    return M_2_SQRTPI / 2 * plain_exp_of(-x * x) / rest;
}

float plain_erf(float x)
{
    double z = fabs((double)x);

    if (isnan(x))
        return x;
    return with_sign_of(x, z < 4 ? erf_series(z) : 1);
}

float plain_erfc(float x)
{
    double z = fabs((double)x), y;

    if (isnan(x))
        return x;
    y = z < 2 ? 1 - erf_series(z) : z < 12 ? erfc_fraction(z) : 0;
    return (float)(signbit(x) ? 2 - y : y);
}

/* 0 <= x */
static double erfc_of(double x)
{
    return x < 2 ? 1 - erf_series(x) : erfc_fraction(x);
}

/* Newton's steps to erf y = x, from what is off by 2 in 1000.  Of what is
 * near 1 its distance to it is looked at, which float64 has whole. */
static double inverse_of_erf(double x)
{
    double apart = 1 - x, y = x / M_2_SQRTPI;

    if (x > 0.1) {
        double log = plain_log_of(apart * (1 + x));
        double half = 2 / (M_PI * 0.147) + log / 2;

        y = sqrt(sqrt(half * half - log / 0.147) - half);
    }
    for (int k = 0; k < 4; k++) {
        double off = x < 0.5 ? erf_series(y) - x : apart - erfc_of(y);

        y -= off / (M_2_SQRTPI * plain_exp_of(-y * y));
    }
    return y;
}

float plain_erfinv(float x)
{
    double z = fabs((double)x);

    if (isnan(x) || z > 1)
        return NAN;
    return with_sign_of(x, z == 1 ? (double)INFINITY : inverse_of_erf(z));
}

float plain_i0(float x)
{
    double z = (double)x * (double)x / 4, term = 1, sum = 1;

    if (isnan(x))
        return x;
    if (z > 50.0 * 50.0)
        return INFINITY;
    for (int k = 1; k <= 200; k++) {
        term *= z / ((double)k * k);
        sum += term;
    }
    return (float)sum;
}
