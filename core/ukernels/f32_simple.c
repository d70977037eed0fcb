/* f32_simple.c: steps of SimpleRNN.
 *
 *   h' = act(z + h . U)
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_between.h"
#include "core/ukernels/vec_cell.h"
#include "core/ukernels/vec_lanes.h"
#include "core/ukernels/vec_step.h"
#include "core/ukernels/vec_streamed.h"
#include "core/ukernels/vec_twostep.h"
#include "core/ukernels/vec_whole.h"

/* The sum of one panel waits for nothing. */
VEC_INLINE struct cell_half head(const struct f32_cell *cell,
                                 const enum cell_acts acts, const vec *sum,
                                 const struct cell_at *at)
{
    (void)cell;
    (void)acts;
    (void)at;
    return (struct cell_half){.value = sum[0]};
}

VEC_INLINE vec tail(const struct f32_cell *cell, const enum cell_acts acts,
                    const struct cell_half *half, float *out)
{
    vec h = acts == CELL_ANY ? cell_activate(&cell->activation, half->value)
                             : cell_tanh(acts, half->value);

    vec_store(out, h);
    return h;
}

#define FINISH ((struct cell_end){head, tail})

#define WALK(panels, chains, acts)                                            \
    cell_walk(cell, walk,                                                     \
              (struct cell_way){1, panels, panels, chains, acts, FINISH})

#define WHOLE(panels, group, chains)                                          \
    if (whole_suits(cell, walk, (struct whole_way){panels, group, chains})) { \
        whole_walk(cell, walk, (struct whole_way){panels, group, chains},     \
                   FINISH);                                                   \
        return true;                                                          \
    }

/* Walks of 16, 32 and 64 units, where vectors are so wide that few do. */
static bool whole_walks(const struct f32_cell *cell,
                        const struct f32_walk *walk)
{
#if VEC_LANES == 16
    WHOLE(2, 2, 4)
    if (twostep_suits(cell, walk)) {
        twostep_walk(cell, walk);
        return true;
    }
    if (between_suits(cell, walk)) {
        between_walk(cell, walk);
        return true;
    }
    WHOLE(4, 4, 2)
#elif VEC_LANES == 8
    WHOLE(2, 2, 4)
    WHOLE(4, 2, 4)
    WHOLE(8, 4, 2)
#endif
    (void)cell;
    (void)walk;
    return false;
}

/* Four panels, of each its activation. */
VEC_INLINE void piece(struct streamed_ends *ends, const int piece)
{
    struct cell_at at;

    if (piece >= 4)
        return;
    at = cell_at(ends->row, ends->panel + (size_t)piece, 1);
    vec_store(at.out, cell_tanh(CELL_MANY, ends->value[piece]));
}

/* Do four panels at a time do better than eight?  Each is a stream of weights
 * of its own, and of those from the second-level cache four come sooner;
 * eight have the shorter beginnings and ends, which is more where they are
 * all there are.  (Measured: see BENCHMARKS.md.)
 * A function of its own: beside it compilers make the other's loops slower. */
__attribute__((noinline)) static bool walks_fours(const struct f32_cell *cell,
                                                  const struct f32_walk *walk)
{
    if (cell->recurrent.panels <= 8 || !streamed_fits(cell, walk, 4))
        return false;
    streamed_walk(cell, walk,
                  (struct cell_way){1, 4, 4, 1, CELL_SHORT, FINISH}, piece);
    return true;
}

void F32(simple_walk)(const struct f32_cell *cell, const struct f32_walk *walk)
{
    if (!cell_is_plain(cell))
        switch (cell->recurrent.chains) {
        case 1:
            WALK(4, 1, CELL_ANY);
            return;
        case 2:
            WALK(4, 2, CELL_ANY);
            return;
        default:
            WALK(2, 4, CELL_ANY);
            return;
        }
    if (whole_walks(cell, walk))
        return;
    switch (cell->recurrent.chains) {
    case 1:
        if (!walks_fours(cell, walk))
            WALK(8, 1, CELL_SHORT);
        break;
    case 2:
        WALK(VEC_REGISTERS > 16 ? 8 : 4, 2, CELL_SHORT);
        break;
    default:
        if (lanes_are_enough(cell))
            lanes_walk(cell, walk,
                       (struct cell_way){1, 1, 1, 4, CELL_SHORT, FINISH});
        else
            WALK(VEC_REGISTERS > 16 ? 4 : 2, 4, CELL_SHORT);
        break;
    }
}

void F32(simple_step)(const struct f32_cell *cell, const struct f32_step *step,
                      size_t first, size_t end, float *scratch)
{
    const size_t fours = end - (end - first) % 4;
    const size_t twos = end - (end - fours) % 2;

    cell_lay(cell, step, scratch);
    cell_step(cell, step, first, fours, 1, 4, scratch, FINISH);
    cell_step(cell, step, fours, twos, 1, 2, scratch, FINISH);
    cell_step(cell, step, twos, end, 1, 1, scratch, FINISH);
}
