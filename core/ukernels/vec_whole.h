/* vec_whole.h: walks of a SimpleRNN whose units fill a few vectors exactly.
 *
 * All measures are constants then, so that a step is one straight line: every
 * weight lies at a fixed distance from one pointer, which halves what the
 * core has to keep in sight for each multiply-add.  (Measured, of the cell:
 * 32 units take 18 % less on AVX-512 and AVX2, 64 take 7 and 10 % less.  To
 * spread some of h by shuffles instead of by loads takes more: the port of
 * shuffles is the one that tanh's look-ups and half of the multiply-adds wait
 * for.)  The order of the sums is that of ukernels.h.
 */
#ifndef CORE_UKERNELS_VEC_WHOLE_H
#define CORE_UKERNELS_VEC_WHOLE_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_ahead.h"
#include "core/ukernels/vec_cell.h"

/* How such a walk goes, all constants: all panels, as many at a time as there
 * are sums for. */
struct whole_way {
    int panels, group, chains;
};

/* Does the walk suit the cell (and take all of its panels)? */
VEC_INLINE bool whole_suits(const struct f32_cell *cell,
                            const struct f32_walk *walk,
                            const struct whole_way way)
{
    const struct f32_product *product = &cell->recurrent;

    return product->inputs == (size_t)(way.panels * VEC_LANES) &&
           product->chains == (size_t)way.chains && walk->first == 0 &&
           walk->end == (size_t)way.panels;
}

/* Adds inputs `k` to `k` + 15 to their chains of every sum of the group; `w`
 * is the kernel of its first panel.  (Written out, since compilers keep sums
 * in registers only where all is constant.) */
VEC_INLINE void whole_inputs(const float *w, const float *h, const int k,
                             const struct whole_way way, vec *sum)
{
    const int next_panel = way.panels * VEC_LANES * VEC_LANES;

#define INPUT(i)                                                              \
    for (int g = 0; g < way.group; g++)                                       \
    sum[(i) % way.chains * way.group + g] =                                   \
        vec_fma(vec_set(h[k + (i)]),                                          \
                vec_load(w + g * next_panel + (k + (i)) * VEC_LANES),         \
                sum[(i) % way.chains * way.group + g])
    CELL_SIXTEEN(INPUT)
#undef INPUT
}

/* The sums of a group of panels. */
VEC_INLINE void whole_sums(const float *w, const float *z, const float *h,
                           const struct whole_way way, vec *sum)
{
    for (int g = 0; g < way.group; g++)
        sum[g] = vec_load(z + g * VEC_LANES);
    for (int i = way.group; i < way.chains * way.group; i++)
        sum[i] = vec_set(0.0f);
    for (int k = 0; k < way.panels * VEC_LANES; k += 16)
        whole_inputs(w, h, k, way, sum);
    for (int half = way.chains / 2; half > 0; half /= 2)
        for (int i = 0; i < half * way.group; i++)
            sum[i] = vec_add(sum[i], sum[i + half * way.group]);
}

/* All steps of the walk. */
VEC_INLINE void whole_walk(const struct f32_cell *cell,
                           const struct f32_walk *walk,
                           const struct whole_way way,
                           const struct cell_end end)
{
    const float *w = cell->recurrent.kernel, *h = walk->h;

    for (size_t t = 0; t < walk->steps; t++) {
        const struct cell_at row = cell_at_step(walk, t, h);

        for (int p = 0; p < way.panels; p += way.group) {
            vec sum[TILE_SUMS];

            whole_sums(w + p * way.panels * VEC_LANES * VEC_LANES,
                       row.z + p * VEC_LANES, h, way, sum);
            if (VEC_LANES == 16 && p == 0)
                ahead_make(walk, t, 1, way.panels, way.chains);
            for (int g = 0; g < way.group; g++) {
                const struct cell_at at = {.out =
                                               row.out + (p + g) * VEC_LANES};

                cell_end(cell, end, CELL_SHORT, sum + g, &at);
            }
        }
        h = row.out;
    }
}

#endif
