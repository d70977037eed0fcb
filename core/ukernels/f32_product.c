/* f32_product.c: y = x . kernel + bias, tile by tile.
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_tile.h"

struct job {
    const struct f32_product *product;
    const float *x;
    size_t x_stride;
    float *y;
    size_t y_stride;
};

/* `rows` rows from `row` on, the `wide` vectors of `wide / gates` panels. */
VEC_INLINE void run_tile(const struct job *job, size_t row, size_t panel,
                         const int rows, const int wide, const int gates,
                         const int chains)
{
    const struct f32_product *product = job->product;
    const size_t column = panel * (size_t)gates * VEC_LANES;
    struct tile tile = {
        .inputs = product->inputs,
        .next_input = (size_t)gates * VEC_LANES,
        .next_panel = product->inputs * (size_t)gates * VEC_LANES,
        .gates = (size_t)gates,
    };
    vec sum[TILE_SUMS];

    tile.kernel = product->kernel + panel * tile.next_panel;
    for (int r = 0; r < rows; r++)
        tile.x[r] = job->x + (row + (size_t)r) * job->x_stride;
    for (int v = 0; v < wide; v++) {
        vec start = vec_load(product->bias + column + (size_t)v * VEC_LANES);

        for (int r = 0; r < rows; r++)
            sum[r * wide + v] = start;
    }
    tile_sum(&tile, rows, wide, chains, sum);
    for (int r = 0; r < rows; r++) {
        float *y = job->y + (row + (size_t)r) * job->y_stride + column;

        for (int v = 0; v < wide; v++)
            vec_store(y + (size_t)v * VEC_LANES, sum[r * wide + v]);
    }
}

/* A function for each shape of tile: `wide` vectors of panels with `gates`
 * gates. */
#define TILES(wide, gates)                                                    \
    static void run_##wide##_##gates(const struct job *job, size_t row,       \
                                     size_t rows, size_t panel)               \
    {                                                                         \
        TILE_CASES(RUN_##wide##_##gates, rows, job->product->chains)          \
    }
#define RUN_1_1(rows, chains) run_tile(job, row, panel, rows, 1, 1, chains)
#define RUN_2_1(rows, chains) run_tile(job, row, panel, rows, 2, 1, chains)
#define RUN_4_1(rows, chains) run_tile(job, row, panel, rows, 4, 1, chains)
#define RUN_2_2(rows, chains) run_tile(job, row, panel, rows, 2, 2, chains)
#define RUN_3_3(rows, chains) run_tile(job, row, panel, rows, 3, 3, chains)
#define RUN_4_4(rows, chains) run_tile(job, row, panel, rows, 4, 4, chains)

TILES(1, 1)
TILES(2, 1)
TILES(4, 1)
TILES(2, 2)
TILES(3, 3)
TILES(4, 4)

/* For one row, where wider tiles give enough sums to work on at once. */
#define WIDE_ROW(wide, gates)                                                 \
    static void run_##wide##_##gates(const struct job *job, size_t row,       \
                                     size_t rows, size_t panel)               \
    {                                                                         \
        (void)rows;                                                           \
        run_tile(job, row, panel, 1, wide, gates, 1);                         \
    }

WIDE_ROW(8, 1)
WIDE_ROW(6, 3)
WIDE_ROW(8, 4)

typedef void tile_fn(const struct job *job, size_t row, size_t rows,
                     size_t panel);

/* The widest tile for what is left, and how many panels it takes. */
static tile_fn *choose(const struct f32_product *product, size_t rows,
                       size_t panels, size_t *taken)
{
    static tile_fn *const many[] = {run_2_2, run_3_3, run_4_4};
    const bool wide = rows == 1 && product->chains == 1;

    *taken = 2;
    if (wide && product->gates == 4 && panels >= 2)
        return run_8_4;
    if (wide && product->gates == 3 && panels >= 2)
        return run_6_3;
    *taken = 1;
    if (product->gates > 1)
        return many[product->gates - 2];
    *taken = 8;
    if (wide && panels >= 8)
        return run_8_1;
    *taken = panels >= 4 ? 4 : panels >= 2 ? 2 : 1;
    return panels >= 4 ? run_4_1 : panels >= 2 ? run_2_1 : run_1_1;
}

void F32(product)(const struct f32_product *product, size_t rows,
                  const float *x, size_t x_stride, float *y, size_t y_stride)
{
    struct job job = {product, x, x_stride, y, y_stride};
    size_t taken, count;

    if (product->chains == F32_DOT_CHAINS) {
        F32(dot_product)(product, rows, x, x_stride, y, y_stride);
        return;
    }
    for (size_t panel = 0; panel < product->panels; panel += taken) {
        tile_fn *run = choose(product, rows, product->panels - panel, &taken);

        for (size_t row = 0; row < rows; row += count) {
            count = tile_next_rows(rows - row, product->chains);
            run(&job, row, count, panel);
        }
    }
}
