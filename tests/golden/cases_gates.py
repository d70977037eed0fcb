"""Gates that are nearly closed, before something large."""

import numpy as np

import networks as nw
from golden_cases import Case


def small_gate(keras):
    return keras.Sequential(
        [keras.layers.Input((2, 2)), keras.layers.LSTM(3, activation="relu")]
    )


def closed(model, rng):
    """Candidates of some 10^5, input gates of some 10^-4."""
    kernel, recurrent_kernel, bias = nw.draw_weights(model, rng)
    kernel[:, 6:9] *= np.float32(2.0**17)
    recurrent_kernel *= np.float32(2.0**-10)
    bias[0:3] = -9
    return [kernel, recurrent_kernel, bias]


CASES = [Case("gates_small", small_gate, weights=closed, sharp=False)]
