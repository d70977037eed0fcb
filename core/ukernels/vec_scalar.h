/* vec_scalar.h: a vector of one lane in plain C: the definition.
 *
 * Every vec_<isa>.h offers the same names.  What an operation means is what
 * this file does; the others do it for more lanes at once.
 *
 * vec_min(a, b) is a < b ? a : b and vec_max(a, b) is a > b ? a : b: the
 * second operand when either is NaN, so a bound goes first and the value
 * second where a NaN must survive.
 */
#ifndef CORE_UKERNELS_VEC_SCALAR_H
#define CORE_UKERNELS_VEC_SCALAR_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VEC_LANES     1
#define VEC_REGISTERS 16
#define VEC_SUMS      1 /* of the largest tile of several rows */

typedef float vec;
typedef bool vec_mask;
typedef uint32_t vec_place; /* one of a table's eight entries */

static inline vec vec_load(const float *p)
{
    return *p;
}

static inline void vec_store(float *p, vec a)
{
    *p = a;
}

/* The first `count` < VEC_LANES lanes; the others are zero. */
static inline vec vec_load_part(const float *p, size_t count)
{
    return count ? *p : 0.0f;
}

static inline void vec_store_part(float *p, vec a, size_t count)
{
    if (count)
        *p = a;
}

static inline vec vec_set(float value)
{
    return value;
}

static inline vec vec_add(vec a, vec b)
{
    return a + b;
}

static inline vec vec_sub(vec a, vec b)
{
    return a - b;
}

static inline vec vec_mul(vec a, vec b)
{
    return a * b;
}

static inline vec vec_div(vec a, vec b)
{
    return a / b;
}

static inline vec vec_sqrt(vec a)
{
    return sqrtf(a);
}

/* a * b + c, rounded once. */
static inline vec vec_fma(vec a, vec b, vec c)
{
    return fmaf(a, b, c);
}

/* c - a * b, rounded once. */
static inline vec vec_fnma(vec a, vec b, vec c)
{
    return fmaf(-a, b, c);
}

static inline vec vec_min(vec a, vec b)
{
    return a < b ? a : b;
}

static inline vec vec_max(vec a, vec b)
{
    return a > b ? a : b;
}

static inline uint32_t vec_bits(float a)
{
    uint32_t bits;

    memcpy(&bits, &a, sizeof(bits));
    return bits;
}

static inline float vec_from_bits(uint32_t bits)
{
    float a;

    memcpy(&a, &bits, sizeof(a));
    return a;
}

static inline vec vec_abs(vec a)
{
    return vec_from_bits(vec_bits(a) & 0x7fffffff);
}

/* a with the other sign where that of b is set. */
static inline vec vec_flip(vec a, vec b)
{
    return vec_from_bits(vec_bits(a) ^ (vec_bits(b) & 0x80000000));
}

static inline vec_mask vec_less(vec a, vec b)
{
    return a < b;
}

static inline vec_mask vec_is_nan(vec a)
{
    return a != a;
}

/* a where the mask is set, else b. */
static inline vec vec_select(vec_mask mask, vec a, vec b)
{
    return mask ? a : b;
}

/* 2^n where t = n + 0x1.8p23, -126 <= n <= 127. */
static inline vec vec_power(vec t)
{
    return vec_from_bits((vec_bits(t) << 23) + 0x3f800000);
}

/* a = m * 2^n with sqrt(1/2) <= m < sqrt(2), for positive normal a. */
static inline vec vec_split(vec a, vec *n)
{
    uint32_t above = vec_bits(a) - 0x3f3504f3;
    int32_t exponent = (int32_t)above >> 23;

    *n = (float)exponent;
    return vec_from_bits(vec_bits(a) - ((uint32_t)exponent << 23));
}

/* The exponent of a, modulo 8; a counts as at most the float of the bits
 * `most`.  a is positive; for a NaN any place will do. */
static inline vec_place vec_octave(vec a, uint32_t most)
{
    uint32_t bits = vec_bits(a);

    return (bits < most ? bits : most) >> 23 & 7;
}

static inline vec vec_entry(const float table[8], vec_place place)
{
    return table[place];
}

/* Lane k, everywhere. */
static inline vec vec_lane(vec a, int k)
{
    (void)k;
    return a;
}

/* The largest lane; no NaN among them. */
static inline float vec_largest(vec a)
{
    return a;
}

#endif
