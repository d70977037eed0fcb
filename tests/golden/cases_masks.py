"""Masks: who makes them, who passes them on, who looks at them."""

import numpy as np
import tensorflow as tf

from golden_cases import Case, Refusal


def holes(steps, features, value=0.0, extra=0):
    """Three sequences: padded behind, with holes, and masked from first to
    last but for one step."""

    def draw(rng):
        x = rng.normal(size=(3, steps, features)).astype(np.float32)
        x[0, steps - 2 :] = value
        x[1, [0, 3]] = value
        x[2, : steps - 3] = value
        x[2, steps - 2 :] = value
        if extra:
            return {"x": x, "y": rng.normal(size=(3, steps, extra))}
        return x

    return draw


def ids(steps, vocabulary):
    def draw(rng):
        x = rng.integers(1, vocabulary, size=(3, steps))
        x[0, steps - 2 :] = 0
        x[1, [0, 2]] = 0
        x[2, 1:] = 0
        return x

    return draw


def stack(*layers):
    """A Sequential model of sequences, of what each of `layers` makes of
    keras.layers."""

    def build(keras):
        return keras.Sequential(
            [keras.Input((None, 3)), *[make(keras.layers) for make in layers]]
        )

    return build


def masking(value=0.0):
    return lambda layers: layers.Masking(mask_value=value)


def dense(units=2):
    return lambda layers: layers.Dense(units)


def cell(name, units, **arguments):
    return lambda layers: getattr(layers, name)(units, **arguments)


SEQ = {"return_sequences": True}


def embedding(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(7, 3, mask_zero=True),
            layers.LSTM(4, return_sequences=True),
            layers.SpatialDropout1D(0.5),
            layers.GRU(3),
            layers.Dense(2),
        ]
    )


def both_ways(mode, **arguments):
    def build(keras):
        layers = keras.layers
        return keras.Sequential(
            [
                keras.Input((None, 3)),
                layers.Masking(),
                layers.Bidirectional(
                    layers.LSTM(3, return_sequences=True, **arguments),
                    merge_mode=mode,
                ),
                layers.Bidirectional(layers.GRU(2), merge_mode="concat"),
                layers.Dense(2),
            ]
        )

    return build


def passing(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((None, 3)),
            layers.Masking(),
            layers.Dense(5),
            layers.LayerNormalization(),
            layers.Activation("tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.TimeDistributed(layers.Dense(4)),
            layers.ReLU(max_value=4.0),
            layers.GaussianNoise(0.5),
            layers.ELU(),
            layers.UnitNormalization(),
            layers.GaussianDropout(0.5),
            layers.PReLU(shared_axes=[1]),
            layers.AlphaDropout(0.5),
            layers.ActivityRegularization(l2=0.1),
            layers.LSTM(3),
        ]
    )


def one(make):
    """A mask, a layer, and a recurrent layer that would look at the mask."""

    def build(keras):
        layers = keras.layers
        return keras.Sequential(
            [
                keras.Input((None, 3)),
                layers.Masking(),
                make(layers),
                layers.SimpleRNN(3),
            ]
        )

    return build


# Keras 3 passes on what Keras 2 drops, and so their numbers differ.
APART = {
    "rescaling": lambda layers: layers.Rescaling(0.5, 1.0),
    "normalization": lambda layers: layers.Normalization(
        mean=[0.5, 0.0, 1.0], variance=[1.0, 4.0, 0.25]
    ),
    "identity": lambda layers: layers.Identity(),
}


def branches(kind, **arguments):
    """Two masks that meet, one that meets none, and what they become."""

    def build(keras):
        layers = keras.layers
        x = keras.Input((None, 4), name="x")
        free = layers.Dense(4, name="free")(x)
        zero = layers.Masking(0.0)(x)
        two = layers.Masking(2.0)(x)
        ends = []
        for i, pair in enumerate([[zero, two], [zero, free], [free, two]]):
            y = getattr(layers, kind)(**arguments)(pair)
            ends.append(layers.SimpleRNN(3, name=f"end_{i}")(y))
        return keras.Model(x, layers.Concatenate()(ends))

    return build


def two_values(rng):
    x = rng.normal(size=(3, 6, 4)).astype(np.float32)
    x[0, 4:] = 0.0
    x[0, 0] = 2.0
    x[1, [1, 3]] = 2.0
    x[1, 5] = 0.0
    x[2, :3] = 0.0
    x[2, 3:] = 2.0
    return x


def keyword(keras):
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    mask = keras.Input((None,), name="mask", dtype="bool")
    y = layers.LSTM(4, return_sequences=True)(x, mask=mask)
    y = layers.Dense(3)(y)
    return keras.Model([x, mask], layers.GRU(3)(y))


def x_and_mask(steps):
    def draw(rng):
        mask = np.array(
            [[1, 1, 0, 1, 0, 0], [0, 0, 1, 1, 1, 1], [0, 1, 0, 0, 1, 0]]
        )[:, :steps]
        return {"x": rng.normal(size=(3, steps, 3)), "mask": mask.astype(np.int32)}

    return draw


def scores(keras):
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    mask = keras.Input((None, 3), name="mask", dtype="bool")
    y = layers.Softmax()(layers.Dense(3)(x), mask=mask)
    return keras.Model([x, mask], y)


def x_and_scores(rng):
    mask = rng.random(size=(3, 6, 3)) < 0.6
    mask[:, :, 0] = True
    return {"x": rng.normal(size=(3, 6, 3)), "mask": mask.astype(np.int32)}


def joined(keras):
    layers = keras.layers
    x = keras.Input((6, 4), name="x")
    both = [layers.Masking(0.0)(x), layers.Masking(2.0)(x)]
    y = layers.Concatenate(axis=1)(both)
    return keras.Model(x, layers.GRU(3)(y))


def rows(rng):
    x = rng.normal(size=(3, 5, 4, 2)).astype(np.float32)
    x[0, 3:] = 0.0
    x[1, [0, 2], 1:3] = 0.0
    x[2, :, 0] = 0.0
    x[2, 0] = 0.0
    return x


def conv_lstm(keras):
    layers = keras.layers
    fields = {
        "padding": "same",
        "return_sequences": True,
        "recurrent_activation": "sigmoid",
    }
    return keras.Sequential(
        [
            keras.Input((None, 4, 2)),
            layers.Masking(),
            layers.ConvLSTM1D(3, 3, **fields),
            layers.ConvLSTM1D(2, 2, go_backwards=True, **fields),
        ]
    )


def droppers(keras):
    """Each ends before a layer that would look at a mask."""
    layers = keras.layers
    x = keras.Input((6, 4), name="x")
    masked = layers.Masking()(x)
    made = [
        layers.Conv1D(3, 2, padding="causal"),
        layers.SeparableConv1D(3, 2),
        layers.DepthwiseConv1D(2),
        layers.Conv1DTranspose(3, 2),
        layers.MaxPooling1D(2),
        layers.AveragePooling1D(2),
        layers.ZeroPadding1D(1),
        layers.Cropping1D(1),
        layers.UpSampling1D(2),
        layers.Reshape((8, 3)),
        layers.Permute((2, 1)),
    ]
    ends = [layers.SimpleRNN(2)(layer(masked)) for layer in made]
    ends.append(layers.Dense(2)(layers.Flatten()(masked)))
    return keras.Model(x, layers.Concatenate()(ends))


def both_ways_out(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((None, 3)),
            layers.Masking(),
            layers.Bidirectional(
                layers.LSTM(3, return_sequences=True), merge_mode="mul"
            ),
            layers.Bidirectional(
                layers.SimpleRNN(2, return_sequences=True), merge_mode="ave"
            ),
        ]
    )


def nested(keras):
    layers = keras.layers
    start = keras.Input((None, 3), name="start")
    y = layers.GRU(3, return_sequences=True)(start)
    inner = keras.Model(start, layers.Dense(4)(y), name="inner")
    last = keras.Sequential(
        [keras.Input((None, 4)), layers.LSTM(3, return_sequences=True)],
        name="last",
    )
    x = keras.Input((None, 3), name="x")
    y = last(inner(layers.Masking()(x)))
    return keras.Model(x, layers.GlobalAveragePooling1D()(y))


def squeezed(keras):
    layers = keras.layers
    x = keras.Input((None, 4), name="x")
    y = layers.GlobalAveragePooling1D(keepdims=True)(x)
    y = layers.Dense(4, activation="sigmoid")(y)
    y = layers.Multiply()([x, y])
    z = layers.GlobalMaxPooling1D(keepdims=True)(layers.LSTM(3, **SEQ)(y))
    return keras.Model(x, [y, z])


def features_first(keras):
    layers = keras.layers
    x = keras.Input((5, 4), name="x")
    first = {"data_format": "channels_first"}
    row = layers.GlobalMaxPooling1D(**first)(x)
    mean = layers.GlobalAveragePooling1D(keepdims=True, **first)(x)
    return keras.Model(x, [layers.Dense(2)(row), layers.LSTM(2)(mean)])


def features_under_steps(keras):
    """Keras takes the mask of timesteps for one of features."""
    layers = keras.layers
    first = {"data_format": "channels_first"}
    x = keras.Input((4, 4), name="x")
    y = layers.Masking()(x)
    row = layers.GlobalAveragePooling1D(**first)(y)
    mean = layers.GlobalAveragePooling1D(keepdims=True, **first)(y)
    one = layers.GlobalAveragePooling1D(**first)(layers.Dense(1)(y))
    return keras.Model(x, [row, layers.LSTM(2)(mean), layers.Dense(2)(one)])


def masked_softmax(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((None, 3)),
            layers.Masking(),
            layers.LSTM(4, return_sequences=True),
            layers.Softmax(name="odd"),
        ]
    )


def sentences(rng):
    """Three texts of four sentences of five words, 0 where there is none."""
    x = rng.integers(1, 8, size=(3, 4, 5))
    x[:, :, 4] = 0
    x[0, 1, 2:] = 0
    x[1, 2:] = 0
    x[2, 0, :3] = 0
    return x


def documents(last):
    def build(keras):
        layers = keras.layers
        words = keras.Input((4, 5), dtype="int32", name="words")
        x = layers.Embedding(8, 3, mask_zero=True)(words)
        x = layers.TimeDistributed(layers.LSTM(4))(x)
        return keras.Model(words, last(layers)(x))

    return build


def encoder(keras):
    layers = keras.layers
    inner = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            layers.Embedding(8, 3, mask_zero=True),
            layers.Bidirectional(layers.GRU(2)),
        ]
    )
    words = keras.Input((4, 5), dtype="int32", name="words")
    x = layers.TimeDistributed(inner)(words)
    return keras.Model(words, layers.LSTM(3)(x))


def rows_under_masks(kind, **arguments):
    """Rows of features, of which each has a mask, meet; and what becomes of
    their masks."""

    def build(keras):
        layers = keras.layers
        each = layers.TimeDistributed
        x = keras.Input((5, 3, 2), name="x")
        zero, two = layers.Masking(0.0)(x), layers.Masking(2.0)(x)
        free = layers.Dense(2, name="free")(x)
        free = layers.Reshape((5, 3, 2))(free)
        ends = []
        for inputs in ([zero, two], [two, free], [free, zero, two]):
            if arguments and len(inputs) == 2 and free is inputs[1]:
                continue
            if arguments and len(inputs) == 3:
                inputs = [two, zero, two]
            y = getattr(layers, kind)(**arguments)(inputs)
            y = each(layers.SimpleRNN(3))(y)
            ends.append(layers.Flatten()(y))
        return keras.Model(x, layers.Concatenate()(ends))

    return build


def two_values_in_rows(rng):
    x = rng.normal(size=(3, 5, 3, 2)).astype(np.float32)
    x[0, 3:, 1] = 0.0
    x[0, 0, :2] = 2.0
    x[1, [0, 2], 2] = 2.0
    x[1, [0, 2], :2] = 0.0
    x[2, 1:4, 0] = 2.0
    x[2, 2, 1] = 0.0
    return x


def scores_of_rows(keras):
    """Masks with axes of one, and softmax along other axes than the last."""
    layers = keras.layers
    x = keras.Input((4, 3), name="x")
    rows = keras.Input((4, 1), name="rows", dtype="bool")
    whole = keras.Input((4, 3), name="whole", dtype="bool")
    return keras.Model(
        [x, rows, whole],
        [
            layers.Softmax(axis=1, name="a")(x, mask=rows),
            layers.Softmax(axis=1, name="b")(x, mask=whole),
            layers.Softmax(axis=[1, 2], name="c")(x, mask=whole),
            layers.Softmax(axis=[1, 2], name="d")(x, mask=rows),
        ],
    )


def x_rows_and_whole(rng):
    rows = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1]])
    whole = rng.random(size=(3, 4, 3)) < 0.6
    whole[:, 1] = True
    return {
        "x": rng.normal(size=(3, 4, 3)),
        "rows": rows[:, :, np.newaxis].astype(np.int32),
        "whole": whole.astype(np.int32),
    }


def from_inside(keras):
    """TimeDistributed of what makes masks: Keras 2 sees them outside."""
    layers = keras.layers
    each = layers.TimeDistributed
    x = keras.Input((None, 3, 2), name="x")
    y = each(layers.GRU(3))(each(layers.Masking())(x))
    z = layers.LSTM(3)(each(layers.Masking())(y))
    inner = keras.Sequential(
        [
            keras.Input((3, 2)),
            layers.Masking(),
            layers.LSTM(3, return_sequences=True),
        ]
    )
    w = each(layers.GlobalAveragePooling1D())(each(inner)(x))
    return keras.Model(x, layers.Concatenate()([z, layers.LSTM(2)(w)]))


def rows_of_three(rng):
    x = rng.normal(size=(3, 5, 3, 2)).astype(np.float32)
    x[0, 3:, 1] = 0.0
    x[1, [0, 2], 1:] = 0.0
    x[2, :, 0] = 0.0
    return x


def texts_from_inside(keras):
    layers = keras.layers
    each = layers.TimeDistributed
    words = keras.Input((4, 5), dtype="int32", name="words")
    x = each(layers.Embedding(8, 3, mask_zero=True))(words)
    return keras.Model(words, layers.GRU(3)(each(layers.LSTM(4))(x)))


def over_time(keras):
    """Which features are there at all, and which throughout."""
    ops = keras.ops
    x = keras.Input((None, 4), name="x")
    is_there = ops.not_equal(x, 0.0)
    some = ops.any(is_there, axis=1, keepdims=True)
    all_of_it = ops.all(is_there, axis=1)
    y = keras.layers.GRU(3)(x * ops.cast(some, "float32"))
    return keras.Model(x, [y, ops.cast(all_of_it, "float32")])


def converted(keras):
    """What gives back the tensor itself keeps its mask."""
    layers, ops = keras.layers, keras.ops
    x = keras.Input((None, 3), name="x")
    y = ops.convert_to_tensor(layers.Masking()(x))
    z = layers.Add()([y, layers.Dense(3)(y)])
    lost = layers.GRU(2)(ops.stop_gradient(y))
    return keras.Model(x, layers.Concatenate()([layers.LSTM(3)(z), lost]))


def masked_units(keras):
    """A mask of as many rows as there are units holds each by itself."""
    layers = keras.layers
    x = keras.Input((None, 3, 2), name="x")
    y = layers.TimeDistributed(layers.Flatten())(layers.Masking()(x))
    both = layers.Bidirectional(layers.LSTM(3, return_sequences=True))
    ends = [
        layers.GRU(3)(y),
        layers.LSTM(3, go_backwards=True, zero_output_for_mask=True)(y),
        layers.RNN(layers.GRUCell(3, reset_after=False))(y),
        layers.SimpleRNN(3)(layers.LSTM(3, return_sequences=True)(y)),
        layers.LSTM(4)(layers.Conv1D(4, 2, padding="same")(both(y))),
    ]
    return keras.Model(x, layers.Concatenate()(ends))


def given_units(keras):
    """The same by the keyword, with a state to begin with and states out."""
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    mask = keras.Input((None, 2), name="mask", dtype="bool")
    h = keras.Input((2,), name="h")
    c = keras.Input((2,), name="c")
    lstm = layers.LSTM(2, return_state=True, return_sequences=True)
    y, *states = lstm(x, mask=mask, initial_state=[h, c])
    return keras.Model([x, mask, h, c], [y, layers.Add()(states)])


def x_and_units(rng):
    mask = rng.integers(2, size=(3, 6, 2))
    mask[0, :2] = 0
    return {
        "x": rng.normal(size=(3, 6, 3)),
        "mask": mask.astype(np.int32),
        "h": rng.normal(size=(3, 2)),
        "c": rng.normal(size=(3, 2)),
    }


def places(rng):
    x = rng.normal(size=(3, 6, 3, 2)).astype(np.float32)
    x[rng.random(size=(3, 6, 3)) < 0.4] = 0.0
    return x


def some_features(rng):
    x = rng.normal(size=(3, 6, 4)).astype(np.float32)
    x[0, :, 1] = 0.0
    x[1, :4, 2] = 0.0
    x[2, 5, 3] = 0.0
    return x


def lost_mask(keras):
    """A masked input of fewer axes: Keras 3 loses its mask."""
    layers = keras.layers
    x = keras.Input((5, 3), name="x")
    v = keras.Input((3,), name="v")
    masked = layers.Masking(2.0)(v)
    return keras.Model(
        [x, v],
        [
            layers.Multiply(name="a")([masked, x]),
            layers.Minimum(name="b")([masked, x]),
        ],
    )


def x_and_vectors(rng):
    v = rng.normal(size=(3, 3)).astype(np.float32)
    v[1] = 2.0
    return {"x": rng.normal(size=(3, 5, 3)), "v": v}


def wide_masks(axis):
    """A Softmax passes on a mask of features; a Concatenate makes one of rows
    of it, which the product and the LSTM see."""

    def build(keras):
        layers = keras.layers
        keep = getattr(keras, "ops", tf.math).not_equal
        x = keras.Input((None, 3), name="x")
        w = keras.Input((None, 3), name="w")
        ends = [layers.Softmax()(each, mask=keep(each, 0.0)) for each in (x, w)]
        if axis == -1:
            ends[1] = layers.Masking(2.0)(w)
        y = layers.Concatenate(axis=axis)(ends)
        raw = layers.Concatenate(axis=axis)([x, w])
        y = layers.Multiply()([y, layers.Dense(6 if axis == -1 else 3)(raw)])
        return keras.Model([x, w], layers.LSTM(3, return_sequences=True)(y))

    return build


def wide_holes(rng):
    x, w = rng.normal(size=(2, 3, 6, 3)).astype(np.float32)
    x[0, [1, 4]] = 0.0
    x[1, 2:, :2] = 0.0
    x[2, 0] = 0.0
    w[0, [2, 4]] = 2.0
    w[1, 3, 1] = 0.0
    w[2, 0] = 2.0
    w[2, 3] = 0.0
    return {"x": x, "w": w}


FOUR = "k3.keras k3.h5 k2.keras k2.h5"
PADDED = {"inputs": holes(7, 3), "streams": True}

CASES = [
    Case(
        "mask_stack",
        stack(masking(), cell("LSTM", 4, **SEQ), dense(3), cell("GRU", 3)),
        files=FOUR,
        **PADDED,
    ),
    Case(
        "mask_value",
        stack(masking(-1), cell("SimpleRNN", 4, **SEQ), cell("LSTM", 3, **SEQ)),
        inputs=holes(6, 3, -1.0),
        streams=True,
    ),
    Case(
        "mask_nan",
        stack(masking(float("nan")), cell("GRU", 3)),
        files=FOUR,
        **PADDED,
    ),
    Case(
        "mask_zero_output",
        stack(
            masking(),
            cell("GRU", 4, zero_output_for_mask=True, **SEQ),
            cell("SimpleRNN", 3, zero_output_for_mask=True, **SEQ),
        ),
        **PADDED,
    ),
    Case(
        "mask_zero_at_the_end",
        stack(masking(), cell("LSTM", 3, zero_output_for_mask=True)),
        inputs=holes(7, 3),
        streams=True,
        weights=lambda model, rng: [
            rng.normal(size=w.shape) for w in model.get_weights()
        ],
    ),
    Case(
        "mask_backwards",
        stack(
            masking(),
            cell("LSTM", 4, go_backwards=True, **SEQ),
            cell("GRU", 3, go_backwards=True),
        ),
        inputs=holes(7, 3),
        streams=False,
    ),
    Case("mask_embedding", embedding, inputs=ids(6, 7), streams=True, files=FOUR),
    Case("mask_both_ways", both_ways("concat"), inputs=holes(7, 3)),
    Case(
        "mask_both_ways_sum",
        both_ways("sum", zero_output_for_mask=True),
        inputs=holes(7, 3),
    ),
    Case(
        "mask_average",
        stack(
            masking(),
            cell("LSTM", 4, **SEQ),
            lambda layers: layers.GlobalAveragePooling1D(),
        ),
        inputs=holes(7, 3),
    ),
    Case(
        "mask_maximum_over_time",
        stack(
            masking(), dense(4), lambda layers: layers.GlobalMaxPooling1D()
        ),
        **PADDED,
    ),
    Case("mask_passes", passing, **PADDED),
    Case(
        "mask_dropped",
        one(lambda layers: layers.RMSNormalization()),
        files="k3.keras",
        **PADDED,
    ),
    Case(
        "mask_einsum",
        one(lambda layers: layers.EinsumDense("abc,cd->abd", (None, 4))),
        **PADDED,
    ),
    Case(
        "mask_groups",
        one(lambda layers: layers.GroupNormalization(groups=3)),
        inputs=holes(7, 3),
        files="k3.keras",
    ),
    *[
        Case(f"mask_{name}", one(make), same=False, **PADDED)
        for name, make in APART.items()
    ],
    *[
        Case(
            f"mask_merge_{kind.lower()}",
            branches(kind),
            inputs=two_values,
            same=False,
        )
        for kind in "Add Multiply Maximum Minimum Average Concatenate".split()
    ],
    Case(
        "mask_joined",
        joined,
        inputs=two_values,
        files="k3.keras k3.h5 k2.h5",
    ),
    Case("mask_conv_lstm", conv_lstm, inputs=rows),
    Case("mask_droppers", droppers, inputs=holes(6, 4)),
    Case("mask_both_ways_out", both_ways_out, inputs=holes(7, 3)),
    Case("mask_keyword", keyword, inputs=x_and_mask(6)),
    Case("mask_scores", scores, inputs=x_and_scores),
    Case("mask_nested", nested, inputs=holes(7, 3)),
    Case(
        "mask_sentences", documents(dense(3)), inputs=sentences, streams=True
    ),
    # Keras 3 cannot: it has a mask of words for the sentences.
    Case(
        "mask_documents",
        documents(cell("GRU", 3)),
        inputs=sentences,
        files="k2.keras k2.h5",
        streams=True,
    ),
    Case("mask_encoder", encoder, inputs=sentences),
    *[
        Case(
            f"mask_rows_{kind.lower()}",
            rows_under_masks(kind),
            inputs=two_values_in_rows,
            same=False,
        )
        for kind in "Add Multiply Maximum Minimum".split()
    ],
    *[
        Case(
            f"mask_rows_joined_{axis}",
            rows_under_masks("Concatenate", axis=axis),
            inputs=two_values_in_rows,
        )
        for axis in (1, 2)
    ],
    Case(
        "mask_scores_of_rows",
        scores_of_rows,
        inputs=x_rows_and_whole,
        same=False,
    ),
    *[
        Case(
            f"mask_wide_joined_{name}",
            wide_masks(axis),
            inputs=wide_holes,
            same=False,
        )
        for name, axis in (("features", -1), ("time", 1))
    ],
    Case(
        "mask_from_inside",
        from_inside,
        inputs=rows_of_three,
        files="k2.keras k2.h5",
    ),
    Case(
        "mask_texts_from_inside",
        texts_from_inside,
        inputs=sentences,
        files="k2.keras k2.h5",
        streams=True,
    ),
    Case(
        "mask_over_time",
        over_time,
        inputs=some_features,
        files="k3.keras",
        streams=False,
        sharp=False,
    ),
    Case("mask_converted", converted, files="k3.keras", **PADDED),
    Case(
        "mask_units",
        masked_units,
        inputs=places,
        files="k3.keras",
        streams=False,
    ),
    Case("mask_units_given", given_units, inputs=x_and_units, files="k3.keras"),
    Case("mask_lost", lost_mask, inputs=x_and_vectors, same=False),
    Case(
        "mask_value_true",
        stack(masking(True), cell("LSTM", 3, **SEQ)),
        inputs=holes(6, 3, 1.0),
        streams=True,
    ),
    Case("pooling_squeezed", squeezed),
    Case("pooling_features_first", features_first),
    Case(
        "pooling_features_under_steps",
        features_under_steps,
        inputs=holes(4, 4),
    ),
]
REFUSALS = [
    Refusal(
        "refused_masked_softmax",
        masked_softmax,
        words=["odd", "Softmax", "mask"],
        files="k2.h5",
    )
]
