/* vec_neon.h: four lanes, Advanced SIMD of AArch64.  vec_scalar.h says what
 * each operation means.
 */
#ifndef CORE_UKERNELS_VEC_NEON_H
#define CORE_UKERNELS_VEC_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#define VEC_LANES     4
#define VEC_REGISTERS 32
#define VEC_SUMS      24

typedef float32x4_t vec;
typedef uint32x4_t vec_mask;
typedef uint8x16_t vec_place; /* of each byte of the entries */

static inline vec vec_load(const float *p)
{
    return vld1q_f32(p);
}

static inline void vec_store(float *p, vec a)
{
    vst1q_f32(p, a);
}

static inline vec vec_load_part(const float *p, size_t count)
{
    float lanes[VEC_LANES] = {0};

    for (size_t i = 0; i < count; i++)
        lanes[i] = p[i];
    return vld1q_f32(lanes);
}

static inline void vec_store_part(float *p, vec a, size_t count)
{
    float lanes[VEC_LANES];

    vst1q_f32(lanes, a);
    for (size_t i = 0; i < count; i++)
        p[i] = lanes[i];
}

static inline vec vec_set(float value)
{
    return vdupq_n_f32(value);
}

static inline vec vec_add(vec a, vec b)
{
    return vaddq_f32(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return vsubq_f32(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return vmulq_f32(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return vdivq_f32(a, b);
}

static inline vec vec_sqrt(vec a)
{
    return vsqrtq_f32(a);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return vfmaq_f32(c, a, b);
}

static inline vec vec_fnma(vec a, vec b, vec c)
{
    return vfmsq_f32(c, a, b);
}

/* The instructions FMIN and FMAX treat NaN and zeros in another way. */
static inline vec vec_min(vec a, vec b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

static inline vec vec_max(vec a, vec b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

static inline vec vec_abs(vec a)
{
    return vabsq_f32(a);
}

static inline vec vec_flip(vec a, vec b)
{
    uint32x4_t sign =
        vandq_u32(vreinterpretq_u32_f32(b), vdupq_n_u32(0x80000000));

    return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a), sign));
}

static inline vec_mask vec_less(vec a, vec b)
{
    return vcltq_f32(a, b);
}

static inline vec_mask vec_is_nan(vec a)
{
    return vmvnq_u32(vceqq_f32(a, a));
}

static inline vec vec_select(vec_mask mask, vec a, vec b)
{
    return vbslq_f32(mask, a, b);
}

static inline vec vec_power(vec t)
{
    uint32x4_t n = vshlq_n_u32(vreinterpretq_u32_f32(t), 23);

    return vreinterpretq_f32_u32(vaddq_u32(n, vdupq_n_u32(0x3f800000)));
}

static inline vec vec_split(vec a, vec *n)
{
    int32x4_t bits = vreinterpretq_s32_f32(a);
    int32x4_t exponent =
        vshrq_n_s32(vsubq_s32(bits, vdupq_n_s32(0x3f3504f3)), 23);

    *n = vcvtq_f32_s32(exponent);
    return vreinterpretq_f32_s32(vsubq_s32(bits, vshlq_n_s32(exponent, 23)));
}

static inline vec_place vec_octave(vec a, uint32_t most)
{
    uint32x4_t place = vshrq_n_u32(
        vminq_u32(vreinterpretq_u32_f32(a), vdupq_n_u32(most)), 23);

    place = vandq_u32(place, vdupq_n_u32(7));
    return vreinterpretq_u8_u32(
        vmlaq_u32(vdupq_n_u32(0x03020100), place, vdupq_n_u32(0x04040404)));
}

static inline vec vec_entry(const float table[8], vec_place place)
{
    const uint8_t *bytes = (const uint8_t *)table;
    uint8x16x2_t entries = {{vld1q_u8(bytes), vld1q_u8(bytes + 16)}};

    return vreinterpretq_f32_u8(vqtbl2q_u8(entries, place));
}

static inline vec vec_lane(vec a, int k)
{
    const uint32_t first = 0x03020100 + 0x04040404 * (uint32_t)k;
    uint8x16_t bytes = vreinterpretq_u8_f32(a);

    return vreinterpretq_f32_u8(
        vqtbl1q_u8(bytes, vreinterpretq_u8_u32(vdupq_n_u32(first))));
}

static inline float vec_largest(vec a)
{
    return vmaxvq_f32(a);
}

#endif
