/* tensor.h: shapes, and questions about plain arrays of float32.
 *
 * Shapes  Without the batch axis, outermost first; RNN_FREE where a model
 *         leaves a dimension open.
 */
#ifndef CORE_TENSOR_H
#define CORE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>

#include "core/model.h"

struct rnn_shape {
    size_t rank;
    size_t dim[RNN_MAX_RANK];
};

#define RNN_SHAPE_TEXT 160 /* bytes of the longest text of a shape */

/* a * b in `*product`; false, and `*product` untouched, when it overflows. */
bool rnn_product(size_t a, size_t b, size_t *product);

/* Product of the dimensions from `first` on in `*count`; 1 when there are
 * none.  False when it overflows. */
bool rnn_shape_count(const struct rnn_shape *shape, size_t first,
                     size_t *count);

bool rnn_shape_equal(const struct rnn_shape *a, const struct rnn_shape *b);

/* "[2, 15]", with "?" for RNN_FREE.  Returns `text`. */
const char *rnn_shape_print(const struct rnn_shape *shape,
                            char text[RNN_SHAPE_TEXT]);

/* The same for sizes that are all given: 0 is a 0. */
const char *rnn_sizes_print(const struct rnn_shape *shape,
                            char text[RNN_SHAPE_TEXT]);

/* Is none of `count` numbers NaN or infinite? */
bool rnn_all_finite(const float *numbers, size_t count);

#endif
