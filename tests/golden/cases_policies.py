"""A model of float64 throughout is served in float32; mixed ones are not."""

from golden_cases import Case, Refusal


def float64(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((None, 2), dtype="float64"),
            layers.LSTM(3, dtype="float64"),
            layers.Dense(2, dtype="float64"),
        ]
    )


def mixed(keras):
    policy = "mixed_float16"
    if keras.__version__[0] == "2":
        policy = keras.mixed_precision.Policy(policy)
    return keras.Sequential(
        [keras.layers.Input((4, 2)), keras.layers.LSTM(2, dtype=policy)]
    )


def masked_cast(dtype):
    """What is cast to another dtype has lost its mask, what is cast to that
    of its layers keeps it."""

    def build(keras):
        layers = keras.layers
        if keras.__version__[0] == "2":
            import tensorflow as tf

            cast = tf.cast
        else:
            cast = keras.ops.cast
        x = keras.Input((None, 3), name="x", dtype=dtype)
        masked = layers.Masking(dtype=dtype)(x)
        ends = [
            layers.LSTM(2, dtype=dtype)(cast(masked, to))
            for to in ("float32", dtype)
        ]
        return keras.Model(x, layers.Concatenate(dtype=dtype)(ends))

    return build


def padded(rng):
    x = rng.normal(size=(3, 6, 3))
    x[0, 4:] = 0.0
    x[1, [1, 3]] = 0.0
    x[2, :3] = 0.0
    return x


CASES = [
    Case("policy_float64", float64),
    Case(
        "policy_float64_cast",
        masked_cast("float64"),
        inputs=padded,
        streams=True,
    ),
]
REFUSALS = [
    Refusal(
        "refused_mixed_float16",
        mixed,
        words=["lstm", "dtype", "mixed_float16"],
        files="k3.keras k2.h5",
    )
]
