/* input_layer.h: an InputLayer, in the spelling of each Keras.
 *
 * The shape of an input stands in batch_shape (Keras 3) or batch_input_shape
 * (Keras 2), either of an InputLayer or of a Sequential's first layer.
 */
#ifndef CORE_FORMAT_INPUT_LAYER_H
#define CORE_FORMAT_INPUT_LAYER_H

#include <stdbool.h>

#include "core/layers/plan.h"
#include "core/status.h"

struct rnn_json;

/* Is this the description of an InputLayer? */
bool keras_is_input_layer(const struct rnn_json *description);

/* The shape, with its batch axis, that any layer's config names; NULL. */
const struct rnn_json *keras_shape_of(const struct rnn_json *description);

/* [batch, ...] with null for what is left open, as a shape without batch.
 *
 * BAD_MODEL  no list of sizes
 */
RNN_CHECKED enum rnn_status keras_read_shape(const struct rnn_json *array,
                                             const char *name,
                                             struct rnn_shape *shape,
                                             struct rnn_error *err);

/* Every field of an InputLayer must be one that changes nothing here.
 *
 * UNSUPPORTED  it does not
 */
RNN_CHECKED enum rnn_status keras_check_input_layer(
    const struct plan_builder *builder, const struct rnn_json *description,
    const char *name, struct rnn_error *err);

/* A name that can be shown and sent.
 *
 * BAD_MODEL  none, or with a control character in it
 */
RNN_CHECKED enum rnn_status keras_check_name(const char *name,
                                             struct rnn_error *err);

#endif
