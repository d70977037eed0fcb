/* f32_dot.c: y = x . kernel + bias for few columns and many inputs.
 *
 * Its kernel is packed [column][inputs, padded to 16].  Compiled once for
 * each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_dot.h"

void F32(dot_product)(const struct f32_product *product, size_t rows,
                      const float *x, size_t x_stride, float *y,
                      size_t y_stride)
{
    const size_t padded = (product->inputs + F32_DOT_CHAINS - 1) /
                          F32_DOT_CHAINS * F32_DOT_CHAINS;

    for (size_t r = 0; r < rows; r++, x += x_stride, y += y_stride) {
        const float *w = product->kernel;

        for (size_t i = 0; i < product->stride; i++)
            y[i] = 0.0f;
        for (size_t g = 0; g < product->gates; g++)
            for (size_t u = 0; u < product->units; u++, w += padded) {
                size_t place = (u / product->lanes * product->gates + g) *
                                   product->lanes +
                               u % product->lanes;

                y[place] =
                    dot_row(x, w, product->inputs, product->bias[place]);
            }
    }
}
