/* xorshift.h: numbers at random, the same in every run of a seed.
 *
 * Marsaglia's xorshift with 64 bits (13, 7, 17); a seed is never 0.
 */
#ifndef TESTS_SUPPORT_XORSHIFT_H
#define TESTS_SUPPORT_XORSHIFT_H

#include <stdint.h>

/* The next number, of all 64 bits, which is the next seed as well. */
static inline uint64_t xorshift(uint64_t *seed)
{
    uint64_t x = *seed;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *seed = x;
    return x;
}

#endif
