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

/* Its tiles are inlined, chains side by side: F32(tile)() made a single step
 * up to 1.9 times slower here.  Rows of the next when `left` remain: tiles of
 * nearly equal height. */
VEC_INLINE size_t next_rows(size_t left, size_t chains)
{
    const size_t most = chains < TILE_ROWS ? TILE_ROWS / chains : 1;
    const size_t tiles = (left + most - 1) / most;

    return (left + tiles - 1) / tiles;
}

/* TILE_CASES(RUN, rows, chains) runs RUN(rows, chains) with constants, for
 * each pair that next_rows() lets come about. */
#if TILE_ROWS == 6
#define TILE_CASES(RUN, rows, chains)                                         \
    switch ((rows)*8 + (chains)) {                                            \
        TILE_CASE(RUN, 1, 1)                                                  \
        TILE_CASE(RUN, 2, 1)                                                  \
        TILE_CASE(RUN, 3, 1)                                                  \
        TILE_CASE(RUN, 4, 1)                                                  \
        TILE_CASE(RUN, 5, 1)                                                  \
        TILE_CASE(RUN, 6, 1)                                                  \
        TILE_CASE(RUN, 1, 2)                                                  \
        TILE_CASE(RUN, 2, 2)                                                  \
        TILE_CASE(RUN, 3, 2)                                                  \
        TILE_CASE(RUN, 1, 4)                                                  \
    }
#elif TILE_ROWS == 3
#define TILE_CASES(RUN, rows, chains)                                         \
    switch ((rows)*8 + (chains)) {                                            \
        TILE_CASE(RUN, 1, 1)                                                  \
        TILE_CASE(RUN, 2, 1)                                                  \
        TILE_CASE(RUN, 3, 1)                                                  \
        TILE_CASE(RUN, 1, 2)                                                  \
        TILE_CASE(RUN, 1, 4)                                                  \
    }
#elif TILE_ROWS == 1
#define TILE_CASES(RUN, rows, chains)                                         \
    switch ((rows)*8 + (chains)) {                                            \
        TILE_CASE(RUN, 1, 1)                                                  \
        TILE_CASE(RUN, 1, 2)                                                  \
        TILE_CASE(RUN, 1, 4)                                                  \
    }
#else
#error "TILE_CASES lacks this number of rows"
#endif
#define TILE_CASE(RUN, rows, chains)                                          \
    case (rows)*8 + (chains):                                                 \
        RUN(rows, chains);                                                    \
        break;

static float *update_of(const struct f32_cell *cell, size_t row,
                        float *scratch)
{
    return scratch + row * 2 * cell->candidate.stride;
}

/* Phase 1: u and r h of one panel. */
VEC_INLINE void run_gates(const struct f32_cell *cell,
                          const struct f32_step *step, size_t row,
                          size_t panel, float *scratch, const int rows,
                          const int chains)
{
    struct tile tile = cell_tile(&cell->recurrent, 2, panel);
    const size_t unit = panel * VEC_LANES;
    const bool plain = cell_is_plain(cell);
    vec sum[TILE_SUMS];

    for (int r = 0; r < rows; r++) {
        const float *z = step->z[row + (size_t)r] + 3 * unit;

        tile.x[r] = step->h[row + (size_t)r];
        sum[r * 2] = vec_load(z);
        sum[r * 2 + 1] = vec_load(z + VEC_LANES);
    }
    tile_sum(&tile, rows, 2, chains, sum);
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
                              const int wide, const int chains)
{
    struct tile tile = cell_tile(&cell->candidate, 1, panel);
    const bool plain = cell_is_plain(cell);
    vec sum[TILE_SUMS];

    for (int r = 0; r < rows; r++) {
        tile.x[r] =
            update_of(cell, row + (size_t)r, scratch) + cell->candidate.stride;
        for (int v = 0; v < wide; v++)
            sum[r * wide + v] =
                vec_load(step->z[row + (size_t)r] +
                         ((panel + (size_t)v) * 3 + 2) * VEC_LANES);
    }
    tile_sum(&tile, rows, wide, chains, sum);
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
    const size_t chains = cell->recurrent.chains;
    size_t rows;

    for (size_t panel = first; panel < end; panel++)
        for (size_t row = 0; row < step->rows; row += rows) {
            rows = next_rows(step->rows - row, chains);
#define RUN(rows, chains)                                                     \
    run_gates(cell, step, row, panel, scratch, rows, chains)
            TILE_CASES(RUN, rows, chains)
#undef RUN
        }
}

/* Phase 2 for `wide` panels and all rows. */
#define CANDIDATES(wide)                                                      \
    static void candidates_##wide(const struct f32_cell *cell,                \
                                  const struct f32_step *step, size_t panel,  \
                                  float *scratch)                             \
    {                                                                         \
        const size_t chains = cell->candidate.chains;                         \
        size_t rows;                                                          \
                                                                              \
        for (size_t row = 0; row < step->rows; row += rows) {                 \
            rows = next_rows(step->rows - row, chains);                       \
            TILE_CASES(RUN_##wide, rows, chains)                              \
        }                                                                     \
    }
#define RUN_1(rows, chains)                                                   \
    run_candidate(cell, step, row, panel, scratch, rows, 1, chains)
#define RUN_4(rows, chains)                                                   \
    run_candidate(cell, step, row, panel, scratch, rows, 4, chains)

CANDIDATES(1)
CANDIDATES(4)

void F32(gru_candidate)(const struct f32_cell *cell,
                        const struct f32_step *step, size_t first, size_t end,
                        float *scratch)
{
    size_t panel = first;

    for (; panel + 4 <= end; panel += 4)
        candidates_4(cell, step, panel, scratch);
    for (; panel < end; panel++)
        candidates_1(cell, step, panel, scratch);
}
