/* activation_fields.h: Keras' layers that are nothing but an activation.
 *
 * They stand alone (ReLU(max_value=6.0)) or in the place of an activation's
 * name (Dense(activation=LeakyReLU(0.1))); both read the same fields.
 */
#ifndef CORE_FORMAT_ACTIVATION_FIELDS_H
#define CORE_FORMAT_ACTIVATION_FIELDS_H

#include "core/format/fields.h"

/* The activation that `fields` of the class fields->class_name (ReLU,
 * LeakyReLU, ELU, Softmax, ThresholdedReLU) describe, and the axis that it
 * works along, as Keras counts (-1 where it has none). */
RNN_CHECKED enum rnn_status fields_activation_class(
    struct fields *fields, struct rnn_activation *value, long *axis,
    struct rnn_error *err);

/* One of those classes as the value of `key`: {"class_name", "config"}.
 *
 * UNSUPPORTED  any other object, or an axis that is not the last
 */
RNN_CHECKED enum rnn_status fields_activation_object(
    struct fields *fields, const char *key, struct rnn_activation *value,
    struct rnn_error *err);

#endif
