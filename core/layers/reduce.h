/* reduce.h: operators that make one number of all along some axes, or two.
 *
 * What a lane's numbers become is told by three things: how many float64
 * numbers are kept of those that came so far, how one more is taken to them,
 * and what they give in the end.  So it is the same whether a lane lies there
 * whole or its timesteps come one by one.
 */
#ifndef CORE_LAYERS_REDUCE_H
#define CORE_LAYERS_REDUCE_H

#include "core/format/constant.h"
#include "core/layers/lanes.h"
#include "core/layers/operator.h"

#define REDUCE_KEPT     ((size_t)3) /* numbers of a lane at most */
#define REDUCE_SETTINGS ((size_t)3)

struct reduce_call;

struct reduction {
    size_t kept; /* zeros at first */
    bool places; /* it tells a place, which one axis only has */
    /* x is number n of the lane, from 1 on. */
    void (*take)(double *kept, double x, double n);
    double (*give)(const double *kept, double n);
    double (*give_2)(const double *kept, double n); /* output 1; NULL: none */

    /* In place of all these, what needs a lane that is there whole; `room` is
     * as wide. */
    double (*of_lane)(const struct reduce_call *call, const float *x,
                      float *room, size_t width);

    /* What it is called on beside one tensor, and which reduction that asks
     * for; the axes are known.  NULL: nothing. */
    enum rnn_status (*read)(const struct node *node, struct reduce_call *call,
                            struct plan_builder *builder,
                            struct rnn_error *err);
};

struct reduce_call {
    const struct reduction *reduction;
    struct lanes lanes;
    double settings[REDUCE_SETTINGS];
    struct constant row; /* a number for each of a lane; count 0: none */
    bool folds;          /* along time, step by step */
    size_t *lane, *turn; /* [features] of each number: which, which of it */
    size_t width;        /* numbers of a lane in one item */
    size_t kept, count;  /* where they lie at work, in bytes */
};

/* What is left of the axes of input 0; none, where no other one is. */
struct rnn_shape reduce_shape(const struct node *node,
                              const struct lanes *lanes, bool keepdims);

/* The functions of their classes; `detail` is a struct reduction. */
RNN_CHECKED enum rnn_status reduce_connect(struct layer *layer,
                                           struct node *node,
                                           struct plan_builder *builder,
                                           struct rnn_error *err);
size_t reduce_scratch(const struct node *node, size_t rows, size_t items);
bool reduce_run(const struct node *node, struct run *run);

#define REDUCE_CLASS(label, keras, words, how)                                \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words, how),                                   \
        .connect = reduce_connect,                                            \
        .scratch = reduce_scratch,                                            \
        .run = reduce_run,                                                    \
    }

#endif
