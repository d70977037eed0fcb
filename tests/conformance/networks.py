"""Networks described as plain data, built by Keras 3 or by Keras 2 (tf_keras).

A network is a dict:
    timesteps  int, or None where the model leaves them free
    features   int
    layers     list of {"class": ..., and that class's own arguments}; those
               that only one generation has, or spells so, are in "k2" and
               "k3"; an argument may be a layer of its own
    ids        True where the input is token ids [timesteps], below `features`
    input      how Keras learns the input's shape: "layer" (the default) an
               Input, "argument" input_shape of the first layer, "call" from
               the first batch, whose size the file then names too

The same description gives the float32 model that is saved, its float64 twin
that is the reference, and the twin that answers for every timestep.
"""

import numpy as np

CALLED_BATCH = 4
RECURRENT = ("SimpleRNN", "LSTM", "GRU")

# Keras' activations by name.  `glu` halves its axis and `threshold` cannot be
# called by name, so no layer can use either.
KERAS2_ACTIVATIONS = (
    "elu exponential gelu hard_sigmoid leaky_relu linear log_softmax mish relu"
    " relu6 selu sigmoid silu softmax softplus softsign swish tanh"
).split()
KERAS3_ACTIVATIONS = sorted(
    KERAS2_ACTIVATIONS
    + (
        "celu hard_shrink hard_silu hard_swish hard_tanh log_sigmoid"
        " soft_shrink sparse_plus sparse_sigmoid sparsemax squareplus"
        " tanh_shrink"
    ).split()
)


def activations_of(network):
    keys = ("activation", "recurrent_activation")
    return {
        layer[k]
        for layer in network["layers"]
        for k in keys
        if isinstance(layer.get(k), str)
    }


def keras2_can(network):
    """Does Keras 2 know every activation of it?"""
    return activations_of(network) <= set(KERAS2_ACTIVATIONS)


def same_in_both(network):
    """Do Keras 2 and Keras 3 mean the same by it?  hard_sigmoid differs."""
    return "hard_sigmoid" not in activations_of(network)


def has_time_axis(network):
    """Does its output keep the timesteps?"""
    return all(
        layer.get("return_sequences", False)
        for layer in network["layers"]
        if layer["class"] in RECURRENT
    )


def for_every_step(network):
    """The network that answers, at each timestep, what `network` would
    answer had the sequence ended there."""
    layers = [
        dict(layer, return_sequences=True)
        if layer["class"] in RECURRENT
        else layer
        for layer in network["layers"]
    ]
    return dict(network, layers=layers)


def input_shape(network):
    if network.get("ids"):
        return (network["timesteps"],)
    return (network["timesteps"], network["features"])


def build_layer(keras, description, dtype, **more):
    arguments = dict(description, dtype=dtype, **more)
    for generation in ("k2", "k3"):
        own = arguments.pop(generation, {})
        if generation[1] == keras.__version__[0]:
            arguments |= own
    for key, value in arguments.items():
        if isinstance(value, dict) and "class" in value:
            arguments[key] = build_layer(keras, value, dtype)
    return getattr(keras.layers, arguments.pop("class"))(**arguments)


def build(keras, network, dtype="float32"):
    """`keras` is the module, Keras 3 or tf_keras."""
    shape = input_shape(network)
    how = network.get("input", "layer")
    layers = [keras.layers.Input(shape, dtype=dtype)] if how == "layer" else []
    for description in network["layers"]:
        first = how == "argument" and not layers
        more = {"input_shape": shape} if first else {}
        layers.append(build_layer(keras, description, dtype, **more))
    model = keras.Sequential(layers)
    if how == "call":
        model(np.zeros((CALLED_BATCH, *shape), dtype))
    return model


def draw_weights(model, rng):
    """Weights of a trained network's size: kernels by their fan-in, and
    biases that are not zero.  A variance is above 0, and the `count` of a
    Normalization a whole number."""
    weights = []
    for weight in model.weights:
        shape = tuple(weight.shape)
        if "variance" in weight.name or "count" in weight.name:
            drawn = rng.uniform(0.2, 2, size=shape)
            weights.append(np.asarray(drawn, np.float32))
            continue
        if len(shape) < 2 and "bias" not in weight.name:
            drawn = rng.normal(loc=0.5, scale=0.4, size=shape)
            weights.append(drawn.astype(np.float32))
            continue
        scale = 0.3 if "bias" in weight.name else shape[0] ** -0.5
        weights.append(rng.normal(scale=scale, size=shape).astype(np.float32))
    return weights


def with_weights(keras, network, weights, dtype="float32"):
    model = build(keras, network, dtype)
    set_weights(model, weights)
    return model


def set_weights(model, weights):
    dtypes = [getattr(w.dtype, "name", w.dtype) for w in model.weights]
    model.set_weights(
        [np.asarray(w, d) for w, d in zip(weights, dtypes, strict=True)]
    )
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):  # Normalization keeps copies
            layer.finalize_state()


def answer(keras, network, weights, x, dtype):
    """What Keras answers to the batch `x`, computed in `dtype`."""
    model = with_weights(keras, network, weights, dtype)
    return np.asarray(model(x.astype(dtype), training=False))
