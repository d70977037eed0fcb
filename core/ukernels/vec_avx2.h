/* vec_avx2.h: eight lanes, AVX2 and FMA.  vec_scalar.h says what each
 * operation means.
 */
#ifndef CORE_UKERNELS_VEC_AVX2_H
#define CORE_UKERNELS_VEC_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define VEC_LANES     8
#define VEC_REGISTERS 16
#define VEC_SUMS      12

typedef __m256 vec;
typedef __m256 vec_mask;
typedef __m256i vec_place;

static inline vec vec_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void vec_store(float *p, vec a)
{
    _mm256_storeu_ps(p, a);
}

static inline __m256i vec_first(size_t count)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lane);
}

static inline vec vec_load_part(const float *p, size_t count)
{
    return _mm256_maskload_ps(p, vec_first(count));
}

static inline void vec_store_part(float *p, vec a, size_t count)
{
    _mm256_maskstore_ps(p, vec_first(count), a);
}

static inline vec vec_set(float value)
{
    return _mm256_set1_ps(value);
}

static inline vec vec_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return _mm256_div_ps(a, b);
}

static inline vec vec_sqrt(vec a)
{
    return _mm256_sqrt_ps(a);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vec vec_fnma(vec a, vec b, vec c)
{
    return _mm256_fnmadd_ps(a, b, c);
}

static inline vec vec_min(vec a, vec b)
{
    return _mm256_min_ps(a, b);
}

static inline vec vec_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

static inline vec vec_abs(vec a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

static inline vec vec_flip(vec a, vec b)
{
    return _mm256_xor_ps(a, _mm256_and_ps(b, _mm256_set1_ps(-0.0f)));
}

static inline vec_mask vec_less(vec a, vec b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

static inline vec_mask vec_is_nan(vec a)
{
    return _mm256_cmp_ps(a, a, _CMP_UNORD_Q);
}

static inline vec vec_select(vec_mask mask, vec a, vec b)
{
    return _mm256_blendv_ps(b, a, mask);
}

static inline vec vec_power(vec t)
{
    __m256i n = _mm256_slli_epi32(_mm256_castps_si256(t), 23);

    return _mm256_castsi256_ps(
        _mm256_add_epi32(n, _mm256_set1_epi32(0x3f800000)));
}

static inline vec vec_split(vec a, vec *n)
{
    __m256i bits = _mm256_castps_si256(a);
    __m256i exponent = _mm256_srai_epi32(
        _mm256_sub_epi32(bits, _mm256_set1_epi32(0x3f3504f3)), 23);

    *n = _mm256_cvtepi32_ps(exponent);
    return _mm256_castsi256_ps(
        _mm256_sub_epi32(bits, _mm256_slli_epi32(exponent, 23)));
}

static inline vec_place vec_octave(vec a, uint32_t most)
{
    return _mm256_srli_epi32(
        _mm256_min_epi32(_mm256_castps_si256(a), _mm256_set1_epi32((int)most)),
        23);
}

static inline vec vec_entry(const float table[8], vec_place place)
{
    return _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), place);
}

static inline vec vec_lane(vec a, int k)
{
    return _mm256_permutevar8x32_ps(a, _mm256_set1_epi32(k));
}

/* Lane 0, 1, .. of a vector in turn, everywhere. */
static inline vec_place vec_lane_first(void)
{
    return _mm256_setzero_si256();
}

static inline vec_place vec_lane_next(vec_place place)
{
    return _mm256_add_epi32(place, _mm256_set1_epi32(1));
}

static inline vec vec_lane_at(vec a, vec_place place)
{
    return _mm256_permutevar8x32_ps(a, place);
}

static inline float vec_largest(vec a)
{
    __m128 b =
        _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));

    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    b = _mm_max_ss(b, _mm_movehdup_ps(b));
    return _mm_cvtss_f32(b);
}

#endif
