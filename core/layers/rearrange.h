/* rearrange.h: operators whose outputs are moves of their input (move.h).
 *
 * Memory   In the model's arena.
 */
#ifndef CORE_LAYERS_REARRANGE_H
#define CORE_LAYERS_REARRANGE_H

#include "core/layers/move.h"
#include "core/layers/operator.h"

/* What becomes of axes, for each output: into `moves`, of which there is room
 * for `*count` (NULL: say how many). */
struct rearrangement {
    enum rnn_status (*read)(const struct node *node, struct move *moves,
                            size_t *count, struct rnn_error *err);
    size_t constants; /* arguments behind the tensor */
    bool parts;       /* it makes several outputs */
    bool unequal;     /* whose sizes may differ by one */
    size_t axis;      /* of which; 0: one that it is told */
};

/* The functions of their classes; `detail` is a struct rearrangement. */
RNN_CHECKED enum rnn_status rearrange_connect(struct layer *layer,
                                              struct node *node,
                                              struct plan_builder *builder,
                                              struct rnn_error *err);
bool rearrange_run(const struct node *node, struct run *run);

#define REARRANGE(label, keras, words, ...)                                   \
    static const struct rearrangement rearrangement_##label = {__VA_ARGS__};  \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words, &rearrangement_##label),                \
        .takes_bare = true,                                                   \
        .connect = rearrange_connect,                                         \
        .run = rearrange_run,                                                 \
    }

#endif
