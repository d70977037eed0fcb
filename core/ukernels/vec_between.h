/* vec_between.h: walks of a SimpleRNN of four panels of sixteen units, from
 * the inputs on (AVX-512).
 *
 * Three things keep the two ports of multiply-adds busy, which is all that a
 * step should take.  Reads go through two ports of their own, which have no
 * fewer turns to take: so z of two steps is made at once, from weights that
 * are read once, and of the even inputs in one step, of the odd ones in the
 * next, which takes no more sums.  The sums of a step can fill the ports, but
 * wait for each other if anything else gets a turn; its four tanh wait for
 * themselves: so z stands among all of them in small parts, none behind the
 * last tanh, since the next step needs it first.  And registers go to sums,
 * not to the tables of tanh.  (Measured: BENCHMARKS.md.)  The order of the
 * sums is that of ukernels.h.
 */
#ifndef CORE_UKERNELS_VEC_BETWEEN_H
#define CORE_UKERNELS_VEC_BETWEEN_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_ahead.h"
#include "core/ukernels/vec_whole.h"

#if VEC_LANES == 16

#define BETWEEN_PANELS 4
#define BETWEEN_UNITS  (BETWEEN_PANELS * VEC_LANES)
#define BETWEEN_CHAINS 2
#define BETWEEN_SUMS   (BETWEEN_PANELS * BETWEEN_CHAINS)

/* Steps whose z is made at once. */
#define BETWEEN_STEPS 2

/* Parts of the even or odd inputs, one each of as many of 32 inputs. */
#define BETWEEN_PARTS 16

/* Does such a walk do for the cell? */
VEC_INLINE bool between_suits(const struct f32_cell *cell,
                              const struct f32_walk *walk)
{
    const struct whole_way way = {BETWEEN_PANELS, BETWEEN_PANELS,
                                  BETWEEN_CHAINS};

    return walk->input && whole_suits(cell, walk, way);
}

/* z of two steps in the making, of the even inputs or of the odd ones. */
struct between_ahead {
    const float *w[BETWEEN_PANELS]; /* of the first of these inputs */
    const float *x[BETWEEN_STEPS];
    size_t at, w_at; /* floats from there to the next one, and its weights */
    size_t inputs;
    bool fixed; /* `inputs` is a constant */
    vec sum[BETWEEN_STEPS * BETWEEN_PANELS];
};

/* z of steps t + 2 and t + 3, or of none; `half` is 1 for the odd inputs,
 * `inputs` their constant number or 0.  (If there is no step t + 3, its z is
 * that of t + 2 once more.) */
VEC_INLINE void between_ahead_begin(const struct f32_walk *walk, size_t t,
                                    const size_t half, const size_t inputs,
                                    struct between_ahead *ahead)
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
VEC_INLINE void between_ahead_panel(struct between_ahead *ahead, const int p,
                                    const vec first, const vec second)
{
    vec *sum = ahead->sum + p;
    vec w = vec_load(ahead->w[p] + ahead->w_at);

    __asm__("" : "+v"(w));
    sum[0] = vec_fma(first, w, sum[0]);
    sum[BETWEEN_PANELS] = vec_fma(second, w, sum[BETWEEN_PANELS]);
}

/* Adds inputs until `parts` of BETWEEN_PARTS are there.  (Two places to keep,
 * not six, where they are no constants.) */
VEC_INLINE void between_ahead_add(struct between_ahead *ahead,
                                  const size_t parts)
{
    const size_t end = ahead->inputs * parts / BETWEEN_PARTS * BETWEEN_CHAINS;

    while (ahead->at < end) {
        const vec first = vec_set(ahead->x[0][ahead->at]);
        const vec second = vec_set(ahead->x[1][ahead->at]);

        between_ahead_panel(ahead, 0, first, second);
        between_ahead_panel(ahead, 1, first, second);
        between_ahead_panel(ahead, 2, first, second);
        between_ahead_panel(ahead, 3, first, second);
        ahead->at += BETWEEN_CHAINS;
        ahead->w_at += BETWEEN_CHAINS * VEC_LANES;
        if (!ahead->fixed)
            __asm__("" : "+r"(ahead->at), "+r"(ahead->w_at));
    }
}

/* Writes the sums of both steps to z, or adds them to it. */
VEC_INLINE void between_ahead_put(const struct between_ahead *ahead,
                                  const struct f32_walk *walk, const bool adds)
{
    for (size_t s = 0; s < BETWEEN_STEPS; s++)
        for (size_t p = 0; p < BETWEEN_PANELS; p++) {
            float *z = walk->made + s * walk->z_stride + p * VEC_LANES;
            vec sum = ahead->sum[s * BETWEEN_PANELS + p];

            vec_store(z, adds ? vec_add(vec_load(z), sum) : sum);
        }
}

/* tanh by tables that are read where they are used: a compiler which knew
 * that they never change would keep them, and put sums by for it. */
VEC_INLINE void between_tanh(vec x, float *out)
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
VEC_INLINE void between_begin(const struct f32_walk *walk, size_t t, vec *sum)
{
    const float *z = walk->z + t % BETWEEN_STEPS * walk->z_stride;

    for (size_t p = 0; p < BETWEEN_PANELS; p++) {
        sum[p] = vec_load(z + p * VEC_LANES);
        sum[BETWEEN_PANELS + p] = vec_set(0.0f);
    }
}

/* Adds inputs `k` to `k` + 7 of h to the sums. */
VEC_INLINE void between_eight(const float *w, const float *h, const int k,
                              vec *sum)
{
#define INPUT(i)                                                              \
    for (int p = 0; p < BETWEEN_PANELS; p++)                                  \
    sum[(i) % BETWEEN_CHAINS * BETWEEN_PANELS + p] =                          \
        vec_fma(vec_set(h[k + (i)]),                                          \
                vec_load(w + (p * BETWEEN_UNITS + k + (i)) * VEC_LANES),      \
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
VEC_INLINE float *between_out(const struct f32_walk *walk, size_t t)
{
    return walk->out[t % BETWEEN_STEPS] + t * walk->out_stride;
}

/* Step t from its sums' beginnings on, and beside it its half of `ahead`. */
VEC_INLINE void between_step(const float *w, const struct f32_walk *walk,
                             size_t t, struct between_ahead *ahead, vec *sum)
{
    const float *h = t ? between_out(walk, t - 1) : walk->h;
    float *out = between_out(walk, t);

    between_eight(w, h, 0, sum);
    between_ahead_add(ahead, 1);
    between_eight(w, h, 8, sum);
    between_ahead_add(ahead, 2);
    between_eight(w, h, 16, sum);
    between_ahead_add(ahead, 3);
    between_eight(w, h, 24, sum);
    between_ahead_add(ahead, 4);
    between_eight(w, h, 32, sum);
    between_ahead_add(ahead, 5);
    between_eight(w, h, 40, sum);
    between_ahead_add(ahead, 6);
    between_eight(w, h, 48, sum);
    between_ahead_add(ahead, 7);
    between_eight(w, h, 56, sum);
    between_ahead_add(ahead, 10);
    for (int p = 0; p < BETWEEN_PANELS; p++)
        sum[p] = vec_add(sum[p], sum[BETWEEN_PANELS + p]);
    between_tanh(sum[0], out);
    between_ahead_add(ahead, 12);
    between_tanh(sum[1], out + VEC_LANES);
    between_ahead_add(ahead, 14);
    between_tanh(sum[2], out + 2 * VEC_LANES);
    between_ahead_add(ahead, BETWEEN_PARTS);
    between_tanh(sum[3], out + 3 * VEC_LANES);
}

/* Steps t and t + 1, if there is one.  A row of z is free once its step has
 * begun: what is made of the next goes there, first the even inputs' part. */
VEC_INLINE void between_pair(const struct f32_cell *cell,
                             const struct f32_walk *walk, size_t t,
                             const size_t inputs)
{
    struct between_ahead ahead;
    vec sum[BETWEEN_SUMS];

    between_begin(walk, t, sum);
    between_ahead_begin(walk, t, 0, inputs, &ahead);
    between_step(cell->recurrent.kernel, walk, t, &ahead, sum);
    if (!inputs && t + 1 == walk->steps)
        return;
    between_begin(walk, t + 1, sum);
    between_ahead_put(&ahead, walk, false);
    between_ahead_begin(walk, t, 1, inputs, &ahead);
    between_step(cell->recurrent.kernel, walk, t + 1, &ahead, sum);
    between_ahead_put(&ahead, walk, true);
}

/* All steps from t on (an even one). */
__attribute__((noinline)) static void between_walk_any(
    const struct f32_cell *cell, const struct f32_walk *walk, size_t t)
{
    for (; t < walk->steps; t += BETWEEN_STEPS)
        between_pair(cell, walk, t, 0);
}

/* All steps of the walk.  (Functions of their own, which leaves the registers
 * to them.)  With 32 inputs they are straight lines: loops cost 2 %. */
__attribute__((noinline)) static void between_walk(const struct f32_cell *cell,
                                                   const struct f32_walk *walk)
{
    size_t t = 0;

    ahead_make(walk, 0, 1, BETWEEN_PANELS, BETWEEN_CHAINS);
    if (walk->input->inputs == 32)
        for (; t + 2 < walk->steps; t += BETWEEN_STEPS)
            between_pair(cell, walk, t, 32);
    between_walk_any(cell, walk, t);
}

#endif
#endif
