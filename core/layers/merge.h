/* merge.h: how Add and its kin read their inputs; between merge.c and
 * merge_masked.c.
 *
 * An item of the output is as wide as its inputs together: an axis of one is
 * repeated.  Everything lives in the model's arena.
 */
#ifndef CORE_LAYERS_MERGE_H
#define CORE_LAYERS_MERGE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/layer.h"

/* Rows of scratch, each as wide as an item, that merge_masked() needs behind
 * that of merge_find_item(). */
#define MERGE_MASKED_ROWS 2

/* How an item is read along the axes of one of the output. */
struct merge_input {
    bool repeats; /* an axis of the item */
    size_t stride[RNN_MAX_RANK];
};

struct merge_call {
    size_t rank; /* of an item of the output */
    size_t dim[RNN_MAX_RANK];
    const struct merge_mask *masks; /* [node->input_count]; NULL: none is
                                       looked at */
    struct merge_input inputs[];    /* [node->input_count] */
};

/* The shape of an item: without time, or, beside an input with time, without
 * the axis of one that stands for it. */
struct rnn_shape merge_item_shape(const struct value *value,
                                  const struct value *timed);

/* How items of the shape `own` are read for one of `item`. */
void merge_set_strides(struct merge_input *input, struct rnn_shape own,
                       const struct rnn_shape *item);

/* `count` numbers, those of `x` repeated. */
void merge_repeat(const struct merge_call *call,
                  const struct merge_input *input, const float *x,
                  size_t count, float *wide);

/* The item of input `i` that belongs to item `index` of the output; where it
 * is repeated, at the start of the scratch. */
const float *merge_find_item(const struct node *node, const struct run *run,
                             size_t i, size_t index);

/* The masks that a call looks at, or NULL when it looks at none.
 *
 * UNSUPPORTED  a mask that Keras takes for one of other axes
 */
RNN_CHECKED enum rnn_status merge_find_masks(
    const struct node *node, const struct plan_builder *builder,
    const struct value *timed, const struct rnn_shape *item,
    const struct merge_mask **masks, struct rnn_error *err);

/* Item `index` of the output, without what is masked. */
void merge_masked(const struct node *node, const struct run *run, size_t index,
                  float *y);

#endif
