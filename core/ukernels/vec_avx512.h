/* vec_avx512.h: sixteen lanes, AVX-512 F, DQ, BW and VL.  vec_scalar.h says
 * what each operation means.
 */
#ifndef CORE_UKERNELS_VEC_AVX512_H
#define CORE_UKERNELS_VEC_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define VEC_LANES     16
#define VEC_REGISTERS 32
#define VEC_SUMS      24

typedef __m512 vec;
typedef __mmask16 vec_mask;
typedef __m512i vec_place;

static inline vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void vec_store(float *p, vec a)
{
    _mm512_storeu_ps(p, a);
}

static inline __mmask16 vec_first(size_t count)
{
    return (__mmask16)((1u << count) - 1);
}

static inline vec vec_load_part(const float *p, size_t count)
{
    return _mm512_maskz_loadu_ps(vec_first(count), p);
}

static inline void vec_store_part(float *p, vec a, size_t count)
{
    _mm512_mask_storeu_ps(p, vec_first(count), a);
}

static inline vec vec_set(float value)
{
    return _mm512_set1_ps(value);
}

static inline vec vec_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return _mm512_div_ps(a, b);
}

static inline vec vec_sqrt(vec a)
{
    return _mm512_sqrt_ps(a);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vec vec_fnma(vec a, vec b, vec c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

static inline vec vec_min(vec a, vec b)
{
    return _mm512_min_ps(a, b);
}

static inline vec vec_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

static inline vec vec_abs(vec a)
{
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a);
}

static inline vec vec_flip(vec a, vec b)
{
    const __m512i sign = _mm512_castps_si512(_mm512_set1_ps(-0.0f));

    /* 0x78: a xor (b and sign) */
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(
        _mm512_castps_si512(a), _mm512_castps_si512(b), sign, 0x78));
}

static inline vec_mask vec_less(vec a, vec b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

static inline vec_mask vec_is_nan(vec a)
{
    return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
}

static inline vec vec_select(vec_mask mask, vec a, vec b)
{
    return _mm512_mask_blend_ps(mask, b, a);
}

static inline vec vec_power(vec t)
{
    __m512i n = _mm512_slli_epi32(_mm512_castps_si512(t), 23);

    return _mm512_castsi512_ps(
        _mm512_add_epi32(n, _mm512_set1_epi32(0x3f800000)));
}

static inline vec vec_split(vec a, vec *n)
{
    __m512i bits = _mm512_castps_si512(a);
    __m512i exponent = _mm512_srai_epi32(
        _mm512_sub_epi32(bits, _mm512_set1_epi32(0x3f3504f3)), 23);

    *n = _mm512_cvtepi32_ps(exponent);
    return _mm512_castsi512_ps(
        _mm512_sub_epi32(bits, _mm512_slli_epi32(exponent, 23)));
}

static inline vec_place vec_octave(vec a, uint32_t most)
{
    return _mm512_srli_epi32(
        _mm512_min_epi32(_mm512_castps_si512(a), _mm512_set1_epi32((int)most)),
        23);
}

/* vec_octave() without a limit, for tables of 16 entries. */
static inline vec_place vec_octave_any(vec a)
{
    return _mm512_srli_epi32(_mm512_castps_si512(a), 23);
}

/* By name, since compilers like to make one load and one shuffle of it, and
 * the port of shuffles is the one that look-ups wait for.  The table's address
 * is the operand, not its memory (which never changes): gcc keeps whatever
 * sums are about in memory too for a statement that reads memory, one store
 * beside each multiply-add. */
static inline vec vec_entry(const float table[8], vec_place place)
{
    __m512 twice;

    __asm__("vbroadcastf32x8 (%1), %0" : "=v"(twice) : "r"(table));
    return _mm512_permutexvar_ps(place, twice);
}

/* Vectors as two halves, for what is eight wide (f32_narrow.c). */
static inline vec vec_halves(float low, float high)
{
    return _mm512_insertf32x8(_mm512_set1_ps(low), _mm256_set1_ps(high), 1);
}

/* The upper half, in the place of the lower. */
static inline vec vec_upper(vec a)
{
    return _mm512_castps256_ps512(_mm512_extractf32x8_ps(a, 1));
}

/* vec_octave() with a limit for each half, for tables of 16 entries; those of
 * the upper half lie `apart` further. */
static inline vec_place vec_octave_halves(vec a, uint32_t low, uint32_t high,
                                          int apart)
{
    const __m512i most = _mm512_inserti32x8(_mm512_set1_epi32((int)low),
                                            _mm256_set1_epi32((int)high), 1);
    const __m512i add = _mm512_inserti32x8(_mm512_setzero_si512(),
                                           _mm256_set1_epi32(apart), 1);
    __m512i place =
        _mm512_srli_epi32(_mm512_min_epi32(_mm512_castps_si512(a), most), 23);

    return _mm512_add_epi32(place, add);
}

static inline vec vec_entry_16(const float table[16], vec_place place)
{
    return _mm512_permutexvar_ps(place, _mm512_load_ps(table));
}

static inline vec vec_lane(vec a, int k)
{
    return _mm512_permutexvar_ps(_mm512_set1_epi32(k), a);
}

/* Lane 0, 1, .. of a vector in turn, everywhere. */
static inline vec_place vec_lane_first(void)
{
    return _mm512_setzero_si512();
}

static inline vec_place vec_lane_next(vec_place place)
{
    return _mm512_add_epi32(place, _mm512_set1_epi32(1));
}

static inline vec vec_lane_at(vec a, vec_place place)
{
    return _mm512_permutexvar_ps(place, a);
}

static inline float vec_largest(vec a)
{
    return _mm512_reduce_max_ps(a);
}

#endif
