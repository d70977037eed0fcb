/* f32_product.c: y = x . kernel + bias, tile by tile.
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_tile.h"

/* How many vectors the next tile is wide, when `panels` remain. */
static size_t choose(const struct f32_product *product, size_t rows,
                     size_t panels)
{
    const bool wide = rows == 1 && product->chains == 1;

    /* One row has enough sums to work on at once only in wide tiles. */
    if (wide && product->gates > 2 && panels >= 2)
        return 2 * product->gates;
    if (product->gates > 1)
        return product->gates;
    if (wide && panels >= 8)
        return 8;
    return panels >= 4 ? 4 : panels >= 2 ? 2 : 1;
}

struct job {
    const struct f32_product *product;
    const float *x;
    size_t x_stride;
    float *y;
    size_t y_stride;
};

/* `rows` rows from `row` on, `wide` vectors from `panel` on. */
static void run_tile(const struct job *job, size_t row, size_t rows,
                     size_t panel, size_t wide)
{
    const struct f32_product *product = job->product;
    const size_t column = panel * product->gates * VEC_LANES;
    struct tile tile = {
        .inputs = product->inputs,
        .next_input = product->gates * VEC_LANES,
        .next_panel = product->inputs * product->gates * VEC_LANES,
        .gates = product->gates,
        .chains = product->chains,
        .next_start = product->gates * VEC_LANES,
    };

    tile.kernel = product->kernel + panel * tile.next_panel;
    for (size_t r = 0; r < rows; r++) {
        tile.x[r] = job->x + (row + r) * job->x_stride;
        tile.start[r] = product->bias + column;
    }
    F32(tile)
    (&tile, rows, wide, job->y + row * job->y_stride + column, job->y_stride);
}

void F32(product)(const struct f32_product *product, size_t rows,
                  const float *x, size_t x_stride, float *y, size_t y_stride)
{
    const struct job job = {product, x, x_stride, y, y_stride};
    size_t wide, count;

    if (product->chains == F32_DOT_CHAINS) {
        F32(dot_product)(product, rows, x, x_stride, y, y_stride);
        return;
    }
    for (size_t panel = 0; panel < product->panels;
         panel += wide / product->gates) {
        wide = choose(product, rows, product->panels - panel);
        for (size_t row = 0; row < rows; row += count) {
            count = tile_next_rows(rows - row, wide);
            run_tile(&job, row, count, panel, wide);
        }
    }
}
