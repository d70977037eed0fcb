"""Random Functional and Sequential models: branches, merges, shared layers,
models in models, several inputs and outputs, of the blocks in blocks.py.

Every draw follows from the run's seed and the graph's index alone, so one can
be built again: run_graphs.py --seed S --first INDEX --count 1.
"""

import dataclasses

import numpy as np

import blocks
import operators
from draw import Draw

STEPS = (1, 2, 3, 4, 5, 6, 7, 8, 10)
FEATURES = (1, 2, 3, 4, 5, 8, 13)
VOCABULARY = 11
SEQUENTIAL = 0.25
OPERATOR = 0.15
LARGEST = 4096  # numbers of one item that a block may be called on


@dataclasses.dataclass
class Input:
    name: str
    kind: str  # "sequence", "ids", "vector"
    features: int


class Graph:
    """`known` are the classes that rnnd has, in small letters; others are
    not drawn."""

    def __init__(self, draw, known):
        self.draw = draw
        self.steps = draw.pick(STEPS)
        self.free = draw.chance(0.5)
        self.inputs = []
        self.unary = [b for b in blocks.UNARY if b.is_known(known)]
        self.merges = [b for b in blocks.MERGE if b.is_known(known)]
        self.masks = "masking" in known
        self.functions = operators.Functions(draw.keras, draw.version)
        self.leaves = []  # tensors that nobody reads yet
        self.tensors = []  # all of them
        self.layers = []  # (layer, shape) that may be called once more
        self.model = None
        self.listed = False  # is it called on a list?

    def shape_of(self, tensor):
        return tuple(tensor.shape)[1:]

    def unary_for(self, shape):
        return [b for b in self.unary if b.fits(shape, self.draw.version)]

    # ---- inputs -------------------------------------------------------------
    def add_input(self, kind):
        draw, number = self.draw, len(self.inputs)
        name = draw.pick(("x", "In.", "input_")) + str(number)
        features = draw.pick(FEATURES)
        steps = None if self.free else self.steps
        self.inputs.append(Input(name, kind, features))
        if kind == "ids":
            tensor = draw.keras.Input((steps,), name=name, dtype="int32")
            mask = self.masks and draw.chance(0.4)
            more = {"mask_zero": True} if mask else {}
            layer = draw.layer("Embedding", VOCABULARY, features, **more)
            return layer(tensor), tensor
        shape = (features,) if kind == "vector" else (steps, features)
        tensor = draw.keras.Input(shape, name=name)
        return tensor, tensor

    def add_inputs(self):
        """The tensors of the Inputs."""
        draw = self.draw
        tensors = []
        for _ in range(draw.pick((1, 1, 1, 2, 2, 3))):
            kinds = ["sequence", "sequence", "sequence"]
            # One id alone is taken for one that holds for all timesteps.
            if self.free or self.steps > 1:
                kinds.append("ids")
            if tensors:
                kinds.append("vector")
            leaf, tensor = self.add_input(draw.pick(kinds))
            tensors.append(tensor)
            self.put(leaf)
        return tensors

    # ---- growing ------------------------------------------------------------
    def put(self, tensor):
        self.leaves.append(tensor)
        self.tensors.append(tensor)

    def take(self):
        """A tensor to go on from; mostly one that nobody reads."""
        if self.draw.chance(0.85):
            return self.leaves.pop(self.draw.below(len(self.leaves)))
        return self.draw.pick(self.tensors)

    def call(self, layers, tensor):
        for layer in layers:
            self.layers.append((layer, self.shape_of(tensor)))
            tensor = layer(tensor)
        return tensor

    def grow(self):
        tensor = self.take()
        shape = self.shape_of(tensor)
        choice = self.draw.rng.random()
        if choice > 1 - OPERATOR:
            tensor = self.operate(tensor, shape)
        elif choice < 0.12:
            tensor = self.share(tensor, shape)
        elif choice < 0.22 and shape[-1] and len(shape) <= 2:
            tensor = self.nest(tensor, shape)
        else:
            tensor = self.extend(tensor, shape)
        self.put(tensor)

    def extend(self, tensor, shape):
        candidates = self.unary_for(shape)
        if not candidates:
            return tensor
        block = self.draw.weighted(candidates)
        self.draw.used.append(block.name)
        return self.call(block.build(self.draw, shape), tensor)

    def operate(self, tensor, shape):
        """An operator; no layer."""
        if not shape[-1]:
            return self.extend(tensor, shape)
        fit = [
            each
            for each in operators.OPERATORS
            if each.fits(shape, self.functions)
        ]
        operator = self.draw.weighted(fit)
        self.draw.used.append(operator.name)
        return operator.build(self.functions, self.draw, shape, tensor)

    def share(self, tensor, shape):
        """A layer that was called before, once more."""
        fit = [layer for layer, known in self.layers if known == shape]
        if not fit:
            return self.extend(tensor, shape)
        self.draw.used.append("shared")
        return self.draw.pick(fit)(tensor)

    def nest(self, tensor, shape):
        """A model as a layer."""
        draw, keras = self.draw, self.draw.keras
        inside = keras.Input(shape)
        layers, end = [], inside
        for _ in range(draw.below(3) + 1):
            candidates = self.unary_for(self.shape_of(end))
            if not candidates:
                break
            block = draw.weighted(candidates)
            draw.used.append(f"inner {block.name}")
            for layer in block.build(draw, self.shape_of(end)):
                layers.append(layer)
                end = layer(end)
        if draw.chance(0.5):
            model = keras.Sequential([keras.Input(shape), *layers])
        else:
            both = self.shape_of(end) == shape and draw.chance(0.7)
            if both:
                end = keras.layers.Add()([end, inside])
            model = keras.Model(inside, end)
        self.layers.append((model, shape))
        return model(tensor)

    # ---- ends ---------------------------------------------------------------
    def as_vector(self, tensor):
        shape = self.shape_of(tensor)
        if len(shape) == 1:
            return tensor
        if len(shape) > 2:
            return self.draw.layer("Flatten")(tensor)
        return self.call(blocks.recurrent_end(self.draw, shape), tensor)

    def resized(self, tensors):
        """Tensors of the same features as the first."""
        features = self.shape_of(tensors[0])[-1]
        return [
            tensor
            if self.shape_of(tensor)[-1] == features
            else self.draw.layer("Dense", features)(tensor)
            for tensor in tensors
        ]

    def merge(self):
        """Two leaves, or a leaf and something older, become one."""
        draw = self.draw
        pair = [self.take(), self.take()]
        if draw.chance(0.1):
            pair.append(self.draw.pick(self.tensors))
        lead = self.shape_of(pair[0])[:-1]
        if any(self.shape_of(t)[:-1] != lead for t in pair):
            pair = [self.as_vector(t) for t in pair]
        shape = self.shape_of(pair[0])
        fit = [b for b in self.merges if b.fits(shape, draw.version)]
        block = draw.weighted(fit)
        draw.used.append(block.name)
        if block.name != "concatenate":
            pair = self.resized(pair)
        self.put(block.build(draw, pair))

    def finish(self, inputs):
        wanted = self.draw.pick((1, 1, 1, 2, 3))
        while len(self.leaves) > wanted:
            self.merge()
        outputs = self.leaves
        for i, tensor in enumerate(outputs):
            if any(tensor is each for each in inputs):
                outputs[i] = self.extend(tensor, self.shape_of(tensor))
        self.listed = len(inputs) > 1 or self.draw.chance(0.5)
        single = len(outputs) == 1 and self.draw.chance(0.5)
        self.model = self.draw.keras.Model(
            inputs if self.listed else inputs[0],
            outputs[0] if single else outputs
        )

    # ---- both kinds ---------------------------------------------------------
    def build_functional(self):
        inputs = self.add_inputs()
        for _ in range(self.draw.pick((1, 2, 3, 4, 5, 7))):
            if len(self.leaves) > 1 and self.draw.chance(0.3):
                self.merge()
            elif self.leaves:
                self.grow()
        self.finish(inputs)

    def build_sequential(self):
        draw, keras = self.draw, self.draw.keras
        features = draw.pick(FEATURES)
        steps = None if self.free else self.steps
        self.inputs.append(Input("", "sequence", features))
        model = keras.Sequential([keras.Input((steps, features))])
        shape = (steps, features)
        for _ in range(draw.pick((1, 2, 3, 4, 6))):
            candidates = self.unary_for(shape)
            if not candidates:
                break
            block = draw.weighted(candidates)
            draw.used.append(block.name)
            for layer in block.build(draw, shape):
                model.add(layer)
            shape = tuple(model.output_shape)[1:]
        self.model = model

    def build(self):
        if self.draw.chance(SEQUENTIAL):
            self.build_sequential()
        else:
            self.build_functional()
        return self


def build(seed, index, keras, known):
    """The graph, with its model; the same in every dtype."""
    draw = Draw(np.random.default_rng([seed, index, 7]), keras)
    return Graph(draw, known).build()


# ---- what it is given -------------------------------------------------------
def draw_rows(rng, batch, steps, features):
    """Some rows, never all of a sequence, are zero: a mask may leave them
    out."""
    x = rng.normal(size=(batch, steps, features)).astype(np.float32)
    if rng.random() < 0.4:
        skipped = rng.random((batch, steps)) < 0.3
        skipped[np.arange(batch), rng.integers(steps, size=batch)] = False
        x[skipped] = 0
    return x


def draw_inputs(graph, rng):
    """Arrays in the order of graph.inputs."""
    batch = int(rng.choice((2, 3, 5)))
    arrays = []
    for each in graph.inputs:
        if each.kind == "vector":
            x = rng.normal(size=(batch, each.features)).astype(np.float32)
        elif each.kind == "ids":
            x = rng.integers(VOCABULARY, size=(batch, graph.steps))
            # Never nothing but padding.
            x[np.arange(batch), rng.integers(graph.steps, size=batch)] = 1
        else:
            x = draw_rows(rng, batch, graph.steps, each.features)
        arrays.append(x)
    return arrays
