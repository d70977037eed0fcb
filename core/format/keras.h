/* keras.h: the architecture that Keras wrote (config.json, model_config).
 *
 * Everything in it is a call on the plan (core/layers/plan.h): this folder
 * knows how Keras' generations spell a graph, the plan knows what it means.
 */
#ifndef CORE_FORMAT_KERAS_H
#define CORE_FORMAT_KERAS_H

#include "core/layers/plan.h"
#include "core/status.h"

struct rnn_json;

/* Add the whole model that `architecture` describes.
 *
 * UNSUPPORTED  another kind of model, a layer, field or value that this
 *              version cannot run
 * BAD_MODEL    no description of a model, or one that does not fit together
 */
RNN_CHECKED enum rnn_status keras_read_model(
    struct plan_builder *builder, const struct rnn_json *architecture,
    struct rnn_error *err);

/* The major number of a keras_version ("2.15.0": 2); 0 when there is none.
 *
 * UNSUPPORTED  older than 2
 * BAD_MODEL    not a version
 */
RNN_CHECKED enum rnn_status keras_read_version(const char *version,
                                               unsigned *major,
                                               struct rnn_error *err);

/* The number behind that ("2.15.0": 15); 0 when there is none. */
unsigned keras_minor(const char *version);

/* The whole model when it is a Sequential; any other kind is read as a
 * Functional model or refused. */
RNN_CHECKED enum rnn_status keras_read_sequential(
    struct plan_builder *builder, const struct rnn_json *description,
    struct rnn_error *err);
RNN_CHECKED enum rnn_status keras_read_functional(
    struct plan_builder *builder, const struct rnn_json *description,
    struct rnn_error *err);

#endif
