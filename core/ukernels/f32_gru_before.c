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

/* Phase 1: u and r h of one panel of row `row`. */
VEC_INLINE void finish_gates(const struct f32_cell *cell, const bool plain,
                             const struct f32_step *step, size_t row,
                             size_t unit, const float *sum, float *scratch)
{
    const struct rnn_activation *ract = &cell->recurrent_activation;
    float *update = update_of(cell, row, scratch) + unit;
    vec u = vec_load(sum), reset = vec_load(sum + VEC_LANES);

    u = plain ? math_gate(u) : cell_activate(ract, u);
    reset = plain ? math_gate(reset) : cell_activate(ract, reset);
    vec_store(update, u);
    vec_store(update + cell->candidate.stride,
              vec_mul(reset, vec_load(step->h[row] + unit)));
}

/* Phase 1 for `panels` panels and all rows. */
VEC_INLINE void run_gates(const struct f32_cell *cell,
                          const struct f32_step *step, size_t panel,
                          const size_t panels, float *scratch)
{
    struct tile tile = cell_tile(&cell->recurrent, 2, panel);
    const size_t unit = panel * VEC_LANES, wide = 2 * panels;
    const bool plain = cell_is_plain(cell);
    TILE_ALIGNED float sums[TILE_SUMS * VEC_LANES];
    size_t rows, tiles = 0;

    tile.next_start = 3 * VEC_LANES;
    for (size_t row = 0; row < step->rows; row += rows) {
        rows = tile_next_rows(step->rows - row, wide);
        for (size_t r = 0; r < rows; r++) {
            tile.x[r] = step->h[row + r];
            tile.start[r] = step->z[row + r] + 3 * unit;
        }
        tile_fetch(&tile, &cell->recurrent, panel, wide, tiles++, step->back);
        F32(tile)(&tile, rows, wide, sums, wide * VEC_LANES);
        for (size_t r = 0; r < rows; r++)
            for (size_t p = 0; p < panels; p++)
                finish_gates(cell, plain, step, row + r, unit + p * VEC_LANES,
                             sums + (r * wide + 2 * p) * VEC_LANES, scratch);
    }
}

/* Phase 2: g and the new h of one panel of row `row`. */
VEC_INLINE void finish_candidate(const struct f32_cell *cell, const bool plain,
                                 const struct f32_step *step, size_t row,
                                 size_t unit, const float *sum, float *scratch)
{
    const float *u = update_of(cell, row, scratch) + unit;
    vec h = vec_load(step->h[row] + unit), g = vec_load(sum);

    g = plain ? math_tanh(g) : cell_activate(&cell->activation, g);
    vec_store(step->out[row] + unit, vec_fma(vec_load(u), vec_sub(h, g), g));
}

/* Phase 2 for `panels` panels and all rows. */
VEC_INLINE void run_candidate(const struct f32_cell *cell,
                              const struct f32_step *step, size_t panel,
                              const size_t panels, float *scratch)
{
    struct tile tile = cell_tile(&cell->candidate, 1, panel);
    const size_t unit = panel * VEC_LANES;
    const bool plain = cell_is_plain(cell);
    TILE_ALIGNED float sums[TILE_SUMS * VEC_LANES];
    size_t rows, tiles = 0;

    tile.next_start = 3 * VEC_LANES;
    for (size_t row = 0; row < step->rows; row += rows) {
        rows = tile_next_rows(step->rows - row, panels);
        for (size_t r = 0; r < rows; r++) {
            tile.x[r] =
                update_of(cell, row + r, scratch) + cell->candidate.stride;
            tile.start[r] = step->z[row + r] + 3 * unit + 2 * VEC_LANES;
        }
        tile_fetch(&tile, &cell->candidate, panel, panels, tiles++,
                   step->back);
        F32(tile)(&tile, rows, panels, sums, panels * VEC_LANES);
        for (size_t r = 0; r < rows; r++)
            for (size_t p = 0; p < panels; p++)
                finish_candidate(cell, plain, step, row + r,
                                 unit + p * VEC_LANES,
                                 sums + (r * panels + p) * VEC_LANES, scratch);
    }
}

/* Panels [first, end), `count` at a time. */
#define RUN(run, first, end, count)                                           \
    for (size_t done = 0; done + (count) <= (end) - (first); done += (count)) \
    run(cell, step, f32_step_panel(step, first, end, count, done), count,     \
        scratch)

void F32(gru_gates)(const struct f32_cell *cell, const struct f32_step *step,
                    size_t first, size_t end, float *scratch)
{
    const size_t odd = end - (end - first) % 2;

    RUN(run_gates, first, odd, 2);
    RUN(run_gates, odd, end, 1);
}

void F32(gru_candidate)(const struct f32_cell *cell,
                        const struct f32_step *step, size_t first, size_t end,
                        float *scratch)
{
    const bool wide = step->rows == 1 && cell->candidate.chains == 1;
    const size_t eights = wide ? end - (end - first) % 8 : first;
    const size_t fours = end - (end - eights) % 4;
    const size_t twos = end - (end - fours) % 2;

    RUN(run_candidate, first, eights, 8);
    RUN(run_candidate, eights, fours, 4);
    RUN(run_candidate, fours, twos, 2);
    RUN(run_candidate, twos, end, 1);
}
