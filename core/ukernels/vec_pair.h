/* vec_pair.h: walks of an LSTM of two panels of sixteen units, from the inputs
 * on (AVX-512).
 *
 * All measures but the number of inputs are constants, so that the sums are
 * one straight line of code without an end to be foreseen.  The sums of both
 * panels hold the two ports of multiply-adds without a gap; what follows them
 * is written in the order in which the next step waits for it: the first
 * panel's gates, the second's, both tanh of c, of which the second stands
 * behind the next step's z, since the next sums begin with the first panel's
 * h.  Signs are put on what is there early, with one operation where the
 * shortest way through an activation takes two.  (Measured: BENCHMARKS.md.)
 *
 * The order of the sums is that of ukernels.h, the bits are those of
 * vec_math.h: rounding knows no sign.
 */
#ifndef CORE_UKERNELS_VEC_PAIR_H
#define CORE_UKERNELS_VEC_PAIR_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_cell.h"

#if VEC_LANES == 16

#define PAIR_UNITS 32
#define PAIR_SUMS  8 /* four gates of two panels */
#define PAIR_INPUT (4 * VEC_LANES)
#define PAIR_PANEL (PAIR_UNITS * PAIR_INPUT)

/* Does such a walk do for the cell? */
VEC_INLINE bool pair_suits(const struct f32_cell *cell,
                           const struct f32_walk *walk)
{
    return walk->input && cell->recurrent.inputs == PAIR_UNITS;
}

/* ---- activations ------------------------------------------------------- */

/* What a step has of a panel once its gates are known. */
struct pair_gates {
    vec f, o, add; /* c' = f c + add */
};

/* |x| through the piece of `table` at `place`. */
VEC_INLINE vec pair_piece(vec x, float end, vec_place place,
                          const float table[8][16])
{
    const vec size = vec_min(vec_set(end), vec_abs(x));
    vec entry[8], square, start, factor;

    MATH_COLUMN(vec_entry_16, table, place, entry);
    factor = math_tanh_parts(size, entry, &square, &start);
    return vec_fma(factor, square, start);
}

/* math_tanh(), but for its sign. */
VEC_INLINE vec pair_tanh(vec x)
{
    static const float table[8][16]
        __attribute__((aligned(64))) = {TANH_TABLE(TANH_MANY_ROW)};
    vec_place place = vec_octave(vec_fma(x, x, vec_set(0.35f)), 0x427fffff);

    return pair_piece(x, MATH_TANH_END, place, table);
}

/* math_gate(). */
VEC_INLINE vec pair_gate(vec x)
{
    static const float table[8][16]
        __attribute__((aligned(64))) = {TANH_TABLE(GATE_MANY_ROW)};
    vec_place place = vec_octave(vec_fma(x, x, vec_set(1.4f)), 0x437fffff);
    vec y = pair_piece(x, 2.0f * MATH_TANH_END, place, table);

    return vec_fma(y, vec_flip(vec_set(1.0f), x), vec_set(0.5f));
}

/* From the sums of a panel, i f c o. */
VEC_INLINE struct pair_gates pair_gates(const vec *sum)
{
    struct pair_gates gates = {.f = pair_gate(sum[1])};
    vec i = vec_flip(pair_gate(sum[0]), sum[2]);

    gates.add = vec_mul(pair_tanh(sum[2]), i);
    gates.o = pair_gate(sum[3]);
    return gates;
}

/* The new c; o takes the sign of it. */
VEC_INLINE vec pair_carry(struct pair_gates *gates, vec c)
{
    c = vec_fma(gates->f, c, gates->add);
    gates->o = vec_flip(gates->o, c);
    return c;
}

VEC_INLINE void pair_out(const struct pair_gates *gates, vec c, float *out)
{
    vec_store(out, vec_mul(gates->o, pair_tanh(c)));
}

/* ---- sums -------------------------------------------------------------- */

/* Adds `x` times its weights: `w` of the first panel, `second` of the
 * other. */
VEC_INLINE void pair_input(float x, const float *w, const float *second,
                           vec sum[PAIR_SUMS])
{
    const vec all = vec_set(x);

    for (int v = 0; v < 4; v++)
        sum[v] = vec_fma(all, vec_load(w + v * VEC_LANES), sum[v]);
    for (int v = 0; v < 4; v++)
        sum[4 + v] =
            vec_fma(all, vec_load(second + v * VEC_LANES), sum[4 + v]);
}

/* Inputs `k` to `k` + 15.  (Written out, since compilers keep sums in
 * registers only where all is constant.) */
VEC_INLINE void pair_inputs(const float *w, const float *h, const int k,
                            vec sum[PAIR_SUMS]){
#define INPUT(i)                                                              \
    pair_input(h[k + (i)], w + (k + (i)) * PAIR_INPUT,                        \
               w + (k + (i)) * PAIR_INPUT + PAIR_PANEL, sum)
    CELL_SIXTEEN(INPUT)
#undef INPUT
}

/* Makes z of step t + 1, if there is one. */
VEC_INLINE void pair_ahead(const struct f32_walk *walk, size_t t)
{
    const struct f32_product *input = walk->input;
    const float *w = input->kernel, *second = w + input->inputs * PAIR_INPUT;
    const float *x = walk->x + (t + 1) * walk->x_stride;
    const float *end = x + input->inputs;
    float *z = walk->made + (t + 1) % 2 * walk->z_stride;
    vec sum[PAIR_SUMS];

    if (t + 1 == walk->steps)
        return;
    for (int v = 0; v < PAIR_SUMS; v++)
        sum[v] = vec_load(input->bias + v * VEC_LANES);
    for (; end - x >= 4; x += 4) {
        pair_input(x[0], w, second, sum);
        pair_input(x[1], w + PAIR_INPUT, second + PAIR_INPUT, sum);
        pair_input(x[2], w + 2 * PAIR_INPUT, second + 2 * PAIR_INPUT, sum);
        pair_input(x[3], w + 3 * PAIR_INPUT, second + 3 * PAIR_INPUT, sum);
        w += 4 * PAIR_INPUT;
        second += 4 * PAIR_INPUT;
    }
    for (; x < end; x++, w += PAIR_INPUT, second += PAIR_INPUT)
        pair_input(*x, w, second, sum);
    for (int v = 0; v < PAIR_SUMS; v++)
        vec_store(z + v * VEC_LANES, sum[v]);
}

/* All steps of the walk. */
VEC_INLINE void pair_walk(const struct f32_cell *cell,
                          const struct f32_walk *walk)
{
    const float *h = walk->h, *w = cell->recurrent.kernel;
    vec c0 = vec_load(walk->c), c1 = vec_load(walk->c + VEC_LANES);

    for (size_t t = 0; t < walk->steps; t++) {
        const struct cell_at row = cell_at_step(walk, t, h);
        struct pair_gates first, second;
        vec sum[PAIR_SUMS];

        for (int v = 0; v < PAIR_SUMS; v++)
            sum[v] = vec_load(row.z + v * VEC_LANES);
        pair_inputs(w, h, 0, sum);
        pair_inputs(w, h, 16, sum);
        first = pair_gates(sum);
        c0 = pair_carry(&first, c0);
        second = pair_gates(sum + 4);
        c1 = pair_carry(&second, c1);
        pair_out(&first, c0, row.out);
        pair_ahead(walk, t);
        pair_out(&second, c1, row.out + VEC_LANES);
        h = row.out;
    }
    vec_store(walk->c, c0);
    vec_store(walk->c + VEC_LANES, c1);
}

#endif
#endif
