/* affine.h: y = x * scale + shift along the last axis, or along other ones,
 * for the layers that come down to it.
 *
 * Both are float64 and so is the sum; it is rounded once, to float32.  So a
 * mean that is large beside its deviation costs no digit, every instruction
 * set gives the same bits, and no result depends on what stands beside it.
 *
 * Own      A layer's struct begins with its struct affine.
 * Memory   In the model's arena.
 * Threads  Written while a layer is connected, afterwards only read.
 */
#ifndef CORE_LAYERS_AFFINE_H
#define CORE_LAYERS_AFFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/layer.h"

struct affine {
    size_t width;          /* numbers of scale: of the last axis, or of all
                              axes that have their own, outermost first */
    double *scale, *shift; /* [width] */
};

/* Room for `width`, all zero.  NO_MEMORY. */
RNN_CHECKED enum rnn_status affine_init(struct affine *affine, size_t width,
                                        const struct layer *layer,
                                        struct plan_builder *builder,
                                        struct rnn_error *err);

/* The axes that have numbers of their own, as Keras counts them, in a call;
 * `*width` of them.  Where they are not just the last one, node->own says
 * which number goes where; time among them needs the whole sequence.
 *
 * UNSUPPORTED  the batch, no axis, or timesteps whose number is left open
 * BAD_MODEL    other axes than at an earlier call
 */
RNN_CHECKED enum rnn_status affine_axes(const struct affine *affine,
                                        struct node *node, const long *axes,
                                        size_t count, size_t *width,
                                        struct plan_builder *builder,
                                        struct rnn_error *err);

/* Output 0 is like input 0. */
RNN_CHECKED enum rnn_status affine_connect(struct node *node,
                                           struct plan_builder *builder,
                                           struct rnn_error *err);

/* The `run` of these layers. */
bool affine_run(const struct node *node, struct run *run);

#endif
