/* f32_depthwise.c: y = sum over taps of x times kernel, column by column.
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_math.h"

/* Rows side by side: what hides the latency of one chain. */
#define ROWS 4

struct job {
    const struct f32_depthwise *product;
    const float *x;
    size_t x_stride, x_next;
    float *y;
    size_t y_stride;
};

/* One vector of columns of `rows` rows. */
VEC_INLINE void run_column(const struct job *job, size_t row, size_t column,
                           const int rows)
{
    const struct f32_depthwise *product = job->product;
    const float *w = product->kernel + column;
    const float *x = job->x + row * job->x_stride + column;
    float *y = job->y + row * job->y_stride + column;
    vec sum[ROWS];

    for (int r = 0; r < rows; r++)
        sum[r] = vec_load(product->bias + column);
    for (size_t i = 0; i < product->taps; i++) {
        const vec weight = vec_load(w);

        for (int r = 0; r < rows; r++)
            sum[r] = vec_fma(vec_load(x + (size_t)r * job->x_stride), weight,
                             sum[r]);
        w += product->stride;
        x += job->x_next;
    }
    for (int r = 0; r < rows; r++)
        vec_store(y + (size_t)r * job->y_stride, sum[r]);
}

void F32(depthwise)(const struct f32_depthwise *product, size_t rows,
                    const float *x, size_t x_stride, size_t x_next, float *y,
                    size_t y_stride)
{
    const struct job job = {product, x, x_stride, x_next, y, y_stride};
    size_t row = 0;

    for (; row + ROWS <= rows; row += ROWS)
        for (size_t c = 0; c < product->stride; c += VEC_LANES)
            run_column(&job, row, c, ROWS);
    for (; row < rows; row++)
        for (size_t c = 0; c < product->stride; c += VEC_LANES)
            run_column(&job, row, c, 1);
}
