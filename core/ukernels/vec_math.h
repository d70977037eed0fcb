/* vec_math.h: exp, log, tanh and their kin, for whole vectors.
 *
 * Only +, -, *, /, sqrt and fused multiply-add, in one written order, so that
 * every instruction set gives the same bits.  Coefficients come from
 * coefficients.py.  Errors are those of docs/numerics.md; a NaN gives a NaN.
 */
#ifndef CORE_UKERNELS_VEC_MATH_H
#define CORE_UKERNELS_VEC_MATH_H

#include <math.h>

#include RNN_VEC_HEADER

#define VEC_INLINE static inline __attribute__((always_inline))

/* p0 + p1 x + ... + p4 x^4, given x and x^2: a short chain. */
VEC_INLINE vec poly_4(vec x, vec x2, const float p[5])
{
    vec high = vec_fma(vec_set(p[4]), x, vec_set(p[3]));

    high = vec_fma(high, x, vec_set(p[2]));
    return vec_fma(high, x2, vec_fma(vec_set(p[1]), x, vec_set(p[0])));
}

/* Into [-bound, bound]; a NaN stays. */
VEC_INLINE vec math_clamp(vec x, float bound)
{
    return vec_max(vec_set(-bound), vec_min(vec_set(bound), x));
}

/* x = n ln 2 + r, |r| <= 0.35, *t is n + 0x1.8p23.  Returns r without its
 * last bits, *rest is those. */
VEC_INLINE vec math_reduce(vec x, vec *t, vec *rest)
{
    const vec shift = vec_set(0x1.8p23f), low = vec_set(-0x1.05c610p-29f);
    vec n, r;

    *t = vec_fma(x, vec_set(0x1.715476p+0f), shift);
    n = vec_sub(*t, shift);
    x = vec_fnma(n, vec_set(0x1.62e430p-1f), x); /* exact */
    r = vec_fnma(n, low, x);
    *rest = vec_fnma(n, low, vec_sub(x, r));
    return r;
}

/* e^r - 1 - r for such an r, with `rest` added. */
VEC_INLINE vec math_exp_curve(vec r, vec rest)
{
    static const float p[5] = {0x1.555554p-3f, 0x1.5554e4p-5f, 0x1.11130cp-7f,
                               0x1.6d5278p-10f, 0x1.9e08c2p-13f};
    vec r2 = vec_mul(r, r), half = vec_mul(r, vec_set(0.5f));

    rest = vec_fma(poly_4(r, r2, p), vec_mul(r2, r), rest);
    return vec_fma(half, r, rest);
}

/* e^x = 2^n (p + rest) for |x| <= 104, *t is n + 0x1.8p23.  Returns p, 0.7 <
 * p < 1.42, which alone is off by 0.55 ulp at most. */
VEC_INLINE vec math_exp_parts(vec x, vec *t, vec *rest)
{
    vec below, r = math_reduce(x, t, &below);
    vec line = vec_add(r, vec_set(1.0f)), p, curve;

    below = vec_fma(below, line, vec_sub(r, vec_sub(line, vec_set(1.0f))));
    curve = math_exp_curve(r, below);
    p = vec_add(line, curve);
    *rest = vec_sub(curve, vec_sub(p, line));
    return p;
}

/* 2^n in two factors, t being n + 0x1.8p23: *most is 2^n while |n| <= 100, the
 * other then is 1.  Returns the other. */
VEC_INLINE vec math_power(vec t, vec *most)
{
    const vec shift = vec_set(0x1.8p23f);
    vec near = vec_max(vec_set(0x1.8p23f - 100.0f),
                       vec_min(vec_set(0x1.8p23f + 100.0f), t));

    *most = vec_power(near);
    return vec_power(vec_add(vec_sub(t, near), shift));
}

/* e^x: infinite above 88.72, 0 below -103.97, denormal results rounded. */
VEC_INLINE vec math_exp(vec x)
{
    vec t, p, rest, scale;

    x = vec_max(vec_set(-104.0f), vec_min(vec_set(89.0f), x));
    p = math_exp_parts(x, &t, &rest);
    t = math_power(t, &scale);
    return vec_mul(vec_mul(p, scale), t);
}

/* e^x - 1 for x <= 0 (above, only a NaN is of use). */
VEC_INLINE vec math_expm1_negative(vec x)
{
    vec t, r, rest, scale;

    x = vec_max(vec_set(-20.0f), vec_min(vec_set(0.0f), x));
    r = math_reduce(x, &t, &rest);
    r = vec_add(r, math_exp_curve(r, rest));
    scale = vec_power(t);
    return vec_fma(scale, r, vec_sub(scale, vec_set(1.0f)));
}

/* ln x for x positive, normal and finite. */
VEC_INLINE vec math_log(vec x)
{
    static const float p[9] = {
        0x1.555548p-2f,  -0x1.000006p-2f, 0x1.99a476p-3f,
        -0x1.555c46p-3f, 0x1.233ba8p-3f,  -0x1.fc2884p-4f,
        0x1.e6bf38p-4f,  -0x1.de02d6p-4f, 0x1.14763ap-4f};
    vec n, f, f2, y = vec_set(p[8]);

    f = vec_sub(vec_split(x, &n), vec_set(1.0f));
    f2 = vec_mul(f, f);
    for (int i = 7; i >= 0; i--)
        y = vec_fma(y, f, vec_set(p[i]));
    y = vec_fma(y, f, vec_set(-0.5f));
    y = vec_fma(n, vec_set(-0x1.05c610p-29f), vec_mul(y, f2));
    return vec_fma(n, vec_set(0x1.62e430p-1f), vec_add(y, f));
}

/* ln(1 + u) for 0 <= u <= 1. */
VEC_INLINE vec math_log1p(vec u)
{
    static const float p[5] = {1.0f, 0x1.88324ep+0f, 0x1.8099d2p-1f,
                               0x1.fa2878p-4f, 0x1.e6a2cep-10f};
    static const float q[5] = {1.0f, 0x1.041926p+1f, 0x1.6f10eep+0f,
                               0x1.a70c4ap-2f, 0x1.3c332ep-5f};
    vec u2 = vec_mul(u, u);

    return vec_div(vec_mul(u, poly_4(u, u2, p)), poly_4(u, u2, q));
}

/* tanh in eight pieces: with c the centre of a piece, t = |x| - c, s = x^2,
 *
 *   tanh |x| = value + slope t + t^2 (a0 + a1 s + t (b0 + b1 s + b2 s^2))
 *
 * Pieces are told apart by the exponent of s + 0.35, so they end where that is
 * 0.5, 1, 2, 4, 8, 16, 32.  Rows: c, value, slope, a0 .. b2, each with its
 * factor for tanh(x / 2) / 2. */
#define TANH_TABLE(XX)                                                        \
    XX(2.0f, 0.0f, 0x1.192c20p-1f, 0x1.0b9ed6p+0f, 0x1.98f4ccp+0f,            \
       0x1.2b4dfap+1f, 0x1.bb042ap+1f, 0x1.485cc4p+2f, 0x1.153494p+3f)        \
    XX(0.5f, 0.0f, 0x1.ffe434p-2f, 0x1.8f5d48p-1f, 0x1.d7b336p-1f,            \
       0x1.f68de0p-1f, 0x1.fefddap-1f, 0x1.fff6d6p-1f, 0x1.fffffep-1f)        \
    XX(0x1p-2f, 1.0f, 0x1.800decp-1f, 0x1.90fc12p-2f, 0x1.35b5f0p-3f,         \
       0x1.2b7a44p-5f, 0x1.01e642p-8f, 0x1.24ddbep-13f, 0x1.0d0d6ep-22f)      \
    XX(0x1p-3f, 0x1.13c1c8p-19f, -0x1.b7f3dep-2f, -0x1.db85c6p-2f,            \
       -0x1.19addep-3f, 0x1.438418p-3f, 0x1.e06f1ep-4f, 0x1.a59280p-6f,       \
       0x1.02db96p-10f)                                                       \
    XX(0x1p-5f, 0x1.4531e2p-11f, 0x1.7345d2p-3f, 0x1.29d918p-3f,              \
       -0x1.6e8e28p-11f, -0x1.226f26p-5f, -0x1.4b994ep-7f, -0x1.01a1dcp-10f,  \
       -0x1.b99a5cp-17f)                                                      \
    XX(0x1p-4f, -0x1.556674p-2f, -0x1.0609e8p-2f, -0x1.fd18eap-4f,            \
       0x1.adbe70p-4f, 0x1.4299f0p-3f, 0x1.c3855ap-5f, 0x1.db576ep-8f,        \
       0x1.3a2ae6p-13f)                                                       \
    XX(0x1p-6f, 0x1.0ceea4p-3f, -0x1.fa6e42p-7f, -0x1.221242p-4f,             \
       -0x1.7d3618p-7f, 0x1.932fb4p-8f, 0x1.b0a598p-10f, 0x1.1299e2p-13f,     \
       0x1.73b0b0p-20f)                                                       \
    XX(0x1p-8f, -0x1.743188p-5f, -0x1.a5c22cp-7f, 0x1.2531eap-8f,             \
       0x1.914dbcp-11f, -0x1.45c6e6p-14f, -0x1.051596p-16f, -0x1.92a04ap-21f, \
       -0x1.44c1a8p-28f)

/* The places of the pieces in the table: their exponents modulo 8. */
#define TANH_ROW(half, a, b, c, d, e, f, g, h) {d, e, f, g, h, a, b, c},
#define GATE_ROW(half, a, b, c, d, e, f, g, h)                                \
    {(half) * (b), (half) * (c), (half) * (d), (half) * (e),                  \
     (half) * (f), (half) * (g), (half) * (h), (half) * (a)},

/* Both, where a vector holds sixteen, by the exponents modulo 16; those of the
 * gates are PAIR_APART further. */
#define PAIR_APART 6
#define PAIR_ROW(half, a, b, c, d, e, f, g, h)                                \
    {d,                                                                       \
     e,                                                                       \
     f,                                                                       \
     g,                                                                       \
     h,                                                                       \
     (half) * (a),                                                            \
     (half) * (b),                                                            \
     (half) * (c),                                                            \
     (half) * (d),                                                            \
     (half) * (e),                                                            \
     (half) * (f),                                                            \
     (half) * (g),                                                            \
     (half) * (h),                                                            \
     a,                                                                       \
     b,                                                                       \
     c},

/* Here tanh's piece is exactly 1, and it is never more before; the true value
 * is 3.6e-8 below. */
#define MATH_TANH_END 0x1.1d330cp+3f

/* The piece of which `entry` is the column of the table, at `size`, which is
 * |x| clamped, without its sign: *start + *square times what is returned. */
VEC_INLINE vec math_tanh_parts(vec size, const vec entry[8], vec *square,
                               vec *start)
{
    vec s = vec_mul(size, size), b = vec_fma(entry[6], s, entry[5]);
    vec t = vec_sub(size, entry[0]);
    vec a;

    *square = vec_mul(t, t);
    b = vec_fma(entry[7], vec_mul(s, s), b);
    a = vec_fma(entry[4], s, entry[3]);
    *start = vec_fma(entry[2], t, entry[1]);
    return vec_fma(b, t, a);
}

/* With the sign of x: the shortest way. */
VEC_INLINE vec math_tanh_sum(vec x, vec size, const vec entry[8])
{
    vec square, start, factor = math_tanh_parts(size, entry, &square, &start);

    return vec_fma(factor, vec_flip(square, x), vec_flip(start, x));
}

/* The same bits, since rounding knows no sign: one operation less. */
VEC_INLINE vec math_tanh_sum_many(vec x, vec size, const vec entry[8])
{
    vec square, start, factor = math_tanh_parts(size, entry, &square, &start);

    return vec_flip(vec_fma(factor, square, start), x);
}

/* The column of `table` at `place`, by `look_up`; what is waited for longest
 * comes first. */
#define MATH_COLUMN(look_up, table, place, entry)                             \
    ((entry)[6] = look_up((table)[6], place),                                 \
     (entry)[5] = look_up((table)[5], place),                                 \
     (entry)[0] = look_up((table)[0], place),                                 \
     (entry)[7] = look_up((table)[7], place),                                 \
     (entry)[4] = look_up((table)[4], place),                                 \
     (entry)[3] = look_up((table)[3], place),                                 \
     (entry)[2] = look_up((table)[2], place),                                 \
     (void)((entry)[1] = look_up((table)[1], place)))

/* The piece of |x|, clamped to `end`, at `place`; with the sign of x. */
VEC_INLINE vec math_tanh_piece(vec x, float end, vec_place place,
                               const float table[8][8])
{
    vec entry[8];

    MATH_COLUMN(vec_entry, table, place, entry);
    return math_tanh_sum(x, vec_min(vec_set(end), vec_abs(x)), entry);
}

VEC_INLINE vec math_tanh(vec x)
{
    static const float table[8][8] = {TANH_TABLE(TANH_ROW)};
    vec_place place = vec_octave(vec_fma(x, x, vec_set(0.35f)), 0x427fffff);

    return math_tanh_piece(x, MATH_TANH_END, place, table);
}

/* The sigmoid of the gates between tanh: 1/2 + tanh(x/2)/2, small absolute
 * error and a short way through. */
VEC_INLINE vec math_gate(vec x)
{
    static const float table[8][8] = {TANH_TABLE(GATE_ROW)};
    vec_place place = vec_octave(vec_fma(x, x, vec_set(1.4f)), 0x437fffff);

    return vec_add(vec_set(0.5f),
                   math_tanh_piece(x, 2.0f * MATH_TANH_END, place, table));
}

/* Both once more, the same bits with fewest operations instead of the
 * shortest way, for where many vectors are computed side by side.  Where a
 * table has sixteen places, what lies beyond the last piece finds that one
 * there, so that nothing has to be kept from going there. */
#if VEC_LANES == 16
#define TANH_MANY_ROW(half, a, b, c, d, e, f, g, h)                           \
    {d, e, f, g, h, h, h, h, h, h, h, h, h, a, b, c},
#define GATE_MANY_ROW(half, a, b, c, d, e, f, g, h)                           \
    {(half) * (b), (half) * (c), (half) * (d), (half) * (e),                  \
     (half) * (f), (half) * (g), (half) * (h), (half) * (h),                  \
     (half) * (h), (half) * (h), (half) * (h), (half) * (h),                  \
     (half) * (h), (half) * (h), (half) * (h), (half) * (a)},
#define MATH_MANY(rows, bound, add, most)                                     \
    static const float table[8][16]                                           \
        __attribute__((aligned(64))) = {TANH_TABLE(rows)};                    \
    const vec size = vec_min(vec_set(bound), vec_abs(x));                     \
    const vec_place place =                                                   \
        vec_octave_any(vec_fma(size, size, vec_set(add)));                    \
    vec entry[8];                                                             \
                                                                              \
    MATH_COLUMN(vec_entry_16, table, place, entry)
#else
#define TANH_MANY_ROW TANH_ROW
#define GATE_MANY_ROW GATE_ROW
#define MATH_MANY(rows, bound, add, most)                                     \
    static const float table[8][8] = {TANH_TABLE(rows)};                      \
    const vec size = vec_min(vec_set(bound), vec_abs(x));                     \
    const vec_place place = vec_octave(vec_fma(x, x, vec_set(add)), most);    \
    vec entry[8];                                                             \
                                                                              \
    MATH_COLUMN(vec_entry, table, place, entry)
#endif

VEC_INLINE vec math_tanh_many(vec x)
{
    MATH_MANY(TANH_MANY_ROW, MATH_TANH_END, 0.35f, 0x427fffff);
    return math_tanh_sum_many(x, size, entry);
}

VEC_INLINE vec math_gate_many(vec x)
{
    MATH_MANY(GATE_MANY_ROW, 2.0f * MATH_TANH_END, 1.4f, 0x437fffff);
    return vec_add(vec_set(0.5f), math_tanh_sum_many(x, size, entry));
}

/* The same bits by the table of tanh: an operation more, but no second table
 * has to come from afar. */
VEC_INLINE vec math_gate_one_table(vec x)
{
    const vec half = vec_set(0.5f);

    return vec_fma(math_tanh_many(vec_mul(x, half)), half, half);
}

/* The sigmoid everywhere else, small relative error, however small.  With
 * e^-|x| = 2^n (p + rest) it is 1 / d or 2^n (p + rest) / d; the quotient is
 * made good for what p and d lack.  Far out, where `scale` is more than 2^n,
 * d is 1 with either. */
VEC_INLINE vec math_sigmoid(vec x)
{
    const vec zero = vec_set(0.0f), one = vec_set(1.0f);
    vec_mask negative = vec_less(x, zero);
    vec size = vec_max(vec_set(-104.0f), vec_sub(zero, vec_abs(x)));
    vec t, rest, scale, p = math_exp_parts(size, &t, &rest);
    vec far = math_power(t, &scale);
    vec d = vec_fma(p, scale, one), y, error;
    vec d_rest = vec_fma(rest, scale, vec_fma(p, scale, vec_sub(one, d)));

    p = vec_select(negative, p, one);
    rest = vec_select(negative, rest, zero);
    y = vec_div(p, d);
    error = vec_fnma(y, d_rest, vec_add(vec_fnma(y, d, p), rest));
    y = vec_fma(error, vec_select(negative, vec_fnma(y, scale, one), y), y);
    return vec_select(negative, vec_mul(vec_mul(y, scale), far), y);
}

/* ln(1 + e^x). */
VEC_INLINE vec math_softplus(vec x)
{
    vec e = math_exp(vec_sub(vec_set(0.0f), vec_abs(x)));

    return vec_add(vec_max(vec_set(0.0f), x), math_log1p(e));
}

/* x tanh(ln(1 + e^x)), the tanh as a quotient in e^-|x|. */
VEC_INLINE vec math_mish(vec x)
{
    const vec one = vec_set(1.0f), two = vec_set(2.0f);
    vec e = math_exp(vec_sub(vec_set(0.0f), vec_abs(x)));
    vec above = vec_fma(two, e, one);
    vec below = vec_mul(e, vec_add(e, two));
    vec_mask negative = vec_less(x, vec_set(0.0f));
    vec top = vec_select(negative, below, above);
    vec bottom = vec_select(negative, vec_add(below, two),
                            vec_fma(vec_mul(two, e), e, above));

    x = vec_max(vec_set(-200.0f), x);
    return vec_mul(x, vec_div(top, bottom));
}

/* x Phi(x), Phi the normal distribution; its tail is e^(-x^2/2) times a
 * quotient, the rounding of x^2 made good. */
VEC_INLINE vec math_gelu(vec x)
{
    static const float p[5] = {0x1p-1f, 0x1.c019ecp-2f, 0x1.762310p-3f,
                               0x1.4b42c4p-5f, 0x1.0ba82cp-8f};
    static const float q[5] = {0x1.ac4f24p+0f, 0x1.334648p+0f, 0x1.df3d1ap-2f,
                               0x1.9f335ep-4f, 0x1.4f7448p-7f};
    const vec minus_half = vec_set(-0.5f);
    vec c = math_clamp(x, 15.0f), t = vec_abs(c), t2 = vec_mul(t, t);
    vec rest = vec_fma(t, t, vec_sub(vec_set(0.0f), t2));
    vec e = math_exp(vec_mul(t2, minus_half));
    vec bottom = vec_fma(poly_4(t, t2, q), t, vec_set(1.0f));
    vec tail = vec_div(vec_mul(e, poly_4(t, t2, p)), bottom);

    tail = vec_fma(vec_mul(tail, minus_half), rest, tail);
    return vec_select(vec_less(x, vec_set(0.0f)), vec_mul(c, tail),
                      vec_fnma(c, tail, x));
}

/* x sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3)). */
VEC_INLINE vec math_gelu_tanh(vec x)
{
    vec factor = vec_fma(vec_mul(x, x), vec_set(0x1.2444f2p-4f),
                         vec_set(0x1.988454p+0f));
    vec y = math_sigmoid(vec_mul(x, factor));

    return vec_mul(vec_max(vec_set(-200.0f), x), y);
}

/* x - tanh(x), small arguments without cancellation. */
VEC_INLINE vec math_tanh_shrink(vec x)
{
    vec c = math_clamp(x, 1.25f), s = vec_mul(c, c);
    vec top = vec_fma(vec_set(0x1.4d00e6p-16f), s, vec_set(0x1.3d40d8p-6f));
    vec bottom = vec_fma(vec_set(0x1.5e7000p-6f), s, vec_set(0x1.d515eep-2f));

    top = vec_mul(vec_fma(top, s, vec_set(0x1.555556p-2f)), vec_mul(s, c));
    bottom = vec_fma(bottom, s, vec_set(1.0f));
    return vec_select(vec_less(vec_abs(x), vec_set(1.25f)),
                      vec_div(top, bottom), vec_sub(x, math_tanh(x)));
}

/* (x + sqrt(x^2 + b)) / 2, without cancellation or overflow. */
VEC_INLINE vec math_squareplus(vec x, float b)
{
    const vec half = vec_set(0.5f);
    vec size = vec_abs(x), sum = vec_fma(x, x, vec_set(b));
    vec root =
        vec_select(vec_less(sum, vec_set(INFINITY)), vec_sqrt(sum), size);
    vec above = vec_fma(x, half, vec_mul(root, half));
    vec below = vec_div(vec_set(0.5f * b), vec_add(root, size));

    return vec_select(vec_less(x, vec_set(0.0f)), below, above);
}

#endif
