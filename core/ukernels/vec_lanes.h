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

/* The chains of one gate's sum. */
struct lanes_sum {
    vec chain[4];
};

VEC_INLINE void lanes_begin(struct lanes_sum *sum, vec start)
{
    sum->chain[0] = start;
    for (int i = 1; i < 4; i++)
        sum->chain[i] = vec_set(0.0f);
}

VEC_INLINE void lanes_add(struct lanes_sum *sum, const int chain, vec x,
                          const float *w)
{
    sum->chain[chain] = vec_fma(x, vec_load(w), sum->chain[chain]);
}

VEC_INLINE vec lanes_join(const struct lanes_sum *sum, const int chains)
{
    if (chains == 2)
        return vec_add(sum->chain[0], sum->chain[1]);
    return vec_add(vec_add(sum->chain[0], sum->chain[2]),
                   vec_add(sum->chain[1], sum->chain[3]));
}

/* The sums of gates [first, first + part), into all[first ..].  Written out,
 * gates and inputs, since gcc keeps sums in registers only where none is found
 * by a loop in a loop: it put all of them on the stack for the sake of one
 * that joins their chains (a tenth of a step).  The first gate is the last
 * here: of a GRU it is waited for last. */
VEC_INLINE void lanes_part(const struct f32_cell *cell, const float *z, vec h,
                           const int first, const struct cell_way way,
                           vec *all)
{
    const float *w = cell->recurrent.kernel + first * VEC_LANES;
    const size_t inputs = cell->recurrent.inputs;
    const int part = way.most, gates = way.gates, chains = way.chains;
    struct lanes_sum sum[4];

    for (int v = 0; v < part; v++)
        lanes_begin(&sum[v], cell_start(cell, z, 0, gates, first + v));
#define GATE(v, k)                                                            \
    if (part > (v))                                                           \
        lanes_add(&sum[v], (k) % chains, x, w + ((k)*gates + (v)) * VEC_LANES);
#define INPUT(k)                                                              \
    if ((k) < VEC_LANES && inputs > (k)) {                                    \
        const vec x = vec_lane(h, (k) % VEC_LANES);                           \
                                                                              \
        GATE(1, k)                                                            \
        GATE(2, k)                                                            \
        GATE(3, k)                                                            \
        GATE(0, k)                                                            \
    }
    CELL_SIXTEEN(INPUT)
#undef INPUT
#undef GATE
    for (int v = 1; v <= part; v++)
        all[first + v % part] = lanes_join(&sum[v % part], chains);
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
        if (ahead_fits(way.gates))
            ahead_make(walk, t, way.gates, way.gates, way.chains);
        h = cell_end(cell, way.end, way.acts, all, &at);
        before = at.out;
    }
}

#endif
