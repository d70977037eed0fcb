/* infer.h: timesteps through layers: the loop everything else exists for.
 *
 * One call takes any number of sequences, each with its own number of
 * timesteps and its own state, and computes for each the very bits that it
 * would get alone, in any number of pieces, on any instruction set
 * (ARCHITECTURE.md, "Numerics").
 *
 * Memory   Nothing is allocated.  The caller asks rnn_scratch_size() and
 *          provides that many bytes, aligned to 64.
 * Threads  Any thread; the scratch and the sequences belong to the call.
 * Shapes   input with time [timesteps, features], without [features];
 *          output as rnn_output_shape() says.
 */
#ifndef CORE_INFER_H
#define CORE_INFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model.h"
#include "core/state.h"
#include "core/status.h"
#include "core/team.h"

struct rnn_sequence {
    size_t timesteps;           /* >= 1; of the longest input with time */
    const float *const *inputs; /* [input_count]; none NULL */
    float *const *outputs;      /* [output_count]; none NULL */
    struct rnn_state *state;    /* read and advanced in place; NULL: begin at
                                   zero and forget.  Not NULL needs a model
                                   that streams */
    const size_t *input_timesteps; /* [input_count] of each; those without
                                      time are not read.  NULL: all have
                                      `timesteps` */
};

struct rnn_infer_options {
    /* Every output without a time axis gets one: its value had the sequence
     * ended at each timestep.  Needs a model that streams. */
    bool every_step;
    /* Asked at least once in a millisecond of work; false ends the call with
     * CANCELLED.  NULL: never asked. */
    bool (*keep_going)(void *arg);
    void *arg;
    /* Whose idle threads may take units of a step that is too large for one
     * core's cache.  NULL: this thread alone. */
    struct rnn_team *team;
};

/* Shape of output `index` after `timesteps` of each input; returns its rank.
 * The number of floats is the product. */
size_t rnn_output_shape(const struct rnn_model *model, size_t index,
                        size_t timesteps, bool every_step,
                        size_t shape[RNN_MAX_RANK]);

/* The same for a sequence, whose inputs may differ in timesteps. */
size_t rnn_output_shape_of(const struct rnn_model *model, size_t index,
                           const struct rnn_sequence *sequence,
                           bool every_step, size_t shape[RNN_MAX_RANK]);

/* Multiply-adds of one sequence of `timesteps`: the measure by which a
 * server decides where to run it.  Saturates at UINT64_MAX. */
uint64_t rnn_infer_cost(const struct rnn_model *model, size_t timesteps);

/* Exact bytes of scratch for rnn_infer() over `count` sequences of which the
 * longest has `timesteps`.  SIZE_MAX when the number does not fit. */
size_t rnn_scratch_size(const struct rnn_model *model, size_t count,
                        size_t timesteps, bool every_step);

/* The same for these sequences, whose inputs may differ in timesteps: such
 * sequences run whole, so that scratch grows with them. */
size_t rnn_scratch_size_for(const struct rnn_model *model,
                            const struct rnn_sequence *sequences,
                            size_t count);

/* Run `count` sequences.  On anything but RNN_OK outputs and states hold
 * values of no meaning: give it a copy of a state that matters.
 *
 * INVALID_ARGUMENT  timesteps is 0, or state or every_step is asked of a
 *                   model that does not stream or of inputs that differ in
 *                   timesteps
 * CANCELLED         keep_going said no
 */
RNN_CHECKED enum rnn_status rnn_infer(const struct rnn_model *model,
                                      const struct rnn_sequence *sequences,
                                      size_t count,
                                      const struct rnn_infer_options *options,
                                      void *scratch, struct rnn_error *err);

#endif
