"""Operators: what stands in a Functional model beside its layers, x[:, -1],
x + y, ops.mean(x, axis=1); in Keras 2 functions of TensorFlow."""

import numpy as np
import tensorflow as tf

from golden_cases import Case, Refusal

ALL = "k3.keras k3.h5 k2.keras k2.h5"


def is_keras_3(keras):
    return keras.__version__.startswith("3")


def functions(keras):
    """The module that has exp, mean, ...; their names differ in part."""
    return keras.ops if is_keras_3(keras) else tf


def end_slices(keras):
    x = keras.Input((None, 4))
    h = keras.layers.LSTM(5, return_sequences=True)(x)
    return keras.Model(
        x,
        [
            h[:, -1, :],
            h[:, -1],
            h[:, :, 1:4],
            h[..., ::-2],
            h[:, -1, -2:],
            keras.layers.Dense(2)(h[:, :, :3]),
        ],
    )


def step_slices(keras):
    x = keras.Input((6, 4))
    h = keras.layers.GRU(3, return_sequences=True)(x)
    return keras.Model(
        x,
        [
            h[:, 1],
            h[:, -3:],
            h[:, ::2],
            h[:, ::-1, 1:],
            h[:, 4:0:-2, 0],
            h[:, 1:-1, :][:, -1],
            keras.layers.LSTM(2)(h[:, -4:]),
        ],
    )


def axis_slices(keras):
    x = keras.Input((6, 4))
    h = keras.layers.GRU(3, return_sequences=True)(x)
    return keras.Model(
        x,
        [
            h[:, None, 2],
            h[:, :, None, 1],
            h[:, :, 2],
            h[:, None, :, ::2],
            h[:, 3, :, None],
            keras.layers.Dense(2)(h[:, :, 1]),
        ],
    )


def arithmetic(keras):
    x = keras.Input((None, 4))
    h = keras.layers.SimpleRNN(4, return_sequences=True)(x)
    row = np.array([0.5, -1.5, 2.0, 0.1], np.float32)
    return keras.Model(
        x,
        [
            x + h,
            0.1 - x * 3,
            x * row + 1,
            2.5 / (x * x + row * row + 0.5),
            h / 7 - h / (x * x + 0.5),
            -h,
        ],
    )


def unary(keras):
    x = keras.Input((None, 4))
    h = keras.layers.SimpleRNN(4, return_sequences=True)(x)
    positive = h * h + 0.5
    f = functions(keras)
    return keras.Model(
        x,
        [
            x**2 - x**3,
            positive**0.5,
            2.0**h,
            f.maximum(x, 0.25) + f.minimum(x, h),
            f.sqrt(positive) - f.square(h),
            f.abs(h),
        ],
    )


def repeated(keras):
    x = keras.Input((5, 4))
    h = keras.layers.LSTM(4, return_sequences=True)(x)
    steps = np.arange(5, dtype=np.float32)[:, None] / 4
    ends = h[:, -1:]
    return keras.Model(
        x,
        [x + ends, ends * x[:, :, :1], x + steps, h[:, -1] * h[:, 0] + 1.0],
    )


def logarithms(keras):
    x = keras.Input((None, 3))
    h = keras.layers.LSTM(3, return_sequences=True)(x)
    if is_keras_3(keras):
        f = keras.ops
        log, rsqrt, clip = f.log, f.rsqrt, f.clip
    else:
        log, rsqrt, clip = tf.math.log, tf.math.rsqrt, tf.clip_by_value
    far = x * x * 3 + 0.01
    return keras.Model(
        x, [log(far), rsqrt(far), clip(x, -0.5, 1.0), far**1.7, far ** (h * 3)]
    )



def open_slices(keras):
    """Of sequences of any length, of which they make others."""
    x = keras.Input((None, 3))
    h = keras.layers.SimpleRNN(3, return_sequences=True)(x)
    last = keras.layers.LSTM(2)
    return keras.Model(
        x,
        [
            h[:, 1:],
            h[:, :-2],
            h[:, ::2],
            h[:, 1:-1:2],
            h[:, ::-1],
            last(h[:, -3:]),
            last(h[:, :4]) + h[:, 2, :2],
        ],
    )


def moved(keras):
    x = keras.Input((6, 4))
    h = keras.layers.GRU(4, return_sequences=True)(x)
    f = functions(keras)
    flip = (lambda y, axis: f.flip(y, axis)) if is_keras_3(keras) else (
        lambda y, axis: f.reverse(y, [axis])
    )
    return keras.Model(
        x,
        [
            f.transpose(h, (0, 2, 1)),
            f.squeeze(h[:, :, :1], -1),
            f.expand_dims(h[:, -1], 1),
            f.expand_dims(h, -2),
            flip(h, 1),
            flip(h, 2),
            f.reshape(h, (-1, 3, 8)),
        ],
    )


def moved_in_steps(keras):
    x = keras.Input((None, 6))
    h = keras.layers.GRU(6, return_sequences=True)(x)
    f = functions(keras)
    parts = f.split(h, 3, axis=-1)
    some = f.split(h, [2, 5] if is_keras_3(keras) else [2, 3, 1], axis=2)
    each = f.unstack(h, axis=-1, **({} if is_keras_3(keras) else {"num": 6}))
    return keras.Model(
        x,
        [
            parts[0] * parts[2],
            some[1],
            some[2] * f.expand_dims(each[3], -1),
            f.squeeze(f.expand_dims(h, 2), 2),
            f.transpose(keras.layers.Reshape((-1, 2, 3))(h), (0, 1, 3, 2)),
            f.expand_dims(each[5], -1),
        ],
    )


def reduced(keras):
    x = keras.Input((None, 4))
    h = keras.layers.SimpleRNN(4, return_sequences=True)(x)
    if is_keras_3(keras):
        f = keras.ops
        mean, total, most, least, var = f.mean, f.sum, f.max, f.min, f.var
    else:
        mean, total, most = tf.reduce_mean, tf.reduce_sum, tf.reduce_max
        least, var = tf.reduce_min, tf.math.reduce_variance
    return keras.Model(
        x,
        [
            h - mean(h, axis=-1, keepdims=True),
            total(h * x, axis=2, keepdims=True),
            most(h, axis=-1, keepdims=True) - least(x, axis=-1, keepdims=True),
            var(x, axis=-1, keepdims=True),
        ],
    )


def reduced_whole(keras):
    x = keras.Input((5, 4))
    h = keras.layers.SimpleRNN(4, return_sequences=True)(x)
    if is_keras_3(keras):
        f = keras.ops
        mean, total, most, prod, std = f.mean, f.sum, f.max, f.prod, f.std
    else:
        mean, total, most = tf.reduce_mean, tf.reduce_sum, tf.reduce_max
        prod, std = tf.reduce_prod, tf.math.reduce_std
    return keras.Model(
        x,
        [
            mean(h, axis=1),
            total(h, axis=[1, 2], keepdims=True),
            h / (1 + most(h, axis=1, keepdims=True) ** 2),
            prod(h, axis=1),
            std(h, axis=1, keepdims=True),
            total(h, axis=-1),
        ],
    )


def attention_by_hand(keras):
    """What people write instead of a layer."""
    x = keras.Input((7, 4))
    h = keras.layers.LSTM(5, return_sequences=True)(x)
    f = functions(keras)
    softmax = f.softmax if is_keras_3(keras) else tf.nn.softmax
    total = f.sum if is_keras_3(keras) else tf.reduce_sum
    score = keras.layers.Dense(1, activation="tanh")(h)
    weight = softmax(score, axis=1)
    one = total(h * weight, axis=1)
    flat = keras.layers.Softmax()(keras.layers.Flatten()(score))
    again = keras.layers.Permute((2, 1))(keras.layers.RepeatVector(5)(flat))
    two = keras.layers.Multiply()([h, again])
    return keras.Model(
        x, [one, keras.layers.GlobalAveragePooling1D()(two), weight]
    )


def lengths(keras):
    x = keras.Input((5, 4))
    h = keras.layers.SimpleRNN(4, return_sequences=True)(x)
    f = keras.ops.normalize if is_keras_3(keras) else tf.math.l2_normalize
    return keras.Model(x, [f(h, axis=-1), f(x, axis=1), f(h, axis=[1, 2])])


def functions_of_steps(keras):
    x = keras.Input((None, 4))
    h = keras.layers.SimpleRNN(4, return_sequences=True)(x)
    if is_keras_3(keras):
        f = g = keras.ops
    else:
        f, g = tf.nn, tf.math
    return keras.Model(
        x,
        [
            f.relu(x) + f.relu6(h * 5),
            f.tanh(x) * f.sigmoid(h),
            g.exp(h) + f.elu(x),
            f.softmax(x) + f.log_softmax(h),
            f.softplus(x) - f.selu(h),
            f.leaky_relu(x, 0.1) + f.silu(h),
            f.gelu(x, approximate=False) + f.softsign(h),
        ],
    )


def of_the_batch(keras):
    x = keras.Input((None, 4))
    return keras.Model(x, x[:1, :])


def unknown(keras):
    x = keras.Input((4,))
    f = functions(keras)
    return keras.Model(x, f.linalg.det(x[:, None] * x[:, :, None]))


CASES = [
    Case(
        "op_end_slices",
        end_slices,
        files="k3.keras k3.h5 k2.h5",
        streams=True,
    ),
    Case("op_step_slices", step_slices, streams=False),
    Case("op_arithmetic", arithmetic, files=ALL, streams=True),
    Case("op_unary", unary, files="k3.keras k2.keras", streams=True),
    Case("op_axis_slices", axis_slices, streams=False),
    Case("op_repeated", repeated, streams=False),
    Case("op_logarithms", logarithms, streams=True),
    Case("op_open_slices", open_slices, timesteps=7, streams=False),
    Case("op_moved", moved, streams=False),
    Case("op_moved_in_steps", moved_in_steps, streams=True),
    Case("op_reduced", reduced, streams=True),
    Case("op_reduced_whole", reduced_whole, streams=False),
    Case("op_attention", attention_by_hand, streams=False),
    Case("op_lengths", lengths, streams=False),
    Case("op_functions", functions_of_steps, streams=True),
]

REFUSALS = [
    Refusal(
        "refused_op_of_the_batch", of_the_batch, words=["get_item", "batch"]
    ),
    Refusal("refused_op_unknown", unknown, words=["operator", "Det"]),
    Refusal(
        "refused_op_unknown_2",
        unknown,
        words=["operator", "linalg.det"],
        files="k2.h5",
    ),
]
