/* vec_twin.h: walks of a GRU of two panels of sixteen units, from the inputs
 * on (AVX-512).
 *
 * As vec_pair.h has them of an LSTM: the sums are one straight line of code,
 * those of the reset gates first; then the gates of both panels and both
 * candidates, of which the second stands behind the next step's z, since the
 * next sums begin with the first panel's h.  (Measured: a GRU (32) of 16
 * features takes 0.93 of the time of any two panels, of 32 features 0.86, of
 * 64 0.93; of 128 it would take twice the time, since weights drive each other
 * out of the nearest cache.  z before both candidates: 0.94, 0.87, 0.94.)
 *
 * The order of the sums is that of ukernels.h, the bits are those of
 * vec_math.h.
 */
#ifndef CORE_UKERNELS_VEC_TWIN_H
#define CORE_UKERNELS_VEC_TWIN_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_ahead.h"
#include "core/ukernels/vec_pair.h"

#if VEC_LANES == 16

#define TWIN_SUMS  6 /* three gates of two panels */
#define TWIN_INPUT (3 * VEC_LANES)
#define TWIN_PANEL (PAIR_UNITS * TWIN_INPUT)

/* Adds `x` times the weights of both panels from `w` on. */
VEC_INLINE void twin_input(float x, const float *w, vec sum[TWIN_SUMS])
{
    const vec all = vec_set(x);
    const float *second = w + TWIN_PANEL;

    sum[1] = vec_fma(all, vec_load(w + VEC_LANES), sum[1]);
    sum[4] = vec_fma(all, vec_load(second + VEC_LANES), sum[4]);
    sum[2] = vec_fma(all, vec_load(w + 2 * VEC_LANES), sum[2]);
    sum[5] = vec_fma(all, vec_load(second + 2 * VEC_LANES), sum[5]);
    sum[0] = vec_fma(all, vec_load(w), sum[0]);
    sum[3] = vec_fma(all, vec_load(second), sum[3]);
}

/* Inputs `k` to `k` + 15 of h. */
VEC_INLINE void twin_inputs(const float *w, const float *h, const int k,
                            vec sum[2 * TWIN_SUMS]){
#define INPUT(i)                                                              \
    twin_input(h[k + (i)], w + (k + (i)) * TWIN_INPUT,                        \
               sum + (i) % 2 * TWIN_SUMS)
    CELL_SIXTEEN(INPUT)
#undef INPUT
}

/* The sums u r h of both panels, in the first half of `sum`. */
VEC_INLINE void twin_sums(const struct f32_cell *cell,
                          const struct cell_at *row, vec sum[2 * TWIN_SUMS])
{
    const float *w = cell->recurrent.kernel;

    for (int v = 0; v < TWIN_SUMS; v++) {
        sum[v] = cell_start(cell, row->z, v / 3, 3, v % 3);
        sum[TWIN_SUMS + v] = vec_set(0.0f);
    }
    twin_inputs(w, row->h, 0, sum);
    twin_inputs(w, row->h, 16, sum);
    for (int v = 0; v < TWIN_SUMS; v++)
        sum[v] = vec_add(sum[v], sum[TWIN_SUMS + v]);
}

/* From the sums of a panel to what its candidate is the tanh of, and u. */
VEC_INLINE struct cell_half twin_gates(const vec sum[3],
                                       const struct cell_at *at)
{
    const vec r = pair_gate(sum[1]);

    return (struct cell_half){
        .value = vec_fma(r, sum[2], vec_load(at->z + 2 * VEC_LANES)),
        .gate = pair_gate(sum[0]),
        .h = vec_load(at->h),
    };
}

VEC_INLINE void twin_out(const struct cell_half *half, float *out)
{
    const vec g = vec_flip(pair_tanh(half->value), half->value);

    vec_store(out, vec_fma(half->gate, vec_sub(half->h, g), g));
}

/* All steps of the walk.  (A function of its own, which leaves the registers
 * to it.) */
__attribute__((noinline)) static void twin_walk(const struct f32_cell *cell,
                                                const struct f32_walk *walk)
{
    const float *h = walk->h;

    for (size_t t = 0; t < walk->steps; t++) {
        const struct cell_at row = cell_at_step(walk, t, h);
        const struct cell_at other = cell_at(&row, 1, 3);
        struct cell_half first, second;
        vec sum[2 * TWIN_SUMS];

        twin_sums(cell, &row, sum);
        first = twin_gates(sum, &row);
        second = twin_gates(sum + 3, &other);
        twin_out(&first, row.out);
        ahead_make(walk, t, 3, TWIN_SUMS, 2);
        twin_out(&second, other.out);
        h = row.out;
    }
}

#endif
#endif
