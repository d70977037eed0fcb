"""Graphs: branches, several inputs and outputs, shared layers, models in
models, of layers that have golden cases of their own."""

from golden_cases import Case, Refusal


def branches(keras):
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    left = layers.LSTM(4, return_sequences=True)(x)
    right = layers.Dense(4, activation="tanh")(x)
    both = layers.Concatenate()([layers.Add()([left, right]), left])
    return keras.Model(x, layers.Dense(2)(layers.GRU(3)(both)))


def two_inputs(keras):
    layers = keras.layers
    sequence = keras.Input((5, 3), name="sequence")
    static = keras.Input((4,), name="static")
    seen = layers.GRU(4, name="seen")(sequence)
    known = layers.Dense(4, activation="relu", name="known")(static)
    joined = layers.Multiply(name="joined")([seen, known])
    return keras.Model([static, sequence], layers.Dense(2)(joined))


def two_outputs(keras):
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    steps = layers.SimpleRNN(5, return_sequences=True, name="steps")(x)
    end = layers.Dense(2, name="end")(layers.LSTM(3, name="last")(steps))
    return keras.Model(x, [end, layers.Dense(1, name="each")(steps)])


def shared(keras):
    layers = keras.layers
    a = keras.Input((4, 2), name="a")
    b = keras.Input((4, 2), name="b")
    encoder = layers.LSTM(3, name="encoder")
    apart = layers.Subtract(name="apart")([encoder(a), encoder(b)])
    return keras.Model([a, b], layers.Dense(1, name="score")(apart))


def nested(keras):
    layers = keras.layers
    inner = keras.Sequential(
        [
            keras.Input((None, 3)),
            layers.GRU(4, return_sequences=True),
            layers.LayerNormalization(),
        ],
        name="inner",
    )
    start = keras.Input((None, 4), name="start")
    end = layers.Average()([start, layers.Dense(4)(start)])
    block = keras.Model(start, end, name="block")
    x = keras.Input((None, 3), name="x")
    y = block(block(inner(x)))
    return keras.Model(x, layers.LSTM(2, name="final")(y))


def both_ways(keras):
    layers = keras.layers
    x = keras.Input((6, 2), name="x")
    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    y = layers.TimeDistributed(layers.Dense(4, activation="relu"))(y)
    return keras.Model(x, layers.GlobalAveragePooling1D()(y))


def ids_and_numbers(keras):
    layers = keras.layers
    ids = keras.Input((None,), dtype="int32", name="ids")
    numbers = keras.Input((None, 2), name="numbers")
    words = layers.Embedding(9, 3)(ids)
    x = layers.Concatenate()([words, numbers])
    return keras.Model([ids, numbers], layers.GRU(4)(x))


def masked_both_ways(keras):
    layers = keras.layers
    x = keras.Input((None,), dtype="int32", name="x")
    y = layers.Embedding(7, 3, mask_zero=True)(x)
    forward = layers.GRU(2, return_sequences=True)
    y = layers.Bidirectional(forward, merge_mode="ave")(y)
    return keras.Model(x, y)


def padded_ids(rng):
    x = rng.integers(1, 7, size=(3, 6))
    x[0, 4:] = 0
    x[1, :2] = 0
    return x


def without_training(keras):
    """Its config names no "trainable", as an operator's does not."""
    x = keras.Input((None, 2), name="x")
    y = keras.layers.SpatialDropout1D(0.2)(x)
    return keras.Model(x, keras.layers.GRU(2)(y))


def unknown_code(keras):
    x = keras.Input((4, 2), name="x")
    y = keras.layers.Lambda(lambda x: x + 1, name="odd")(x)
    return keras.Model(x, keras.layers.LSTM(2)(y))


MERGES = "Add Subtract Multiply Average Maximum Minimum".split()


def one_timestep(keras):
    """Repeated beside a sequence, in layers and in operators."""
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    z = keras.Input((1, 3), name="z")
    y = [getattr(layers, kind)()([x, z]) for kind in MERGES]
    y += [layers.Subtract()([z, x]), x * z, z - x]
    y.append(layers.Add()([z, layers.Dense(3)(x), layers.Dense(3)(z)]))
    last = layers.RepeatVector(1)(layers.LSTM(3)(x))
    y.append(layers.Multiply()([x, last]))
    y.append(x - layers.GlobalMaxPooling1D(keepdims=True)(x))
    return keras.Model([x, z], layers.GRU(4)(layers.Concatenate()(y)))


def one_masked_timestep(keras):
    """Keras 3 joins masks of one timestep and of more."""
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    z = keras.Input((1, 3), name="z")
    masked = [layers.Masking()(x), layers.Masking()(z)]
    ends = []
    for kind in MERGES:
        y = getattr(layers, kind)()(masked)
        ends.append(layers.SimpleRNN(2, return_sequences=True)(y))
    for pair in ([masked[1], x], [z, masked[0]]):
        ends.append(layers.Maximum()(pair))
    return keras.Model([x, z], layers.Concatenate()(ends))


def one_after_the_other(keras):
    """Two sequences of any lengths, along time."""
    layers = keras.layers
    a = keras.Input((None, 3), name="a")
    b = keras.Input((None, 3), name="b")
    both = layers.Concatenate(axis=1)([layers.Masking()(a), layers.Masking()(b)])
    free = layers.Concatenate(axis=-2)([b, layers.Dense(3)(b), a])
    free = layers.Conv1D(4, 3, padding="causal")(free)
    pooled = layers.AveragePooling1D(2)(free)
    return keras.Model(
        [a, b],
        [
            layers.LSTM(3)(both),
            layers.Bidirectional(layers.GRU(2, return_sequences=True))(both),
            layers.GlobalAveragePooling1D()(both),
            layers.SimpleRNN(3, return_sequences=True)(pooled),
        ],
    )


def two_lengths(rng):
    a, b = rng.normal(size=(3, 4, 3)), rng.normal(size=(3, 7, 3))
    a[0, 1] = a[1, 3] = b[0, [0, 4]] = b[2, :5] = 0.0
    return {"a": a, "b": b}


def x_and_one(rng):
    x, z = rng.normal(size=(3, 5, 3)), rng.normal(size=(3, 1, 3))
    x[0, [1, 2, 4]] = x[1, 0] = x[2, 3] = z[1] = 0.0
    return {"x": x, "z": z}


FOUR = "k3.keras k3.h5 k2.keras k2.h5"
CASES = [
    Case("graph_branches", branches, streams=True),
    Case("graph_two_inputs", two_inputs, streams=False),
    Case("graph_two_outputs", two_outputs, streams=True),
    Case("graph_shared", shared, streams=True),
    Case("graph_nested", nested, streams=True, files=FOUR),
    Case("graph_both_ways", both_ways, streams=False),
    Case(
        "graph_masked_both_ways",
        masked_both_ways,
        inputs=padded_ids,
        files="k3.keras k2.keras k2.h5",
    ),
    Case("graph_spatial_dropout", without_training, files="k3.h5 k2.h5"),
    Case(
        "graph_one_timestep",
        one_timestep,
        timesteps={"x": 6, "z": 1},
        streams=False,
    ),
    Case(
        "graph_one_masked_timestep",
        one_masked_timestep,
        inputs=x_and_one,
        files="k3.keras",
        streams=False,
    ),
    Case(
        "graph_one_after_the_other",
        one_after_the_other,
        inputs=two_lengths,
        streams=False,
    ),
    Case("graph_ids", ids_and_numbers, vocabulary={"ids": 9}, streams=True),
]
REFUSALS = [
    Refusal(
        "refused_lambda_graph",
        unknown_code,
        words=["odd", "Lambda"],
        files=FOUR,
    )
]
