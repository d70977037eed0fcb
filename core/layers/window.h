/* window.h: windows that move along time: what convolutions and poolings have
 * in common.  window_walk.h computes with them.
 *
 *     output o reads the timesteps o stride - before + i dilation,
 *     i = 0 .. size - 1
 *
 * before is 0 where padding is valid, (size - 1) dilation where it is causal,
 * and half (rounded down) of what is missing where it is same; what lies
 * outside of the sequence is zero.  Under `carry` the timesteps before the
 * first are those of the calls before: the node's state, zeros at first.
 *
 * With data_format channels_first x is [features, timesteps], and so is y:
 * what the plan calls time are the features.  Both numbers are known then.
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

/* Check that `node` has one input, [timesteps, features], of as many features
 * as at an earlier call: `*features`, 0 at the first, where they are set.
 *
 * BAD_MODEL    another number of features than there are weights for
 * UNSUPPORTED  another shape
 */
RNN_CHECKED enum rnn_status window_input(const struct layer *layer,
                                         const struct node *node,
                                         bool channels_first, size_t *features,
                                         struct rnn_error *err);

/* Make the output, of `features` and with `pace` timesteps. */
RNN_CHECKED enum rnn_status window_output(struct plan_builder *builder,
                                          struct node *node,
                                          const struct pace *pace,
                                          size_t features, bool channels_first,
                                          struct rnn_error *err);

/* The output of a window.  The node needs the whole sequence unless the
 * window streams; then it keeps the (size - 1) dilation timesteps before the
 * next, and node->own says where (size_t: bytes into a state at work). */
RNN_CHECKED enum rnn_status window_connect(struct plan_builder *builder,
                                           struct node *node,
                                           const struct window *window,
                                           size_t features,
                                           bool channels_first,
                                           struct rnn_error *err);

/* Keep the last timesteps of this run for the next, if the node does. */
void window_remember(const struct node *node, struct run *run,
                     const struct window *window);

#endif
