"""Chance, and the layers of one generation of Keras."""

UNITS = (1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31)
# Of those that Keras 2 has too, whose numbers do not jump.
ACTIVATIONS = (
    "elu exponential gelu hard_sigmoid linear relu selu sigmoid softmax"
    " softplus softsign swish tanh tanh tanh"
).split()
NEW_ACTIVATIONS = (
    "celu hard_silu hard_tanh leaky_relu log_sigmoid log_softmax mish relu6"
    " silu sparse_plus squareplus tanh_shrink"
).split()


def version_of(keras):
    return tuple(int(part) for part in keras.__version__.split(".")[:2])


class Draw:
    """Every draw follows from `rng`, so that the same graph can be built
    again in another dtype."""

    def __init__(self, rng, keras):
        self.rng = rng
        self.keras = keras
        self.version = version_of(keras)
        self.activations = list(ACTIVATIONS) + [
            name
            for name in NEW_ACTIVATIONS
            if hasattr(keras.activations, name)
        ]
        self.leaky_slope = (
            "negative_slope" if self.version >= (3, 0) else "alpha"
        )
        self.named = self.chance(0.2)
        self.used = []  # what blocks were drawn
        self.count = 0  # of layers

    def chance(self, probability):
        return bool(self.rng.random() < probability)

    def below(self, number):
        return int(self.rng.integers(number))

    def pick(self, values):
        return values[self.below(len(values))]

    def weighted(self, blocks):
        weights = [block.weight for block in blocks]
        place = self.rng.random() * sum(weights)
        for block, weight in zip(blocks, weights, strict=True):
            place -= weight
            if place < 0:
                break
        return block

    def units(self):
        return self.pick(UNITS)

    def activation(self):
        return self.pick(self.activations)

    def layer(self, kind, *arguments, **fields):
        """Some graphs have names of their own, in no order."""
        self.count += 1
        if self.named:
            fields["name"] = f"{self.pick(('a', 'Z.', 'dense_'))}{self.count}"
        layer = self.inner(kind, *arguments, **fields)
        layer.trainable = not self.chance(0.05)
        return layer

    def inner(self, kind, *arguments, **fields):
        """A layer inside another."""
        return getattr(self.keras.layers, kind)(*arguments, **fields)
