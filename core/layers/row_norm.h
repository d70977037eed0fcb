/* row_norm.h: what the layers share that norm each row of numbers by the row
 * itself.
 *
 *     y = x * (r * gamma) + (beta - mean * (r * gamma))
 *
 * A row is the last axis, or all numbers along several axes, outermost first
 * (lanes.h).  The layer says how mean and r come from the row.  All of it is
 * float64 and is rounded once; sums along a row have four chains: number k of
 * the row is added to chain k % 4, in order, then (s0 + s2) + (s1 + s3).  So a
 * row's bits depend on the row alone.
 *
 * Own      The layer's own struct begins with its struct row_norm.
 * Memory   Weights are kept in the model's arena.
 * Threads  Written while a layer is connected, afterwards only read.
 */
#ifndef CORE_LAYERS_ROW_NORM_H
#define CORE_LAYERS_ROW_NORM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/layer.h"

/* Mean and r of a row. */
typedef void row_norm_fn(const struct node *node, const float *x, size_t width,
                         double *mean, double *r);

struct row_norm {
    long axes[RNN_MAX_RANK];
    size_t axis_count;
    double epsilon;
    row_norm_fn *measure;
    size_t width;              /* of a row; 0 before the first call, or where
                                  it follows from the timesteps */
    const float *gamma, *beta; /* [width] or NULL */
};

/* x[0] + ... */
double row_sum(const float *x, size_t count);

/* (x[0] - from)^2 + ... */
double row_sum_squares(const float *x, size_t count, double from);

/* One call: the axes, and output 0 like input 0.  At the first call the
 * weights called `gamma` and `beta` (NULL: none) are taken. */
RNN_CHECKED enum rnn_status row_norm_connect(
    struct row_norm *norm, const char *gamma, const char *beta,
    struct layer *layer, struct node *node, struct plan_builder *builder,
    struct rnn_error *err);

/* For `scratch` and `run` of the class. */
size_t row_norm_scratch(const struct node *node, size_t rows, size_t items);
bool row_norm_run(const struct node *node, struct run *run);

#endif
