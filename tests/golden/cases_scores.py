"""Attention made of single layers and operators, where the number of
timesteps is left open: scores as wide as there are timesteps."""

import numpy as np
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
    """The weights as an output, of one sequence and of two, and a sequence
    whose axes have changed places."""
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    y = keras.Input((None, 3), name="y")
    scores = layers.Dot(axes=2)([x, layers.Dense(3)(x)])
    return keras.Model(
        [x, y],
        [
            layers.Softmax()(scores),
            layers.Activation("sigmoid")(layers.Dot(axes=2)([y, x])),
            layers.Permute((2, 1))(layers.LSTM(2, return_sequences=True)(y)),
        ],
    )


def densely(keras):
    layers = keras.layers
    x = keras.Input((None, 3))
    scores = layers.Dot(axes=2)([x, layers.Dense(3)(x)])
    weights = layers.ReLU()(layers.Activation("tanh")(scores))
    return keras.Model(x, layers.Dot(axes=(2, 1))([weights, x]))


def masked(keras):
    """What counts is an input: what does not is made small before the
    softmax, in three ways, and beside a bias for each query."""
    layers = keras.layers
    f = keras.ops if is_keras_3(keras) else tf
    x = keras.Input((None, 3), name="x")
    counts = keras.Input((None, 1), name="counts")
    line = f.transpose(counts, (0, 2, 1))
    scores = layers.Dot(axes=2)([layers.Dense(4)(x), layers.Dense(4)(x)])
    added = scores / 2.0 + (1.0 - line) * -1e9
    chosen = f.where(f.greater(line, 0.5), scores, -1e9)
    outer = layers.Multiply()([counts, line])
    both = layers.Add()([scores, layers.Dense(1)(x), outer])
    softmax = layers.Softmax()
    return keras.Model(
        [x, counts],
        [
            layers.Dot(axes=(2, 1))([softmax(added), x]),
            f.matmul(layers.Activation("softmax")(chosen), x),
            layers.Dot(axes=(2, 1))([both, x]),
            layers.Average()([softmax(added), layers.Softmax()(both)]),
        ],
    )


def by_ids(keras):
    """A line of numbers without an axis of features."""
    layers, f = keras.layers, keras.ops
    x = keras.Input((None, 3), name="x")
    h = layers.GRU(4, return_sequences=True)(x)
    line = f.expand_dims(f.sign(x[:, :, 0]), 1)
    scores = f.matmul(h, f.transpose(h, (0, 2, 1)))
    weights = f.softmax(f.where(line > 0.0, scores, scores - 2.0), axis=-1)
    return keras.Model(x, f.matmul(weights, h))


def x_and_counts(rng):
    counts = np.ones((3, 6, 1))
    counts[0, 4:] = counts[1, [0, 2]] = counts[2, 1:] = 0.0
    return {"x": rng.normal(size=(3, 6, 3)), "counts": counts}


def summed(keras):
    x = keras.Input((None, 3))
    scores = keras.layers.Dot(axes=2)([x, x])
    return keras.Model(x, keras.ops.sum(scores, axis=-1))


CASES = [
    Case("scores_luong", luong, timesteps={"x": 7, "y": 4}, streams=False),
    Case("scores_by_layers", by_layers, streams=False),
    Case("scores_by_operators", by_operators, streams=False),
    Case(
        "scores_of_tensorflow", of_tensorflow, files="k2.h5", streams=False
    ),
    Case("scores_einsum", einsum, files="k3.keras", streams=False),
    Case("scores_left", left, timesteps={"x": 5, "y": 7}, streams=False),
    Case("scores_tanh", densely, streams=False),
    Case("scores_masked", masked, inputs=x_and_counts, streams=False),
    Case("scores_line", by_ids, files="k3.keras", streams=False),
]

REFUSALS = [
    Refusal(
        "refused_scores_summed",
        summed,
        words=["sum", "as wide as there are timesteps"],
    ),
]
