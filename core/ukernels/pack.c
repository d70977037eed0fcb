/* pack.c: kernels laid out the way the inner loops read them. */
#include <stdint.h>
#include <string.h>

#include "core/ukernels/tables.h"

size_t rnn_sum_chains(size_t inputs, size_t columns)
{
    if (columns <= 4 && inputs >= 32)
        return F32_DOT_CHAINS;
    if (columns <= 32)
        return 4;
    return columns < 128 ? 2 : 1;
}

/* What a kernel is cut from, and where it goes. */
struct packing {
    const float *kernel; /* [inputs, all_columns] */
    size_t all_columns, first_gate;
    float *packed;
};

/* The lanes of one panel, gate and input; behind the last unit are zeros. */
static void pack_lanes(const struct f32_product *product, const float *units,
                       size_t panel, float *out)
{
    size_t first = panel * product->lanes;
    size_t left = product->units - first;
    size_t count = left < product->lanes ? left : product->lanes;

    memcpy(out, units + first, count * sizeof(*out));
    for (size_t i = count; i < product->lanes; i++)
        out[i] = 0.0f;
}

/* [panel][input][gate][lane].  The kernel is read from front to back: a large
 * one is too large to be read across. */
static void pack_panels(const struct f32_product *product,
                        const struct packing *packing)
{
    size_t item = product->gates * product->lanes;

    for (size_t k = 0; k < product->inputs; k++) {
        const float *row = packing->kernel + k * packing->all_columns +
                           packing->first_gate * product->units;

        for (size_t p = 0; p < product->panels; p++) {
            float *out = packing->packed + (p * product->inputs + k) * item;

            for (size_t g = 0; g < product->gates; g++)
                pack_lanes(product, row + g * product->units, p,
                           out + g * product->lanes);
        }
    }
}

/* [gate][unit][inputs, padded to 16] */
static void pack_dots(const struct f32_product *product, size_t padded,
                      const struct packing *packing)
{
    float *out = packing->packed;

    for (size_t c = 0; c < product->gates * product->units; c++) {
        size_t column = packing->first_gate * product->units + c;

        for (size_t k = 0; k < padded; k++)
            *out++ = k < product->inputs
                         ? packing->kernel[k * packing->all_columns + column]
                         : 0.0f;
    }
}

static void pack_bias(const struct f32_product *product, size_t first_gate,
                      const float *bias, float *out)
{
    for (size_t p = 0; p < product->panels; p++)
        for (size_t g = 0; g < product->gates; g++)
            for (size_t i = 0; i < product->lanes; i++) {
                size_t unit = p * product->lanes + i;

                *out++ = bias && unit < product->units
                             ? bias[(first_gate + g) * product->units + unit]
                             : 0.0f;
            }
}

bool rnn_product_pack(const struct rnn_ukernels *ukernels, size_t inputs,
                      size_t units, size_t all_gates, size_t first_gate,
                      size_t gates, const float *kernel, const float *bias,
                      struct arena *arena, struct f32_product *product)
{
    struct f32_product made = {.inputs = inputs,
                               .units = units,
                               .gates = gates,
                               .lanes = ukernels->lanes};
    struct packing packing = {.kernel = kernel, .first_gate = first_gate};
    size_t padded, floats;
    float *packed_bias;

    if (units > SIZE_MAX / 64 / (all_gates + 1) ||
        inputs > SIZE_MAX - F32_DOT_CHAINS)
        return false;
    made.chains = rnn_sum_chains(inputs, units * gates);
    made.panels = (units + made.lanes - 1) / made.lanes;
    made.stride = made.panels * gates * made.lanes;
    packing.all_columns = units * all_gates;
    padded = (inputs + F32_DOT_CHAINS - 1) / F32_DOT_CHAINS * F32_DOT_CHAINS;
    floats = made.chains == F32_DOT_CHAINS ? units * gates : made.stride;
    if (__builtin_mul_overflow(floats, padded, &floats))
        return false;
    if (made.chains != F32_DOT_CHAINS)
        floats = made.stride * inputs;
    packing.packed = arena_alloc(arena, floats, sizeof(float), 64);
    packed_bias = arena_alloc(arena, made.stride, sizeof(float), 64);
    if (!packing.packed || !packed_bias)
        return false;
    if (made.chains == F32_DOT_CHAINS)
        pack_dots(&made, padded, &packing);
    else
        pack_panels(&made, &packing);
    pack_bias(&made, first_gate, bias, packed_bias);
    made.kernel = packing.packed;
    made.bias = packed_bias;
    *product = made;
    return true;
}

/* Sums of one chain go on where z ends, and blocks of fewer sequences would
 * read the input's kernel too often: at each timestep, where z of several
 * takes it once (measured, of 8 sequences: up to 1.13 times the time). */
#define BATCH_ROWS 24

bool rnn_cell_takes_batch(const struct f32_cell *cell,
                          const struct f32_product *input, size_t rows)
{
    return rows >= BATCH_ROWS && cell->recurrent.chains == 1 &&
           cell->recurrent.lanes > 1 && input->chains == 1 &&
           input->inputs <= F32_BLOCK &&
           cell->kind != F32_CELL_GRU_RESET_BEFORE &&
           !rnn_cell_takes_rows(cell);
}

size_t rnn_cell_phases(const struct f32_cell *cell)
{
    return cell->kind == F32_CELL_GRU_RESET_BEFORE &&
                   !rnn_cell_takes_rows(cell)
               ? 2
               : 1;
}

size_t rnn_cell_scratch_floats(const struct f32_cell *cell, size_t rows)
{
    const size_t padded = cell->recurrent.panels * cell->recurrent.lanes;
    const size_t laid = f32_laid_floats(cell->recurrent.inputs);
    /* of a row: the spare h, then u and r h, or the h laid out for blocks */
    const size_t row = padded + (laid > 2 * padded ? laid : 2 * padded);
    size_t floats, inner;

    if (__builtin_mul_overflow(rows, row, &floats))
        return SIZE_MAX;
    inner = rnn_cell_takes_rows(cell) ? 13 * padded : 0;
    return floats > SIZE_MAX - inner ? SIZE_MAX : floats + inner;
}
