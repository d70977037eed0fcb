/* json_digits.h: what the readers of numbers share, inlined into each.
 *
 * Memory   At least 8 bytes can be read at every place.
 */
#ifndef SERVER_JSON_JSON_DIGITS_H
#define SERVER_JSON_JSON_DIGITS_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define JSON_DIGITS_MAX 18 /* so that they fit an int64_t too */

/* Powers of ten in float64, each the nearest there is. */
#define JSON_POWER_MIN (-64)
#define JSON_POWER_MAX 38
extern const double json_powers[JSON_POWER_MAX - JSON_POWER_MIN + 1];

/* And as whole numbers. */
extern const uint64_t json_small_powers[JSON_DIGITS_MAX + 1];

static inline double json_power(int64_t exponent)
{
    return json_powers[exponent - JSON_POWER_MIN];
}

static inline bool json_is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* The digits among the 8 bytes at `at`, up to the first that is none: their
 * value and how many they are.  Eight bytes are one word; neighbours are
 * joined to numbers of 2, then 4, then 8 digits. */
static inline uint64_t json_8_digits(const char *at, unsigned *count)
{
    uint64_t word, others;

    memcpy(&word, at, 8);
    word = le64toh(word) ^ UINT64_C(0x3030303030303030);
    /* The lowest set bit is right; a carry can only spoil those above. */
    others = ((word + UINT64_C(0x7676767676767676)) | word) &
             UINT64_C(0x8080808080808080);
    *count = others ? (unsigned)__builtin_ctzll(others) / 8 : 8;
    if (!*count)
        return 0;
    word <<= 64 - 8 * *count;
    word = (word * 10 + (word >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
    word = (word * 100 + (word >> 16)) & UINT64_C(0x0000ffff0000ffff);
    return (word * 10000 + (word >> 32)) & UINT64_C(0xffffffff);
}

/* `product` was made of up to 18 digits as float64 and a power of ten.  Both
 * and their product are each rounded once: three errors of at most half a
 * unit each, and one of them may double when the product lies just below a
 * power of two; what was cut off adds less than a tenth.  So the exact value
 * is within 4 units of float64 of the product, and unless the middle of two
 * floats is as near (false), both round to the same float.  That holds from
 * FLT_MIN, below which the middles lie elsewhere, to FLT_MAX, and for 0. */
static inline bool json_round(double product, float *value)
{
    const uint64_t tail_mask = (UINT64_C(1) << 29) - 1;
    const uint64_t middle = UINT64_C(1) << 28;
    uint64_t bits;

    memcpy(&bits, &product, sizeof(bits));
    *value = (float)product;
    return (bits & tail_mask) - (middle - 4) > 8;
}

#endif
