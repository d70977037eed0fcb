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

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct recurrent *own = layer->own;

    own->gates = GATES;
    own->has_c = true;
    own->cell.kind = F32_CELL_LSTM;
    return recurrent_read(layer, fields, true, err);
}

static enum rnn_status read_cudnn(struct layer *layer, struct fields *fields,
                                  struct rnn_error *err)
{
    struct recurrent *own = layer->own;

    own->gates = GATES;
    own->has_c = true;
    own->cell.kind = F32_CELL_LSTM;
    return cudnn_read(layer, fields, err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct recurrent *own = layer->own;
    struct recurrent_weights weights;
    enum rnn_status status =
        recurrent_take(layer, node, builder, 1, &weights, err);

    if (!status && !layer->calls)
        status =
            recurrent_pack(layer, builder, own->features, 0, GATES,
                           weights.kernel, weights.bias, &own->input, err);
    if (!status && !layer->calls)
        status = recurrent_pack(layer, builder, own->units, 0, GATES,
                                weights.recurrent_kernel, NULL,
                                &own->cell.recurrent, err);
    if (!status)
        status = recurrent_join(layer, node, builder, err);
    return status;
}

#define RECURRENT(label, keras, reader, masks)                                \
    const struct layer_class layer_##label = {                                \
        .name = (keras),                                                      \
        .inert = recurrent_inert,                                             \
        .keywords = recurrent_keywords,                                       \
        .streaming = STREAM_STEPS,                                            \
        .masking = (masks),                                                   \
        .own_bytes = sizeof(struct recurrent),                                \
        .read = (reader),                                                     \
        .connect = connect,                                                   \
        .scratch = recurrent_scratch,                                         \
        .run = recurrent_run,                                                 \
    }

RECURRENT(lstm, "LSTM", read, MASK_PASSED);
RECURRENT(lstm_cell, "LSTMCell", read, MASK_PASSED);
/* Keras does not run it under a mask. */
RECURRENT(cudnn_lstm, "CuDNNLSTM", read_cudnn, MASK_REFUSED);
