/* move.h: an output that is made of numbers of an input, elsewhere: axes are
 * cut, turned around, exchanged, put in or taken out.
 *
 *     y[a, b, ...] = x[... first_i + step_i * (a or b or ...), ...]
 *
 * A slice is one of Python: start and stop may be absent, count from the end,
 * or lie outside, which cuts them.
 *
 * How it runs follows from what becomes of time: each item alone where time
 * stays the first axis as it is; the last item alone, x[:, -1]; else the
 * whole sequence at once.
 *
 * Memory   In the model's arena.
 */
#ifndef CORE_LAYERS_MOVE_H
#define CORE_LAYERS_MOVE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/layer.h"
#include "core/layers/nd.h"

struct slice {
    bool has_start, has_stop;
    long start, stop, step; /* step is never 0 */
};

#define SLICE_ALL ((struct slice){.step = 1})

/* An axis of what comes out. */
struct move_axis {
    bool is_new; /* of one, from no axis of the input */
    size_t from;
    struct slice slice;
};

struct move {
    size_t rank;
    struct move_axis axes[2 * RNN_MAX_RANK]; /* more is refused later */
    bool is_taken[RNN_MAX_RANK]; /* axes of the input of which one place is */
    long place[RNN_MAX_RANK];    /* from the end when negative */
    enum { MOVE_ITEMS, MOVE_LAST, MOVE_WHOLE } how; /* by move_connect() */
};

/* All axes of `x` as they are. */
struct move move_nothing(const struct value *x);

/* The axes of input 0 of `node` in their new order, as Keras counts them: the
 * first of `numbers` is the batch, 0.
 *
 * UNSUPPORTED  they are not all there, or the batch is not the first
 */
RNN_CHECKED enum rnn_status move_order(struct move *move,
                                       const struct node *node,
                                       const long *numbers, size_t count,
                                       struct rnn_error *err);

/* The places that a slice takes of an axis of `size`. */
size_t slice_places(const struct slice *slice, size_t size, size_t *first);

/* Settle how it runs and make output `index` of `node`, from input 0.
 *
 * UNSUPPORTED  nothing is left, or a size would follow from the timesteps
 */
RNN_CHECKED enum rnn_status move_connect(struct move *move, struct node *node,
                                         size_t index,
                                         struct plan_builder *builder,
                                         struct rnn_error *err);

/* One chunk of the outputs of `node`: output i is moves[i].  False: the caller
 * said stop. */
bool move_run(const struct move *moves, size_t count, const struct node *node,
              struct run *run);

#endif
