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
]


def of_the_batch(keras):
    x = keras.Input((None, 4))
    return keras.Model(x, x[:1, :])


def unknown(keras):
    x = keras.Input((4,))
    f = functions(keras)
    return keras.Model(x, f.sin(x))


REFUSALS = [
    Refusal(
        "refused_op_of_the_batch", of_the_batch, words=["get_item", "batch"]
    ),
    Refusal("refused_op_unknown", unknown, words=["operator", "Sin"]),
    Refusal(
        "refused_op_unknown_2",
        unknown,
        words=["operator", "math.sin"],
        files="k2.h5",
    ),
]
