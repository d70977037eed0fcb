/* reduce.h: operators that make one number of all along some axes.
 *
 * What a lane's numbers become is told by three things: how many float64
 * numbers are kept of those that came so far, how one more is taken to them,
 * and what they give in the end.  So it is the same whether a lane lies there
 * whole or its timesteps come one by one.
 */
#ifndef CORE_LAYERS_REDUCE_H
#define CORE_LAYERS_REDUCE_H

#include "core/layers/operator.h"

#define REDUCE_KEPT ((size_t)2) /* numbers of a lane at most */

struct reduction {
    size_t kept; /* zeros at first */
    bool places; /* it tells a place, which one axis only has */
    /* x is number n of the lane, from 1 on. */
    void (*take)(double *kept, double x, double n);
    double (*give)(const double *kept, double n);
};

/* Which norm the call asks for, of so many axes.
 *
 * UNSUPPORTED  none that is known
 */
RNN_CHECKED enum rnn_status reduce_find_norm(
    const struct node *node, size_t axes, const struct reduction **reduction,
    struct rnn_error *err);

/* The functions of their classes; `detail` is a struct reduction, or NULL
 * for a norm. */
RNN_CHECKED enum rnn_status reduce_connect(struct layer *layer,
                                           struct node *node,
                                           struct plan_builder *builder,
                                           struct rnn_error *err);
size_t reduce_scratch(const struct node *node, size_t rows, size_t items);
bool reduce_run(const struct node *node, struct run *run);

#endif
