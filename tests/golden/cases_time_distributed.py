"""TimeDistributed: of recurrent layers, of others, of itself, of models."""

from golden_cases import Case


def recurrent(keras):
    layers = keras.layers
    x = keras.Input((None, 4, 3))
    each = layers.TimeDistributed
    y = [
        each(layers.LSTM(2))(x),
        each(layers.SimpleRNN(2, return_sequences=True, go_backwards=True))(x),
        each(layers.Bidirectional(layers.GRU(2), merge_mode="sum"))(x),
    ]
    return keras.Model(x, y)


def others(keras):
    layers = keras.layers
    x = keras.Input((None, 4, 3))
    each = layers.TimeDistributed
    y = [
        each(layers.LayerNormalization())(x),
        each(layers.BatchNormalization())(x),
        each(layers.GlobalAveragePooling1D())(x),
        each(layers.GlobalMaxPooling1D())(x),
        each(layers.PReLU(shared_axes=[1]))(x),
        each(layers.Softmax())(x),
    ]
    y.append(each(layers.RepeatVector(2))(y[2]))
    return keras.Model(x, y)


def fixed(keras):
    """T is known, so Keras 3 writes it out, one step after the other; a
    shared wrapper, and layers that need all timesteps of a timestep."""
    layers = keras.layers
    x = keras.Input((3, 4, 2))
    each = layers.TimeDistributed(layers.GRU(2, return_sequences=True))
    y = layers.Add()([each(x), each(layers.ReLU()(x))])
    y = layers.TimeDistributed(layers.Flatten())(y)
    return keras.Model(x, layers.LSTM(2)(y))


def deep(keras):
    layers = keras.layers
    x = keras.Input((None, 2, 3, 2))
    each = layers.TimeDistributed
    i = keras.Input((3, 2))
    h = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(i)
    g = layers.GlobalMaxPooling1D()(h)
    model = keras.Model(i, layers.Add()([layers.Dense(4)(g), g]))
    y = [each(each(layers.LSTM(2)))(x), each(each(model))(x)]
    return keras.Model(x, y)


def ids(keras):
    """Words, sentences, a document: the usual use."""
    layers = keras.layers
    sentence = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            layers.Embedding(7, 3),
            layers.LSTM(3),
            layers.Dropout(0.5),
            layers.Dense(2, activation="relu"),
        ]
    )
    x = keras.Input((None, 5), dtype="int32")
    y = layers.TimeDistributed(sentence)(x)
    y = layers.GRU(3, return_sequences=True)(y)
    y = layers.TimeDistributed(layers.Dense(2, activation="softmax"))(y)
    return keras.Model(x, y)


def windows(keras):
    """What looks at several timesteps does so within one of the outer."""
    layers = keras.layers
    x = keras.Input((None, 6, 2))
    each = layers.TimeDistributed
    y = [
        each(layers.Conv1D(2, 3, padding="causal"))(x),
        each(layers.Conv1D(2, 2, strides=2, padding="same"))(x),
        each(layers.MaxPooling1D(2))(x),
        each(layers.AveragePooling1D(3, strides=1, padding="same"))(x),
        each(layers.ZeroPadding1D((1, 2)))(x),
        each(layers.UpSampling1D(2))(x),
    ]
    y.append(each(layers.Conv1DTranspose(1, 2))(y[2]))
    return keras.Model(x, y)


def cells(keras):
    layers = keras.layers
    x = keras.Input((None, 4, 3))
    each = layers.TimeDistributed
    pair = [layers.LSTMCell(2), layers.GRUCell(2)]
    y = [
        each(layers.RNN(layers.SimpleRNNCell(2), return_sequences=True))(x),
        each(layers.RNN(pair))(x),
        each(layers.Bidirectional(layers.RNN(layers.LSTMCell(2))))(x),
    ]
    return keras.Model(x, y)


def merged(keras):
    layers = keras.layers
    a = keras.Input((None, 3), name="a")
    b = keras.Input((None, 2), name="b")
    y = layers.TimeDistributed(layers.Concatenate())([a, b])
    return keras.Model([a, b], y)


CASES = [
    Case(
        "td_recurrent",
        recurrent,
        files="k3.keras k3.h5 k2.keras k2.h5",
        timesteps=4,
        streams=True,
    ),
    Case("td_others", others, timesteps=3, streams=True),
    Case("td_fixed", fixed, streams=True),
    Case("td_deep", deep, files="k3.keras k3.h5 k2.keras k2.h5", timesteps=3),
    Case(
        "td_ids",
        ids,
        files="k3.keras k3.h5 k2.keras k2.h5",
        vocabulary=7,
        timesteps=4,
        streams=True,
    ),
    Case("td_windows", windows, timesteps=3, streams=True),
    Case(
        "td_cells",
        cells,
        files="k3.keras k3.h5 k2.keras k2.h5",
        timesteps=3,
        streams=True,
    ),
    Case("td_merged", merged, files="k2.keras k2.h5", streams=True),
]
