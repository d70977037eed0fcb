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

/* Starts and sums of `panels` panels of `rows` rows. */
VEC_INLINE void run_sums(const struct f32_cell *cell,
                         const struct f32_step *step, size_t row, size_t panel,
                         const int rows, const int panels, const int chains,
                         vec *sum)
{
    struct tile tile = cell_tile(&cell->recurrent, 3, panel);
    const size_t column = panel * 3 * VEC_LANES;
    const int wide = panels * 3;

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
}

/* What follows the sums of one panel of one row. */
VEC_INLINE void finish_panel(const struct f32_cell *cell,
                             const struct f32_step *step, size_t row,
                             size_t panel, const vec *sum)
{
    const size_t unit = panel * VEC_LANES;

    finish(cell, sum, vec_load(step->z[row] + 3 * unit + 2 * VEC_LANES),
           vec_load(step->h[row] + unit), step->out[row] + unit);
}

VEC_INLINE void run_tile(const struct f32_cell *cell,
                         const struct f32_step *step, size_t row, size_t panel,
                         const int rows, const int chains)
{
    vec sum[TILE_SUMS];

    run_sums(cell, step, row, panel, rows, 1, chains, sum);
    for (int r = 0; r < rows; r++)
        finish_panel(cell, step, row + (size_t)r, panel, sum + r * 3);
}

/* The sums of `panels` panels of one row, kept in `out`. */
VEC_INLINE void keep_sums(const struct f32_cell *cell,
                          const struct f32_step *step, size_t row,
                          size_t panel, const int panels, const int chains,
                          vec *out)
{
    vec sum[TILE_SUMS];

    run_sums(cell, step, row, panel, 1, panels, chains, sum);
    for (int v = 0; v < panels * 3; v++)
        out[v] = sum[v];
}

/* Up to GROUP panels of one row: all sums, then all that follows, so that the
 * long ways through the activations run side by side. */
#define GROUP 4

static void run_group(const struct f32_cell *cell, const struct f32_step *step,
                      size_t row, size_t panel, size_t count)
{
    const size_t chains = cell->recurrent.chains;
    vec sum[GROUP * 3];
    size_t p = 0;

    if (chains == 1 && count == 4) {
        keep_sums(cell, step, row, panel, 4, 1, sum);
        p = 4;
    }
    if (chains == 1)
        for (; p + 2 <= count; p += 2)
            keep_sums(cell, step, row, panel + p, 2, 1, sum + p * 3);
    if (chains == 2)
        for (; p + 2 <= count; p += 2)
            keep_sums(cell, step, row, panel + p, 2, 2, sum + p * 3);
    for (; p < count; p++) {
#define RUN(rows, chains)                                                     \
    keep_sums(cell, step, row, panel + p, rows, chains, sum + p * 3)
        TILE_ROW_CASES(RUN, chains)
#undef RUN
    }
    for (p = 0; p < count; p++)
        finish_panel(cell, step, row, panel + p, sum + p * 3);
}

static void run_rows(const struct f32_cell *cell, const struct f32_step *step,
                     size_t panel)
{
    const size_t chains = cell->recurrent.chains;
    size_t rows;

    for (size_t row = 0; row < step->rows; row += rows) {
        rows = tile_next_rows(step->rows - row, chains);
#define RUN(rows, chains) run_tile(cell, step, row, panel, rows, chains)
        TILE_CASES(RUN, rows, chains)
#undef RUN
    }
}

void F32(gru_step)(const struct f32_cell *cell, const struct f32_step *step,
                   size_t first, size_t end, float *scratch)
{
    size_t panel = first, count;

    (void)scratch;
    for (; step->rows == 1 && panel < end; panel += count) {
        count = end - panel < GROUP ? end - panel : GROUP;
        run_group(cell, step, 0, panel, count);
    }
    for (; panel < end; panel++)
        run_rows(cell, step, panel);
}
