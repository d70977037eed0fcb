/* recurrent.h: what SimpleRNN, LSTM and GRU share: everything but the gates.
 *
 *     z_t = x_t . kernel + bias        for all timesteps of a chunk at once
 *     h_t, c_t = cell(z_t, h_t-1, c_t-1)
 */
#ifndef CORE_LAYERS_RECURRENT_H
#define CORE_LAYERS_RECURRENT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/layer.h"

struct recurrent {
    size_t units, gates, features;
    bool use_bias, return_sequences, has_c;
    bool go_backwards; /* the last timestep first; what comes out stays so */
    bool zero_output_for_mask, unroll;
    const struct rnn_ukernels *ukernels;
    struct f32_product input; /* all gates */
    struct f32_cell cell;
    size_t z_stride;
};

struct recurrent_call {
    size_t h, c;              /* where it keeps its state at work, in bytes */
    const struct value *mask; /* of its steps; NULL: none */
};

/* The fields of SimpleRNN and, with `gated`, of LSTM and GRU. */
RNN_CHECKED enum rnn_status recurrent_read(struct layer *layer,
                                           struct fields *fields, bool gated,
                                           struct rnn_error *err);

/* Fields that change nothing, of each of the three. */
extern const char *const recurrent_inert[];

/* The three shapes of Keras' weights, as pointers to their numbers. */
struct recurrent_weights {
    const float *kernel;           /* [features, gates * units] */
    const float *recurrent_kernel; /* [units, gates * units] */
    const float *bias; /* [bias_rows, gates * units], NULL without one */
};

/* Check the input and, at the first call, take the weights: *is_first says
 * so.  `bias_rows` is 2 for a GRU with reset_after, else 1. */
RNN_CHECKED enum rnn_status recurrent_take(struct layer *layer,
                                           struct node *node,
                                           struct plan_builder *builder,
                                           size_t bias_rows,
                                           struct recurrent_weights *weights,
                                           struct rnn_error *err);

/* Pack gates first .. first + count - 1 of `kernel`. */
RNN_CHECKED enum rnn_status recurrent_pack(
    struct layer *layer, struct plan_builder *builder, size_t inputs,
    size_t first, size_t count, const float *kernel, const float *bias,
    struct f32_product *product, struct rnn_error *err);

/* Outputs, state and cost of one call. */
RNN_CHECKED enum rnn_status recurrent_join(struct layer *layer,
                                           struct node *node,
                                           struct plan_builder *builder,
                                           struct rnn_error *err);

/* Is `layer` one of the three? */
bool recurrent_is(const struct layer *layer);

size_t recurrent_scratch(const struct node *node, size_t rows, size_t items);
bool recurrent_run(const struct node *node, struct run *run);

/* What the cell reads and writes of sequence `row` from timestep `t` on. */
struct f32_cell_row recurrent_row(const struct node *node,
                                  const struct run *run, struct view z,
                                  size_t row, size_t t);

/* The cell over `steps` of the first `rows` run->cell_rows, which move on.
 * False: stopped. */
bool recurrent_run_cell(const struct node *node, struct run *run, size_t rows,
                        size_t steps, float *scratch);

/* ---- recurrent_masked.c --------------------------------------------------*/

/* The fields that matter under a mask only. */
RNN_CHECKED enum rnn_status recurrent_read_masking(struct recurrent *own,
                                                   struct fields *fields,
                                                   struct rnn_error *err);

/* The mask that this call looks at. */
RNN_CHECKED enum rnn_status recurrent_find_mask(
    const struct layer *layer, const struct node *node,
    const struct plan_builder *builder, const struct value **mask,
    struct rnn_error *err);

/* All steps of the chunk, from z behind which the scratch goes on. */
bool recurrent_run_masked(const struct node *node, struct run *run,
                          struct view z);

/* Outputs that a mask makes zero. */
void recurrent_blank(const struct node *node, const struct run *run);

#endif
