/* SimpleRNN, SimpleRNNCell
 *
 *     h_t = act(x_t . kernel + bias + h_t-1 . recurrent_kernel)
 *
 * Keras: keras/src/layers/rnn/simple_rnn.py
 */
#include "core/layers/recurrent.h"

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct recurrent *own = layer->own;

    own->gates = 1;
    own->cell.kind = F32_CELL_SIMPLE;
    return recurrent_read(layer, fields, false, err);
}

RECURRENT(simple_rnn, "SimpleRNN", read, recurrent_connect, MASK_PASSED);
RECURRENT(simple_rnn_cell, "SimpleRNNCell", read, recurrent_connect,
          MASK_PASSED);
