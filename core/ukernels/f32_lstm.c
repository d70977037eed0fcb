/* f32_lstm.c: steps of LSTM.
 *
 *   i f o = ract(z_ifo + h . U_ifo)      g = act(z_c + h . U_c)
 *   c' = fma(f, c, i g)                  h' = o act(c')
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_cell.h"
#include "core/ukernels/vec_lanes.h"
#include "core/ukernels/vec_pair.h"
#include "core/ukernels/vec_step.h"
#include "core/ukernels/vec_streamed.h"

/* From the sums of the gates i f c o to the new c and o. */
VEC_INLINE struct cell_half head(const struct f32_cell *cell,
                                 const enum cell_acts acts, const vec *sum,
                                 const struct cell_at *at)
{
    const struct rnn_activation *act = &cell->activation;
    const struct rnn_activation *ract = &cell->recurrent_activation;
    struct cell_half half = {.h = vec_set(0.0f)}; /* which is not read */
    vec i, f, g;

    if (acts != CELL_ANY) {
        i = cell_gate(acts, sum[0]);
        f = cell_gate(acts, sum[1]);
        g = cell_tanh(acts, sum[2]);
        half.gate = cell_gate(acts, sum[3]);
    } else {
        i = cell_activate(ract, sum[0]);
        f = cell_activate(ract, sum[1]);
        g = cell_activate(act, sum[2]);
        half.gate = cell_activate(ract, sum[3]);
    }
    half.value = vec_fma(f, vec_load(at->c), vec_mul(i, g));
    vec_store(at->c, half.value);
    return half;
}

VEC_INLINE vec tail(const struct f32_cell *cell, const enum cell_acts acts,
                    const struct cell_half *half, float *out)
{
    vec h = acts == CELL_ANY ? cell_activate(&cell->activation, half->value)
                             : cell_tanh(acts, half->value);

    h = vec_mul(half->gate, h);
    vec_store(out, h);
    return h;
}

#define FINISH ((struct cell_end){head, tail})

/* Floats of weights that are still in a nearest cache of 48 KiB when they
 * are needed again. */
#define NEAR_FLOATS 8192

/* As many sums at once as the registers hold. */
#define WALK(panels, part, chains, acts)                                      \
    cell_walk(cell, walk,                                                     \
              (struct cell_way){4, panels, part, chains, acts, FINISH})
#define PART(many, few) (VEC_REGISTERS > 16 ? (many) : (few))
#define LANES(part, chains)                                                   \
    lanes_walk(cell, walk,                                                    \
               (struct cell_way){4, 1, part, chains, CELL_SHORT, FINISH})

/* Does one panel, but not two, stay in the nearest cache from a step to the
 * next, which begins with the panels the one before ended with?  Two of them
 * at a time have enough sums to hide the latency of a multiply-add, which
 * counts while the weights need not be waited for, or vectors are narrow. */
static bool panel_fills_cache(const struct f32_cell *cell)
{
    const size_t floats = cell->recurrent.inputs * 4 * VEC_LANES;

    return VEC_LANES >= 16 && floats > NEAR_FLOATS / 2 &&
           floats <= NEAR_FLOATS;
}

VEC_INLINE void piece(struct streamed_ends *ends, const int piece)
{
    const struct cell_at at = cell_at(ends->row, ends->panel, 4);
    vec *value = ends->value;

    switch (piece) {
    case 0: /* i */
    case 1: /* f */
        value[piece] = math_gate_one_table(value[piece]);
        break;
    case 2: /* g, c' */
        value[2] = cell_tanh(CELL_MANY, value[2]);
        value[0] =
            vec_fma(value[1], vec_load(at.c), vec_mul(value[0], value[2]));
        vec_store(at.c, value[0]);
        break;
    case 3: /* o */
        value[3] = math_gate_one_table(value[3]);
        break;
    case 4:
        value[0] = cell_tanh(CELL_MANY, value[0]);
        break;
    default:
        vec_store(at.out, vec_mul(value[3], value[0]));
        break;
    }
}

void F32(lstm_walk)(const struct f32_cell *cell, const struct f32_walk *walk)
{
    if (!cell_is_plain(cell))
        switch (cell->recurrent.chains) {
        case 1:
            WALK(2, 8, 1, CELL_ANY);
            return;
        case 2:
            WALK(1, 4, 2, CELL_ANY);
            return;
        default:
            WALK(1, PART(4, 2), 4, CELL_ANY);
            return;
        }
#if VEC_LANES == 16
    if (pair_suits(cell, walk)) {
        pair_walk(cell, walk);
        return;
    }
#endif
    switch (cell->recurrent.chains) {
    case 1:
        if (streamed_fits(cell, walk, 1))
            streamed_walk(cell, walk,
                          (struct cell_way){4, 1, 4, 1, CELL_SHORT, FINISH},
                          piece);
        else if (panel_fills_cache(cell))
            WALK(1, 4, 1, CELL_SHORT);
        else
            WALK(2, 8, 1, CELL_SHORT);
        break;
    case 2:
        if (lanes_are_enough(cell))
            LANES(4, 2);
        else
            WALK(2, PART(8, 4), 2, CELL_SHORT);
        break;
    default:
        if (lanes_are_enough(cell))
            LANES(PART(4, 2), 4);
        else
            WALK(2, PART(4, 2), 4, CELL_SHORT);
        break;
    }
}

void F32(lstm_step)(const struct f32_cell *cell, const struct f32_step *step,
                    size_t first, size_t end, float *scratch)
{
    cell_lay(cell, step, scratch);
    cell_step(cell, step, first, end, 4, 1, scratch, FINISH);
}
