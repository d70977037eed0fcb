/* vec_between.h: walks of a SimpleRNN of four panels of sixteen units, from
 * the inputs on (AVX-512).
 *
 * The sums of a step hold the two ports of multiply-adds without a gap.  Its
 * four tanh wait for themselves most of the time, and all operations of them
 * fill the core's window, so that nothing behind them comes in: a quarter of
 * the input's part of the next step but one stands behind each.  (Measured:
 * BENCHMARKS.md.)  The order of the sums is that of ukernels.h.
 */
#ifndef CORE_UKERNELS_VEC_BETWEEN_H
#define CORE_UKERNELS_VEC_BETWEEN_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_whole.h"

#if VEC_LANES == 16

#define BETWEEN_PANELS 4
#define BETWEEN_CHAINS 2
#define BETWEEN_SUMS   (BETWEEN_PANELS * BETWEEN_CHAINS)

/* Does such a walk do for the cell? */
VEC_INLINE bool between_suits(const struct f32_cell *cell,
                              const struct f32_walk *walk)
{
    const struct whole_way way = {BETWEEN_PANELS, BETWEEN_PANELS,
                                  BETWEEN_CHAINS};

    return walk->input && whole_suits(cell, walk, way);
}

/* Adds input `i` from `x` on to chain `chain` of every sum; w[p] are the
 * weights of panel p.  (A pointer for each, of which no compiler may make a
 * sum of two: that makes two micro-operations of a multiply-add that reads.)
 */
VEC_INLINE void between_input(const float *const w[BETWEEN_PANELS],
                              const float *x, const int i, const int chain,
                              vec *sum)
{
    const vec all = vec_set(x[i]);

    sum += chain * BETWEEN_PANELS;
    sum[0] = vec_fma(all, vec_load(w[0] + i * VEC_LANES), sum[0]);
    sum[1] = vec_fma(all, vec_load(w[1] + i * VEC_LANES), sum[1]);
    sum[2] = vec_fma(all, vec_load(w[2] + i * VEC_LANES), sum[2]);
    sum[3] = vec_fma(all, vec_load(w[3] + i * VEC_LANES), sum[3]);
}

VEC_INLINE void between_next(const float *w[BETWEEN_PANELS], const int inputs)
{
    w[0] += inputs * VEC_LANES;
    w[1] += inputs * VEC_LANES;
    w[2] += inputs * VEC_LANES;
    w[3] += inputs * VEC_LANES;
    __asm__("" : "+r"(w[0]), "+r"(w[1]), "+r"(w[2]), "+r"(w[3]));
}

/* Adds inputs [from, to), of which `from` is even. */
VEC_INLINE void between_inputs(const struct f32_product *input, const float *x,
                               size_t from, size_t to, vec *sum)
{
    const size_t panel = input->inputs * VEC_LANES;
    const float *first = input->kernel + from * VEC_LANES;
    const float *w[BETWEEN_PANELS] = {first, first + panel, first + 2 * panel,
                                      first + 3 * panel};
    const float *end = x + to;

#pragma GCC unroll 1
    for (x += from; x + 4 <= end; x += 4) {
        between_input(w, x, 0, 0, sum);
        between_input(w, x, 1, 1, sum);
        between_input(w, x, 2, 0, sum);
        between_input(w, x, 3, 1, sum);
        between_next(w, 4);
    }
#pragma GCC unroll 1
    for (; x + 2 <= end; x += 2) {
        between_input(w, x, 0, 0, sum);
        between_input(w, x, 1, 1, sum);
        between_next(w, 2);
    }
    if (x < end)
        between_input(w, x, 0, 0, sum);
}

VEC_INLINE void between_begin(const float *start, vec *sum)
{
    for (int p = 0; p < BETWEEN_PANELS; p++) {
        sum[p] = vec_load(start + p * VEC_LANES);
        sum[BETWEEN_PANELS + p] = vec_set(0.0f);
    }
}

VEC_INLINE void between_store(const vec *made, float *z)
{
    for (int p = 0; p < BETWEEN_PANELS; p++)
        vec_store(z + p * VEC_LANES,
                  vec_add(made[p], made[BETWEEN_PANELS + p]));
}

/* The ends of a step whose sums are `sum`, and z, from its inputs `x` on. */
VEC_INLINE void between_ends(const struct f32_product *input, const float *x,
                             const vec *sum, float *out, float *z)
{
    const size_t quarter = input->inputs / 8 * 2;
    vec made[BETWEEN_SUMS];

    between_begin(input->bias, made);
    vec_store(out, math_tanh_many(sum[0]));
    between_inputs(input, x, 0, quarter, made);
    vec_store(out + VEC_LANES, math_tanh_many(sum[1]));
    between_inputs(input, x, quarter, 2 * quarter, made);
    vec_store(out + 2 * VEC_LANES, math_tanh_many(sum[2]));
    between_inputs(input, x, 2 * quarter, 3 * quarter, made);
    vec_store(out + 3 * VEC_LANES, math_tanh_many(sum[3]));
    between_inputs(input, x, 3 * quarter, input->inputs, made);
    between_store(made, z);
}

/* z alone. */
VEC_INLINE void between_make(const struct f32_product *input, const float *x,
                             float *z)
{
    vec made[BETWEEN_SUMS];

    between_begin(input->bias, made);
    between_inputs(input, x, 0, input->inputs, made);
    between_store(made, z);
}

/* The sums of a step. */
VEC_INLINE void between_sums(const float *w, const float *z, const float *h,
                             vec sum[BETWEEN_SUMS])
{
    const struct whole_way way = {BETWEEN_PANELS, BETWEEN_PANELS,
                                  BETWEEN_CHAINS};

    between_begin(z, sum);
    whole_inputs(w, h, 0, way, sum);
    whole_inputs(w, h, 16, way, sum);
    whole_inputs(w, h, 32, way, sum);
    whole_inputs(w, h, 48, way, sum);
    for (int p = 0; p < BETWEEN_PANELS; p++)
        sum[p] = vec_add(sum[p], sum[BETWEEN_PANELS + p]);
}

/* All steps of the walk.  (A function of its own, which leaves the registers
 * to it.)  The last has no z to make and makes its own once more, which nobody
 * reads: that costs less than to ask each step. */
__attribute__((noinline)) static void between_walk(const struct f32_cell *cell,
                                                   const struct f32_walk *walk)
{
    const float *h = walk->h;

    if (walk->steps > 1)
        between_make(walk->input, walk->x + walk->x_stride,
                     walk->made + walk->z_stride);
    for (size_t t = 0; t < walk->steps; t++) {
        const struct cell_at row = cell_at_step(walk, t, h);
        const size_t next = t + 2 < walk->steps ? t + 2 : t;
        vec sum[BETWEEN_SUMS];

        between_sums(cell->recurrent.kernel, row.z, h, sum);
        between_ends(walk->input, walk->x + next * walk->x_stride, sum,
                     row.out, walk->made + t % 2 * walk->z_stride);
        h = row.out;
    }
}

#endif
#endif
