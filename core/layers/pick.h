/* pick.h: operators whose numbers are those of other places of the same axes:
 * Take, Repeat, Tile, Roll, Pad.
 */
#ifndef CORE_LAYERS_PICK_H
#define CORE_LAYERS_PICK_H

#include "core/layers/move.h"
#include "core/layers/operator.h"

struct pick_axis {
    enum {
        PICK_ALL,
        PICK_LIST,
        PICK_REPEAT,
        PICK_TILE,
        PICK_ROLL,
        PICK_PAD,
        PICK_REFLECT,
        PICK_SYMMETRIC,
    } how;
    const long *list; /* [count] from the end when negative */
    size_t count;
    long times, shift, before, after;
};

struct pick {
    bool drops; /* one place of an axis: a move */
    struct move move;
    struct pick_axis axes[RNN_MAX_RANK]; /* of x, and of y */
    float fill;
};

/* What becomes of the axes, which stay as they are at first. */
struct picking {
    enum rnn_status (*read)(const struct node *node, struct pick *pick,
                            struct plan_builder *builder,
                            struct rnn_error *err);
};

/* The functions of their classes; `detail` is a struct picking. */
RNN_CHECKED enum rnn_status pick_connect(struct layer *layer,
                                         struct node *node,
                                         struct plan_builder *builder,
                                         struct rnn_error *err);
bool pick_run(const struct node *node, struct run *run);

/* A Take whose first argument is a constant (op_one_hot.c): a node of its own,
 * of which output 0 of `node` is the output. */
RNN_CHECKED enum rnn_status one_hot_take(struct layer *layer,
                                         struct node *node,
                                         struct plan_builder *builder,
                                         struct rnn_error *err);

#endif
