/* f32_gru_before.c: a step of GRU that resets before its product.
 *
 *   u r = ract(z_ur + h . U_ur)          g = act(z_h + (r h) . U_h)
 *   h' = fma(u, h - g, g)
 *
 * Two phases, since every g needs every r: the first leaves u and r h in
 * scratch ([row][u, r h][padded units]).  Compiled once for each instruction
 * set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_cell.h"

static float *update_of(const struct f32_cell *cell, size_t row,
                        float *scratch)
{
    return scratch + row * 2 * cell->candidate.stride;
}

/* Phase 1: u and r h of one panel. */
static void run_gates(const struct f32_cell *cell, const struct f32_step *step,
                      size_t row, size_t panel, float *scratch, const int rows)
{
    struct tile tile = cell_tile(&cell->recurrent, 2, panel);
    const size_t unit = panel * VEC_LANES;
    const bool plain = cell_is_plain(cell);
    vec sum[TILE_SUMS];

    for (int r = 0; r < rows; r++) {
        tile.x[r] = step->h[row + (size_t)r];
        tile.start[r] = step->z[row + (size_t)r] + 3 * unit;
    }
    F32(tile)(&tile, (size_t)rows, 2, sum);
    for (int r = 0; r < rows; r++) {
        const struct rnn_activation *ract = &cell->recurrent_activation;
        float *update = update_of(cell, row + (size_t)r, scratch) + unit;
        vec h = vec_load(step->h[row + (size_t)r] + unit);
        vec u, reset;

        u = plain ? math_gate(sum[r * 2]) : cell_activate(ract, sum[r * 2]);
        reset = plain ? math_gate(sum[r * 2 + 1])
                      : cell_activate(ract, sum[r * 2 + 1]);
        vec_store(update, u);
        vec_store(update + cell->candidate.stride, vec_mul(reset, h));
    }
}

/* Phase 2: g and the new h of `wide` panels. */
VEC_INLINE void run_candidate(const struct f32_cell *cell,
                              const struct f32_step *step, size_t row,
                              size_t panel, float *scratch, const int rows,
                              const int wide)
{
    struct tile tile = cell_tile(&cell->candidate, 1, panel);
    const bool plain = cell_is_plain(cell);
    vec sum[TILE_SUMS];

    tile.next_start = 3 * VEC_LANES;
    for (int r = 0; r < rows; r++) {
        tile.x[r] =
            update_of(cell, row + (size_t)r, scratch) + cell->candidate.stride;
        tile.start[r] = step->z[row + (size_t)r] + (panel * 3 + 2) * VEC_LANES;
    }
    F32(tile)(&tile, (size_t)rows, (size_t)wide, sum);
    for (int r = 0; r < rows; r++) {
        const float *u = update_of(cell, row + (size_t)r, scratch);

        for (int v = 0; v < wide; v++) {
            const size_t unit = (panel + (size_t)v) * VEC_LANES;
            vec h = vec_load(step->h[row + (size_t)r] + unit);
            vec g = sum[r * wide + v];

            g = plain ? math_tanh(g) : cell_activate(&cell->activation, g);
            vec_store(step->out[row + (size_t)r] + unit,
                      vec_fma(vec_load(u + unit), vec_sub(h, g), g));
        }
    }
}

void F32(gru_gates)(const struct f32_cell *cell, const struct f32_step *step,
                    size_t first, size_t end, float *scratch)
{
    size_t rows;

    for (size_t panel = first; panel < end; panel++)
        for (size_t row = 0; row < step->rows; row += rows) {
            rows = tile_next_rows(step->rows - row);
            run_gates(cell, step, row, panel, scratch, (int)rows);
        }
}

/* Phase 2 for `wide` panels and all rows. */
VEC_INLINE void candidates(const struct f32_cell *cell,
                           const struct f32_step *step, size_t panel,
                           float *scratch, const int wide)
{
    size_t rows;

    for (size_t row = 0; row < step->rows; row += rows) {
        rows = tile_next_rows(step->rows - row);
        run_candidate(cell, step, row, panel, scratch, (int)rows, wide);
    }
}

void F32(gru_candidate)(const struct f32_cell *cell,
                        const struct f32_step *step, size_t first, size_t end,
                        float *scratch)
{
    size_t panel = first;

    for (; panel + 4 <= end; panel += 4)
        candidates(cell, step, panel, scratch, 4);
    for (; panel < end; panel++)
        candidates(cell, step, panel, scratch, 1);
}
