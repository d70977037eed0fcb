/* f32_lstm.c: a step of LSTM.
 *
 *   i f o = ract(z_ifo + h . U_ifo)      g = act(z_c + h . U_c)
 *   c' = fma(f, c, i g)                  h' = o act(c')
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_cell.h"

/* From the sums of the gates i f c o to the new c and h of one vector. */
VEC_INLINE void finish(const struct f32_cell *cell, const vec *sum, float *c,
                       float *out)
{
    const struct rnn_activation *act = &cell->activation;
    const struct rnn_activation *ract = &cell->recurrent_activation;
    vec i, f, g, o, state;

    if (cell_is_plain(cell)) {
        i = math_gate(sum[0]);
        f = math_gate(sum[1]);
        g = math_tanh(sum[2]);
        o = math_gate(sum[3]);
        state = vec_fma(f, vec_load(c), vec_mul(i, g));
        vec_store(c, state);
        vec_store(out, vec_mul(o, math_tanh(state)));
        return;
    }
    i = cell_activate(ract, sum[0]);
    f = cell_activate(ract, sum[1]);
    g = cell_activate(act, sum[2]);
    o = cell_activate(ract, sum[3]);
    state = vec_fma(f, vec_load(c), vec_mul(i, g));
    vec_store(c, state);
    vec_store(out, vec_mul(o, cell_activate(act, state)));
}

/* Starts and sums of `panels` panels of `rows` rows. */
VEC_INLINE void run_sums(const struct f32_cell *cell,
                         const struct f32_step *step, size_t row, size_t panel,
                         const int rows, const int panels, const int chains,
                         vec *sum)
{
    struct tile tile = cell_tile(&cell->recurrent, 4, panel);
    const int wide = panels * 4;

    for (int r = 0; r < rows; r++) {
        const float *z = step->z[row + (size_t)r] + panel * 4 * VEC_LANES;

        tile.x[r] = step->h[row + (size_t)r];
        for (int v = 0; v < wide; v++)
            sum[r * wide + v] = vec_load(z + (size_t)v * VEC_LANES);
    }
    tile_sum(&tile, rows, wide, chains, sum);
}

VEC_INLINE void run_tile(const struct f32_cell *cell,
                         const struct f32_step *step, size_t row, size_t panel,
                         const int rows, const int chains)
{
    const size_t unit = panel * VEC_LANES;
    vec sum[TILE_SUMS];

    run_sums(cell, step, row, panel, rows, 1, chains, sum);
    for (int r = 0; r < rows; r++)
        finish(cell, sum + r * 4, step->c[row + (size_t)r] + unit,
               step->out[row + (size_t)r] + unit);
}

/* The sums of `panels` panels of one row, kept in `out`. */
VEC_INLINE void keep_sums(const struct f32_cell *cell,
                          const struct f32_step *step, size_t row,
                          size_t panel, const int panels, const int chains,
                          vec *out)
{
    vec sum[TILE_SUMS];

    run_sums(cell, step, row, panel, 1, panels, chains, sum);
    for (int v = 0; v < panels * 4; v++)
        out[v] = sum[v];
}

/* Up to GROUP panels of one row: all sums, then all that follows, so that the
 * long ways through the activations run side by side. */
#define GROUP 4

static void run_group(const struct f32_cell *cell, const struct f32_step *step,
                      size_t row, size_t panel, size_t count)
{
    const size_t chains = cell->recurrent.chains;
    vec sum[GROUP * 4];
    size_t p = 0;

    if (chains == 1)
        for (; p + 2 <= count; p += 2)
            keep_sums(cell, step, row, panel + p, 2, 1, sum + p * 4);
    if (chains == 2 && VEC_REGISTERS > 16)
        for (; p + 2 <= count; p += 2)
            keep_sums(cell, step, row, panel + p, 2, 2, sum + p * 4);
    for (; p < count; p++) {
#define RUN(rows, chains)                                                     \
    keep_sums(cell, step, row, panel + p, rows, chains, sum + p * 4)
        TILE_ROW_CASES(RUN, chains)
#undef RUN
    }
    for (p = 0; p < count; p++)
        finish(cell, sum + p * 4, step->c[row] + (panel + p) * VEC_LANES,
               step->out[row] + (panel + p) * VEC_LANES);
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

void F32(lstm_step)(const struct f32_cell *cell, const struct f32_step *step,
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
