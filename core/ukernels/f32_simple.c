/* f32_simple.c: a step of SimpleRNN.
 *
 *   h' = act(z + h . U)
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_cell.h"

VEC_INLINE void run_tile(const struct f32_cell *cell,
                         const struct f32_step *step, size_t row, size_t panel,
                         const int rows, const int wide, const int chains)
{
    struct tile tile = cell_tile(&cell->recurrent, 1, panel);
    const bool plain = cell_is_plain(cell);
    const size_t unit = panel * VEC_LANES;
    vec sum[TILE_SUMS];

    for (int r = 0; r < rows; r++) {
        tile.x[r] = step->h[row + (size_t)r];
        for (int v = 0; v < wide; v++)
            sum[r * wide + v] = vec_load(step->z[row + (size_t)r] + unit +
                                         (size_t)v * VEC_LANES);
    }
    tile_sum(&tile, rows, wide, chains, sum);
    for (int r = 0; r < rows; r++) {
        float *out = step->out[row + (size_t)r] + unit;

        for (int v = 0; v < wide; v++) {
            vec h = sum[r * wide + v];

            vec_store(out + (size_t)v * VEC_LANES, plain ? math_tanh(h) : h);
        }
        if (!plain)
            F32(gate_activate)
        (&cell->activation, (size_t)wide * VEC_LANES, out);
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
#define RUN_1(rows, chains) run_tile(cell, step, row, panel, rows, 1, chains)
#define RUN_2(rows, chains) run_tile(cell, step, row, panel, rows, 2, chains)
#define RUN_4(rows, chains) run_tile(cell, step, row, panel, rows, 4, chains)

TILES(1)
TILES(2)
TILES(4)

void F32(simple_step)(const struct f32_cell *cell, const struct f32_step *step,
                      size_t first, size_t end, float *scratch)
{
    size_t panel = first;

    (void)scratch;
    if (step->rows == 1 && cell->recurrent.chains == 1)
        for (; panel + 8 <= end; panel += 8)
            run_tile(cell, step, 0, panel, 1, 8, 1);
    if (step->rows == 1 && cell->recurrent.chains == 2 && VEC_REGISTERS > 16)
        for (; panel + 8 <= end; panel += 8)
            run_tile(cell, step, 0, panel, 1, 8, 2);
    for (; panel + 4 <= end; panel += 4)
        rows_4(cell, step, panel);
    for (; panel + 2 <= end; panel += 2)
        rows_2(cell, step, panel);
    if (panel < end)
        rows_1(cell, step, panel);
}
