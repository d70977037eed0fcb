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
            recurrent_pack(layer, builder, own->features, 0, 1, weights.kernel,
                           weights.bias, &own->input, err);
    if (!status && !layer->calls)
        status = recurrent_pack(layer, builder, own->units, 0, 1,
                                weights.recurrent_kernel, NULL,
                                &own->cell.recurrent, err);
    if (!status)
        status = recurrent_join(layer, node, builder, err);
    return status;
}

#define RECURRENT(label, keras)                                               \
    const struct layer_class layer_##label = {                                \
        .name = (keras),                                                      \
        .inert = recurrent_inert,                                             \
        .keywords = recurrent_keywords,                                       \
        .streaming = STREAM_STEPS,                                            \
        .masking = MASK_PASSED,                                               \
        .own_bytes = sizeof(struct recurrent),                                \
        .read = read,                                                         \
        .connect = connect,                                                   \
        .scratch = recurrent_scratch,                                         \
        .run = recurrent_run,                                                 \
    }

RECURRENT(simple_rnn, "SimpleRNN");
RECURRENT(simple_rnn_cell, "SimpleRNNCell");
