"""Fields that the cases of their layers' families leave as they are."""

import numpy as np
from golden_cases import Case


def cell_activations(keras):
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    y = [
        layers.RNN(layers.SimpleRNNCell(4, activation="relu"), name="a")(x),
        layers.RNN(
            layers.GRUCell(
                3,
                activation="softsign",
                recurrent_activation="hard_sigmoid",
                use_bias=False,
            ),
            name="b",
        )(x),
        layers.RNN(
            layers.GRUCell(
                5,
                activation="elu",
                recurrent_activation="tanh",
                reset_after=False,
            ),
            name="c",
        )(x),
    ]
    return keras.Model(x, y)


def additive_scores(keras):
    layers = keras.layers
    q = keras.Input((4, 3), name="query")
    v = keras.Input((5, 3), name="value")
    y, p = layers.AdditiveAttention()([q, v], return_attention_scores=True)
    return keras.Model([q, v], [y, p])


def mask_of_places(keras):
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    y = layers.Masking(mask_value=[1.0, 0.0, -2.0], name="mask")(x)
    return keras.Model(x, layers.LSTM(3, name="lstm")(y))


def places(rng):
    """Padding behind, and timesteps that are padding in two places only."""
    x = rng.normal(size=(3, 6, 3)).astype(np.float32)
    x[0, 4:] = x[1, 1] = x[2, 3] = [1, 0, -2]
    x[2, 3, 1] = 0.5
    return x


CASES = [
    # hard_sigmoid is another function in Keras 2
    Case("fields_cell_activations", cell_activations, same=False),
    Case("fields_additive_scores", additive_scores),
    Case("fields_mask_of_places", mask_of_places, inputs=places),
]
