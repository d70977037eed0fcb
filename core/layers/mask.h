/* mask.h: masks, as Keras has them: what of a sequence does not count.
 *
 * A mask is a value beside another one (value->mask): an item for each of its
 * items, 0 where it is masked and any other number where it counts.  It is a
 * value like all others: with time where the other has it, in a buffer that
 * lives until its last reader has run, and its bits know neither batch nor
 * cuts.  NULL: everything counts.
 *
 * Where they come from    Masking and Embedding(mask_zero) make one as
 *                         node->mask and name it at their output; a call's
 *                         keyword `mask` puts one on what is called.
 * What becomes of them    mask_settle() does at each call what the class's
 *                         `masking` says (layer.h), by the rules of the
 *                         Keras that wrote the file.
 * Who reads them          recurrent layers hold their state, averages and
 *                         merges leave masked items out, attention does not
 *                         look at them.  A layer that does reads
 *                         inputs[i]->mask, once mask_of_steps() has agreed.
 *
 * Keras: keras/src/layers/layer.py, tf_keras/src/engine/base_layer.py
 */
#ifndef CORE_LAYERS_MASK_H
#define CORE_LAYERS_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/layer.h"

/* The masks of what `node`, just connected, makes.
 *
 * UNSUPPORTED  a class that has no policy is given a mask
 */
RNN_CHECKED enum rnn_status mask_settle(struct plan_builder *builder,
                                        const struct layer *layer,
                                        struct node *node,
                                        struct rnn_error *err);

/* Keras 3.0 to 3.3 ask a list of inputs for its one mask, which it has not:
 * what is called on a list there knows nothing of its masks. */
static inline bool mask_is_lost_in_lists(const struct plan_builder *builder)
{
    return builder->keras_major == 3 && builder->keras_minor < 4;
}

/* `*rest` is `given` without its keyword `mask`, whose tensors are the masks
 * of the inputs by position now.  `is_model`: what is called is one, and does
 * not tell them from masks that come with its inputs.
 *
 * UNSUPPORTED  more masks than inputs
 */
RNN_CHECKED enum rnn_status mask_take_keyword(struct plan_builder *builder,
                                              const char *name, bool is_model,
                                              const struct call *given,
                                              struct call *rest,
                                              struct rnn_error *err);

/* Calls from now on see `value`, and what shares its memory and its mask,
 * without the mask. */
RNN_CHECKED enum rnn_status mask_forget(struct plan_builder *builder,
                                        const struct layer *layer,
                                        struct value *value,
                                        struct rnn_error *err);

/* Output 0 of `node` is input 0 as `dtype` (NULL: as it is): where it is that
 * already, to Keras it is the tensor itself, its mask with it, else a new one
 * without.
 *
 * UNSUPPORTED  a mask, and layers of several dtypes
 */
RNN_CHECKED enum rnn_status mask_keep_as(const struct plan_builder *builder,
                                         const struct node *node,
                                         const char *dtype,
                                         struct rnn_error *err);

/* The mask of `value`, or NULL; it has to be one number for each timestep.
 *
 * UNSUPPORTED  a mask of another shape
 */
RNN_CHECKED enum rnn_status mask_of_steps(const struct layer *layer,
                                          const struct value *value,
                                          const struct value **mask,
                                          struct rnn_error *err);

/* Where the mask of `value` lies in this chunk; without data: no mask. */
static inline struct view mask_view(const struct run *run,
                                    const struct value *value)
{
    return value->mask ? run_view(run, value->mask) : (struct view){0};
}

/* Does item `index` count? */
static inline bool mask_counts(struct view mask, size_t index)
{
    return !mask.data || mask.data[index * mask.stride] != 0;
}

/* The mask of what a MASK_JOINED node makes; an input has one.
 *
 * UNSUPPORTED  masks that Keras cannot join, or along the batch
 */
RNN_CHECKED enum rnn_status mask_settle_joined(struct plan_builder *builder,
                                               struct node *node,
                                               struct rnn_error *err);

/* Write the mask of a MASK_JOINED node; nothing when it makes none. */
void mask_join(const struct node *node, const struct run *run);

#endif
