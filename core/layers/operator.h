/* operator.h: what the operators share, which Functional models hold beside
 * layers: x[:, -1], x + y, ops.mean(x, axis=1).
 *
 * Keras 3 writes an operator as a layer of a module `keras.src.ops...`: its
 * class says what it does, its config how (axis, ...), its arguments are
 * tensors and constants.  Keras 2 writes a TFOpLambda with the name of a
 * function, and puts everything but the first argument into keywords.  A class
 * here stands for both; what it wants to know it asks for by both names.
 *
 * Axes  Keras counts them from the batch, which is 0, or from the end; here
 *       the first behind the batch is 0.
 * Own   The struct of an operator that keeps something of its own begins with
 *       a struct operation.
 */
#ifndef CORE_LAYERS_OPERATOR_H
#define CORE_LAYERS_OPERATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/layer.h"

struct operation {
    const struct rnn_json *config; /* until the last call */
};

/* The class of the operator that `description` describes, which
 * fields_are_operator() says it is; NULL: this version does not know it. */
const struct layer_class *operator_find(const struct rnn_json *description);

/* The class of Keras 3 with this name, or of the function of Keras 2; NULL. */
const struct layer_class *operator_called(const char *name, bool keras_2);

/* What a person calls it: "keras.ops.Add", "tf.math.add". */
const char *operator_name(const struct rnn_json *description, char *text,
                          size_t capacity);

/* The `read` of operators: the fields of the config that are among the
 * class's keywords are left to connect(). */
RNN_CHECKED enum rnn_status operator_read(struct layer *layer,
                                          struct fields *fields,
                                          struct rnn_error *err);

/* The setting called `key`, or else `other` (NULL: no other name), in the
 * config or among the keywords of the call; NULL: absent or null. */
const struct rnn_json *operator_setting(const struct node *node,
                                        const char *key, const char *other);

RNN_CHECKED enum rnn_status operator_bool(const struct node *node,
                                          const char *key, bool *value,
                                          struct rnn_error *err);
RNN_CHECKED enum rnn_status operator_number(const struct node *node,
                                            const char *key, double if_absent,
                                            double *value,
                                            struct rnn_error *err);

/* A whole number, of small size. */
RNN_CHECKED enum rnn_status operator_integer(const struct node *node,
                                             const struct rnn_json *json,
                                             long *value,
                                             struct rnn_error *err);

/* One axis of a value with `rank` axes behind the batch.
 *
 * UNSUPPORTED  the batch, or no axis of it
 */
RNN_CHECKED enum rnn_status operator_axis(const struct node *node,
                                          const struct rnn_json *json,
                                          size_t rank, size_t *axis,
                                          struct rnn_error *err);

/* One axis or a list of them, as a mark for each. */
RNN_CHECKED enum rnn_status operator_axes(const struct node *node,
                                          const struct rnn_json *json,
                                          size_t rank, bool *axes,
                                          struct rnn_error *err);

/* A list of up to `capacity` whole numbers. */
RNN_CHECKED enum rnn_status operator_list(const struct node *node,
                                          const struct rnn_json *json,
                                          size_t capacity, long *numbers,
                                          size_t *count,
                                          struct rnn_error *err);

/* The only tensor that it is called on, which no constant stands beside. */
RNN_CHECKED enum rnn_status operator_only_input(const struct node *node,
                                                struct value **x,
                                                struct rnn_error *err);

/* The first of up to `most` arguments, the only one that is a tensor. */
RNN_CHECKED enum rnn_status operator_first_input(const struct node *node,
                                                 size_t most, struct value **x,
                                                 struct rnn_error *err);

/* "layer "add" (Add): " and `why`. */
enum rnn_status operator_refuse(const struct node *node, const char *why,
                                struct rnn_error *err);

/* What the classes of all operators have in common. */
#define OPERATOR_FIELDS(keras, words, info)                                   \
    .name = (keras), .inert = operator_inert, .keywords = (words),            \
    .takes_constants = true, .takes_plain = true, .streaming = STREAM_ALONE,  \
    .masking = MASK_DROPPED, .own_bytes = sizeof(struct operation),           \
    .detail = (info), .read = operator_read

#define OPERATOR(label, keras, words, info, connector, runner)                \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words, info),                                  \
        .connect = (connector),                                               \
        .run = (runner),                                                      \
    }

extern const char *const operator_inert[];

#endif
