/* activation.h: Keras' activation functions by name.
 *
 * The definitions are those of keras.activations (Keras 3.15.1,
 * keras/src/activations/activations.py) and, for hard_sigmoid of older files,
 * of Keras 2 (clip(0.2 x + 0.5, 0, 1)).
 */
#ifndef CORE_UKERNELS_ACTIVATION_H
#define CORE_UKERNELS_ACTIVATION_H

#include <stdbool.h>

/* name, Keras' name, works on a whole row of units at once */
#define RNN_ACTIVATION_MAP(XX)                                                \
    XX(LINEAR, "linear", false)                                               \
    XX(TANH, "tanh", false)                                                   \
    XX(SIGMOID, "sigmoid", false)                                             \
    XX(RELU, "relu", false)                                                   \
    XX(HARD_SIGMOID, "hard_sigmoid", false)                                   \
    XX(HARD_SIGMOID_2, "hard_sigmoid_keras2", false)                          \
    XX(RELU6, "relu6", false)                                                 \
    XX(LEAKY_RELU, "leaky_relu", false)                                       \
    XX(ELU, "elu", false)                                                     \
    XX(SELU, "selu", false)                                                   \
    XX(CELU, "celu", false)                                                   \
    XX(EXPONENTIAL, "exponential", false)                                     \
    XX(SOFTPLUS, "softplus", false)                                           \
    XX(SOFTSIGN, "softsign", false)                                           \
    XX(SILU, "silu", false)                                                   \
    XX(GELU, "gelu", false)                                                   \
    XX(GELU_TANH, "gelu_tanh", false)                                         \
    XX(MISH, "mish", false)                                                   \
    XX(LOG_SIGMOID, "log_sigmoid", false)                                     \
    XX(HARD_SILU, "hard_silu", false)                                         \
    XX(HARD_TANH, "hard_tanh", false)                                         \
    XX(TANH_SHRINK, "tanh_shrink", false)                                     \
    XX(SOFT_SHRINK, "soft_shrink", false)                                     \
    XX(HARD_SHRINK, "hard_shrink", false)                                     \
    XX(SQUAREPLUS, "squareplus", false)                                       \
    XX(SPARSE_PLUS, "sparse_plus", false)                                     \
    XX(SPARSE_SIGMOID, "sparse_sigmoid", false)                               \
    XX(SOFTMAX, "softmax", true)                                              \
    XX(LOG_SOFTMAX, "log_softmax", true)                                      \
    XX(SPARSEMAX, "sparsemax", true)

enum rnn_activation_kind {
#define XX(name, text, rows) RNN_ACT_##name,
    RNN_ACTIVATION_MAP(XX)
#undef XX
};

/* Parameters where the kind has some: RELU max_value, negative_slope,
 * threshold (a, b, c; a = +infinity without a maximum); LEAKY_RELU slope a;
 * ELU and CELU alpha a; SOFT_SHRINK and HARD_SHRINK threshold a; SQUAREPLUS
 * b in a. */
struct rnn_activation {
    enum rnn_activation_kind kind;
    float a, b, c;
};

/* The activation Keras calls `name` (any case; "swish" and "hard_swish" are
 * known), with Keras' default parameters.  `keras_major` 1 or 2 chooses the
 * old hard_sigmoid.  False when there is none of that name. */
bool rnn_activation_parse(const char *name, unsigned keras_major,
                          struct rnn_activation *activation);

/* Does it need a whole row of units (softmax and its kin)? */
bool rnn_activation_takes_rows(const struct rnn_activation *activation);

#endif
