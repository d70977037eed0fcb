/* vec_digits.h: sixteen characters at once, and the number their digits make.
 *
 * SSE (compiled for AVX2, whose three-operand forms it uses) or NEON; where
 * neither is known, JSON_VEC is not defined.
 *
 * Lanes    0 to 15, as the characters stand in the text.
 * Memory   16 characters are read, whatever they are.
 */
#ifndef SERVER_JSON_VEC_DIGITS_H
#define SERVER_JSON_VEC_DIGITS_H

#include <stdint.h>
#include <string.h>

#include "core/isa.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define JSON_VEC        RNN_ISA_AVX2
#define JSON_VEC_TARGET __attribute__((target("avx2")))
#define JSON_VEC_INLINE static inline __attribute__((target("avx2")))

typedef __m128i json_vec;

#elif defined(__aarch64__)
#include <arm_neon.h>

#define JSON_VEC RNN_ISA_NEON
#define JSON_VEC_TARGET
#define JSON_VEC_INLINE static inline

typedef uint8x16_t json_vec;
#endif

#ifdef JSON_VEC

/* Lane i of the table read from `16 - n` on is what stands n lanes before the
 * end: it moves n characters to the right end.  An index that is negative or
 * 16 and more makes a 0. */
static const int8_t json_vec_moves[32] = {
    -16, -15, -14, -13, -12, -11, -10, -9, -8, -7, -6, -5, -4, -3, -2, -1,
    0,   1,   2,   3,   4,   5,   6,   7,  8,  9,  10, 11, 12, 13, 14, 15};
/* Read from `n` on, the last n lanes are 0, those before them -1. */
static const int8_t json_vec_skips[32] = {
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0};

#if defined(__x86_64__)

/* `of` in all lanes.  gcc would make it anew for each number, if it knew what
 * it is. */
JSON_VEC_INLINE json_vec json_vec_all(char of)
{
    __m128i all = _mm_set1_epi8(of);

    __asm__("" : "+x"(all));
    return all;
}

/* The values of digits, 0 for what is none; and which are none, a bit for
 * each lane, the lowest for lane 0, and for two behind the last. */
JSON_VEC_INLINE json_vec json_vec_load(const char *at, json_vec zeros,
                                       json_vec nines, uint64_t *others)
{
    __m128i text = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i value = _mm_sub_epi8(text, zeros);
    __m128i low = _mm_min_epu8(value, nines);
    __m128i is_digit = _mm_cmpeq_epi8(value, low);

    *others = (uint64_t)(unsigned)_mm_movemask_epi8(is_digit) ^ 0x3ffff;
    return _mm_and_si128(value, is_digit);
}

/* The first lane of a mask; 16 when it has none, or 17 when that was the
 * first. */
JSON_VEC_INLINE size_t json_vec_first(uint64_t mask)
{
    return (unsigned)__builtin_ctzll(mask);
}

/* The number of the digits before lane `end`, without the lane that has
 * `behind` digits after it (16: without none). */
JSON_VEC_INLINE uint64_t json_vec_join(json_vec value, size_t end,
                                       size_t behind)
{
    const void *moves = json_vec_moves + end, *skips = json_vec_skips + behind;
    __m128i index = _mm_add_epi8(_mm_loadu_si128((const __m128i *)moves),
                                 _mm_loadu_si128((const __m128i *)skips));
    __m128i digits = _mm_shuffle_epi8(value, index);
    __m128i twos = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));
    __m128i fours = _mm_madd_epi16(twos, _mm_set1_epi32(0x00010064));
    __m128i eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours),
                                    _mm_set1_epi32(0x00012710));
    uint64_t both = (uint64_t)_mm_cvtsi128_si64(eights);

    return (both & 0xffffffff) * 100000000 + (both >> 32);
}

#else

JSON_VEC_INLINE json_vec json_vec_all(char of)
{
    return vdupq_n_u8((unsigned char)of);
}

JSON_VEC_INLINE json_vec json_vec_load(const char *at, json_vec zeros,
                                       json_vec nines, uint64_t *others)
{
    uint8x16_t value = vsubq_u8(vld1q_u8((const unsigned char *)at), zeros);
    uint8x16_t is_digit = vcleq_u8(value, nines);
    uint8x8_t mask = vshrn_n_u16(vreinterpretq_u16_u8(is_digit), 4);

    *others = ~vget_lane_u64(vreinterpret_u64_u8(mask), 0) &
              UINT64_C(0x1111111111111111);
    return vandq_u8(value, is_digit);
}

JSON_VEC_INLINE size_t json_vec_first(uint64_t mask)
{
    return mask ? (size_t)__builtin_ctzll(mask) / 4 : 16;
}

JSON_VEC_INLINE uint64_t json_vec_join(json_vec value, size_t end,
                                       size_t behind)
{
    static const uint8_t tens[16] = {10, 1, 10, 1, 10, 1, 10, 1,
                                     10, 1, 10, 1, 10, 1, 10, 1};
    static const uint16_t hundreds[8] = {100, 1, 100, 1, 100, 1, 100, 1};
    static const uint32_t ten_thousands[4] = {10000, 1, 10000, 1};
    int8x16_t index = vaddq_s8(vld1q_s8(json_vec_moves + end),
                               vld1q_s8(json_vec_skips + behind));
    uint8x16_t digits = vqtbl1q_u8(value, vreinterpretq_u8_s8(index));
    uint16x8_t twos = vpaddlq_u8(vmulq_u8(digits, vld1q_u8(tens)));
    uint32x4_t fours = vpaddlq_u16(vmulq_u16(twos, vld1q_u16(hundreds)));
    uint64x2_t eights =
        vpaddlq_u32(vmulq_u32(fours, vld1q_u32(ten_thousands)));

    return vgetq_lane_u64(eights, 0) * 100000000 + vgetq_lane_u64(eights, 1);
}

#endif
#endif
#endif
