/* inner_plan.h: a plan whose sequences are the timesteps of another plan.
 *
 * A layer that treats every timestep as a whole input of something else (a
 * layer, a model) builds that something into a plan of its own: the inputs of
 * a node, without their first axis, are that plan's inputs, and its outputs
 * with that axis are the node's.  Every timestep begins from a zero state, so
 * nothing is kept between them.
 *
 * Memory   All of it in the model's arena; at work, the node's scratch.
 * Threads  Written while a layer is connected, afterwards only read.
 */
#ifndef CORE_LAYERS_INNER_PLAN_H
#define CORE_LAYERS_INNER_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/layer.h"

struct inner_plan {
    struct plan plan;
    size_t timesteps; /* of its sequences; 1 without time */
};

/* Begin with an inner plan: `builder` is the one around it, `*inner` its
 * own. */
void inner_plan_begin(struct inner_plan *made,
                      const struct plan_builder *builder,
                      struct plan_builder *inner);

/* The inputs of `node`, one timestep of each, as inputs of the inner plan:
 * `values` has room for node->input_count. */
RNN_CHECKED enum rnn_status inner_plan_inputs(const struct node *node,
                                              struct plan_builder *inner,
                                              struct value **values,
                                              struct rnn_error *err);

/* What comes out of an inner plan. */
struct inner_outputs {
    struct value **values; /* [count] */
    size_t count;
    struct value *mask; /* that becomes node->mask; NULL */
};

/* The inner plan ends with these outputs: settle it, and make the outputs of
 * `node`, which keeps it. */
RNN_CHECKED enum rnn_status inner_plan_finish(
    struct node *node, struct inner_plan *made, struct plan_builder *builder,
    struct plan_builder *inner, const struct inner_outputs *outputs,
    struct rnn_error *err);

/* A node whose `own` is an inner plan. */
size_t inner_plan_scratch(const struct node *node, size_t rows, size_t items);
bool inner_plan_run(const struct node *node, struct run *run);

#endif
