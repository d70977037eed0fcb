"""Layers that move axes, or work along other axes than the last."""

import numpy as np
import tensorflow as tf

from golden_cases import Case, Refusal

ALL = "k3.keras k3.h5 k2.keras k2.h5"


def reshaped(keras):
    layers = keras.layers
    x = keras.Input((6, 4))
    h = layers.GRU(4, return_sequences=True)(x)
    return keras.Model(
        x,
        [
            layers.Permute((2, 1))(h),
            layers.Reshape((3, 8))(h),
            layers.Reshape((-1, 2))(h),
            layers.LSTM(2)(layers.Reshape((2, -1))(layers.Flatten()(h))),
            layers.Reshape((24,))(h),
            layers.Permute((3, 1, 2))(layers.Reshape((6, 2, 2))(h)),
        ],
    )


def reshaped_steps(keras):
    layers = keras.layers
    x = keras.Input((None, 6))
    h = layers.GRU(6, return_sequences=True)(x)
    return keras.Model(
        x,
        [
            layers.Dense(2)(layers.Reshape((-1, 2, 3))(h)),
            layers.Permute((1, 3, 2))(layers.Reshape((-1, 2, 3))(h)),
        ],
    )


def more_steps(keras):
    layers = keras.layers
    x = keras.Input((None, 6))
    return keras.Model(
        x,
        [layers.Reshape((-1, 3))(x), layers.LSTM(2)(layers.Reshape((-1, 2))(x))],
    )


def softmax_axes(keras):
    layers = keras.layers
    x = keras.Input((5, 4))
    h = layers.GRU(4, return_sequences=True)(x)
    return keras.Model(
        x,
        [
            layers.Softmax(axis=1)(h),
            layers.Softmax(axis=[1, 2])(h),
            layers.Softmax(axis=-2)(layers.Reshape((5, 2, 2))(h)),
        ],
    )


def flat_channels_first(keras):
    layers = keras.layers
    x = keras.Input((5, 4))
    h = layers.GRU(4, return_sequences=True)(x)
    return keras.Model(
        x,
        [
            layers.Flatten(data_format="channels_first")(h),
            layers.Flatten(data_format="channels_first")(
                layers.Reshape((5, 2, 2))(h)
            ),
        ],
    )


def norms_of_steps(keras):
    """One number for each timestep, or for each place of several axes."""
    layers = keras.layers
    x = keras.Input((5, 4))
    h = layers.GRU(4, return_sequences=True)(x)
    return keras.Model(
        x,
        [
            layers.BatchNormalization(axis=1, name="batch")(h),
            layers.LayerNormalization(axis=1, name="layer")(h),
            layers.LayerNormalization(axis=[1, 2], name="both")(h),
            layers.UnitNormalization(axis=1, name="unit")(h),
            layers.UnitNormalization(axis=[1, 2], name="units")(h),
            layers.PReLU(name="bend")(h),
            layers.Normalization(axis=(1, 2), name="norm")(h),
        ],
    )


def norms_of_axes(keras):
    """The same along axes behind time, which stream."""
    layers = keras.layers
    x = keras.Input((None, 6))
    h = layers.GRU(6, return_sequences=True)(x)
    y = layers.Reshape((-1, 2, 3))(h)
    return keras.Model(
        x,
        [
            layers.BatchNormalization(axis=2, name="batch")(y),
            layers.LayerNormalization(axis=2, name="layer")(y),
            layers.LayerNormalization(axis=[2, 3], name="both")(y),
            layers.UnitNormalization(axis=2, name="unit")(y),
            layers.Normalization(axis=2, name="norm")(y),
            layers.Softmax(axis=2, name="soft")(y),
        ],
    )


def only_new_norms(keras):
    layers = keras.layers
    x = keras.Input((5, 4))
    h = layers.GRU(4, return_sequences=True)(x)
    return keras.Model(
        x,
        [
            layers.RMSNormalization(axis=-1, name="rms")(h),
            layers.RMSNormalization(axis=[1, 2], name="rms_both")(h),
            layers.LayerNormalization(
                axis=[1, 2], rms_scaling=True, name="variance"
            )(h),
            layers.Normalization(
                axis=1, mean=0.5, variance=2.0, name="given"
            )(h),
        ],
    )


def old_norms(keras):
    layers = keras.layers
    x = keras.Input((5, 4))
    h = layers.GRU(4, return_sequences=True)(x)
    return keras.Model(
        x, layers.BatchNormalization(axis=[1, 2], fused=False)(h)
    )


def joined(keras):
    layers = keras.layers
    x = keras.Input((None, 3))
    h = layers.GRU(3, return_sequences=True)(x)
    two = layers.RepeatVector(2)(layers.LSTM(3)(x))
    join = layers.Concatenate(axis=1)
    if keras.__version__.startswith("3"):
        concat, stack = keras.ops.concatenate, keras.ops.stack
    else:
        concat, stack = tf.concat, tf.stack
    return keras.Model(
        x,
        [
            join([x, h]),
            layers.LSTM(2)(join([two, h])),
            join([h, two, x]),
            concat([h, x[:, -2:]], 1),
            stack([h, x], 2),
            stack([h[:, -1], x[:, 0]], 1),
        ],
    )


def joined_steps(keras):
    layers = keras.layers
    x = keras.Input((None, 3))
    h = layers.GRU(3, return_sequences=True)(x)
    if keras.__version__.startswith("3"):
        concat, stack = keras.ops.concatenate, keras.ops.stack
    else:
        concat, stack = tf.concat, tf.stack
    return keras.Model(
        x, [concat([h, x], -1), stack([h, x], -1), stack([x, h], 2)]
    )


def dots(keras):
    layers = keras.layers
    x = keras.Input((5, 4))
    h = layers.GRU(4, return_sequences=True)(x)
    last = layers.LSTM(4)(x)
    return keras.Model(
        x,
        [
            layers.Dot(axes=2)([h, x]),
            layers.Dot(axes=(1, 1))([h, x]),
            layers.Dot(axes=-1, normalize=True)([last, layers.LSTM(4)(h)]),
            layers.Dot(axes=(2, 1), normalize=True)([h, last]),
            layers.Dot(axes=1)(
                [layers.Softmax()(layers.Dot(axes=(2, 1))([h, last])), h]
            ),
            layers.Dot(axes=(1, 2))([last, h]),
        ],
    )


def products(keras):
    x = keras.Input((5, 4))
    h = keras.layers.GRU(4, return_sequences=True)(x)
    matrix = np.arange(12, dtype=np.float32).reshape(4, 3) / 10 - 0.5
    if keras.__version__.startswith("3"):
        matmul, swap = keras.ops.matmul, lambda y: keras.ops.swapaxes(y, 1, 2)
        einsum = keras.ops.einsum("btd,bsd->bts", h, x)
    else:
        matmul = tf.matmul
        swap = lambda y: tf.transpose(y, (0, 2, 1))  # noqa: E731
        einsum = tf.matmul(h, x, transpose_b=True)
    return keras.Model(
        x, [matmul(h, swap(x)), matmul(swap(h), x), h @ matrix, einsum]
    )


def take_from_table(keras):
    """Rows of constants, by ids from the start and from the end."""
    take, layers = keras.ops.take, keras.layers
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.Input((None, 3), name="x")
    table = np.cos(np.arange(18)).reshape(6, 3).astype("float32")
    rows = take(table, ids, axis=0)
    back = take(table.reshape(6, 3, 1), ids - 6, axis=-3)
    places = keras.ops.cast(keras.ops.floor(keras.ops.abs(x)), "int32")
    numbers = take(np.arange(40.0) / 8, places)
    y = layers.LSTM(3, return_sequences=True)(
        layers.Concatenate()([rows, back[..., 0], numbers])
    )
    return keras.Model([ids, x], [y, rows])


def einsum_constants(keras):
    """A constant before or behind, dots, and a tensor alone."""
    f = keras.ops.einsum
    x = keras.Input((5, 3), name="x")
    free = keras.Input((None, 3), name="free")
    matrix = np.arange(6.0).reshape(3, 2) / 4 - 0.5
    steps = np.sin(np.arange(10)).reshape(2, 5).astype("float32")
    h = keras.layers.GRU(4, return_sequences=True)(free)
    return keras.Model(
        [x, free],
        [
            f("btd,de->bte", x, matrix),
            f("...d,de->...e", free, matrix),
            f("de,...d->...e", matrix, free),
            f("st,btd->bsd", steps, x),
            f("btd->bdt", x),
            f("...d->...", x),
            f("bd,d->b", f("btd->bd", h), np.ones(4, "float32")),
            f("...td,...sd->...ts", x, x),
        ],
    )


def einsum_dense(keras):
    dense = keras.layers.EinsumDense
    x = keras.Input((5, 4))
    h = keras.layers.GRU(4, return_sequences=True)(x)
    return keras.Model(
        x,
        [
            dense("abc,bd->adc", (3, 4), bias_axes="d", name="e0")(h),
            dense("abc,bcd->ad", 3, bias_axes="d", name="e1")(h),
            dense("abc,bcd->abd", (5, 2), name="e2", bias_axes="bd")(h),
            dense("ab...,bc->ac...", 3, bias_axes="c", name="e3")(h),
        ],
    )


def einsum_dense_steps(keras):
    dense = keras.layers.EinsumDense
    x = keras.Input((None, 4))
    h = keras.layers.GRU(4, return_sequences=True)(x)
    return keras.Model(
        x,
        [
            dense(
                "abc,cd->abd",
                (None, 3),
                bias_axes="d",
                activation="softmax",
                name="e0",
            )(h),
            dense("...x,xyz->...yz", (2, 3), bias_axes="yz", name="e1")(h),
            dense("abc,cde->abed", (None, 2, 3), bias_axes="e", name="e2")(h),
            dense("...x,xy->...y", 2, activation="tanh", name="e3")(h),
        ],
    )


def groups(keras):
    group = keras.layers.GroupNormalization
    x = keras.Input((5, 6))
    h = keras.layers.GRU(6, return_sequences=True)(x)
    return keras.Model(
        x,
        [
            group(2, name="g0")(h),
            group(-1, scale=False, name="g1")(h),
            group(1, center=False, epsilon=0.1, name="g2")(h),
            group(5, axis=1, name="g3")(h),
            group(3, name="g4")(keras.layers.LSTM(6)(h)),
        ],
    )


def bins(keras):
    edges = [-0.5, 0.1, 1.0]
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    n = layers.Discretization(edges, output_mode="int")(x)
    one = layers.Discretization(edges, output_mode="one_hot")
    table = layers.Embedding(4, 4)(layers.Reshape((-1,))(
        layers.Discretization(edges, output_mode="int")(x[:, :, :1])
    ))
    return keras.Model(x, [n, one(x), one(x[:, :, 1:2]), layers.LSTM(3)(table)])


def bins_of_a_row(keras):
    edges = [-0.5, 0.1, 1.0]
    layers = keras.layers
    x = keras.Input((4,))
    modes = ["int", "multi_hot", "count"]
    made = [layers.Discretization(edges, output_mode=m)(x) for m in modes]
    if not keras.__version__.startswith("3"):
        made[0] = tf.cast(made[0], tf.float32)
    one = layers.Discretization(edges, output_mode="one_hot")(x[:, :1])
    return keras.Model(x, [*made, one])


def mixed_sequences(keras):
    x = keras.Input((None, 4))
    return keras.Model(x, keras.layers.Reshape((2, -1))(x))


def bare_numbers(keras):
    """One number of each sequence, without an axis but the batch: made,
    worked on, put back into rows, and given out."""
    layers = keras.layers
    new = hasattr(keras, "ops")
    f = keras.ops if new else tf
    mean, largest = (f.mean, f.max) if new else (tf.reduce_mean, tf.reduce_max)
    x = keras.Input((None, 3), name="x")
    h = layers.LSTM(4)(x)
    v = layers.Dense(4)(x[:, -1])
    a = f.squeeze(layers.Dense(1)(h), -1)
    b = mean(h, axis=-1)
    c = h[:, 2]
    d = x[:, -1, 0]
    e = largest(x[:, :, 1], axis=1)
    g = f.sigmoid(a) * 2.0 - b
    m = layers.Maximum()([layers.Add()([c, d]), layers.Dropout(0.5)(e)])
    rows = [
        f.expand_dims(g, -1),
        f.reshape(m, (-1, 1)),
        b[:, None],
        layers.Reshape((1,))(e),
        f.stack([a, b, c, d], axis=-1),
        layers.Multiply()([a, v]),
        layers.Flatten()(f.reshape(v[:, 1:2], (-1,))),
    ]
    y = layers.Dense(2)(layers.Concatenate()(rows))
    return keras.Model(x, [a, layers.Activation("tanh")(m), e / g, y])


def bare_products(keras):
    """Sums of products and of whole sequences that leave nothing else."""
    layers, f = keras.layers, keras.ops
    x = keras.Input((5, 3), name="x")
    v = keras.Input((3,), name="v")
    h = layers.GRU(3)(x)
    row = np.arange(3) / 2 - 0.25
    parts = f.unstack(h, axis=1)
    weighed = f.average(h, axis=-1, weights=np.arange(3) + 0.5)
    return keras.Model(
        [x, v],
        [
            f.einsum("bi,bi->b", h, v),
            f.dot(h, row),
            f.tensordot(x, np.outer(np.arange(5), row), axes=2),
            f.mean(x, axis=(1, 2)),
            f.trace(x, axis1=1, axis2=2),
            f.median(x, axis=[1, 2]),
            f.where(f.greater(parts[0], 0), parts[1], weighed),
        ],
    )


CASES = [
    Case("bare_numbers", bare_numbers, streams=True),
    Case(
        "take_from_table",
        take_from_table,
        files="k3.keras",
        vocabulary=6,
        streams=True,
        sharp=False,
    ),
    Case(
        "einsum_constants",
        einsum_constants,
        files="k3.keras",
        timesteps={"x": 5, "free": 4},
    ),
    Case("bare_products", bare_products, files="k3.keras", sharp=False),
    Case("shape_reshaped", reshaped, files=ALL, streams=False),
    Case("shape_reshaped_steps", reshaped_steps, streams=True),
    Case("shape_more_steps", more_steps, streams=False),
    Case("shape_softmax_axes", softmax_axes, files=ALL, streams=False),
    Case("shape_flat_channels_first", flat_channels_first, streams=False),
    Case("shape_norms_of_steps", norms_of_steps, files=ALL, streams=False),
    Case("shape_norms_of_axes", norms_of_axes, files=ALL, streams=True),
    Case("shape_new_norms", only_new_norms, files="k3.keras", streams=False),
    Case("shape_old_norms", old_norms, files="k2.keras k2.h5", streams=False),
    Case("shape_joined", joined, streams=False),
    Case("shape_joined_steps", joined_steps, streams=True),
    Case("shape_groups", groups, files=ALL, streams=False),
    Case("shape_bins", bins, files="k3.keras k3.h5", sharp=False),
    Case("shape_bins_of_a_row", bins_of_a_row, sharp=False),
    Case("shape_dots", dots, files=ALL, streams=False),
    Case("shape_products", products, streams=False),
    Case("shape_einsum_dense", einsum_dense, files=ALL, streams=False),
    Case("shape_einsum_steps", einsum_dense_steps, files=ALL, streams=True),
]

REFUSALS = [
    Refusal(
        "refused_shape_open_features", mixed_sequences, words=["reshape", "cannot"]
    ),
]
