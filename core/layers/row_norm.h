/* row_norm.h: what the layers share that norm each row of the last axis by
 * the row itself.
 *
 *     y = x * (r * gamma) + (beta - mean * (r * gamma))
 *
 * The layer says how mean and r come from the row.  All of it is float64 and
 * is rounded once; sums along a row have four chains: number k of the row is
 * added to chain k % 4, in order, then (s0 + s2) + (s1 + s3).  So a row's
 * bits depend on the row alone.
 *
 * Memory   Weights are kept in the model's arena.
 * Threads  Written while a layer is connected, afterwards only read.
 */
#ifndef CORE_LAYERS_ROW_NORM_H
#define CORE_LAYERS_ROW_NORM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/layer.h"

struct row_norm {
    long axis;
    double epsilon;
    size_t width;              /* of the last axis; 0 before the first call */
    const float *gamma, *beta; /* [width] or NULL */
};

/* x[0] + ... */
double row_sum(const float *x, size_t count);

/* (x[0] - from)^2 + ... */
double row_sum_squares(const float *x, size_t count, double from);

/* One call: the last axis, and output 0 like input 0.  At the first call the
 * weights called `gamma` and `beta` (NULL: none) are taken. */
RNN_CHECKED enum rnn_status row_norm_connect(
    struct row_norm *norm, const char *gamma, const char *beta,
    struct layer *layer, struct node *node, struct plan_builder *builder,
    struct rnn_error *err);

/* One chunk; `measure` gives mean and r of a row.  False: stopped. */
bool row_norm_run(const struct row_norm *norm,
                  void (*measure)(const struct node *node, const float *x,
                                  double *mean, double *r),
                  const struct node *node, struct run *run);

#endif
