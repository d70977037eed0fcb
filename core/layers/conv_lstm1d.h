/* conv_lstm1d.h: what the two halves of ConvLSTM1D know of each other.
 *
 * Shapes  A timestep has `rows` places of `channels` numbers, a state has
 *         `places` of `filters`; with channels_first they lie the other way
 *         round in values, but never in a state or in scratch.
 */
#ifndef CORE_LAYERS_CONV_LSTM1D_H
#define CORE_LAYERS_CONV_LSTM1D_H

#include "core/layers/recurrent.h"

/* Places that run through the cell at once. */
#define CONV_LSTM_GROUP ((size_t)24)

struct conv_lstm {
    struct recurrent_way way; /* first: a Bidirectional looks for it here */
    size_t filters, taps, stride, dilation;
    bool same, channels_first, use_bias;
    size_t rows, channels, places; /* known at the first call */
    size_t left;                   /* zeros before the first row */
    const struct rnn_ukernels *ukernels;
    struct f32_product input; /* [taps * channels] to all gates */
    struct f32_cell cell;     /* recurrent: from [taps * filters] */
    size_t z_stride;
};

struct conv_lstm_call {
    size_t h, c;              /* where it keeps its state at work, in bytes */
    const struct value *mask; /* one number for each step, or each place */
    bool zeroes;              /* what is masked is 0, not what it was */
};

size_t conv_lstm_scratch(const struct node *node, size_t rows, size_t items);
bool conv_lstm_run(const struct node *node, struct run *run);

#endif
