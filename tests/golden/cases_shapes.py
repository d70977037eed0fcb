"""Layers that move axes, or work along other axes than the last."""

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


def mixed_sequences(keras):
    x = keras.Input((None, 4))
    return keras.Model(x, keras.layers.Reshape((2, -1))(x))


CASES = [
    Case("shape_reshaped", reshaped, files=ALL, streams=False),
    Case("shape_reshaped_steps", reshaped_steps, streams=True),
    Case("shape_more_steps", more_steps, streams=False),
    Case("shape_softmax_axes", softmax_axes, files=ALL, streams=False),
    Case("shape_flat_channels_first", flat_channels_first, streams=False),
]

REFUSALS = [
    Refusal(
        "refused_shape_open_features", mixed_sequences, words=["reshape", "cannot"]
    ),
]
