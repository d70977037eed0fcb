/* vec_ahead.h: the input's part of the next step, made while this one's
 * activations wait for each other.
 *
 * A step of few units is a chain: sums, tanh, the next step's sums.  The
 * input's multiply-adds belong to no chain, so between the sums and the ends
 * of a step they cost little but the room in the ports that the ends leave.
 * (Measured: see BENCHMARKS.md.)  The order of the sums is that of ukernels.h.
 */
#ifndef CORE_UKERNELS_VEC_AHEAD_H
#define CORE_UKERNELS_VEC_AHEAD_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_tile.h"

/* Have the registers room for the chains of so many gates of one panel?  (Four
 * gates' are sixteen.) */
VEC_INLINE bool ahead_fits(const int gates)
{
    return VEC_LANES >= 8 && (gates < 4 || VEC_REGISTERS > 16);
}

/* Makes z of step t + 1, if there is one and nobody made it: `wide` vectors,
 * which is all of them. */
VEC_INLINE void ahead_make(const struct f32_walk *walk, size_t t,
                           const int gates, const int wide, const int chains)
{
    const struct f32_product *input = walk->input;
    float *z = walk->made + (t + 1) % 2 * walk->z_stride;
    struct tile tile = {
        .next_input = (size_t)gates * VEC_LANES,
        .gates = (size_t)gates,
    };
    vec sum[TILE_SUMS];

    if (!input || t + 1 == walk->steps)
        return;
    tile.x[0] = walk->x + (t + 1) * walk->x_stride;
    tile.inputs = input->inputs;
    tile.next_panel = input->inputs * tile.next_input;
    tile.kernel = input->kernel;
    for (int v = 0; v < wide; v++)
        sum[v] = vec_load(input->bias + v * VEC_LANES);
    tile_block(&tile, wide, chains, 0, tile.inputs, sum);
    for (int v = 0; v < wide; v++)
        vec_store(z + v * VEC_LANES, sum[v]);
}

#endif
