/* f32_product.c: y = x . kernel + bias, tile by tile.
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_block.h"

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

/* The panels of up to F32_CELL_ROWS rows, from input `from` on, `inputs` of
 * them. */
static void run_block(const struct job *job, const float *const *x,
                      size_t rows, size_t from, size_t inputs)
{
    const struct f32_product *product = job->product;
    const size_t next_input = product->gates * VEC_LANES;
    const float *start[F32_CELL_ROWS];
    TILE_ALIGNED float laid[F32_CELL_ROWS * F32_BLOCK];
    struct block block = {
        .x = laid,
        .rows = rows,
        .inputs = inputs,
        .gates = product->gates,
        .next_panel = product->inputs * next_input,
        .start = start,
    };
    size_t wide;

    for (size_t r = 0; r < rows; r++)
        start[r] = product->bias;
    F32(block_lay)(x, rows, inputs, laid);
    for (size_t panel = 0; panel < product->panels;
         panel += wide / product->gates) {
        wide = choose(product, rows, product->panels - panel);
        block.kernel =
            product->kernel + panel * block.next_panel + from * next_input;
        block.next = block.kernel;
        if (panel + 2 * wide / product->gates <= product->panels)
            block.next += wide / product->gates * block.next_panel;
        block.column = panel * next_input;
        F32(block)
        (&block, wide, from > 0, job->y + block.column, job->y_stride);
    }
}

/* Many rows, one chain. */
static void run_blocks(struct job job, size_t rows)
{
    const size_t inputs = job.product->inputs;
    size_t count;

    for (size_t row = 0; row < rows; row += count) {
        const size_t left = rows - row;
        const size_t blocks = 1 + (left - 1) / F32_CELL_ROWS;
        const float *x[F32_CELL_ROWS];

        count = 1 + (left - 1) / blocks;
        for (size_t from = 0; from < inputs; from += F32_BLOCK) {
            for (size_t r = 0; r < count; r++)
                x[r] = job.x + r * job.x_stride + from;
            run_block(&job, x, count, from,
                      inputs - from < F32_BLOCK ? inputs - from : F32_BLOCK);
        }
        job.x += count * job.x_stride;
        job.y += count * job.y_stride;
    }
}

/* Few inputs: the weights of a vector of results stay in registers for all
 * rows.  A tile costs more to call than these sums. */
#define FEW_INPUTS 16

/* A row or two with one chain are sooner done by tiles from 9 inputs on. */
static size_t few_enough(const struct f32_product *product, size_t rows)
{
    return product->chains == 1 && rows < 4 ? FEW_INPUTS / 2 : FEW_INPUTS;
}

VEC_INLINE void few_vector(const struct job *job, size_t rows,
                           const float *weights, size_t column,
                           const int inputs, const int chains)
{
    const size_t next_input = job->product->gates * VEC_LANES;
    const vec bias = vec_load(job->product->bias + column);
    const float *x = job->x;
    float *y = job->y + column;
    vec w[FEW_INPUTS];

    for (int k = 0; k < inputs; k++)
        w[k] = vec_load(weights + (size_t)k * next_input);
    for (size_t r = 0; r < rows; r++, x += job->x_stride, y += job->y_stride) {
        vec sum[TILE_CHAINS] = {bias, vec_set(0.0f), vec_set(0.0f),
                                vec_set(0.0f)};

        for (int k = 0; k < inputs; k++)
            sum[k % chains] = vec_fma(vec_set(x[k]), w[k], sum[k % chains]);
        for (int half = chains / 2; half > 0; half /= 2)
            for (int i = 0; i < half; i++)
                sum[i] = vec_add(sum[i], sum[i + half]);
        vec_store(y, sum[0]);
    }
}

VEC_INLINE void few_inputs(const struct job *job, size_t rows,
                           const int inputs, const int chains)
{
    const struct f32_product *product = job->product;
    const size_t panel = product->inputs * product->gates * VEC_LANES;
    size_t column = 0;

    for (size_t p = 0; p < product->panels; p++)
        for (size_t g = 0; g < product->gates; g++, column += VEC_LANES)
            few_vector(job, rows, product->kernel + p * panel + g * VEC_LANES,
                       column, inputs, chains);
}

static void run_few(const struct job *job, size_t rows)
{
    const size_t chains = job->product->chains;

    switch (job->product->inputs) {
#define RUN(inputs)                                                           \
    case inputs:                                                              \
        if (chains == 4)                                                      \
            few_inputs(job, rows, inputs, 4);                                 \
        else if (chains == 2)                                                 \
            few_inputs(job, rows, inputs, 2);                                 \
        else                                                                  \
            few_inputs(job, rows, inputs, 1);                                 \
        break;
        RUN(1)
        RUN(2)
        RUN(3)
        RUN(4)
        RUN(5)
        RUN(6)
        RUN(7)
        RUN(8)
        RUN(9)
        RUN(10)
        RUN(11)
        RUN(12)
        RUN(13)
        RUN(14)
        RUN(15)
        RUN(16)
#undef RUN
    }
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
    if (product->inputs > 0 && product->inputs <= few_enough(product, rows)) {
        run_few(&job, rows);
        return;
    }
    if (product->chains == 1 && rows > 1 && product->inputs > 0 &&
        VEC_LANES > 1) {
        run_blocks(job, rows);
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
