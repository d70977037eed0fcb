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
};

/* One lane: `width` numbers of `x` in a row; `y` has as many, or as few as the
 * walk was told.  `index` counts lanes of an item or of a sequence. */
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

/* Axes as Keras counts them, from the batch or from the end, of `x`.
 *
 * UNSUPPORTED  the batch, or no axis
 */
RNN_CHECKED enum rnn_status lanes_init(struct lanes *lanes,
                                       const struct layer *layer,
                                       const struct value *x, const long *axes,
                                       size_t count, struct rnn_error *err);

/* Call `apply` for each lane of input 0 of `node`, and put what it makes into
 * output 0, which has the same shape.  False: the caller said stop. */
bool lanes_run(const struct lanes *lanes, const struct node *node,
               struct run *run, lanes_fn *apply);

/* The same where a lane becomes one number: output 0 has axes of one there,
 * or none. */
bool lanes_fold(const struct lanes *lanes, const struct node *node,
                struct run *run, lanes_fn *apply);

#endif
