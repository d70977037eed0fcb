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


CASES = [
    Case("policy_float64", float64),
]
REFUSALS = [
    Refusal(
        "refused_mixed_float16",
        mixed,
        words=["lstm", "dtype", "mixed_float16"],
        files="k3.keras k2.h5",
    )
]
