/* lanes.h: a value as rows of numbers along some of its axes.
 *
 * A lane is all numbers that differ in the places of these axes only, in the
 * order in which they lie.  Where time is among the axes, a lane goes through
 * the whole sequence.
 *
 * Memory   A lane at work is in the caller's scratch.
 */
#ifndef CORE_LAYERS_LANES_H
#define CORE_LAYERS_LANES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/layer.h"
#include "core/layers/nd.h"

struct lanes {
    bool along[RNN_MAX_RANK]; /* axes of the value, time too */
    size_t count;             /* of these */
    bool whole;               /* time is among them */
    size_t output;            /* of the node: where the walk goes to */
    bool beside;              /* behind a lane of input 0 is that of input 1 */
    bool appends; /* what is made of a lane is that one's last axis */
};

/* One lane: `width` numbers of `x` in a row; `y` has room for as many, of
 * which as many count as the output has.  `index` counts lanes of an item or
 * of a sequence. */
typedef void lanes_fn(const struct node *node, const float *x, float *y,
                      size_t width, size_t index);

/* Numbers of a lane of `value` in this run. */
size_t lanes_width(const struct lanes *lanes, const struct run *run,
                   const struct value *value);

/* The same of a shape; 0: it depends on the timesteps. */
size_t lanes_known_width(const struct lanes *lanes,
                         const struct rnn_shape *shape);

/* Floats of scratch that a walk needs, for `items` items of the largest
 * chunk. */
size_t lanes_scratch(const struct lanes *lanes, const struct value *value,
                     size_t items);

/* That, as a layer class asks for it, where node->own begins with its lanes.
 */
size_t lanes_own_scratch(const struct node *node, size_t rows, size_t items);

/* Axes as Keras counts them, from the batch or from the end, of `x`.
 *
 * UNSUPPORTED  the batch, or no axis
 */
RNN_CHECKED enum rnn_status lanes_init(struct lanes *lanes,
                                       const struct layer *layer,
                                       const struct value *x, const long *axes,
                                       size_t count, struct rnn_error *err);

/* The axes that `json` names, and time among them. */
RNN_CHECKED enum rnn_status lanes_read(struct lanes *lanes,
                                       const struct node *node,
                                       const struct rnn_json *json,
                                       struct rnn_error *err);

/* The same, of one axis: others are refused. */
RNN_CHECKED enum rnn_status lanes_read_one(struct lanes *lanes,
                                           const struct node *node,
                                           const struct rnn_json *json,
                                           struct rnn_error *err);

/* Output `index` of `node`, whose lanes, along one axis, have `width` numbers
 * instead.
 *
 * BAD_MODEL  more than there are
 */
RNN_CHECKED enum rnn_status lanes_make_output(const struct lanes *lanes,
                                              struct node *node, size_t index,
                                              size_t width,
                                              struct plan_builder *builder,
                                              struct rnn_error *err);

/* Call `apply` for each lane of input 0 of `node`, and put what it makes into
 * an output: of the same axes, where those of a lane may be shorter; or
 * without these, one number of each lane.  False: the caller said stop. */
bool lanes_run(const struct lanes *lanes, const struct node *node,
               struct run *run, lanes_fn *apply);

#endif
