/* f32_gru.c: steps of GRU that resets after its product.
 *
 *   u r = ract(z_ur + h . U_ur)          g = act(fma(r, b1_h + h . U_h, z_h))
 *   h' = fma(u, h - g, g)
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_cell.h"
#include "core/ukernels/vec_lanes.h"
#include "core/ukernels/vec_step.h"
#include "core/ukernels/vec_streamed.h"
#include "core/ukernels/vec_twin.h"

/* From the sums of the gates to what g is the activation of, and u. */
VEC_INLINE struct cell_half head(const struct f32_cell *cell,
                                 const enum cell_acts acts, const vec *sum,
                                 const struct cell_at *at)
{
    const struct rnn_activation *ract = &cell->recurrent_activation;
    const bool plain = acts != CELL_ANY;
    const vec z = vec_load(at->z + 2 * VEC_LANES);
    struct cell_half half = {.h = vec_load(at->h)};
    vec r;

    r = plain ? cell_gate(acts, sum[1]) : cell_activate(ract, sum[1]);
    half.gate = plain ? cell_gate(acts, sum[0]) : cell_activate(ract, sum[0]);
    half.value = vec_fma(r, sum[2], z);
    return half;
}

VEC_INLINE vec tail(const struct f32_cell *cell, const enum cell_acts acts,
                    const struct cell_half *half, float *out)
{
    vec g = acts == CELL_ANY ? cell_activate(&cell->activation, half->value)
                             : cell_tanh(acts, half->value);
    vec h = vec_fma(half->gate, vec_sub(half->h, g), g);

    vec_store(out, h);
    return h;
}

#define FINISH ((struct cell_end){head, tail})

/* As many sums at once as the registers hold. */
#define WALK(panels, part, chains, acts)                                      \
    cell_walk(cell, walk,                                                     \
              (struct cell_way){3, panels, part, chains, acts, FINISH})
#define LANES(chains)                                                         \
    lanes_walk(cell, walk,                                                    \
               (struct cell_way){3, 1, 3, chains, CELL_SHORT, FINISH})

/* Two panels: what g is the activation of, u, g and the new h of each. */
VEC_INLINE void piece(struct streamed_ends *ends, const int piece)
{
    const struct cell_at at =
        cell_at(ends->row, ends->panel + (size_t)(piece % 2), 3);
    vec *value = ends->value + piece % 2 * 3, g;

    switch (piece / 2) {
    case 0:
        value[2] = vec_fma(math_gate_one_table(value[1]), value[2],
                           vec_load(at.z + 2 * VEC_LANES));
        break;
    case 1:
        value[0] = math_gate_one_table(value[0]);
        break;
    default:
        g = cell_tanh(CELL_MANY, value[2]);
        vec_store(at.out, vec_fma(value[0], vec_sub(vec_load(at.h), g), g));
        break;
    }
}

void F32(gru_walk)(const struct f32_cell *cell, const struct f32_walk *walk)
{
    if (!cell_is_plain(cell))
        switch (cell->recurrent.chains) {
        case 1:
            WALK(2, 6, 1, CELL_ANY);
            return;
        case 2:
            WALK(2, 6, 2, CELL_ANY);
            return;
        default:
            WALK(1, 3, 4, CELL_ANY);
            return;
        }
#if VEC_LANES == 16
    if (pair_suits(cell, walk)) {
        twin_walk(cell, walk);
        return;
    }
#endif
    switch (cell->recurrent.chains) {
    case 1:
        if (streamed_fits(cell, walk, 2))
            streamed_walk(cell, walk,
                          (struct cell_way){3, 2, 6, 1, CELL_SHORT, FINISH},
                          piece);
        else
            WALK(2, 6, 1, CELL_SHORT);
        break;
    case 2:
        if (lanes_are_enough(cell))
            LANES(2);
        else
            WALK(2, 6, 2, CELL_SHORT);
        break;
    default:
        if (lanes_are_enough(cell))
            LANES(4);
        else
            WALK(2, 3, 4, CELL_SHORT);
        break;
    }
}

void F32(gru_step)(const struct f32_cell *cell, const struct f32_step *step,
                   size_t first, size_t end, float *scratch)
{
    cell_lay(cell, step, scratch);
    cell_step(cell, step, first, end, 3, 1, scratch, FINISH);
}
