/* sin, cos, tan and their inverses
 *
 *     x = (4 k + q) pi/2 + r,  |r| <= pi/4,  q = 0, 1, 2, 3
 *     sin r = r - r^3/3! + ...,  cos r = 1 - r^2/2! + ...
 *
 * q and r come of x = m 2^e, m whole, times the 96 bits of 2/pi that matter:
 * those before them make whole turns, those behind them less than 2^-70.  No
 * float32 is nearer to a multiple of pi/2 than about 2^-30.
 *
 *     arctan z = z - z^3/3 + z^5/5 - ...,  |z| <= sqrt 2 - 1
 *     arctan z = pi/4 + arctan((z - 1) / (z + 1)) = pi/2 - arctan(1/z)
 */
#include "core/layers/plain_trig.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* 2/pi in binary, 32 bits each; 32 of zero before the point's. */
static const uint32_t two_over_pi[] = {
    0x00000000, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599,
    0x3c439041, 0xfe5163ab, 0xdebbc561, 0xb7246e3a, 0x424dd2e0,
};

/* 32 bits from bit `at` on. */
static uint64_t bits_of(size_t at)
{
    uint64_t two = (uint64_t)two_over_pi[at / 32] << 32;

    two |= two_over_pi[at / 32 + 1];
    return two << (at % 32) >> 32;
}

/* q and r of a finite x >= 0. */
static unsigned quadrant(float x, double *r)
{
    int exponent;
    uint64_t m = (uint64_t)(frexp((double)x, &exponent) * 0x1p24);
    uint64_t low, middle, high;
    int64_t part;
    unsigned q;
    size_t at;

    *r = (double)x;
    if (*r <= M_PI_4)
        return 0;
    /* Bit i weighs 2^(31 - i): what weighs 4 or more times 2^e goes. */
    at = (size_t)exponent + 30 - 24;
    low = m * bits_of(at + 64);
    middle = m * bits_of(at + 32) + (low >> 32);
    high = m * bits_of(at) + (middle >> 32);
    q = (unsigned)(high >> 30) & 3;
    part = (int64_t)((high & 0x3fffffff) << 32 | (middle & 0xffffffff));
    if (part >> 61) {
        part -= (int64_t)1 << 62;
        q++;
    }
    *r = (double)part * 0x1p-62 + (double)(low & 0xffffffff) * 0x1p-94;
    *r *= M_PI_2;
    return q & 3;
}

static double series_sin(double r)
{
    double square = r * r, sum = 0;

    for (int k = 19; k >= 3; k -= 2)
        sum = (1 + sum) * -square / (k * (k - 1));
    return r + r * sum;
}

static double series_cos(double r)
{
    double square = r * r, sum = 0;

    for (int k = 18; k >= 2; k -= 2)
        sum = (1 + sum) * -square / (k * (k - 1));
    return 1 + sum;
}

/* sin of q quarter turns and r. */
static double turned(unsigned q, double r)
{
    double y = q % 2 ? series_cos(r) : series_sin(r);

    return q & 2 ? -y : y;
}

float plain_sin(float x)
{
    double r, y;
    unsigned q;

    if (!isfinite(x))
        return NAN;
    q = quadrant(fabsf(x), &r);
    y = turned(q, r);
    return (float)(signbit(x) ? -y : y);
}

float plain_cos(float x)
{
    double r;
    unsigned q;

    if (!isfinite(x))
        return NAN;
    q = quadrant(fabsf(x), &r);
    return (float)turned((q + 1) & 3, r);
}

float plain_tan(float x)
{
    double r, y;
    unsigned q;

    if (!isfinite(x))
        return NAN;
    q = quadrant(fabsf(x), &r);
    y = series_sin(r) / series_cos(r);
    if (q % 2)
        y = -1 / y;
    return (float)(signbit(x) ? -y : y);
}

float plain_sinc(float x)
{
    double half, r, y;

    if (x == 0)
        return 1;
    if (!isfinite(x))
        return isinf(x) ? 0 : x;
    half = rint(2.0 * x); /* quarter turns; exact, and so is what is left */
    r = x - half / 2;
    y = turned((unsigned)(fmod(half, 4) + 4) & 3, r * M_PI);
    return (float)(y / (M_PI * x));
}

/* arctan z, z >= 0. */
static double angle(double z)
{
    double base = 0, square, sum = 0;

    if (z > 1 + M_SQRT2) {
        base = M_PI_2;
        z = -1 / z;
    } else if (z > M_SQRT2 - 1) {
        base = M_PI_4;
        z = (z - 1) / (z + 1);
    }
    square = z * z;
    for (int k = 41; k >= 3; k -= 2)
        sum = (1.0 / k - sum) * square;
    return base + (z - z * sum);
}

static double angle_of(double y, double x)
{
    double made;

    if (isnan(x) || isnan(y))
        return NAN;
    if (y == 0 && x == 0)
        made = 0;
    else if (isinf(x) && isinf(y))
        made = M_PI_4;
    else
        made = angle(fabs(y) / fabs(x));
    return copysign(signbit(x) ? M_PI - made : made, y);
}

float plain_arctan2(float y, float x)
{
    return (float)angle_of((double)y, (double)x);
}

float plain_arctan(float x)
{
    return (float)angle_of((double)x, 1);
}

/* The other side of the triangle. */
static double other_side(float x)
{
    return sqrt((1 - (double)x) * (1 + (double)x));
}

float plain_arcsin(float x)
{
    return (float)angle_of((double)x, other_side(x));
}

float plain_arccos(float x)
{
    return (float)angle_of(other_side(x), (double)x);
}
