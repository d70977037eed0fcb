/* f32_gru.c: a step of GRU that resets after its product.
 *
 *   u r = ract(z_ur + h . U_ur)          g = act(fma(r, b1_h + h . U_h, z_h))
 *   h' = fma(u, h - g, g)
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_cell.h"

/* From the sums of the gates to the new h of one vector. */
VEC_INLINE void finish(const struct f32_cell *cell, const vec *sum, vec z,
                       vec h, float *out)
{
    vec u, r, g;

    if (cell_is_plain(cell)) {
        r = math_gate(sum[1]);
        u = math_gate(sum[0]);
        g = math_tanh(vec_fma(r, sum[2], z));
    } else {
        r = cell_activate(&cell->recurrent_activation, sum[1]);
        u = cell_activate(&cell->recurrent_activation, sum[0]);
        g = cell_activate(&cell->activation, vec_fma(r, sum[2], z));
    }
    vec_store(out, vec_fma(u, vec_sub(h, g), g));
}

VEC_INLINE void run_tile(const struct f32_cell *cell,
                         const struct f32_step *step, size_t row, size_t panel,
                         const int rows, const int panels, const int chains)
{
    struct tile tile = cell_tile(&cell->recurrent, 3, panel);
    const size_t column = panel * 3 * VEC_LANES;
    const int wide = panels * 3;
    vec sum[TILE_SUMS];

    for (int r = 0; r < rows; r++) {
        tile.x[r] = step->h[row + (size_t)r];
        for (int v = 0; v < wide; v++) {
            const float *start =
                v % 3 == 2 ? cell->recurrent.bias : step->z[row + (size_t)r];

            sum[r * wide + v] =
                vec_load(start + column + (size_t)v * VEC_LANES);
        }
    }
    tile_sum(&tile, rows, wide, chains, sum);
    for (int r = 0; r < rows; r++)
        for (int p = 0; p < panels; p++) {
            const size_t at = panel + (size_t)p;
            const float *z =
                step->z[row + (size_t)r] + (at * 3 + 2) * VEC_LANES;

            finish(cell, sum + r * wide + p * 3, vec_load(z),
                   vec_load(step->h[row + (size_t)r] + at * VEC_LANES),
                   step->out[row + (size_t)r] + at * VEC_LANES);
        }
}

static void run_row(const struct f32_cell *cell, const struct f32_step *step,
                    size_t row, size_t panel)
{
#define RUN(chains) run_tile(cell, step, row, panel, 1, 1, chains)
    CELL_CHAINS(RUN, cell->recurrent.chains);
#undef RUN
}

static void run_rows(const struct f32_cell *cell, const struct f32_step *step,
                     size_t panel)
{
    const int chains = (int)cell->recurrent.chains;
    size_t rows;

    for (size_t row = 0; row < step->rows; row += rows) {
        rows = cell_next_rows(step->rows - row);
        switch (rows) {
#define RUN(rows) run_tile(cell, step, row, panel, rows, 1, chains)
            CELL_ROWS(RUN)
#undef RUN
        default:
            run_row(cell, step, row, panel);
        }
    }
}

void F32(gru_step)(const struct f32_cell *cell, const struct f32_step *step,
                   size_t first, size_t end, float *scratch)
{
    size_t panel = first;

    (void)scratch;
    if (step->rows == 1 && cell->recurrent.chains == 1)
        for (; panel + 3 <= end; panel += 3)
            run_tile(cell, step, 0, panel, 1, 3, 1);
    for (; panel < end; panel++)
        run_rows(cell, step, panel);
}
