/* vec_cell.h: what the cells' files share: tiles that start from the input's
 * part, and a function for every number of rows.
 */
#ifndef CORE_UKERNELS_VEC_CELL_H
#define CORE_UKERNELS_VEC_CELL_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_tile.h"

/* A tile of `product` from panel `panel` on, its inputs yet to be set. */
VEC_INLINE struct tile cell_tile(const struct f32_product *product,
                                 const int gates, size_t panel)
{
    const size_t next_input = (size_t)gates * VEC_LANES;

    return (struct tile){
        .kernel = product->kernel + panel * product->inputs * next_input,
        .inputs = product->inputs,
        .next_input = next_input,
        .next_panel = product->inputs * next_input,
        .gates = (size_t)gates,
    };
}

/* Are its activations the ones that the epilogues hold inline? */
VEC_INLINE bool cell_is_plain(const struct f32_cell *cell)
{
    return cell->activation.kind == RNN_ACT_TANH &&
           (cell->kind == F32_CELL_SIMPLE ||
            cell->recurrent_activation.kind == RNN_ACT_SIGMOID);
}

/* One vector through any activation of one number. */
VEC_INLINE vec cell_activate(const struct rnn_activation *activation, vec x)
{
    float lanes[VEC_LANES];

    vec_store(lanes, x);
    F32(gate_activate)(activation, VEC_LANES, lanes);
    return vec_load(lanes);
}

#endif
