"""Golden cases that are functions: any model that Keras can build.

A family of layers has its cases in tests/golden/cases_FAMILY.py:

    from golden_cases import Case, Refusal

    def shared(keras):
        a = keras.Input((None, 3), name="a")
        b = keras.Input((5,), name="b")
        lstm = keras.layers.LSTM(4, return_sequences=True)
        ...
        return keras.Model([a, b], [x, y])

    CASES = [
        Case("shared_lstm", shared),
        Case("all_files", plain, files="k3.keras k3.h5 k2.keras k2.h5"),
        Case("only_new", only_new, files="k3.keras", streams=True),
    ]
    REFUSALS = [
        Refusal("refused_causal", causal, words=["conv1d", "padding"]),
    ]

make.sh NAME ... makes the cases and refusals of these names and leaves the
others alone; without a name everything is made anew.  test_golden runs
whatever lies in models/, so a file of Python is all there is to write.
Commit it with what it put into models/; each file is some 20 kB, so give all
four of them where weights are stored in a new way, and two elsewhere.

A function takes the keras module (Keras 3 or tf_keras: keras.__version__ says
which) and returns a Sequential or Functional model, the same at each call.
Give names to Inputs when there are several: they are matched by name.  What
the generations spell differently, the function decides.

Case(name, build, ...):
    files        "k3.keras k2.h5" (the default): which generations can build
                 it, and what each saves.  All must give the same float64
                 numbers, or else set same=False: then each generation has a
                 NAME.k3.json, NAME.k2.json of its own
    inputs       rng -> an array (one input) or a dict name -> array, where
                 normal numbers do not do (padding for a mask, ...).  Floats
                 must be float32 in value; ids are integers
    vocabulary   ids of integer inputs are below this; or a dict by name
    timesteps    of the inputs where the model leaves axes free: 6, a number
                 or a dict by name
    batch        sequences: 3, or what the model's own batch size says
    streams      True or False: rnnd must say so.  None: not asked.  True also
                 holds each step (`every_step`) to Keras' answer to the
                 sequence that ends there, where T is free
    weights      (model, rng) -> list for model.set_weights, where the usual
                 draw does not do
    sharp        False: numbers may jump when a weight moves by half a unit in
                 its last place (a step, a sort)

Refusal(name, build, words, files="k3.keras"):
    its name begins with refused_; the files are made, and rnnd must refuse them in a sentence that holds
    each of the words.

models/NAME.json of a case:

    {"files": [...],
     "inputs": {name: N tensors},
     "outputs": [{"reference": N tensors, "keras_float32": N tensors,
                  "every_step": {the same}}],    in the order of the model
     "streams": true}

and of a refusal {"files": [...], "refused": [words]}.
"""

import dataclasses
import importlib
import json
import pathlib
from typing import Callable

import keras
import numpy as np
import tensorflow as tf
import tf_keras

import networks as nw
from files import GENERATIONS, clear_names

HERE = pathlib.Path(__file__).parent
MODELS = HERE / "models"
GAINS = (1, 2, 4, 0.5, 0.25, 0.125)


@dataclasses.dataclass
class Case:
    name: str
    build: Callable
    files: str = "k3.keras k2.h5"
    inputs: Callable | None = None
    vocabulary: int | dict | None = None
    timesteps: int | dict = 6
    batch: int = 3
    streams: bool | None = None
    weights: Callable | None = None
    same: bool = True
    sharp: bool = True


@dataclasses.dataclass
class Refusal:
    name: str
    build: Callable
    words: list
    files: str = "k3.keras"


def generations_of(case):
    """In the order in which they are named."""
    return list(dict.fromkeys(each[:2] for each in case.files.split()))


def load():
    """All cases and refusals of cases_*.py, by name."""
    found = {}
    for path in sorted(HERE.glob("cases_*.py")):
        module = importlib.import_module(path.stem)
        for each in [*module.CASES, *getattr(module, "REFUSALS", [])]:
            if each.name in found:
                raise SystemExit(f"{path.name}: {each.name} is there already")
            if isinstance(each, Refusal) != each.name.startswith("refused_"):
                raise SystemExit(f"{path.name}: {each.name}: refused_ or not")
            found[each.name] = each
    return found


# ---- Keras ------------------------------------------------------------------
class Policy:
    """Whatever is built inside computes in this dtype."""

    def __init__(self, generation, dtype):
        self.generation = generation
        self.dtype = dtype

    def set(self, dtype):
        if self.generation == "k3":
            keras.config.set_floatx(dtype)
            keras.config.set_dtype_policy(dtype)
        else:
            tf_keras.backend.set_floatx(dtype)
            tf_keras.mixed_precision.set_global_policy(dtype)

    def __enter__(self):
        self.set(self.dtype)

    def __exit__(self, *_):
        self.set("float32")


def build(case, generation, dtype="float32"):
    clear_names(generation)
    with Policy(generation, dtype):
        return case.build(GENERATIONS[generation])


def weights_by_layer(model):
    """All weights, in an order that Keras 2 and Keras 3 share: that of the
    layers' names, where their graphs may be sorted in other ways."""
    weights = []
    for layer in sorted(model.layers, key=lambda layer: layer.name):
        weights += (
            weights_by_layer(layer)
            if hasattr(layer, "layers")
            else list(layer.weights)
        )
    return weights


def set_weights(model, case, weights):
    if case.weights is not None:
        nw.set_weights(model, weights)
        return
    for variable, number in zip(
        weights_by_layer(model), weights, strict=True
    ):
        variable.assign(tf.cast(number, variable.dtype))
    finalize(model)


def finalize(model):
    """Normalization keeps copies of its numbers."""
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
        if hasattr(layer, "layers"):
            finalize(layer)


def forget(model):
    """Begins anew, where stateful layers would go on from the last call."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            forget(layer)
        elif getattr(layer, "stateful", False):
            old = hasattr(layer, "reset_states")  # the name in Keras 2
            layer.reset_states() if old else layer.reset_state()


def input_name(tensor):
    return tensor.name.split(":")[0]


def is_float(array):
    return np.issubdtype(array.dtype, np.floating)


def call(model, x, dtype):
    """The answers to `x`, a dict by name, as a flat list."""
    arrays = {
        name: each.astype(dtype) if is_float(each) else each
        for name, each in x.items()
    }
    ordered = [arrays[input_name(tensor)] for tensor in model.inputs]
    forget(model)
    # a Sequential that was never called has no input yet
    if isinstance(getattr(model, "input", None), dict):
        answer = model(arrays, training=False)
    else:
        answer = model(
            ordered[0] if len(ordered) == 1 else ordered, training=False
        )
    return [np.asarray(each) for each in tf.nest.flatten(answer)]


def answers(case, generation, weights, x, dtype):
    model = build(case, generation, dtype)
    set_weights(model, case, weights)
    return call(model, x, dtype)


# ---- inputs and weights -----------------------------------------------------
def of_name(setting, name):
    return setting[name] if isinstance(setting, dict) else setting


def dtype_of(tensor):
    return getattr(tensor.dtype, "name", tensor.dtype)


def draw_input(case, tensor, rng):
    name = input_name(tensor)
    batch, *shape = tensor.shape
    steps = of_name(case.timesteps, name)
    shape = [batch or case.batch, *[steps if d is None else d for d in shape]]
    if case.vocabulary is not None and (
        "int" in dtype_of(tensor)
        or isinstance(case.vocabulary, dict)
        and name in case.vocabulary
        or len(shape) == 2
        and not isinstance(case.vocabulary, dict)
    ):
        return rng.integers(of_name(case.vocabulary, name), size=shape)
    return rng.normal(size=shape).astype(np.float32)


def draw_inputs(case, model, rng):
    names = [input_name(tensor) for tensor in model.inputs]
    if case.inputs is None:
        return {
            name: draw_input(case, tensor, rng)
            for name, tensor in zip(names, model.inputs, strict=True)
        }
    x = case.inputs(rng)
    if not isinstance(x, dict):
        x = {names[0]: x}
    return {
        name: np.asarray(each, np.float32)
        if is_float(np.asarray(each))
        else np.asarray(each)
        for name, each in x.items()
    }


class Drawn:
    """The variables whose weights are to be drawn, as a model has them."""

    def __init__(self, weights):
        self.weights = weights


def is_fit(reference, single):
    """Can one judge by these numbers?  Finite, not all alike, neither nearly
    all zero nor large, and Keras itself close to them."""
    if not np.isfinite(reference).all() or np.ptp(reference) < 1e-3:
        return False
    if np.count_nonzero(reference) < reference.size / 4:
        return False
    scale = max(1.0, np.abs(reference).max())
    return scale < 100 and np.abs(reference - single).max() < 1e-5 * scale


def is_calm(case, generation, weights, x, reference, rng):
    """Do the numbers stay where they are, whatever way weights are rounded?
    Each is moved by up to half a unit in its last place, some times."""
    model = build(case, generation, "float64")
    for _ in range(5):
        moved = [
            w * (1 + 2.0**-24 * rng.uniform(-1, 1, w.shape)) for w in weights
        ]
        set_weights(model, case, moved)
        for was, now in zip(reference, call(model, x, "float64"), strict=True):
            scale = max(1.0, np.abs(was).max())
            if np.abs(now - was).max() > 2.5e-7 * scale:
                return False
    return True


def draw(case, generation):
    """Weights and inputs, the same at every run, that give fit numbers."""
    rng = np.random.default_rng(list(case.name.encode()))
    model = build(case, generation)
    x = draw_inputs(case, model, rng)
    if case.weights is not None:
        drawn, gains = case.weights(model, rng), (1,)
    else:
        drawn = nw.draw_weights(Drawn(weights_by_layer(model)), rng)
        gains = GAINS
    for gain in gains:
        weights = [np.float32(gain) * w for w in drawn]
        reference = answers(case, generation, weights, x, "float64")
        single = answers(case, generation, weights, x, "float32")
        if not all(map(is_fit, reference, single)):
            continue
        if case.sharp and not is_calm(
            case, generation, weights, x, reference, rng
        ):
            continue
        return weights, x
    raise SystemExit(f"{case.name}: no weights give numbers to judge by")


# ---- what is written --------------------------------------------------------
def nested(array):
    """float32 by the digits that read back to it."""
    if array.dtype == np.float32:
        return array.astype(str).astype(float).tolist()
    return array.tolist()


def rows(array):
    each = [json.dumps(row, allow_nan=False) for row in nested(array)]
    return "[" + ",\n  ".join(each) + "]"


def answer_fields(reference, single):
    return (
        f'"reference": {rows(reference)},\n "keras_float32": {rows(single)}'
    )


def steps_that_end(case, generation, weights, x, dtype):
    """The answers to each beginning of the sequences, [N, T, ...] for each
    output; None where the model does not leave T free."""
    model = build(case, generation, dtype)
    if any(tensor.shape[1] is not None for tensor in model.inputs):
        return None
    set_weights(model, case, weights)
    total = min(each.shape[1] for each in x.values())
    ends = [
        call(model, {k: v[:, : t + 1] for k, v in x.items()}, dtype)
        for t in range(total)
    ]
    return [
        np.stack(each, axis=1) if same_shapes(each) else None
        for each in zip(*ends, strict=True)
    ]


def same_shapes(arrays):
    """An output that grows with T has a time axis already."""
    return len({array.shape for array in arrays}) == 1


def expected_of(case, generation, weights, x):
    """The outputs as they stand in the JSON, and the float64 ones."""
    reference = answers(case, generation, weights, x, "float64")
    single = answers(case, generation, weights, x, "float32")
    outputs = [answer_fields(*each) for each in zip(reference, single)]
    if case.streams:
        every = steps_that_end(case, generation, weights, x, "float64")
        every_single = steps_that_end(case, generation, weights, x, "float32")
        for i, each in enumerate(every or []):
            if each is not None:
                fields = answer_fields(each, every_single[i])
                outputs[i] += ',\n "every_step": {' + fields + "}"
    return outputs, reference


def write_case(case, name, files, x, outputs):
    inputs = ",\n ".join(f"{json.dumps(k)}: {rows(v)}" for k, v in x.items())
    fields = [
        f'"files": {json.dumps(files)}',
        f'"inputs": {{{inputs}}}',
        '"outputs": [' + ",\n ".join(f"{{{each}}}" for each in outputs) + "]",
    ]
    if case.streams is not None:
        fields.append(f'"streams": {json.dumps(case.streams)}')
    write_json(name, "{" + ",\n ".join(fields) + "}\n")


def write_json(name, text):
    json.loads(text)
    (MODELS / f"{name}.json").write_text(text, encoding="utf-8")


def save(case, generation, weights=None):
    """The names of the files."""
    model = build(case, generation)
    if weights is not None:
        set_weights(model, case, weights)
    files = [
        f"{case.name}.{each}"
        for each in case.files.split()
        if each.startswith(generation)
    ]
    for file in files:
        model.save(MODELS / file)
    return files


def make_case(case):
    generations = generations_of(case)
    weights, x = draw(case, generations[0])
    files, outputs, references, inputs = {}, {}, {}, {}
    for each in generations:
        files[each] = save(case, each, weights)
        inputs[each] = named_as(x, build(case, each))
        outputs[each], references[each] = expected_of(
            case, each, weights, inputs[each]
        )
    if not case.same:
        for each in generations:
            name = f"{case.name}.{each}"
            write_case(case, name, files[each], inputs[each], outputs[each])
        return
    first = references[generations[0]]
    for each in generations[1:]:
        for ours, theirs in zip(first, references[each], strict=True):
            difference = np.abs(ours - theirs).max()
            assert difference < 1e-10, f"{case.name}: {each} {difference:g}"
    one = generations[0]
    all_files = sum(files.values(), [])
    write_case(case, case.name, all_files, inputs[one], outputs[one])


def named_as(x, model):
    """An only input has another name in each generation, where it has none
    of its own."""
    names = [input_name(tensor) for tensor in model.inputs]
    return {names[0]: next(iter(x.values()))} if len(names) == 1 else x


def make_refusal(refusal):
    files = []
    for generation in generations_of(refusal):
        files += save(refusal, generation)
    words = json.dumps(refusal.words)
    write_json(
        refusal.name,
        f'{{"files": {json.dumps(files)},\n "refused": {words}}}\n',
    )


def make(each):
    make_refusal(each) if isinstance(each, Refusal) else make_case(each)
