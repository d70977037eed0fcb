"""Operators that are functions of numbers, that fold axes, and that take
numbers from other places."""

import numpy as np
import tensorflow as tf

from golden_cases import Case, Refusal


def is_keras_3(keras):
    return keras.__version__.startswith("3")


def start(keras, steps=None, features=4):
    x = keras.Input((steps, features))
    return x, keras.layers.SimpleRNN(features, return_sequences=True)(x)


def angles(keras):
    x, h = start(keras)
    f = keras.ops if is_keras_3(keras) else tf.math
    arcsin = f.arcsin if is_keras_3(keras) else f.asin
    arccos = f.arccos if is_keras_3(keras) else f.acos
    arctan = f.arctan if is_keras_3(keras) else f.atan
    arctan2 = f.arctan2 if is_keras_3(keras) else f.atan2
    return keras.Model(
        x,
        [
            f.sin(x * 9),
            f.cos(x) + f.sin(h),
            f.tan(h),
            arcsin(h) - arccos(h * 0.5),
            arctan(x * 3),
            arctan2(x, h),
        ],
    )


def growth(keras):
    x, h = start(keras)
    new = is_keras_3(keras)
    f = keras.ops if new else tf.math
    positive = h * h
    return keras.Model(
        x,
        [
            f.sinh(x) - f.cosh(h),
            (f.arcsinh if new else f.asinh)(x * 5)
            + (f.arctanh if new else f.atanh)(h * 0.9),
            (f.arccosh if new else f.acosh)(1 + positive),
            f.expm1(h) + f.log1p(positive),
            f.erf(x) * f.erfc(h) if not new or hasattr(f, "erfc") else f.erf(x),
        ],
    )


def growth_3(keras):
    f = keras.ops
    x, h = start(keras)
    far = h * h + 0.125
    return keras.Model(
        x,
        [
            f.log2(far) + f.log10(far),
            f.logaddexp(x, h * 3) - f.logaddexp2(x, 0.5),
            f.exp2(h) + f.cbrt(x),
            f.hypot(x, h) * f.sinc(h),
            f.deg2rad(x * 90) - f.rad2deg(h),
        ],
    )


def rounded(keras):
    """What jumps does so far from where the numbers are."""
    x = keras.Input((None, 4))
    new = is_keras_3(keras)
    f = keras.ops if new else tf.math
    steps = f.floor(x * 2) + f.ceil(x) - f.round(x * 4)
    return keras.Model(
        x,
        [
            steps / 4,
            f.sign(x) + (x * 8) // 3.0,
            (x * 8) % 3.0 - x % -0.75,
            f.where(x > 0.25, x, -1.0) if new else tf.where(x > 0.25, x, -1.0),
            (f.where(f.greater(x, 0), x, x * 3) if new else tf.where(
                tf.greater(x, 0), x=x, y=x * 3)),
            f.divide_no_nan(x, f.floor(x)),
        ],
    )


def rounded_3(keras):
    f = keras.ops
    x = keras.Input((None, 4))
    half = f.ones_like(x) * 0.5
    return keras.Model(
        x,
        [
            f.trunc(x * 4) + f.round(x, 1),
            f.fmod(x * 4, half * 4) + f.heaviside(x, half),
            f.full_like(x, 0.75) * x + f.nan_to_num(x),
            x * f.cast(f.isfinite(x), "float32") - f.cast(f.floor(x), "bool"),
            f.fmax(x, half) * f.fmin(x, half / 2),
            f.cast(f.logical_and(x > -0.5, x < 0.5), "float32") * x,
        ],
    )


def activations_3(keras):
    f = keras.ops
    x, h = start(keras)
    return keras.Model(
        x,
        [
            f.hard_silu(x) + f.hard_tanh(x * 2),
            f.celu(x, 0.5) - f.squareplus(h),
            f.tanh_shrink(x) + f.sparse_plus(x * 2),
            f.soft_shrink(x, 0.25) - f.hard_shrink(x, 0.75),
            f.threshold(x, 0.1, -2.0) * f.sparse_sigmoid(h),
            f.sparsemax(x),
        ],
    )


def folds(keras):
    """Along time, step by step."""
    x, h = start(keras)
    new = is_keras_3(keras)
    f = keras.ops if new else tf
    pick = (lambda a, b: getattr(f, a)) if new else (
        lambda a, b: getattr(tf.math, b)
    )
    return keras.Model(
        x,
        [
            pick("mean", "reduce_mean")(h, axis=1),
            pick("sum", "reduce_sum")(x * h, axis=[1])
            / pick("max", "reduce_max")(x + 4, axis=1),
            pick("min", "reduce_min")(x, axis=-2),
            pick("prod", "reduce_prod")(h, axis=1),
            pick("var", "reduce_variance")(x, axis=1),
            pick("std", "reduce_std")(x[:, :, :2], axis=1),
            pick("logsumexp", "reduce_logsumexp")(x * 3, axis=1),
        ],
    )


def folds_of_blocks(keras):
    """Several axes at once, one of which is time."""
    x = keras.Input((None, 6))
    blocks = keras.layers.Reshape((-1, 2, 3))(x)
    new = is_keras_3(keras)
    mean = keras.ops.mean if new else tf.reduce_mean
    most = keras.ops.max if new else tf.reduce_max
    norm = keras.ops.norm if new else tf.norm
    return keras.Model(
        x,
        [
            mean(blocks, axis=[1, 2]),
            most(blocks, axis=(1, 3)),
            norm(x, axis=1),
            norm(x, ord=1, axis=1),
            keras.layers.Dense(2)(norm(blocks, axis=[1, 2])),
        ],
    )


def places(keras):
    """The numbers jump where two places change."""
    x = keras.Input((None, 4))
    new = is_keras_3(keras)
    f = keras.ops if new else tf.math
    some = f.any if new else f.reduce_any
    every = f.all if new else f.reduce_all
    cast = keras.ops.cast if new else tf.cast
    return keras.Model(
        x,
        [
            cast(f.argmax(x, axis=-1), "float32"),
            cast(f.argmax(x, axis=1), "float32"),
            cast(f.argmin(x, axis=1), "float32"),
            cast(some(x > 1, axis=1), "float32"),
            cast(every(x > -1, axis=1), "float32"),
            cast(f.count_nonzero(x > 0, axis=1), "float32"),
        ],
    )


def scans(keras):
    x, h = start(keras)
    new = is_keras_3(keras)
    f = keras.ops if new else tf.math
    return keras.Model(
        x,
        [
            f.cumsum(h, axis=1),
            f.cumprod(h + 1, axis=1),
            f.cumsum(x, axis=-1),
            f.cumsum(x, axis=1) / f.cumsum(h * h + 1, axis=1),
        ],
    )


def scans_2(keras):
    x = keras.Input((5, 4))
    f = tf.math.cumsum
    return keras.Model(
        x,
        [
            f(x, axis=1, exclusive=True),
            f(x, axis=1, reverse=True),
            tf.math.cumprod(x, axis=2, exclusive=True, reverse=True),
        ],
    )


def picked(keras):
    x, h = start(keras)
    new = is_keras_3(keras)
    f = keras.ops if new else tf
    take = f.take if new else f.gather
    return keras.Model(
        x,
        [
            take(h, [3, 0, 0], axis=2),
            f.expand_dims(take(h, 2, axis=-1), -1),
            f.repeat(x, 2, axis=-1),
            f.tile(h, [1, 1, 3]),
            f.roll(x, 1, axis=-1) + f.roll(x, -2, axis=2),
            f.pad(h, [[0, 0], [0, 0], [2, 1]]),
            take(h, 0 if not new else -1, axis=1)
            if new
            else h[:, -1],
        ],
    )


def picked_of_time(keras):
    x = keras.Input((5, 3))
    new = is_keras_3(keras)
    f = keras.ops if new else tf
    take = f.take if new else f.gather
    return keras.Model(
        x,
        [
            take(x, [4, 0, 2], axis=1),
            take(x, 1, axis=1),
            f.repeat(x, [1, 0, 2, 1, 3], axis=1),
            f.repeat(x, 2, axis=1),
            f.tile(x, [1, 2, 2]),
            f.roll(x, [2, 1], axis=[1, 2]),
        ],
    )


def padded(keras):
    x = keras.Input((5, 3))
    f = keras.ops if is_keras_3(keras) else tf
    return keras.Model(
        x,
        [
            f.pad(x, [[0, 0], [2, 1], [0, 1]], constant_values=0.5),
            f.pad(x, [[0, 0], [2, 3], [1, 0]], mode="reflect"),
            f.pad(x, [[0, 0], [5, 1], [0, 2]], mode="symmetric"),
        ],
    )


def picked_of_open_time(keras):
    x = keras.Input((None, 3))
    new = is_keras_3(keras)
    f = keras.ops if new else tf
    take = f.take if new else f.gather
    gru = keras.layers.GRU(2)
    return keras.Model(
        x,
        [
            take(x, [0, 2, 1], axis=1),
            f.repeat(x, 2, axis=1),
            f.tile(x, [1, 2, 1]),
            f.roll(x, -1, axis=1),
            gru(f.pad(x, [[0, 0], [3, 1], [0, 0]])),
            f.pad(x, [[0, 0], [2, 0], [0, 0]], mode="symmetric"),
        ],
    )


def moved_3(keras):
    f = keras.ops
    x = keras.Input((None, 6))
    blocks = keras.layers.Reshape((-1, 2, 3))(x)
    return keras.Model(
        x,
        [
            f.moveaxis(blocks, -1, 2),
            f.moveaxis(blocks, [2, 3], [3, 2]),
            f.argmax(blocks, axis=2, keepdims=True) * 1.0,
            f.average(blocks, axis=-1),
            f.ptp(blocks, axis=2) if hasattr(f, "ptp") else f.max(blocks, 2),
        ],
    )


def of_tensorflow(keras):
    """Functions that only Keras 2 has."""
    x, h = start(keras)
    row = np.array([0.5, -1.0, 2.0, 0.25], np.float32)
    return keras.Model(
        x,
        [
            tf.math.squared_difference(x, h),
            tf.nn.bias_add(h, row),
            tf.math.multiply_no_nan(x, tf.floor(h)),
            tf.math.xlogy(h * h, h * h),
            tf.math.reduce_euclidean_norm(x, axis=1),
            tf.linalg.matrix_transpose(keras.layers.Reshape((-1, 2, 2))(h)),
        ],
    )


def one_hot(keras):
    """Characters, as they are often fed."""
    x = keras.Input((None,), dtype="int32")
    if is_keras_3(keras):
        rows = keras.ops.one_hot(x, 5)
    else:
        rows = tf.one_hot(x, 5)
    h = keras.layers.GRU(4, return_sequences=True)(rows)
    return keras.Model(x, keras.layers.Dense(5, activation="softmax")(h))


def one_hot_2(keras):
    x = keras.Input((6,), dtype="int32")
    rows = tf.one_hot(x, 4, on_value=0.5, off_value=-0.25)
    return keras.Model(x, keras.layers.LSTM(3)(rows))


def taken_by_a_tensor(keras):
    x = keras.Input((None, 4))
    i = keras.Input((3,), dtype="int32")
    return keras.Model([x, i], keras.ops.take(x, i, axis=2))


def of_all(keras):
    x = keras.Input((None, 4))
    return keras.Model(x, keras.ops.cumsum(x))


CASES = [
    Case("fn_angles", angles, streams=True),
    Case("fn_growth", growth, streams=True),
    Case("fn_growth_3", growth_3, files="k3.keras", streams=True),
    Case("fn_rounded", rounded, streams=True, sharp=False),
    Case(
        "fn_rounded_3",
        rounded_3,
        files="k3.keras",
        streams=True,
        sharp=False,
    ),
    Case("fn_activations", activations_3, files="k3.keras", streams=True),
    Case("fn_folds", folds, streams=True),
    Case("fn_folds_of_blocks", folds_of_blocks, streams=True),
    Case("fn_places", places, streams=True, sharp=False),
    Case("fn_scans", scans, streams=True),
    Case("fn_scans_2", scans_2, files="k2.h5", streams=False),
    Case("fn_picked", picked, streams=True),
    Case("fn_picked_of_time", picked_of_time, streams=False),
    Case("fn_padded", padded, streams=False),
    Case("fn_picked_of_open_time", picked_of_open_time, streams=False),
    Case("fn_moved", moved_3, files="k3.keras", streams=True),
    Case("fn_one_hot", one_hot, vocabulary=5, streams=True),
    Case("fn_one_hot_2", one_hot_2, files="k2.h5", vocabulary=6),
    Case("fn_of_tensorflow", of_tensorflow, files="k2.h5", streams=True),
]

REFUSALS = [
    Refusal(
        "refused_fn_taken", taken_by_a_tensor, words=["take", "constants"]
    ),
    Refusal("refused_fn_of_all", of_all, words=["cumsum", "axis"]),
]
