/* sequences.h: what a caller of rnn_infer() gives, held against the plan.
 *
 * Threads  Nothing here is kept.
 */
#ifndef CORE_LAYERS_SEQUENCES_H
#define CORE_LAYERS_SEQUENCES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/infer.h"
#include "core/layers/plan.h"

/* Does a chunk hold whole sequences: does the plan need it, or do the inputs
 * of one of them differ in timesteps? */
bool sequences_run_whole(const struct plan *plan,
                         const struct rnn_sequence *sequences, size_t count);

/* Timesteps of the longest; 1 where the model has no time. */
size_t sequences_longest(const struct plan *plan,
                         const struct rnn_sequence *sequences, size_t count);

/* Have all inputs of two sequences the same timesteps? */
bool sequences_are_alike(const struct plan *plan, const struct rnn_sequence *a,
                         const struct rnn_sequence *b);

/* INVALID_ARGUMENT  as rnn_infer() says */
RNN_CHECKED enum rnn_status sequences_check(
    const struct plan *plan, const struct rnn_sequence *sequences,
    size_t count, bool every_step, struct rnn_error *err);

#endif
