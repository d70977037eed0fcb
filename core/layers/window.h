/* window.h: windows that move along time: what convolutions and poolings have
 * in common.
 *
 *     output o reads the timesteps o stride - before + i dilation,
 *     i = 0 .. size - 1
 *
 * before is 0 where padding is valid, (size - 1) dilation where it is causal,
 * and half (rounded down) of what is missing where it is same; what lies
 * outside of the sequence is zero.  Under `carry` the timesteps before the
 * first are those of the calls before: the node's state, zeros at first.
 *
 * The sums over a window are products over items that follow each other: with
 * a dilation the items of every residue are brought together, so that there
 * is one way to compute for all.
 */
#ifndef CORE_LAYERS_WINDOW_H
#define CORE_LAYERS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/layer.h"

struct window {
    size_t size, stride, dilation;
    enum { WINDOW_VALID, WINDOW_SAME, WINDOW_CAUSAL } padding;
};

/* `size_key`, strides (absent: `if_absent`, or the size itself for 0),
 * dilation_rate and padding.
 *
 * UNSUPPORTED  a number beyond any network
 */
RNN_CHECKED enum rnn_status window_read(struct fields *fields,
                                        const char *size_key, size_t if_absent,
                                        struct window *window,
                                        struct rnn_error *err);

/* Timesteps from the first to the last that one output reads. */
size_t window_reach(const struct window *window);

/* How many outputs there are. */
struct pace window_pace(const struct window *window);

/* Timesteps before the first that output 0 reads, of a sequence of `steps`. */
size_t window_before(const struct window *window, size_t steps);

/* May the timesteps come in pieces? */
bool window_streams(const struct window *window);

/* The only input of `node`: [timesteps, features], or a sentence. */
RNN_CHECKED enum rnn_status window_input(const struct layer *layer,
                                         const struct node *node,
                                         struct value **x,
                                         struct rnn_error *err);

/* Make the output of `features`.  The node needs the whole sequence unless the
 * window streams; then it keeps the (size - 1) dilation timesteps before the
 * next, and node->own says where (size_t: bytes into a state at work). */
RNN_CHECKED enum rnn_status window_connect(struct plan_builder *builder,
                                           struct node *node,
                                           const struct window *window,
                                           size_t features,
                                           struct rnn_error *err);

/* Rows of windows that are computed together: of one sequence, or the same
 * output of several.  Row i belongs to sequence row + i next_row, output
 * output + i next_output; its items lie one after the other at
 * x + i x_stride. */
struct window_piece {
    size_t count, row, output, next_row, next_output;
    const float *x;
    size_t x_stride;
};

/* A walk over all windows of a run. */
struct window_walk {
    struct window window;
    size_t before, outputs; /* of each sequence */
    size_t skip;            /* timesteps by which it begins later instead */
    size_t first_feature, features;
    size_t repeat; /* each feature so often */
    size_t item;   /* floats from item to item; features * repeat or more,
                      what is more is zero */
    bool (*piece)(void *arg, struct run *run,
                  const struct window_piece *piece);
    void *arg;
};

/* Most rows of a piece. */
#define WINDOW_PIECE ((size_t)64)

/* Floats of buffer that a walk over up to `rows` sequences needs. */
size_t window_buffer(const struct window *window, size_t item, size_t rows);

/* Every window once; false: piece() said stop.  `node` is the one that runs,
 * `buffer` as asked. */
bool window_run(const struct node *node, struct run *run,
                const struct window_walk *walk, float *buffer);

/* Keep the last timesteps of this run for the next, if the node does. */
void window_remember(const struct node *node, struct run *run,
                     const struct window *window);

#endif
