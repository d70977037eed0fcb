/* recurrent.h: what SimpleRNN, LSTM and GRU share: everything but the gates.
 *
 *     z_t = x_t . kernel + bias        for all timesteps of a chunk at once,
 *                                      or right before what begins with it
 *     h_t, c_t = cell(z_t, h_t-1, c_t-1)
 *
 * h and c begin at zero, or at what the call is given behind x
 * (initial_state); with return_state the last of them are outputs behind y.
 */
#ifndef CORE_LAYERS_RECURRENT_H
#define CORE_LAYERS_RECURRENT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/layer.h"

/* How a recurrent layer goes through a sequence and what it gives: the first
 * member of the `own` of every layer that a Bidirectional can wrap. */
struct recurrent_way {
    bool return_sequences, return_state;
    bool go_backwards; /* the last timestep first; what comes out stays so */
    bool zero_output_for_mask, unroll; /* these two matter under a mask */
};

struct recurrent {
    struct recurrent_way way;
    size_t units, gates, features;
    bool use_bias, has_c;
    bool mask_is_turned; /* the steps come the other way round than it */
    bool in_stack;       /* a cell among others */
    const struct rnn_ukernels *ukernels;
    struct f32_product input; /* all gates */
    struct f32_cell cell;
    size_t z_stride;
};

struct recurrent_call {
    size_t h, c;              /* where it keeps its state at work, in bytes */
    const struct value *mask; /* of its steps, or of the units at each;
                                 NULL: none */
};

/* return_sequences, return_state, go_backwards; time_major is refused. */
RNN_CHECKED enum rnn_status recurrent_read_way(struct fields *fields,
                                               struct recurrent_way *way,
                                               struct rnn_error *err);

/* The fields of SimpleRNN and, with `gated`, of LSTM and GRU; of their cells,
 * which know no ways: those are the RNN's. */
RNN_CHECKED enum rnn_status recurrent_read(struct layer *layer,
                                           struct fields *fields, bool gated,
                                           struct rnn_error *err);

/* Fields that change nothing, of each of the three. */
extern const char *const recurrent_inert[];

/* initial_state: its tensors follow x. */
extern const char *const recurrent_keywords[];

/* Why one that is given a state needs the whole sequence. */
extern const char recurrent_begins_given[];

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

/* How many states it has: h, or h and c. */
static inline size_t recurrent_states(const struct recurrent *own)
{
    return own->has_c ? 2 : 1;
}

/* Outputs, state and cost of one call. */
RNN_CHECKED enum rnn_status recurrent_join(struct layer *layer,
                                           struct node *node,
                                           struct plan_builder *builder,
                                           struct rnn_error *err);

/* The `connect` of cells that need all gates of both kernels at once, and
 * have one bias: SimpleRNN, LSTM. */
RNN_CHECKED enum rnn_status recurrent_connect(struct layer *layer,
                                              struct node *node,
                                              struct plan_builder *builder,
                                              struct rnn_error *err);

/* What the classes of the three have in common, of their cells too. */
#define RECURRENT(label, keras, reader, connector, masks)                     \
    const struct layer_class layer_##label = {                                \
        .name = (keras),                                                      \
        .inert = recurrent_inert,                                             \
        .keywords = recurrent_keywords,                                       \
        .streaming = STREAM_STEPS,                                            \
        .masking = (masks),                                                   \
        .own_bytes = sizeof(struct recurrent),                                \
        .read = (reader),                                                     \
        .connect = (connector),                                               \
        .scratch = recurrent_scratch,                                         \
        .run = recurrent_run,                                                 \
    }

/* The way of a layer that goes through a sequence; NULL: `layer` is none. */
struct recurrent_way *recurrent_way_of(const struct layer *layer);

/* Is `layer` a cell: SimpleRNNCell, LSTMCell, GRUCell? */
bool recurrent_is_cell(const struct layer *layer);

size_t recurrent_scratch(const struct node *node, size_t rows, size_t items);
bool recurrent_run(const struct node *node, struct run *run);

/* ---- recurrent_states.c --------------------------------------------------*/

/* initial_state, where a call says it, holds tensors. */
RNN_CHECKED enum rnn_status recurrent_check_call(const struct layer *layer,
                                                 const struct node *node,
                                                 struct rnn_error *err);

/* Are the inputs behind x the states of this layer, or none? */
RNN_CHECKED enum rnn_status recurrent_check_states(const struct layer *layer,
                                                   const struct node *node,
                                                   struct rnn_error *err);

/* The outputs behind y. */
RNN_CHECKED enum rnn_status recurrent_make_states(struct layer *layer,
                                                  struct node *node,
                                                  struct plan_builder *builder,
                                                  struct rnn_error *err);

/* Begin where the inputs say. */
void recurrent_begin(const struct node *node, const struct run *run);

/* Are the states an output that has an item for each timestep? */
bool recurrent_returns_each(const struct node *node, const struct run *run);

/* Timestep `t` of this run is done: its states are outputs. */
void recurrent_return_each(const struct node *node, const struct run *run,
                           size_t t);

/* The run is done: so are the states of the sequences that end. */
void recurrent_return_last(const struct node *node, const struct run *run);

/* What the cell reads and writes of sequence `row` from timestep `t` on. */
struct f32_cell_row recurrent_row(const struct node *node,
                                  const struct run *run, struct view z,
                                  size_t row, size_t t);

/* The cell over `steps` of the first `rows` run->cell_rows, which move on.
 * False: stopped. */
bool recurrent_run_cell(const struct node *node, struct run *run, size_t rows,
                        size_t steps, float *scratch);

/* ---- recurrent_masked.c --------------------------------------------------*/

/* The mask that this call looks at. */
RNN_CHECKED enum rnn_status recurrent_find_mask(
    const struct layer *layer, const struct node *node,
    const struct plan_builder *builder, const struct value **mask,
    struct rnn_error *err);

/* Floats of scratch beside those of the cell, for `rows` sequences. */
size_t recurrent_masked_scratch(const struct node *node, size_t rows);

/* All steps of the chunk, from z behind which the scratch goes on. */
bool recurrent_run_masked(const struct node *node, struct run *run,
                          struct view z);

/* Outputs that a mask makes zero. */
void recurrent_blank(const struct node *node, const struct run *run);

#endif
