/* f32_simple.c: steps of SimpleRNN.
 *
 *   h' = act(z + h . U)
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_cell.h"

/* From the sum of one panel to its new h. */
VEC_INLINE void finish(const struct f32_cell *cell, const bool plain,
                       const vec *sum, const struct cell_at *at)
{
    vec_store(at->out, plain ? math_tanh(sum[0])
                             : cell_activate(&cell->activation, sum[0]));
}

#define WALK(panels, chains, plain)                                           \
    cell_walk(cell, walk,                                                     \
              (struct cell_way){1, panels, panels, chains, plain, finish})

void F32(simple_walk)(const struct f32_cell *cell, const struct f32_walk *walk)
{
    if (!cell_is_plain(cell))
        switch (cell->recurrent.chains) {
        case 1:
            WALK(4, 1, false);
            return;
        case 2:
            WALK(4, 2, false);
            return;
        default:
            WALK(2, 4, false);
            return;
        }
    switch (cell->recurrent.chains) {
    case 1:
        WALK(8, 1, true);
        break;
    case 2:
        WALK(VEC_REGISTERS > 16 ? 8 : 4, 2, true);
        break;
    default:
        WALK(VEC_REGISTERS > 16 ? 4 : 2, 4, true);
        break;
    }
}

/* All rows, `wide` panels. */
#define TILES(wide)                                                           \
    static void rows_##wide(const struct f32_cell *cell,                      \
                            const struct f32_step *step, size_t panel)        \
    {                                                                         \
        const size_t chains = cell->recurrent.chains;                         \
        size_t rows;                                                          \
                                                                              \
        for (size_t row = 0; row < step->rows; row += rows) {                 \
            rows = tile_next_rows(step->rows - row, chains);                  \
            TILE_CASES(RUN_##wide, rows, chains)                              \
        }                                                                     \
    }
#define RUN_1(rows, chains)                                                   \
    cell_block(cell, step, row, panel, 1, rows, 1, chains, finish)
#define RUN_2(rows, chains)                                                   \
    cell_block(cell, step, row, panel, 1, rows, 2, chains, finish)
#define RUN_4(rows, chains)                                                   \
    cell_block(cell, step, row, panel, 1, rows, 4, chains, finish)

TILES(1)
TILES(2)
TILES(4)

void F32(simple_step)(const struct f32_cell *cell, const struct f32_step *step,
                      size_t first, size_t end, float *scratch)
{
    size_t panel = first;

    (void)scratch;
    for (; panel + 4 <= end; panel += 4)
        rows_4(cell, step, panel);
    for (; panel + 2 <= end; panel += 2)
        rows_2(cell, step, panel);
    if (panel < end)
        rows_1(cell, step, panel);
}
