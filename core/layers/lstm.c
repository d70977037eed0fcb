/* LSTM, LSTMCell
 *
 *     z = x_t . kernel + bias + h_t-1 . recurrent_kernel     gates i f c o
 *     i, f, o = ract(z_i), ract(z_f), ract(z_o)
 *     c_t = f * c_t-1 + i * act(z_c)
 *     h_t = o * act(c_t)
 *
 * Keras: keras/src/layers/rnn/lstm.py
 */
#include "core/layers/cudnn.h"

#define GATES 4

static void begin(struct recurrent *own)
{
    own->gates = GATES;
    own->has_c = true;
    own->cell.kind = F32_CELL_LSTM;
}

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    begin(layer->own);
    return recurrent_read(layer, fields, true, err);
}

static enum rnn_status read_cudnn(struct layer *layer, struct fields *fields,
                                  struct rnn_error *err)
{
    begin(layer->own);
    return cudnn_read(layer, fields, err);
}

RECURRENT(lstm, "LSTM", read, recurrent_connect, MASK_PASSED);
RECURRENT(lstm_cell, "LSTMCell", read, recurrent_connect, MASK_PASSED);
/* Keras does not run it under a mask. */
RECURRENT(cudnn_lstm, "CuDNNLSTM", read_cudnn, recurrent_connect,
          MASK_REFUSED);
