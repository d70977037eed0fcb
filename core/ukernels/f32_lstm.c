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

/* `panels` panels of `rows` rows. */
VEC_INLINE void run_tile(const struct f32_cell *cell,
                         const struct f32_step *step, size_t row, size_t panel,
                         const int rows, const int panels, const int chains)
{
    struct tile tile = cell_tile(&cell->recurrent, 4, panel);
    const int wide = panels * 4;
    vec sum[TILE_SUMS];

    for (int r = 0; r < rows; r++) {
        const float *z = step->z[row + (size_t)r] + panel * 4 * VEC_LANES;

        tile.x[r] = step->h[row + (size_t)r];
        for (int v = 0; v < wide; v++)
            sum[r * wide + v] = vec_load(z + (size_t)v * VEC_LANES);
    }
    tile_sum(&tile, rows, wide, chains, sum);
    for (int r = 0; r < rows; r++)
        for (int p = 0; p < panels; p++) {
            const size_t unit = (panel + (size_t)p) * VEC_LANES;

            finish(cell, sum + r * wide + p * 4,
                   step->c[row + (size_t)r] + unit,
                   step->out[row + (size_t)r] + unit);
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

void F32(lstm_step)(const struct f32_cell *cell, const struct f32_step *step,
                    size_t first, size_t end, float *scratch)
{
    size_t panel = first;

    (void)scratch;
    if (step->rows == 1 && cell->recurrent.chains == 1)
        for (; panel + 2 <= end; panel += 2)
            run_tile(cell, step, 0, panel, 1, 2, 1);
    for (; panel < end; panel++)
        run_rows(cell, step, panel);
}
