/* log and power
 *
 *     x = 2^e m, sqrt(1/2) <= m < sqrt(2), s = (m - 1) / (m + 1)
 *     log x = e log 2 + 2 (s + s^3/3 + s^5/5 + ...)
 *
 *     e^z = 2^n e^r, |r| <= log(2) / 2, by r^k / k! up to k = 14
 */
#include "core/layers/plain_math.h"

#include <math.h>
#include <stdbool.h>

#define LOG2_HIGH 0x1.62e42fefa3800p-1 /* 42 bits: times an exponent exact */
#define LOG2_LOW  0x1.ef35793c76730p-45
#define FARTHEST  700.0 /* e^z is not float32 beyond a seventh of it */

double plain_log_of(double x)
{
    int exponent;
    double m, s, square, sum = 0;

    if (!(x > 0) || isinf(x))
        return x < 0 ? NAN : x == 0 ? -INFINITY : x;
    m = frexp(x, &exponent);
    if (m < M_SQRT1_2) {
        m *= 2;
        exponent--;
    }
    s = (m - 1) / (m + 1);
    square = s * s;
    for (int k = 23; k >= 3; k -= 2)
        sum = (sum + 1.0 / k) * square;
    return exponent * LOG2_HIGH + (exponent * LOG2_LOW + 2 * (s + s * sum));
}

double plain_exp_of(double z)
{
    double n, r, sum = 1;

    if (!(fabs(z) < FARTHEST))
        return z < 0 ? 0 : z > 0 ? INFINITY : z;
    n = floor(z / M_LN2 + 0.5);
    r = (z - n * LOG2_HIGH) - n * LOG2_LOW;
    for (int k = 14; k >= 1; k--)
        sum = 1 + sum * r / k;
    return ldexp(sum, (int)n);
}

float plain_log(float x)
{
    return (float)plain_log_of(x);
}

/* The small whole powers that networks hold: products, and exact until they
 * are rounded as far as float64 goes. */
static double whole_power(double x, int n)
{
    double result = 1;

    for (int rest = n < 0 ? -n : n; rest; rest /= 2) {
        if (rest % 2)
            result *= x;
        x *= x;
    }
    return n < 0 ? 1 / result : result;
}

float plain_power(float x, float y)
{
    bool odd = fmod(y, 2) != 0, negative = signbit(x);
    double z;

    if (floorf(y) == y && fabsf(y) <= 16)
        return (float)whole_power(x, (int)y);
    if (!isfinite(x) || !isfinite(y) || x == 0 || x == 1)
        return powf(x, y); /* an exact case, or one that is not finite */
    if (x < 0 && floorf(y) != y)
        return NAN;
    z = y * plain_log_of(fabs((double)x));
    z = plain_exp_of(z);
    return (float)(negative && odd ? -z : z);
}
