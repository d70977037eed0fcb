/* einsum.h: sums of products, for the layers and operators that come down to
 * them.
 *
 *     y[labels of y] = sum over all other labels of a[...] * b[...]
 *
 * A label is a letter for each axis behind the batch.  The sum is float64 in
 * the order of the labels as they stand in a, then in b, the last fastest, and
 * is rounded once.
 *
 * Time stays the first axis of y, and each item is computed alone, where it is
 * that of a and stands in b in the same place or not at all.  In all other
 * ways the whole sequence runs at once.
 *
 * Memory   In the model's arena.
 */
#ifndef CORE_LAYERS_EINSUM_H
#define CORE_LAYERS_EINSUM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/layer.h"
#include "core/layers/nd.h"

struct einsum_operand {
    const char *labels;
    const struct value *value; /* NULL: the same for all sequences */
    struct nd numbers;         /* then these */
};

struct einsum {
    struct einsum_operand operands[2];
    const char *labels;          /* of y; "" is one number */
    const struct scores *scores; /* that y is a product of (scores.h); NULL */
    double least; /* 0, or a and b are divided by the root of the sum
                     of their squares, which is at least this */
};

/* Output 0 of `node`, which runs einsum_run() with `einsum`.
 *
 * BAD_MODEL    sizes that do not fit
 * UNSUPPORTED  a size of y would follow from the timesteps
 */
RNN_CHECKED enum rnn_status einsum_connect(struct einsum *einsum,
                                           struct node *node,
                                           struct plan_builder *builder,
                                           struct rnn_error *err);

size_t einsum_scratch(const struct einsum *einsum, const struct node *node,
                      size_t items);

/* One chunk; false: the caller said stop. */
bool einsum_run(const struct einsum *einsum, const struct node *node,
                struct run *run);

#endif
