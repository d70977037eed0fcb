"""Convolutions, pooling, and what else changes the number of timesteps: every
field, each once, as branches of few models."""

from golden_cases import Case, Refusal


def kernels(padding):
    """Conv1D: kernel_size, strides, dilation_rate, groups, bias."""

    def build(keras):
        conv = keras.layers.Conv1D
        x = keras.Input((None, 4), name="x")
        ways = [
            conv(6, 3, activation="relu", padding=padding, name="plain"),
            conv(5, 2, dilation_rate=3, use_bias=False, padding=padding,
                 name="dilated"),
            conv(4, 3, groups=2, activation="tanh", padding=padding,
                 name="grouped"),
            conv(3, 1, padding=padding, name="pointwise"),
        ]
        return keras.Model(x, [way(x) for way in ways])

    return build


def strided(keras):
    conv = keras.layers.Conv1D
    x = keras.Input((None, 4), name="x")
    ways = [
        conv(5, 4, strides=2, padding="valid", name="valid"),
        conv(5, 4, strides=3, padding="same", name="same"),
        conv(5, 3, strides=2, padding="causal", name="causal"),
        conv(4, 2, strides=3, padding="same", groups=2, name="gaps"),
    ]
    return keras.Model(x, [way(x) for way in ways])


def causal_stack(keras):
    """As WaveNet: it streams."""
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    y = layers.Conv1D(6, 1, name="in")(x)
    for rate in (1, 2, 4):
        more = layers.Conv1D(6, 2, padding="causal", dilation_rate=rate,
                             activation="tanh", name=f"rate_{rate}")(y)
        y = layers.Add(name=f"add_{rate}")([y, more])
    y = layers.GRU(4, name="gru")(y)
    return keras.Model(x, layers.Dense(2, name="out")(y))


def depthwise(keras):
    layer = keras.layers.DepthwiseConv1D
    x = keras.Input((None, 4), name="x")
    ways = [
        layer(3, activation="relu", name="plain"),
        layer(3, strides=2, padding="same", depth_multiplier=3, name="many"),
        layer(2, dilation_rate=3, padding="same", use_bias=False,
              name="dilated"),
        layer(2, strides=3, name="gaps"),
    ]
    return keras.Model(x, [way(x) for way in ways])


def depthwise_both(keras):
    """Strides and dilation together, which only Keras 3 has."""
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    ways = [
        layers.DepthwiseConv1D(3, strides=2, dilation_rate=2, name="valid"),
        layers.DepthwiseConv1D(2, strides=2, dilation_rate=3, padding="same",
                               name="same"),
        layers.SeparableConv1D(4, 3, strides=3, dilation_rate=2,
                               name="separable"),
    ]
    return keras.Model(x, [way(x) for way in ways])


def separable(keras):
    layer = keras.layers.SeparableConv1D
    x = keras.Input((None, 4), name="x")
    ways = [
        layer(5, 3, activation="tanh", name="plain"),
        layer(5, 3, strides=2, padding="same", depth_multiplier=2,
              name="many"),
        layer(3, 2, dilation_rate=3, padding="same", use_bias=False,
              name="dilated"),
    ]
    return keras.Model(x, [way(x) for way in ways])


def separable_causal(keras):
    """Only Keras 2 has it."""
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    y = layers.SeparableConv1D(5, 3, padding="causal", dilation_rate=2,
                               depth_multiplier=2, activation="relu")(x)
    return keras.Model(x, layers.LSTM(3)(y))


def transposed(padding):
    """Without dilation_rate: Keras computes that in float32 alone."""

    def build(keras):
        layer = keras.layers.Conv1DTranspose
        x = keras.Input((None, 4), name="x")
        ways = [
            layer(5, 3, padding=padding, activation="relu", name="plain"),
            layer(5, 5, strides=2, padding=padding, name="strided"),
            layer(3, 2, strides=3, padding=padding, use_bias=False,
                  name="gaps"),
            layer(3, 5, strides=3, output_padding=1, padding=padding,
                  name="more"),
        ]
        return keras.Model(x, [way(x) for way in ways])

    return build


def pools(name):
    def build(keras):
        layer = getattr(keras.layers, name)
        x = keras.Input((11, 4), name="x")
        ways = [
            layer(2),
            layer(3, strides=2, padding="same"),
            layer(4, strides=1, padding="same"),
            layer(2, strides=3),
            layer(2, padding="same", data_format="channels_first"),
        ]
        return keras.Model(x, [way(x) for way in ways])

    return build


def moved(keras):
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    ways = [
        layers.UpSampling1D(3),
        layers.ZeroPadding1D(2),
        layers.ZeroPadding1D((3, 0)),
        layers.Cropping1D(1),
        layers.Cropping1D((0, 2)),
    ]
    return keras.Model(x, [way(x) for way in ways])


def zeros_across(keras):
    x = keras.Input((5, 3), name="x")
    layer = keras.layers.ZeroPadding1D((2, 1), data_format="channels_first")
    return keras.Model(x, layer(x))


def autoencoder(timesteps):
    def build(keras):
        layers = keras.layers
        x = keras.Input((timesteps, 3), name="x")
        y = layers.Conv1D(6, 3, padding="same", activation="relu")(x)
        y = layers.MaxPooling1D(2)(y)
        y = layers.LSTM(4, return_sequences=True)(y)
        y = layers.UpSampling1D(2)(y)
        y = layers.Conv1DTranspose(3, 4, strides=2, padding="same")(y)
        return keras.Model(x, layers.Conv1D(2, 3, padding="same")(y))

    return build


def shortened(keras):
    """Branches that lose as many timesteps in different ways."""
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    y = layers.Conv1D(5, 3)(layers.Conv1D(5, 3, activation="relu")(x))
    z = layers.Dense(5)(layers.Cropping1D((1, 3))(x))
    both = layers.Concatenate()([layers.Add()([y, z]), z])
    return keras.Model(x, layers.Dense(2)(layers.GlobalMaxPooling1D()(both)))


def flattened(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((12, 3)),
            layers.Conv1D(6, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.AveragePooling1D(2),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )


def in_each_timestep(keras):
    """A convolution inside of each timestep, a common front of an LSTM."""
    layers = keras.layers
    each = layers.TimeDistributed
    x = keras.Input((None, 7, 2), name="x")
    y = each(layers.Conv1D(4, 3, activation="relu"))(x)
    y = each(layers.Conv1D(3, 2, padding="causal"))(y)
    y = each(layers.MaxPooling1D(2))(y)
    y = each(layers.Flatten())(y)
    return keras.Model(x, layers.LSTM(3)(y))


def channels_first(keras):
    """What Keras computes in float64 on a CPU; Keras 2 nothing of it."""
    layers = keras.layers
    x = keras.Input((4, 7), name="x")
    first = {"data_format": "channels_first"}
    ways = [
        layers.DepthwiseConv1D(3, depth_multiplier=2, **first),
        layers.SeparableConv1D(5, 2, strides=2, padding="same",
                               activation="softmax", **first),
    ]
    return keras.Model(x, [way(x) for way in ways])


def more_axes(keras):
    """Keras 2 alone runs along the last axis but one of any number."""
    layers = keras.layers
    x = keras.Input((None, 6, 2), name="x")
    y = layers.Conv1D(4, 2, strides=2, padding="same", activation="relu")(x)
    z = layers.Conv1D(4, 3, padding="causal", dilation_rate=2, groups=2)(
        layers.Conv1D(2, 1)(x)
    )
    deep = layers.Reshape((-1, 2, 3, 2))(x)
    deep = layers.Conv1D(3, 2)(deep)
    return keras.Model(
        x,
        [
            layers.GRU(3)(layers.Reshape((-1, 12))(y)),
            layers.TimeDistributed(layers.GlobalMaxPooling1D())(z),
            layers.Reshape((-1, 12))(deep),
        ],
    )


ALL = "k3.keras k3.h5 k2.keras k2.h5"

CASES = [
    Case("conv_valid", kernels("valid"), timesteps=9, files=ALL,
         streams=False),
    Case("conv_same", kernels("same"), timesteps=7, streams=False),
    Case("conv_causal", kernels("causal"), timesteps=9, streams=True),
    Case("conv_strided", strided, timesteps=10, streams=False),
    Case("conv_stack", causal_stack, timesteps=12, streams=True),
    Case("conv_depthwise", depthwise, timesteps=9, files=ALL, streams=False),
    Case("conv_depthwise_both", depthwise_both, timesteps=12,
         files="k3.keras"),
    Case("conv_separable", separable, timesteps=9, files=ALL, streams=False),
    Case("conv_separable_causal", separable_causal, timesteps=11,
         files="k2.keras k2.h5", streams=True),
    Case("conv_transposed", transposed("valid"), files=ALL, streams=False),
    Case("conv_transposed_same", transposed("same"), streams=False),
    Case("conv_pools_max", pools("MaxPooling1D"), streams=False),
    Case("conv_pools_mean", pools("AveragePooling1D"), streams=False),
    Case("conv_moved", moved, streams=False),
    Case("conv_zeros_across", zeros_across, files="k3.keras", streams=True),
    Case("conv_channels_first", channels_first, files="k3.keras",
         streams=False),
    Case("conv_autoencoder", autoencoder(None), timesteps=9, streams=False),
    Case("conv_autoencoder_fixed", autoencoder(8), streams=False),
    Case("conv_shortened", shortened, timesteps=8, streams=False),
    Case("conv_flattened", flattened, streams=False),
    Case("conv_more_axes", more_axes, timesteps=4, files="k2.keras k2.h5",
         streams=True),
    Case("conv_in_each_timestep", in_each_timestep, timesteps=4,
         streams=True),
]
