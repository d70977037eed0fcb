"""States of recurrent layers: given, returned, as inputs and outputs of models;
cells in an RNN; ConvLSTM1D."""

import numpy as np

from golden_cases import Case, Refusal

ALL = "k3.keras k3.h5 k2.keras k2.h5"


def flat(answer):
    """The tensors of a layer's answer, however they are nested."""
    if not isinstance(answer, (list, tuple)):
        return [answer]
    return [each for part in answer for each in flat(part)]


def seq2seq(class_name, units=4, **fields):
    def build(keras):
        layer = getattr(keras.layers, class_name)
        source = keras.Input((None, 3), name="source")
        target = keras.Input((None, 2), name="target")
        _, *states = layer(units, return_state=True, name="encoder", **fields)(
            source
        )
        y, *last = layer(
            units,
            return_sequences=True,
            return_state=True,
            name="the_decoder",
            **fields,
        )(target, initial_state=states if len(states) > 1 else states[0])
        y = keras.layers.Dense(3, activation="softmax", name="word")(y)
        return keras.Model([source, target], [y, *last])

    return build


def fixed_lengths(keras):
    """Fixed, and different: neither input says anything of the other."""
    source = keras.Input((5, 3), name="source")
    target = keras.Input((8, 2), name="target")
    states = keras.layers.LSTM(4, return_state=True, name="encoder")(source)
    y = keras.layers.LSTM(4, return_sequences=True, name="the_decoder")(
        target, initial_state=states[1:]
    )
    return keras.Model([source, target], y)


def branches(keras):
    """Two sequences that have nothing to do with each other until they end."""
    a = keras.Input((None, 3), name="a")
    b = keras.Input((None, 2), name="b")
    left = keras.layers.GRU(3, name="left")(a)
    right = keras.layers.LSTM(3, name="right")(b)
    both = keras.layers.Concatenate(name="both")([left, right])
    return keras.Model([a, b], keras.layers.Dense(2, name="out")(both))


def with_attention(keras):
    """What a decoder makes looks at what the encoder made, of any length."""
    layers = keras.layers
    source = keras.Input((None, 3), name="source")
    target = keras.Input((None, 2), name="target")
    seen, h, c = layers.LSTM(
        4, return_sequences=True, return_state=True, name="encoder"
    )(source)
    y = layers.LSTM(4, return_sequences=True, name="the_decoder")(
        target, initial_state=[h, c]
    )
    context = layers.Attention(name="look")([y, seen])
    y = layers.Concatenate(name="both")([y, context])
    return keras.Model([source, target], layers.Dense(3, name="word")(y))


def of_tokens(keras):
    layers = keras.layers
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    x = layers.Embedding(9, 3, mask_zero=True, name="words")(source)
    y = layers.Embedding(7, 3, mask_zero=True, name="more")(target)
    _, *states = layers.LSTM(4, return_state=True, name="encoder")(x)
    y = layers.LSTM(4, return_sequences=True, name="the_decoder")(
        y, initial_state=states
    )
    return keras.Model([source, target], layers.Dense(7, name="word")(y))


def token_ids(rng):
    source = rng.integers(1, 9, size=(3, 6))
    target = rng.integers(1, 7, size=(3, 4))
    source[0, 4:] = 0
    target[1, 2:] = 0
    target[2, 0] = 0
    return {"source": source, "target": target}


def convolved(keras):
    """The encoder needs five timesteps, the decoder one."""
    layers = keras.layers
    source = keras.Input((None, 3), name="source")
    target = keras.Input((None, 2), name="target")
    x = layers.Conv1D(4, 5, name="conv")(source)
    h = layers.GRU(3, name="encoder")(x)
    y = layers.GRU(3, return_sequences=True, name="the_decoder")(
        target, initial_state=h
    )
    return keras.Model([source, target], y)


def repeated(keras):
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    _, h, c = layers.LSTM(4, return_state=True, name="encoder")(x)
    y = layers.RepeatVector(5, name="repeat")(h)
    y = layers.LSTM(4, return_sequences=True, name="the_decoder")(
        y, initial_state=[h, c]
    )
    y = layers.TimeDistributed(layers.Dense(2, name="d"), name="word")(y)
    return keras.Model(x, y)


def from_static(keras):
    """A picture's features begin a sentence."""
    layers = keras.layers
    seen = keras.Input((5,), name="seen")
    words = keras.Input((None, 3), name="words")
    h = layers.Dense(4, activation="tanh", name="begin")(seen)
    y = layers.GRU(4, return_sequences=True, name="say")(
        words, initial_state=h
    )
    return keras.Model([seen, words], y)


def step_decoder(keras):
    """One step of a decoder: its states come and go with each call."""
    layers = keras.layers
    x = keras.Input((1, 3), name="x")
    h = keras.Input((4,), name="h")
    c = keras.Input((4,), name="c")
    y, h2, c2 = layers.LSTM(
        4, return_sequences=True, return_state=True, name="cell"
    )(x, initial_state=[h, c])
    y = layers.Dense(3, name="word")(y)
    return keras.Model([x, h, c], [y, h2, c2])


def nested_decoder(keras):
    decoder = step_decoder(keras)
    x = keras.Input((1, 3), name="first")
    a = keras.Input((4,), name="a")
    b = keras.Input((4,), name="b")
    y, h, c = decoder([x, a, b])
    y, h, c = decoder([y, h, c])
    return keras.Model([x, a, b], [y, h, c])


def last_states(keras):
    """States that stream: all of them, at each step."""
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    y, h, c = layers.LSTM(
        4, return_sequences=True, return_state=True, name="a"
    )(x)
    z, g = layers.GRU(3, return_state=True, name="b")(y)
    w, s = layers.SimpleRNN(2, return_state=True, name="c")(y)
    return keras.Model(x, [h, c, z, g, w, s])


def both_ways(mode, class_name="LSTM"):
    def build(keras):
        layers = keras.layers
        layer = getattr(layers, class_name)(
            3, return_sequences=True, return_state=True
        )
        count = 4 if class_name == "LSTM" else 2
        x = keras.Input((6, 3), name="x")
        given = [keras.Input((3,), name=f"s{i}") for i in range(count)]
        both = layers.Bidirectional(layer, merge_mode=mode, name="both")
        answer = flat(both(x, initial_state=given))
        return keras.Model([x, *given], answer)

    return build


def cell(keras, class_name, units=4, **fields):
    return getattr(keras.layers, class_name + "Cell")(units, **fields)


def one_cell(class_name, way, **fields):
    def build(keras):
        x = keras.Input((None, 3), name="x")
        rnn = keras.layers.RNN(
            cell(keras, class_name, **fields), name="rnn", **way
        )
        return keras.Model(x, flat(rnn(x)))

    return build


def stack(keras):
    return [
        cell(keras, "LSTM", 4),
        cell(keras, "GRU", 3, reset_after=False),
        cell(keras, "LSTM", 2, activation="elu"),
        cell(keras, "SimpleRNN", 5, use_bias=False),
    ]


def stacked_cells(keras):
    x = keras.Input((None, 3), name="x")
    rnn = keras.layers.RNN(
        stack(keras), return_sequences=True, return_state=True, name="rnn"
    )
    return keras.Model(x, flat(rnn(x)))


def stacked_backwards(keras):
    x = keras.Input((None, 3), name="x")
    rnn = keras.layers.RNN(
        keras.layers.StackedRNNCells(stack(keras)),
        return_sequences=True,
        go_backwards=True,
        name="rnn",
    )
    return keras.Model(x, rnn(x))


def stacked_states(keras):
    x = keras.Input((None, 3), name="x")
    h, c, g = (keras.Input((3,), name=name) for name in "hcg")
    cells = [cell(keras, "LSTM", 3), cell(keras, "GRU", 3)]
    rnn = keras.layers.RNN(cells, return_state=True, name="rnn")
    return keras.Model(
        [x, h, c, g], flat(rnn(x, initial_state=[[h, c], g]))
    )


def stack_in_a_stack(keras):
    layers = keras.layers
    inner = layers.StackedRNNCells(
        [cell(keras, "LSTM", 3), cell(keras, "GRU", 2)], name="inner"
    )
    cells = [cell(keras, "SimpleRNN", 4), inner, cell(keras, "LSTM", 2)]
    x = keras.Input((None, 3), name="x")
    y = layers.Masking()(x)
    return keras.Model(x, layers.RNN(layers.StackedRNNCells(cells))(y))


def both_ways_of_cells(keras):
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    y = layers.Bidirectional(
        layers.RNN(cell(keras, "LSTM", 3), return_sequences=True), name="one"
    )(x)
    cells = [cell(keras, "GRU", 3), cell(keras, "GRU", 2)]
    y = layers.Bidirectional(layers.RNN(cells), name="two")(y)
    return keras.Model(x, y)


def stateful(keras):
    x = keras.Input(batch_shape=(2, 4, 3), name="x")
    y = keras.layers.LSTM(
        4, stateful=True, return_sequences=True, unroll=True, name="a"
    )(x)
    y = keras.layers.GRU(3, stateful=True, name="b")(y)
    return keras.Model(x, y)


# Left alone, it is hard_sigmoid in Keras 2.
PLAIN = {"filters": 4, "recurrent_activation": "sigmoid"}


def conv_lstm(shape=(None, 6, 3), **fields):
    def build(keras):
        x = keras.Input(shape, name="x")
        y = keras.layers.ConvLSTM1D(**{**PLAIN, **fields}, name="conv")(x)
        return keras.Model(x, flat(y))

    return build


def conv_lstm_default(keras):
    x = keras.Input((None, 5, 2), name="x")
    return keras.Model(x, keras.layers.ConvLSTM1D(3, 2, name="conv")(x))


def conv_lstm_pair(keras):
    layers = keras.layers
    x = keras.Input((None, 6, 2), name="x")
    y, h, c = layers.ConvLSTM1D(
        **PLAIN | {"filters": 3}, **SAME, kernel_size=3, **SEQUENCES, **STATES,
        name="a",
    )(x)
    z = layers.ConvLSTM1D(
        **PLAIN | {"filters": 3}, **SAME, kernel_size=2, name="b"
    )(y, initial_state=[h, c])
    return keras.Model(x, z)


def conv_lstm_both_ways(keras):
    layers = keras.layers
    x = keras.Input((None, 5, 2), name="x")
    y = layers.Bidirectional(
        layers.ConvLSTM1D(**PLAIN, kernel_size=2, **SEQUENCES), name="both"
    )(x)
    return keras.Model(x, y)


def time_major(keras):
    x = keras.Input((4, 3), batch_size=4, name="x")
    return keras.Model(x, keras.layers.LSTM(4, time_major=True)(x))


def padded(rng):
    """Padded behind, before, and with holes."""
    x = rng.normal(size=(3, 7, 3)).astype(np.float32)
    x[0, 5:] = 0
    x[1, :3] = 0
    x[2, [0, 2, 3, 6]] = 0
    return x


def masked_cells(way, wrap=False):
    """A stack of cells whose last output comes behind a mask."""

    def build(keras):
        layers = keras.layers
        x = keras.Input((None, 3), name="x")
        y = layers.Masking(name="mask")(x)
        cells = [cell(keras, "LSTM", 4), cell(keras, "GRU", 3)]
        rnn = layers.RNN(cells, **way)
        if wrap:
            rnn = layers.Bidirectional(rnn, name="both")
        return keras.Model(x, flat(rnn(y)))

    return build


def masked_states(keras):
    """States that are held, and what begins with them."""
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    seen = layers.Masking(name="mask")(x)
    _, h, c = layers.LSTM(4, return_state=True, name="encoder")(seen)
    y = layers.LSTM(4, return_sequences=True, name="the_decoder")(
        seen, initial_state=[h, c]
    )
    return keras.Model(x, [h, c, y])


SAME = {"padding": "same"}
SEQUENCES = {"return_sequences": True}
STATES = {"return_state": True}
BACK = {"go_backwards": True, "return_sequences": True}
LENGTHS = {"source": 5, "target": 8}

CASES = [
    Case("seq2seq_lstm", seq2seq("LSTM"), ALL, timesteps=LENGTHS,
         streams=False),
    Case("seq2seq_gru", seq2seq("GRU"), timesteps={"source": 7, "target": 2},
         streams=False),
    Case("seq2seq_gru_before", seq2seq("GRU", reset_after=False),
         timesteps=LENGTHS),
    Case("seq2seq_simple_rnn", seq2seq("SimpleRNN"), timesteps=LENGTHS),
    Case("seq2seq_large", seq2seq("LSTM", 17, activation="relu"),
         files="k3.keras", timesteps={"source": 40, "target": 3}),
    Case("seq2seq_fixed", fixed_lengths, streams=False),
    Case("seq2seq_attention", with_attention, timesteps=LENGTHS),
    # Keras 3 drops the decoder's mask, as it is given states.
    Case("seq2seq_tokens", of_tokens, inputs=token_ids, same=False),
    Case("seq2seq_convolved", convolved,
         timesteps={"source": 6, "target": 1}),
    Case("seq2seq_repeat", repeated, streams=False),
    Case("seq2seq_static", from_static, streams=False),
    Case("two_lengths", branches, timesteps={"a": 3, "b": 9}),
    Case("two_branches", branches, files="k3.keras", streams=True),
    Case("step_decoder", step_decoder, ALL, streams=False),
    Case("nested_decoder", nested_decoder, ALL),
    Case("last_states", last_states, ALL, streams=True),
    *(
        Case(f"bidirectional_states_{mode or 'none'}", both_ways(mode), files)
        for mode, files in [("concat", ALL), ("sum", "k3.keras"),
                            (None, "k3.keras k2.h5")]
    ),
    Case("bidirectional_states_gru", both_ways("ave", "GRU")),
    Case("rnn_simple_cell", one_cell("SimpleRNN", STATES), streams=True),
    Case("rnn_lstm_cell", one_cell("LSTM", STATES | SEQUENCES), ALL,
         streams=True),
    Case("rnn_gru_cell", one_cell("GRU", SEQUENCES, reset_after=True),
         streams=True),
    Case("rnn_gru_cell_before", one_cell("GRU", {}, reset_after=False)),
    Case("rnn_cell_fields",
         one_cell("LSTM", {}, activation="softsign",
                  recurrent_activation="tanh", use_bias=False)),
    Case("rnn_backwards", one_cell("LSTM", BACK), streams=False),
    Case("rnn_stacked", stacked_cells, ALL, streams=True),
    Case("rnn_stacked_backwards", stacked_backwards, streams=False),
    Case("rnn_stacked_states", stacked_states, streams=False),
    Case("rnn_stack_in_a_stack", stack_in_a_stack, ALL, streams=True),
    Case("rnn_bidirectional", both_ways_of_cells, ALL, streams=False),
    Case("stateful", stateful, batch=2, timesteps=4),
    Case("rnn_masked", masked_cells(SEQUENCES | STATES), inputs=padded,
         streams=True),
    Case("rnn_masked_backwards", masked_cells(BACK), inputs=padded),
    Case("rnn_masked_last", masked_cells({}), inputs=padded, streams=True),
    Case("rnn_masked_both_ways", masked_cells(SEQUENCES, True),
         inputs=padded),
    # Keras 3 drops the mask of a call that is given states; Keras 2 does not.
    Case("states_masked", masked_states, inputs=padded, same=False,
         streams=False),
    Case("conv_lstm1d", conv_lstm(kernel_size=3), ALL, streams=True),
    Case("conv_lstm1d_same", conv_lstm(kernel_size=4, padding="same",
                                       **SEQUENCES), streams=True),
    Case("conv_lstm1d_strides", conv_lstm(kernel_size=3, strides=2,
                                          padding="same", filters=1)),
    Case("conv_lstm1d_dilation", conv_lstm((None, 9, 2), kernel_size=3,
                                           dilation_rate=2, **STATES)),
    Case("conv_lstm1d_fields",
         conv_lstm(kernel_size=2, use_bias=False, activation="relu",
                   recurrent_activation="tanh", filters=9)),
    Case("conv_lstm1d_default", conv_lstm_default, same=False),
    Case("conv_lstm1d_backwards", conv_lstm(kernel_size=2, **BACK),
         streams=False),
    Case("conv_lstm1d_states", conv_lstm_pair, streams=False),
    Case("conv_lstm1d_both_ways", conv_lstm_both_ways, streams=False),
]
REFUSALS = [
    Refusal("refused_time_major", time_major,
            ["lstm", "time_major", "time_major=False"],
            files="k2.keras k2.h5"),
]
