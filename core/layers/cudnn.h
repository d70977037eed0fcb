/* cudnn.h: recurrent weights as CuDNNLSTM and CuDNNGRU of Keras 2 save them.
 *
 * Ownership  What is converted lives in builder->weights->conversions, as
 *            long as what weights_take() gives.
 */
#ifndef CORE_LAYERS_CUDNN_H
#define CORE_LAYERS_CUDNN_H

#include <stdbool.h>

#include "core/layers/recurrent.h"

/* The fields of CuDNNLSTM and CuDNNGRU: units and ways; the rest is fixed. */
RNN_CHECKED enum rnn_status cudnn_read(struct layer *layer,
                                       struct fields *fields,
                                       struct rnn_error *err);

/* Are the weights of `layer` such: is it one of these two, or an LSTM or a
 * GRU whose bias in the file is twice as long as its own? */
bool cudnn_is(const struct layer *layer, const struct plan_builder *builder);

/* Take them, as the layer would have had them. */
RNN_CHECKED enum rnn_status cudnn_take(struct layer *layer,
                                       struct plan_builder *builder,
                                       struct recurrent_weights *weights,
                                       struct rnn_error *err);

#endif
