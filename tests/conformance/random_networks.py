"""Random networks of the layers that are served, and inputs for them.

Every draw follows from the run's seed and the network's index alone, so one
network can be asked again: run.py --seed S --first INDEX --count 1.
"""

import numpy as np

import networks as nw

UNITS = (1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 33)
MANY_UNITS = (48, 64, 100, 128)
FEATURES = (1, 1, 2, 3, 4, 5, 8, 13, 32)
TIMESTEPS = (1, 2, 3, 4, 5, 7, 8, 10, 12)
MANY_TIMESTEPS = (24, 40)
GATES = ("hard_sigmoid", "hard_sigmoid", "tanh", "relu", "softmax", "linear")
# Act on each timestep alone.  Slopes are exact in float32, to which Keras 2
# rounds them.
LEAKY_3 = {"negative_slope": 0.25}
EACH_ALONE = (
    {"class": "BatchNormalization"},
    {"class": "BatchNormalization", "scale": False, "epsilon": 0.01},
    {"class": "BatchNormalization", "center": False},
    {"class": "LayerNormalization", "epsilon": 0.25},
    {"class": "LayerNormalization", "epsilon": 0.5, "center": False},
    {"class": "Rescaling", "scale": 0.75, "offset": -0.125},
    {"class": "ELU", "alpha": 0.5},
    {"class": "LeakyReLU", "k2": {"alpha": 0.25}, "k3": LEAKY_3},
    {"class": "ReLU", "max_value": 2.0, "negative_slope": 0.125},
    {"class": "Softmax"},
    {"class": "Identity"},
    {"class": "GaussianNoise", "stddev": 0.5},
)
LARGEST_NUMBER = 1e4
ONLY_KERAS3_EVERY = 7
GAINS = (1, 0.5, 0.25, 0.1, 0.03)


class Drawer:
    def __init__(self, rng, activations):
        self.rng = rng
        self.activations = activations

    def chance(self, probability):
        return bool(self.rng.random() < probability)

    def pick(self, values):
        return values[int(self.rng.integers(len(values)))]

    def units(self):
        return self.pick(MANY_UNITS if self.chance(0.06) else UNITS)

    def recurrent(self):
        layer = {"class": self.pick(nw.RECURRENT), "units": self.units()}
        gated = layer["class"] != "SimpleRNN"
        if self.chance(0.4):
            layer["activation"] = self.pick(self.activations)
        if gated and self.chance(0.3):
            layer["recurrent_activation"] = self.pick(GATES)
        if self.chance(0.2):
            layer["use_bias"] = False
        if layer["class"] == "GRU":
            layer["reset_after"] = self.chance(0.5)
        if self.chance(0.15):
            layer["dropout"] = 0.25
        if self.chance(0.1):
            layer["recurrent_dropout"] = 0.5
        return layer

    def dense(self):
        layer = {"class": "Dense", "units": self.pick(UNITS)}
        if self.chance(0.6):
            layer["activation"] = self.pick(self.activations)
        if self.chance(0.2):
            layer["use_bias"] = False
        return layer

    def between(self):
        """What may stand between two layers."""
        layers = []
        if self.chance(0.25):
            layers.append({"class": "Dropout", "rate": 0.3})
        if self.chance(0.2):
            layers.append(
                {
                    "class": "Activation",
                    "activation": self.pick(self.activations),
                }
            )
        return layers

    def network(self):
        layers = [self.dense()] if self.chance(0.15) else []
        depth = self.pick((1, 1, 1, 1, 1, 2, 2, 2, 3, 0))
        keeps_time = self.chance(0.3)
        for level in range(depth):
            layer = self.recurrent()
            if level < depth - 1 or keeps_time:
                layer["return_sequences"] = True
            layers += [layer, *self.between()]
        for _ in range(self.pick((0, 1, 1, 1, 2)) if depth else 2):
            layers += [self.dense(), *self.between()]
        timesteps = self.pick(TIMESTEPS)
        if self.chance(0.08):
            timesteps = self.pick(MANY_TIMESTEPS)
        if timesteps < 6 and self.chance(0.1):
            for layer in layers:
                if layer["class"] in nw.RECURRENT:
                    layer["unroll"] = True
        network = {
            "timesteps": timesteps,
            "features": self.pick(FEATURES),
            "layers": layers,
        }
        return self.dressed(network)

    def dressed(self, network):
        """The same network with names, frozen layers, a free T or another
        way of saying the input's shape: nothing that changes a number."""
        unrolled = any("unroll" in layer for layer in network["layers"])
        if self.chance(0.25):
            for i, layer in enumerate(network["layers"]):
                layer["name"] = (
                    f"{self.pick(('dense', 'lstm', 'Out'))}_{9 - i}"
                )
        if self.chance(0.15):
            self.pick(network["layers"])["trainable"] = False
        how = self.pick(("layer", "layer", "layer", "argument", "call"))
        network["input"] = how
        if how != "call" and not unrolled and self.chance(0.4):
            network["usual_timesteps"] = network["timesteps"]
            network["timesteps"] = None
        return network


def usual_timesteps(network):
    return network["timesteps"] or network["usual_timesteps"]


def draw(seed, index):
    """A network that Keras 2 and Keras 3 can save; every seventh one may use
    activations that Keras 3 alone has.  Layers that act on each timestep
    alone are put into it afterwards."""
    rng = np.random.default_rng([seed, index])
    only_keras3 = index % ONLY_KERAS3_EVERY == ONLY_KERAS3_EVERY - 1
    names = nw.KERAS3_ACTIVATIONS if only_keras3 else nw.KERAS2_ACTIVATIONS
    network = Drawer(rng, names).network()
    more = Drawer(np.random.default_rng([seed, index, 1]), names)
    while more.chance(0.4):
        place = 1 + int(more.rng.integers(len(network["layers"])))
        network["layers"].insert(place, dict(more.pick(EACH_ALONE)))
    return network, rng


def draw_weights(longer, rng, x):
    """Weights that keep within reason the numbers of `longer`, the network
    that answers at every step; it has them afterwards.  Also its answer."""
    drawn = nw.draw_weights(longer, rng)
    for gain in GAINS:
        weights = [np.float32(gain) * w for w in drawn]
        nw.set_weights(longer, weights)
        if largest_of_all_layers(longer, x) < LARGEST_NUMBER:
            return weights, np.asarray(longer(x, training=False))
    raise SystemExit("no weights keep this network within reason")


def largest_of_all_layers(model, x):
    """The largest number that any layer answers; infinite if one is not
    finite.  A session's state must be finite, not the outputs alone."""
    largest = 0.0
    for layer in model.layers:
        x = layer(x, training=False)
        y = np.abs(np.asarray(x))
        largest = max(largest, y.max() if np.isfinite(y).all() else np.inf)
    return largest
