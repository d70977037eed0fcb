"""Attention made of single layers and operators, where the number of
timesteps is left open: scores as wide as there are timesteps."""

import tensorflow as tf

from golden_cases import Case, Refusal


def is_keras_3(keras):
    return keras.__version__.startswith("3")


def luong(keras):
    """An encoder and a decoder of different lengths."""
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    y = keras.Input((None, 2), name="y")
    encoded = layers.GRU(4, return_sequences=True)(x)
    decoded = layers.LSTM(4, return_sequences=True)(y)
    scores = layers.Dot(axes=[2, 2])([decoded, encoded])
    weights = layers.Activation("softmax")(scores)
    context = layers.Dot(axes=[2, 1])([weights, encoded])
    joined = layers.Concatenate()([context, decoded])
    return keras.Model([x, y], layers.Dense(2, activation="tanh")(joined))


def by_layers(keras):
    layers = keras.layers
    x = keras.Input((None, 3))
    h = layers.GRU(4, return_sequences=True)(x)
    query, key = layers.Dense(5)(h), layers.Dense(5)(h)
    cosine = layers.Dot(axes=2, normalize=True)([query, key])
    weights = layers.Dropout(0.3)(layers.Softmax()(cosine))
    again = layers.Dot(axes=(2, 1))([query, layers.Permute((2, 1))(key)])
    return keras.Model(
        x,
        [
            layers.Dot(axes=(2, 1))([weights, h]),
            layers.Dot(axes=(2, 1))([layers.Activation("softmax")(again), x]),
            layers.Dot(axes=(2, 1))([again, layers.Dense(2)(h)]),
        ],
    )


def by_operators(keras):
    layers = keras.layers
    x = keras.Input((None, 3))
    h = layers.GRU(4, return_sequences=True)(x)
    query, key = layers.Dense(5)(h), layers.Dense(5)(h)
    f = keras.ops if is_keras_3(keras) else tf
    softmax = f.softmax if is_keras_3(keras) else tf.nn.softmax
    scores = f.matmul(query, f.transpose(key, (0, 2, 1)))
    weights = softmax(scores / 5**0.5, axis=-1)
    sharp = softmax(scores * 2.0 - 1.0)
    small = f.matmul(f.transpose(key, (0, 2, 1)), h)
    return keras.Model(
        x,
        [
            f.matmul(weights, h),
            f.matmul(sharp, x) + x,
            layers.Flatten()(small),
        ],
    )


def of_tensorflow(keras):
    layers = keras.layers
    x = keras.Input((None, 3))
    h = layers.GRU(4, return_sequences=True)(x)
    scores = tf.matmul(h, layers.Dense(4)(h), transpose_b=True)
    return keras.Model(x, tf.matmul(tf.nn.softmax(scores), h))


def einsum(keras):
    x = keras.Input((None, 3))
    h = keras.layers.GRU(4, return_sequences=True)(x)
    f = keras.ops
    scores = f.einsum("btd,bsd->bts", keras.layers.Dense(4)(h), h)
    weights = f.softmax(scores / 2.0, axis=-1)
    return keras.Model(x, f.einsum("bts,bsf->btf", weights, x))


def left(keras):
    """The weights as an output."""
    x = keras.Input((None, 3))
    scores = keras.layers.Dot(axes=2)([x, x])
    return keras.Model(x, keras.layers.Softmax()(scores))


def densely(keras):
    x = keras.Input((None, 3))
    scores = keras.layers.Dot(axes=2)([x, x])
    weights = keras.layers.Activation("tanh")(scores)
    return keras.Model(x, keras.layers.Dot(axes=(2, 1))([weights, x]))


CASES = [
    Case("scores_luong", luong, timesteps={"x": 7, "y": 4}, streams=False),
    Case("scores_by_layers", by_layers, streams=False),
    Case("scores_by_operators", by_operators, streams=False),
    Case(
        "scores_of_tensorflow", of_tensorflow, files="k2.h5", streams=False
    ),
    Case("scores_einsum", einsum, files="k3.keras", streams=False),
]

REFUSALS = [
    Refusal("refused_scores_left", left, words=["output", "open"]),
    Refusal(
        "refused_scores_tanh",
        densely,
        words=["activation", "open", "softmax"],
    ),
]
