/* vec_twostep.h: walks of a SimpleRNN of four panels of sixteen units, from
 * the inputs on, two steps at a time (AVX-512).
 *
 * Three things keep the two ports of multiply-adds busy, which is all that a
 * step should take.  Reads go through two ports of their own, which have no
 * fewer turns to take: so z of two steps is made at once, from weights that
 * are read once, and of the even inputs in one step, of the odd ones in the
 * next, which takes no more sums.  The sums of a step can fill the ports, but
 * wait for each other if anything else gets a turn; its four tanh wait for
 * themselves: so z stands among all of them in small parts, none behind the
 * last tanh, since the next step needs it first.  And registers go to sums,
 * not to the tables of tanh.  (Measured: 32 inputs take 0.94 of the time of
 * vec_between.h's way, 64 0.92, 200 0.7: BENCHMARKS.md.)  The order of the
 * sums is that of ukernels.h.
 */
#ifndef CORE_UKERNELS_VEC_TWOSTEP_H
#define CORE_UKERNELS_VEC_TWOSTEP_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_ahead.h"
#include "core/ukernels/vec_between.h"

#if VEC_LANES == 16

#define TWOSTEP_UNITS (BETWEEN_PANELS * VEC_LANES)

/* Steps whose z is made at once. */
#define TWOSTEP_STEPS 2

/* Parts of the even or odd inputs, one each of as many of 32 inputs. */
#define TWOSTEP_PARTS 16

/* Does such a walk do for the cell?  (With fewer inputs, or with 33 to 63, its
 * loops are too short: the other way takes up to 7 % less.) */
VEC_INLINE bool twostep_suits(const struct f32_cell *cell,
                              const struct f32_walk *walk)
{
    return between_suits(cell, walk) &&
           (walk->input->inputs == 32 || walk->input->inputs >= 64);
}

/* z of two steps in the making, of the even inputs or of the odd ones. */
struct twostep_ahead {
    const float *w[BETWEEN_PANELS]; /* of the first of these inputs */
    const float *x[TWOSTEP_STEPS];
    size_t at, w_at; /* floats from there to the next one, and its weights */
    size_t inputs;
    bool fixed; /* `inputs` is a constant */
    vec sum[TWOSTEP_STEPS * BETWEEN_PANELS];
};

/* z of steps t + 2 and t + 3, or of none; `half` is 1 for the odd inputs,
 * `inputs` their constant number or 0.  (If there is no step t + 3, its z is
 * that of t + 2 once more.) */
VEC_INLINE void twostep_ahead_begin(const struct f32_walk *walk, size_t t,
                                    const size_t half, const size_t inputs,
                                    struct twostep_ahead *ahead)
{
    const struct f32_product *input = walk->input;
    const size_t all = inputs ? inputs : input->inputs;
    const bool any = t + 2 < walk->steps;
    const float *x = walk->x + (any ? t + 2 : 0) * walk->x_stride + half;

    for (size_t p = 0; p < BETWEEN_PANELS; p++) {
        vec start =
            half ? vec_set(0.0f) : vec_load(input->bias + p * VEC_LANES);

        ahead->w[p] = input->kernel + (p * all + half) * VEC_LANES;
        ahead->sum[p] = ahead->sum[BETWEEN_PANELS + p] = start;
    }
    ahead->x[0] = x;
    ahead->x[1] = t + 3 < walk->steps ? x + walk->x_stride : x;
    ahead->at = ahead->w_at = 0;
    ahead->fixed = inputs > 0;
    ahead->inputs = inputs || any ? (all + 1 - half) / BETWEEN_CHAINS : 0;
}

/* Adds an input, which is `first` and `second` of the two steps, to panel p.
 * (Or gcc would make two reads of one.) */
VEC_INLINE void twostep_ahead_panel(struct twostep_ahead *ahead, const int p,
                                    const vec first, const vec second)
{
    vec *sum = ahead->sum + p;
    vec w = vec_load(ahead->w[p] + ahead->w_at);

    __asm__("" : "+v"(w));
    sum[0] = vec_fma(first, w, sum[0]);
    sum[BETWEEN_PANELS] = vec_fma(second, w, sum[BETWEEN_PANELS]);
}

/* Adds inputs until `parts` of TWOSTEP_PARTS are there.  (Two places to keep,
 * not six, where they are no constants.) */
VEC_INLINE void twostep_ahead_add(struct twostep_ahead *ahead,
                                  const size_t parts)
{
    const size_t end = ahead->inputs * parts / TWOSTEP_PARTS * BETWEEN_CHAINS;

    while (ahead->at < end) {
        const vec first = vec_set(ahead->x[0][ahead->at]);
        const vec second = vec_set(ahead->x[1][ahead->at]);

        twostep_ahead_panel(ahead, 0, first, second);
        twostep_ahead_panel(ahead, 1, first, second);
        twostep_ahead_panel(ahead, 2, first, second);
        twostep_ahead_panel(ahead, 3, first, second);
        ahead->at += BETWEEN_CHAINS;
        ahead->w_at += BETWEEN_CHAINS * VEC_LANES;
        if (!ahead->fixed)
            __asm__("" : "+r"(ahead->at), "+r"(ahead->w_at));
    }
}

/* Writes the sums of both steps to z, or adds them to it. */
VEC_INLINE void twostep_ahead_put(const struct twostep_ahead *ahead,
                                  const struct f32_walk *walk, const bool adds)
{
    for (size_t s = 0; s < TWOSTEP_STEPS; s++)
        for (size_t p = 0; p < BETWEEN_PANELS; p++) {
            float *z = walk->made + s * walk->z_stride + p * VEC_LANES;
            vec sum = ahead->sum[s * BETWEEN_PANELS + p];

            vec_store(z, adds ? vec_add(vec_load(z), sum) : sum);
        }
}

/* tanh by tables that are read where they are used: a compiler which knew
 * that they never change would keep them, and put sums by for it. */
VEC_INLINE void twostep_tanh(vec x, float *out)
{
    static const float table[8][16]
        __attribute__((aligned(64))) = {TANH_TABLE(TANH_MANY_ROW)};
    const float(*rows)[16] = table;
    const vec size = vec_min(vec_set(MATH_TANH_END), vec_abs(x));
    const vec_place place =
        vec_octave_any(vec_fma(size, size, vec_set(0.35f)));
    vec entry[8];

    __asm__("" : "+r"(rows));
    MATH_COLUMN(vec_entry_16, rows, place, entry);
    vec_store(out, math_tanh_sum_many(x, size, entry));
}

/* What the sums of step t begin with. */
VEC_INLINE void twostep_begin(const struct f32_walk *walk, size_t t, vec *sum)
{
    between_begin(walk->z + t % TWOSTEP_STEPS * walk->z_stride, sum);
}

/* Adds inputs `k` to `k` + 7 of h to the sums. */
VEC_INLINE void twostep_eight(const float *w, const float *h, const int k,
                              vec *sum)
{
#define INPUT(i)                                                              \
    for (int p = 0; p < BETWEEN_PANELS; p++)                                  \
    sum[(i) % BETWEEN_CHAINS * BETWEEN_PANELS + p] =                          \
        vec_fma(vec_set(h[k + (i)]),                                          \
                vec_load(w + (p * TWOSTEP_UNITS + k + (i)) * VEC_LANES),      \
                sum[(i) % BETWEEN_CHAINS * BETWEEN_PANELS + p])
    INPUT(0);
    INPUT(1);
    INPUT(2);
    INPUT(3);
    INPUT(4);
    INPUT(5);
    INPUT(6);
    INPUT(7);
#undef INPUT
}

/* Where step t leaves its h. */
VEC_INLINE float *twostep_out(const struct f32_walk *walk, size_t t)
{
    return cell_at_step(walk, t, NULL).out;
}

/* Step t from its sums' beginnings on, and beside it its half of `ahead`. */
VEC_INLINE void twostep_step(const float *w, const struct f32_walk *walk,
                             size_t t, struct twostep_ahead *ahead, vec *sum)
{
    const float *h = t ? twostep_out(walk, t - 1) : walk->h;
    float *out = twostep_out(walk, t);

#define EIGHT(i)                                                              \
    twostep_eight(w, h, 8 * (i), sum);                                        \
    twostep_ahead_add(ahead, (i) + 1)
    EIGHT(0);
    EIGHT(1);
    EIGHT(2);
    EIGHT(3);
    EIGHT(4);
    EIGHT(5);
    EIGHT(6);
#undef EIGHT
    twostep_eight(w, h, 56, sum);
    twostep_ahead_add(ahead, 10);
    for (int p = 0; p < BETWEEN_PANELS; p++)
        sum[p] = vec_add(sum[p], sum[BETWEEN_PANELS + p]);
    twostep_tanh(sum[0], out);
    twostep_ahead_add(ahead, 12);
    twostep_tanh(sum[1], out + VEC_LANES);
    twostep_ahead_add(ahead, 14);
    twostep_tanh(sum[2], out + 2 * VEC_LANES);
    twostep_ahead_add(ahead, TWOSTEP_PARTS);
    twostep_tanh(sum[3], out + 3 * VEC_LANES);
}

/* Steps t and t + 1, if there is one.  A row of z is free once its step has
 * begun: what is made of the next goes there, first the even inputs' part. */
VEC_INLINE void twostep_take(const struct f32_cell *cell,
                             const struct f32_walk *walk, size_t t,
                             const size_t inputs)
{
    struct twostep_ahead ahead;
    vec sum[BETWEEN_SUMS];

    twostep_begin(walk, t, sum);
    twostep_ahead_begin(walk, t, 0, inputs, &ahead);
    twostep_step(cell->recurrent.kernel, walk, t, &ahead, sum);
    if (!inputs && t + 1 == walk->steps)
        return;
    twostep_begin(walk, t + 1, sum);
    twostep_ahead_put(&ahead, walk, false);
    twostep_ahead_begin(walk, t, 1, inputs, &ahead);
    twostep_step(cell->recurrent.kernel, walk, t + 1, &ahead, sum);
    twostep_ahead_put(&ahead, walk, true);
}

/* All steps from t on (an even one). */
__attribute__((noinline)) static void twostep_walk_any(
    const struct f32_cell *cell, const struct f32_walk *walk, size_t t)
{
    for (; t < walk->steps; t += TWOSTEP_STEPS)
        twostep_take(cell, walk, t, 0);
}

/* All steps of the walk.  (Functions of their own, which leaves the registers
 * to them.)  With 32 and 64 inputs they are straight lines: loops cost 2 and 8
 * %. */
__attribute__((noinline)) static void twostep_walk(const struct f32_cell *cell,
                                                   const struct f32_walk *walk)
{
    size_t t = 0;

    ahead_make(walk, 0, 1, BETWEEN_PANELS, BETWEEN_CHAINS);
    if (walk->input->inputs == 32)
        for (; t + 2 < walk->steps; t += TWOSTEP_STEPS)
            twostep_take(cell, walk, t, 32);
    if (walk->input->inputs == 64)
        for (; t + 2 < walk->steps; t += TWOSTEP_STEPS)
            twostep_take(cell, walk, t, 64);
    twostep_walk_any(cell, walk, t);
}

#endif
#endif
