/* f32_rows_step.c: a step of a cell with softmax or its kin inside.
 *
 * Nothing can be finished panel by panel then: all gates of a sequence are
 * laid out in scratch, activated a whole row at a time and combined by the
 * equations of the cell.  Slow and rare.  Compiled once for each instruction
 * set.
 *
 * Scratch  start [stride], sums [stride], gates [4][padded units],
 *          r h [padded units]
 */
#include RNN_VEC_HEADER

#include <string.h>

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_math.h"

struct gates {
    size_t units, padded, count;
    float *start, *sum, *gate, *reset;
};

/* Gates first .. of `product` into gates->gate, from z and h. */
static void sums(const struct f32_product *product, const float *z,
                 const float *h, size_t first, const struct gates *gates)
{
    struct f32_product from_z = *product;

    for (size_t p = 0; p < product->panels; p++)
        for (size_t g = 0; g < product->gates; g++)
            for (size_t i = 0; i < VEC_LANES; i++)
                gates->start[(p * product->gates + g) * VEC_LANES + i] =
                    z[(p * gates->count + first + g) * VEC_LANES + i];
    from_z.bias = gates->start;
    F32(product)(&from_z, 1, h, 0, gates->sum, 0);
    for (size_t p = 0; p < product->panels; p++)
        for (size_t g = 0; g < product->gates; g++)
            for (size_t i = 0; i < VEC_LANES; i++)
                gates->gate[(first + g) * gates->padded + p * VEC_LANES + i] =
                    gates->sum[(p * product->gates + g) * VEC_LANES + i];
}

static void activate(const struct rnn_activation *activation,
                     const struct gates *gates, float *x)
{
    if (rnn_activation_takes_rows(activation))
        F32(activate_rows)(activation, 1, gates->units, x, gates->padded);
    else
        F32(activate)(activation, gates->padded, x);
}

static void finish_lstm(const struct f32_cell *cell, const struct gates *gates,
                        float *c, float *out)
{
    const struct rnn_activation *ract = &cell->recurrent_activation;
    float *i = gates->gate, *f = i + gates->padded, *g = f + gates->padded,
          *o = g + gates->padded;

    activate(ract, gates, i);
    activate(ract, gates, f);
    activate(&cell->activation, gates, g);
    activate(ract, gates, o);
    for (size_t u = 0; u < gates->padded; u += VEC_LANES) {
        vec state = vec_mul(vec_load(i + u), vec_load(g + u));

        state = vec_fma(vec_load(f + u), vec_load(c + u), state);
        vec_store(c + u, state);
        vec_store(out + u, state);
    }
    activate(&cell->activation, gates, out);
    for (size_t u = 0; u < gates->padded; u += VEC_LANES)
        vec_store(out + u, vec_mul(vec_load(o + u), vec_load(out + u)));
}

/* h' = fma(u, h - g, g) */
static void mix(const struct gates *gates, const float *h, float *out)
{
    const float *u = gates->gate, *g = u + 2 * gates->padded;

    for (size_t i = 0; i < gates->padded; i += VEC_LANES) {
        vec candidate = vec_load(g + i);

        vec_store(out + i,
                  vec_fma(vec_load(u + i), vec_sub(vec_load(h + i), candidate),
                          candidate));
    }
}

/* The product of gate h once more, from b1_h instead of from z_h. */
static void finish_gru_after(const struct f32_cell *cell,
                             const struct gates *gates, const float *z,
                             const float *h, float *out)
{
    float *r = gates->gate + gates->padded, *g = r + gates->padded;

    activate(&cell->recurrent_activation, gates, gates->gate);
    activate(&cell->recurrent_activation, gates, r);
    F32(product)(&cell->recurrent, 1, h, 0, gates->sum, 0);
    for (size_t u = 0; u < gates->padded; u += VEC_LANES) {
        const size_t column = 3 * u + 2 * VEC_LANES;

        vec_store(g + u,
                  vec_fma(vec_load(r + u), vec_load(gates->sum + column),
                          vec_load(z + column)));
    }
    activate(&cell->activation, gates, g);
    mix(gates, h, out);
}

static void finish_gru_before(const struct f32_cell *cell,
                              const struct gates *gates, const float *z,
                              const float *h, float *out)
{
    float *r = gates->gate + gates->padded, *g = r + gates->padded;

    activate(&cell->recurrent_activation, gates, gates->gate);
    activate(&cell->recurrent_activation, gates, r);
    for (size_t u = 0; u < gates->padded; u += VEC_LANES)
        vec_store(gates->reset + u, vec_mul(vec_load(r + u), vec_load(h + u)));
    sums(&cell->candidate, z, gates->reset, 2, gates);
    activate(&cell->activation, gates, g);
    mix(gates, h, out);
}

/* All panels of every row, whatever part is asked for. */
void F32(rows_step)(const struct f32_cell *cell, const struct f32_step *step,
                    size_t first, size_t end, float *scratch)
{
    static const size_t count[] = {1, 4, 3, 3};
    const size_t padded = cell->recurrent.panels * VEC_LANES;
    const struct gates gates = {
        .units = cell->recurrent.units,
        .padded = padded,
        .count = count[cell->kind],
        .start = scratch,
        .sum = scratch + 4 * padded,
        .gate = scratch + 8 * padded,
        .reset = scratch + 12 * padded,
    };

    (void)first;
    (void)end;
    for (size_t r = 0; r < step->rows; r++) {
        const float *z = step->z[r], *h = step->h[r];
        float *out = step->out[r];

        sums(&cell->recurrent, z, h, 0, &gates);
        switch (cell->kind) {
        case F32_CELL_SIMPLE:
            memcpy(out, gates.gate, padded * sizeof(*out));
            activate(&cell->activation, &gates, out);
            break;
        case F32_CELL_LSTM:
            finish_lstm(cell, &gates, step->c[r], out);
            break;
        case F32_CELL_GRU_RESET_AFTER:
            finish_gru_after(cell, &gates, z, h, out);
            break;
        case F32_CELL_GRU_RESET_BEFORE:
            finish_gru_before(cell, &gates, z, h, out);
            break;
        }
    }
}
