"""Operators that look at the numbers along axes as a whole: orders, parts of
an order, differences, matrices, and what is taken from places of its own."""

import numpy as np
import tensorflow as tf

from golden_cases import Case, Refusal


def is_keras_3(keras):
    return keras.__version__.startswith("3")


def start(keras, steps=None, features=4):
    x = keras.Input((steps, features))
    return x, keras.layers.SimpleRNN(features, return_sequences=True)(x)


def sorted_steps(keras):
    x, h = start(keras)
    new = is_keras_3(keras)
    f = keras.ops if new else tf
    top = keras.ops.top_k if new else tf.math.top_k
    values, places = top(h, 2)
    cast = f.cast
    return keras.Model(
        x,
        [
            f.sort(h, axis=-1),
            cast(f.argsort(x, axis=2), "float32"),
            values,
            cast(places, "float32") * 0.5,
        ],
    )


def sorted_time(keras):
    """The whole of a sequence, of any length."""
    x, h = start(keras)
    new = is_keras_3(keras)
    f = keras.ops if new else tf
    gru = keras.layers.GRU(2)
    return keras.Model(
        x,
        [
            f.sort(x, axis=1),
            f.cast(f.argsort(h, axis=1), "float32"),
            gru(f.sort(h, axis=1)),
        ],
    )


def sorted_down(keras):
    x, h = start(keras)
    return keras.Model(
        x,
        [
            tf.sort(h, direction="DESCENDING"),
            tf.cast(tf.argsort(x, 1, direction="DESCENDING"), tf.float32),
            tf.math.top_k(x).values,
        ],
    )


def quantiles(keras):
    f = keras.ops
    x, h = start(keras, 6)
    return keras.Model(
        x,
        [
            f.median(x, axis=1),
            f.median(h, axis=-1, keepdims=True),
            f.quantile(x, 0.3, axis=1),
            f.quantile(x, 1.0, axis=[1, 2], keepdims=True),
            f.median(keras.layers.Reshape((6, 2, 2))(h), axis=2),
        ],
    )


def percentiles(keras):
    """Each method, and a Quantile that forgets its own."""
    f = keras.ops
    x, h = start(keras, 7, 3)
    of_10 = [
        f.percentile(x, 30, axis=1, method=method)
        for method in ("linear", "lower", "higher", "nearest", "midpoint")
    ]
    return keras.Model(
        x, [*of_10, f.quantile(h, 0.25, axis=1, method="lower")]
    )


def of_open_time(keras):
    f = keras.ops
    x, h = start(keras)
    return keras.Model(
        x,
        [
            f.median(x, axis=1),
            f.percentile(h, 80, axis=1, keepdims=True),
            keras.layers.LSTM(2)(f.diff(x, axis=1)),
            f.diff(h, n=2, axis=1),
            f.trapezoid(x, dx=0.5, axis=1),
        ],
    )


def in_steps(keras):
    f = keras.ops
    x, h = start(keras, None, 6)
    blocks = keras.layers.Reshape((-1, 2, 3))(h)
    return keras.Model(
        x,
        [
            f.diff(x, axis=-1),
            f.glu(h, axis=-1),
            f.glu(blocks, axis=2),
            f.tril(blocks, k=1),
            f.triu(blocks),
            f.diagonal(blocks, axis1=2, axis2=3),
            f.diagonal(blocks, offset=-1, axis1=-1, axis2=-2),
            f.trapezoid(x, axis=2)[:, :, None],
        ],
    )


def of_time(keras):
    f = keras.ops
    x, h = start(keras, 4, 6)
    return keras.Model(
        x,
        [
            f.glu(h, axis=1),
            f.tril(x, k=-1),
            f.triu(x, k=2),
            f.diagonal(h, offset=1, axis1=1, axis2=2),
            f.trace(keras.layers.Reshape((4, 2, 3))(x), axis1=3, axis2=2),
            f.top_k(keras.layers.Reshape((24,))(h), 5)[0],
        ],
    )


def weighted(keras):
    f = keras.ops
    x, h = start(keras, 5)
    weights = keras.layers.Dense(4, activation="softplus")(h)
    row = np.array([0.1, 0.2, 0.3, 0.4])
    return keras.Model(
        x,
        [
            f.average(x, axis=1, weights=weights),
            f.average(h, axis=1, weights=np.array([1.0, 2, 0.5, 0, 1.5])),
            f.average(x, axis=-1, weights=row)[:, :, None],
            f.average(h, axis=2, weights=weights)[:, :, None],
        ],
    )


def moments(keras):
    x, h = start(keras)
    f = keras.ops
    mean, variance = f.moments(h, axes=[1])
    row, rows = f.moments(x, axes=[2], keepdims=True)
    return keras.Model(x, [mean, variance, (x - row) / (rows + 0.1)])


def not_numbers(keras):
    """0 / 0 is none."""
    f = keras.ops
    x = keras.Input((None, 4))
    some = f.relu(x)
    holes = x * some / some
    return keras.Model(
        x,
        [
            f.nansum(holes, axis=1),
            f.nanmax(f.concatenate([holes, x], -1), axis=-1, keepdims=True),
            f.nanmin(f.concatenate([x, holes], -1), axis=-1, keepdims=True),
            f.nanprod(holes, axis=-1, keepdims=True),
            f.nanmean(f.concatenate([x, holes], -1), axis=-1, keepdims=True),
            f.nanstd(f.concatenate([x, holes], -1), axis=2, keepdims=True),
            f.nancumsum(holes, axis=1),
            f.nancumprod(holes, axis=-1),
        ],
    )


def not_numbers_in_order(keras):
    f = keras.ops
    x = keras.Input((5, 4))
    some = f.relu(x)
    holes = x * some / some
    half = x * -0.5
    both = f.concatenate([holes, half], axis=-1)
    longer = f.concatenate([holes, half], axis=1)
    return keras.Model(
        x,
        [
            f.nanmedian(longer, axis=1),
            f.nanpercentile(both, 40, axis=2)[:, :, None],
            f.cast(f.nanargmax(both, axis=-1), "float32")[:, :, None],
            f.cast(f.nanargmin(longer, axis=1), "float32"),
            f.nanvar(longer, axis=1),
        ],
    )


def taken(keras):
    f = keras.ops
    x, h = start(keras, 5)
    order = f.argsort(x, axis=1)
    row = np.array([[[3, 0, -1]]])
    return keras.Model(
        x,
        [
            f.take_along_axis(h, order, axis=1),
            f.take_along_axis(h, row, axis=2),
            f.take_along_axis(h, f.argmax(x, axis=-1, keepdims=True), axis=2),
            f.take_along_axis(h, f.argmax(x, axis=1, keepdims=True), axis=1),
            f.take_along_axis(x, np.array([[[4], [0]]]), axis=1),
        ],
    )


def taken_in_steps(keras):
    f = keras.ops
    x, h = start(keras)
    return keras.Model(
        x,
        [
            f.take_along_axis(h, f.argsort(x, axis=2), axis=-1),
            f.take_along_axis(h, f.top_k(x, 2)[1], axis=2),
        ],
    )


def parted(keras):
    f = keras.ops
    x, h = start(keras, 5, 6)
    a, b = f.hsplit(h, [2])
    c, d = f.dsplit(h, 2)
    first, *_, last = f.array_split(h, 4, axis=1)
    return keras.Model(
        x,
        [
            f.hstack([a, b, x]),
            f.dstack([c * d, x]),
            f.append(h, x, axis=1),
            keras.layers.GRU(2)(first),
            last,
        ],
    )


def turned(keras):
    f = keras.ops
    x, h = start(keras, 5, 6)
    return keras.Model(
        x,
        [
            f.fliplr(h),
            f.rot90(h, axes=(1, 2)),
            f.rot90(x, k=3, axes=(2, 1)),
            f.slice(h, [0, 1, 2], [-1, 3, 4]),
        ],
    )


def parted_2(keras):
    x, h = start(keras, 5, 4)
    square = keras.layers.Reshape((5, 2, 2))(h)
    return keras.Model(
        x,
        [
            tf.slice(h, [0, 1, 2], [-1, 3, 2]),
            tf.linalg.diag_part(square),
            tf.linalg.trace(square),
        ],
    )


def products(keras):
    f = keras.ops
    x, h = start(keras, 5, 3)
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(3, 4)).astype("float32")
    return keras.Model(
        x,
        [
            f.dot(h, matrix),
            f.dot(h, matrix[:, 0])[:, :, None],
            f.inner(x, matrix.T),
            f.tensordot(h, matrix, axes=1),
            f.tensordot(x, rng.normal(size=(5, 3, 2)).astype("float32")),
            f.tensordot(x, matrix.T, axes=[[2], [1]]),
            f.dot(h[:, -1], matrix),
        ],
    )


def binned(keras):
    f = keras.ops
    x = keras.Input((None, 4))
    edges = np.array([-1.0, -0.25, 0.25, 0.25, 1.5], np.float32)
    whole = f.cast(f.floor(x * 2), "int32")
    return keras.Model(
        x,
        [
            f.cast(f.digitize(x, edges), "float32"),
            f.cast(f.isin(whole, [0, 2]), "float32") + x,
            f.cast(f.isin(whole, [-1, 1], invert=True), "float32") - x,
            f.saturate_cast(x * 200, "int8") / 128,
            f.saturate_cast(x, "float32"),
        ],
    )


def special(keras):
    x, h = start(keras)
    new = is_keras_3(keras)
    f = keras.ops if new else tf.math
    return keras.Model(
        x,
        [
            f.erfinv(h * 0.99),
            (f.i0 if new else f.bessel_i0)(x),
            f.angle(x) + f.imag(h) + f.real(x),
        ],
    )


def special_3(keras):
    f = keras.ops
    x, h = start(keras)
    return keras.Model(
        x,
        [
            f.ldexp(h, f.cast(f.floor(x), "int32")),
            f.cast(f.isposinf(x), "float32") + f.empty_like(h) + x,
            f.cast(f.isneginf(x), "float32") + f.cast(f.isreal(h), "float32")
            - h,
        ],
    )


def broadcast(keras):
    """Of a batch of one, which stateful models have."""
    x = keras.Input(batch_shape=(1, 5, 3))
    f = keras.ops if is_keras_3(keras) else tf
    h = keras.layers.GRU(3, return_sequences=True)(x)
    return keras.Model(
        x,
        [
            f.broadcast_to(h[:, -1:], (1, 5, 3)) * x,
            f.broadcast_to(h[:, :, :1], (1, 5, 2)),
        ],
    )


def unordered(keras):
    x = keras.Input((4,))
    return keras.Model(x, keras.ops.top_k(x, 2, sorted=False)[0])


def broadcast_batch(keras):
    x = keras.Input(batch_shape=(1, 3))
    return keras.Model(x, keras.ops.broadcast_to(x, (2, 3)))


def two_tensors(keras):
    x = keras.Input((4,))
    return keras.Model(x, keras.ops.inner(x, x))


def several_q(keras):
    x = keras.Input((4, 3))
    return keras.Model(x, keras.ops.quantile(x, [0.2, 0.5], axis=1))


def of_truths(keras):
    x = keras.Input((4, 3))
    return keras.Model(x, keras.ops.diff(x > 0, axis=1))


def of_the_batch(keras):
    x = keras.Input((4, 3))
    return keras.Model(x, keras.ops.diagonal(x))


NEW = "k3.keras"
CASES = [
    Case("ln_sorted", sorted_steps, streams=True, sharp=False),
    Case("ln_sorted_time", sorted_time, streams=False, sharp=False),
    Case("ln_sorted_down", sorted_down, files="k2.h5", sharp=False),
    Case("ln_quantiles", quantiles, files=NEW, streams=False),
    Case("ln_percentiles", percentiles, files=NEW, streams=False, sharp=False),
    Case("ln_open_time", of_open_time, files=NEW, streams=False),
    Case("ln_steps", in_steps, files=NEW, streams=True),
    Case("ln_time", of_time, files=NEW, streams=False),
    Case("ln_weighted", weighted, files=NEW, streams=False),
    Case("ln_moments", moments, files=NEW, streams=True),
    Case("ln_not_numbers", not_numbers, files=NEW, streams=True, sharp=False),
    Case(
        "ln_not_numbers_in_order",
        not_numbers_in_order,
        files=NEW,
        streams=False,
        sharp=False,
    ),
    Case("ln_taken", taken, files=NEW, streams=False, sharp=False),
    Case(
        "ln_taken_in_steps",
        taken_in_steps,
        files=NEW,
        streams=True,
        sharp=False,
    ),
    Case("ln_parted", parted, files=NEW, streams=False),
    Case("ln_turned", turned, files=NEW, streams=False),
    Case("ln_parted_2", parted_2, files="k2.h5", streams=False),
    Case("ln_products", products, files=NEW, streams=False),
    Case("ln_binned", binned, files=NEW, streams=True, sharp=False),
    Case("ln_special", special, streams=True, sharp=False),
    Case("ln_special_3", special_3, files=NEW, streams=True, sharp=False),
    Case("ln_broadcast", broadcast, streams=False),
]

REFUSALS = [
    Refusal("refused_ln_unordered", unordered, words=["top_k", "sorted"]),
    Refusal(
        "refused_ln_broadcast",
        broadcast_batch,
        words=["broadcast_to", "batch"],
    ),
    Refusal("refused_ln_inner", two_tensors, words=["inner", "batch"]),
    Refusal(
        "refused_ln_several_q", several_q, words=["quantile", "one number"]
    ),
    Refusal("refused_ln_truths", of_truths, words=["diff", "bool"]),
    Refusal("refused_ln_diagonal", of_the_batch, words=["diagonal", "batch"]),
]
