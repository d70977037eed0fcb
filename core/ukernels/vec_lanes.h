/* vec_lanes.h: walks of cells whose units fit into one vector.
 *
 * h stays in a register from step to step: its lanes are spread by shuffles,
 * which takes half as long as to store it and read its numbers one by one
 * (measured: 6 of the 60 cycles of a SimpleRNN's step).  The sums are those of
 * vec_tile.h, the order that of ukernels.h.
 */
#ifndef CORE_UKERNELS_VEC_LANES_H
#define CORE_UKERNELS_VEC_LANES_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_ahead.h"
#include "core/ukernels/vec_cell.h"

/* Does such a walk do for the cell? */
VEC_INLINE bool lanes_are_enough(const struct f32_cell *cell)
{
    return cell->recurrent.panels == 1 && VEC_LANES > 1;
}

/* Adds input `k` to its chain of `part` sums; sum[chain * part + v]. */
VEC_INLINE void lanes_input(const float *w, vec h, const int k, const int part,
                            const int gates, const int chains, vec *sum)
{
    const vec x = vec_lane(h, k);

    for (int v = 0; v < part; v++)
        sum[k % chains * part + v] =
            vec_fma(x, vec_load(w + (k * gates + v) * VEC_LANES),
                    sum[k % chains * part + v]);
}

/* The sums of gates [first, first + part), into all[first ..].  (Inputs are
 * written out, since compilers keep sums in registers only where all is
 * constant.) */
VEC_INLINE void lanes_part(const struct f32_cell *cell, const float *z, vec h,
                           const int first, const struct cell_way way,
                           vec *all)
{
    const float *w = cell->recurrent.kernel + first * VEC_LANES;
    const size_t inputs = cell->recurrent.inputs;
    const int part = way.most;
    vec sum[TILE_SUMS];

    for (int v = 0; v < part; v++)
        sum[v] = cell_start(cell, z, 0, way.gates, first + v);
    for (int i = part; i < way.chains * part; i++)
        sum[i] = vec_set(0.0f);
#define INPUT(k)                                                              \
    if ((k) < VEC_LANES && inputs > (k))                                      \
    lanes_input(w, h, (k) % VEC_LANES, part, way.gates, way.chains, sum)
    CELL_SIXTEEN(INPUT)
#undef INPUT
    for (int half = way.chains / 2; half > 0; half /= 2)
        for (int i = 0; i < half * part; i++)
            sum[i] = vec_add(sum[i], sum[i + half * part]);
    for (int v = 0; v < part; v++)
        all[first + v] = sum[v];
}

/* All steps of a walk; of `way` counts what is not the number of panels. */
VEC_INLINE void lanes_walk(const struct f32_cell *cell,
                           const struct f32_walk *walk,
                           const struct cell_way way)
{
    const float *before = walk->h;
    vec h = vec_load(walk->h);

    if (walk->first == walk->end) /* a part without panels */
        return;
    for (size_t t = 0; t < walk->steps; t++) {
        const struct cell_at at = cell_at_step(walk, t, before);
        vec all[4];

        lanes_part(cell, at.z, h, 0, way, all);
        if (way.most < way.gates)
            lanes_part(cell, at.z, h, way.most, way, all);
        if (way.gates == 1)
            ahead_make(walk, t, 1, 1, way.chains);
        h = cell_end(cell, way.end, way.acts, all, &at);
        before = at.out;
    }
}

#endif
