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
 * gates.  TALL takes several rows too. */
#define ROW(wide, gates)                                                      \
    static void row_##wide##_##gates(const struct job *job, size_t row,       \
                                     size_t panel)                            \
    {                                                                         \
        size_t chains = job->product->chains;                                 \
                                                                              \
        if (chains == 1)                                                      \
            run_tile(job, row, panel, 1, wide, gates, 1);                     \
        else if (chains == 2)                                                 \
            run_tile(job, row, panel, 1, wide, gates, 2);                     \
        else                                                                  \
            run_tile(job, row, panel, 1, wide, gates, 4);                     \
    }

#if VEC_ROWS > 3
#define CASES_TO_6(wide, gates)                                               \
    case 4:                                                                   \
        run_tile(job, row, panel, 4, wide, gates, chains);                    \
        break;                                                                \
    case 5:                                                                   \
        run_tile(job, row, panel, 5, wide, gates, chains);                    \
        break;                                                                \
    case 6:                                                                   \
        run_tile(job, row, panel, 6, wide, gates, chains);                    \
        break;
#else
#define CASES_TO_6(wide, gates)
#endif

#if VEC_ROWS > 2
#define CASE_3(wide, gates)                                                   \
    case 3:                                                                   \
        run_tile(job, row, panel, 3, wide, gates, chains);                    \
        break;
#else
#define CASE_3(wide, gates)
#endif

#define TALL(wide, gates)                                                     \
    ROW(wide, gates)                                                          \
    static void tall_##wide##_##gates(const struct job *job, size_t row,      \
                                      size_t rows, size_t panel)              \
    {                                                                         \
        const int chains = (int)job->product->chains;                         \
                                                                              \
        switch (rows) {                                                       \
        case 1:                                                               \
            row_##wide##_##gates(job, row, panel);                            \
            break;                                                            \
        case 2:                                                               \
            run_tile(job, row, panel, 2, wide, gates, chains);                \
            break;                                                            \
            CASE_3(wide, gates)                                               \
            CASES_TO_6(wide, gates)                                           \
        }                                                                     \
    }

TALL(1, 1)
TALL(2, 1)
TALL(4, 1)
TALL(2, 2)
TALL(3, 3)
TALL(4, 4)

typedef void tall_fn(const struct job *job, size_t row, size_t rows,
                     size_t panel);

/* The widest tile for what is left, and how many panels it takes. */
static tall_fn *choose(size_t gates, size_t panels, size_t *taken)
{
    static tall_fn *const many[] = {tall_2_2, tall_3_3, tall_4_4};

    *taken = 1;
    if (gates > 1)
        return many[gates - 2];
    if (panels >= 4) {
        *taken = 4;
        return tall_4_1;
    }
    if (panels >= 2) {
        *taken = 2;
        return tall_2_1;
    }
    return tall_1_1;
}

void F32(product)(const struct f32_product *product, size_t rows,
                  const float *x, size_t x_stride, float *y, size_t y_stride)
{
    struct job job = {product, x, x_stride, y, y_stride};
    size_t taken;

    if (product->chains == F32_DOT_CHAINS) {
        F32(dot_product)(product, rows, x, x_stride, y, y_stride);
        return;
    }
    for (size_t panel = 0; panel < product->panels; panel += taken) {
        tall_fn *run = choose(product->gates, product->panels - panel, &taken);
        size_t blocks = (rows + VEC_ROWS - 1) / VEC_ROWS;

        for (size_t row = 0; row < rows; blocks--) {
            size_t count = (rows - row + blocks - 1) / blocks;

            run(&job, row, count, panel);
            row += count;
        }
    }
}
