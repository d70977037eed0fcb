#!/usr/bin/env python3
"""Makes the golden models: small files saved by real Keras, and the numbers
that Keras answers for them.  Run it through make.sh.

It writes models/NAME.json and, beside it, the files that must answer so:

    {"files": ["NAME.k3.keras", "NAME.k3.h5", "NAME.k2.keras", "NAME.k2.h5"],
     "sequences": [N tensors T x D],
     "reference": [N tensors],       Keras in float64
     "keras_float32": [N tensors],   Keras in float32
     "every_step": {"reference": [N tensors T x K],
                    "keras_float32": [N tensors T x K]}}

k3 is Keras 3, k2 is tf_keras.  "every_step" is missing where the output has
a time axis already.  Where Keras 2 and 3 mean different things by the same
network (hard_sigmoid), there is a NAME.k3.json and a NAME.k2.json.

A file that no server may answer for has {"files": [...], "refused": [words
that the refusal must contain]}.

These are Sequential models, described as data.  Models of any kind, built by
functions, stand in cases_*.py: golden_cases.py says how to add one.
"""

import io
import itertools
import json
import os
import pathlib
import shutil
import sys
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

HERE = pathlib.Path(__file__).parent
MODELS = HERE / "models"
sys.path.insert(0, str(HERE.parent / "conformance"))

import h5py  # noqa: E402  (the lines above come first)
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tf_keras  # noqa: E402

import golden_cases  # noqa: E402
import networks as nw  # noqa: E402
from files import GENERATIONS, clear_names, prepare_keras  # noqa: E402

SEQUENCES = 3
FREE_TIMESTEPS = 6  # of the inputs, where the model leaves them free


def layer(kind, units=None, **arguments):
    if units is not None:
        arguments["units"] = units
    return {"class": kind, **arguments}


def network(timesteps, features, *layers, **rest):
    return dict(
        timesteps=timesteps, features=features, layers=list(layers), **rest
    )


SEQ = {"return_sequences": True}

# Each is saved by Keras 3 and Keras 2, as .keras and as .h5.
NETWORKS = {
    "simple_rnn": network(10, 3, layer("SimpleRNN", 5), layer("Dense", 2)),
    "lstm": network(8, 3, layer("LSTM", 4), layer("Dense", 3)),
    "lstm_hard_sigmoid": network(
        7,
        3,
        layer("LSTM", 4, recurrent_activation="hard_sigmoid", **SEQ),
        layer("GRU", 3, recurrent_activation="hard_sigmoid"),
        layer("Dense", 2, activation="hard_sigmoid"),
    ),
    "gru_reset_after": network(8, 3, layer("GRU", 4), layer("Dense", 3)),
    "gru_reset_before": network(
        8, 3, layer("GRU", 4, reset_after=False), layer("Dense", 3)
    ),
    "stacked": network(
        8,
        3,
        layer("SimpleRNN", 6, **SEQ),
        layer("Dropout", rate=0.2),
        layer("LSTM", 5, **SEQ),
        layer("Dropout", rate=0.5),
        layer("GRU", 4, reset_after=False),
        layer("Dense", 2, activation="tanh"),
    ),
    "stacked_lstm": network(
        6,
        2,
        layer("LSTM", 3, trainable=False, **SEQ),
        layer("LSTM", 5, **SEQ),
        layer("LSTM", 2),
        layer("Dense", 4, activation="relu", trainable=False),
        layer("Dense", 1),
    ),
    "stacked_gru": network(
        6,
        2,
        layer("GRU", 3, reset_after=False, **SEQ),
        layer("GRU", 4, reset_after=False),
        layer("Dense", 1),
    ),
    "inert_fields": network(
        4,
        2,
        layer(
            "LSTM",
            4,
            dropout=0.2,
            recurrent_dropout=0.1,
            unit_forget_bias=False,
            unroll=True,
            kernel_regularizer="l2",
            bias_constraint="non_neg",
        ),
        layer("Dense", 2, activity_regularizer="l1"),
    ),
    "named": network(
        5,
        2,
        layer("LSTM", 3, name="Encoder-1.a", **SEQ),
        layer("LSTM", 2, name="dense_1"),
        layer("Dense", 2, name="lstm"),
        layer("Activation", activation="softmax", name="output"),
    ),
    "two_digits": network(
        3, 2, *[layer("Dense", 2) for _ in range(11)], layer("SimpleRNN", 2)
    ),
    "shape_argument": network(
        4, 2, layer("GRU", 3), layer("Dense", 2), input="argument"
    ),
    "batch_named": network(
        4, 2, layer("LSTM", 3), layer("Dense", 2), input="call"
    ),
}

# Of interest for their numbers, not for how they lie in a file: .keras of
# Keras 3 and .h5 of Keras 2.
SHAPES = {
    "simple_rnn_no_bias": network(
        None, 2, layer("SimpleRNN", 7, use_bias=False, activation="relu")
    ),
    "lstm_no_bias": network(None, 3, layer("LSTM", 5, use_bias=False)),
    "lstm_relu": network(
        9, 2, layer("LSTM", 6, activation="relu"), layer("Dense", 1)
    ),
    "gru_reset_after_no_bias": network(
        None, 2, layer("GRU", 5, use_bias=False)
    ),
    "gru_reset_before_no_bias": network(
        None, 2, layer("GRU", 5, use_bias=False, reset_after=False)
    ),
    "return_sequences": network(
        5, 4, layer("LSTM", 3, **SEQ), layer("Dense", 3, activation="softmax")
    ),
    "simple_rnn_1": network(None, 1, layer("SimpleRNN", 1)),
    "lstm_1": network(None, 1, layer("LSTM", 1), layer("Dense", 1)),
    "gru_1": network(None, 1, layer("GRU", 1), layer("Dense", 1)),
    "odd": network(
        13, 5, layer("GRU", 17, **SEQ), layer("LSTM", 9), layer("Dense", 3)
    ),
    "wide": network(None, 2, layer("SimpleRNN", 67), layer("Dense", 37)),
    "one_timestep": network(1, 6, layer("LSTM", 3), layer("Dense", 2)),
    "dense_before": network(
        6,
        3,
        layer("Dense", 5, activation="relu"),
        layer("GRU", 4),
        layer("Activation", activation="tanh"),
        layer("Dense", 2, use_bias=False),
    ),
    "dense_only": network(
        5, 2, layer("Dense", 3, activation="tanh"), layer("Dense", 2)
    ),
}

# Layers that act on each timestep alone.  Numbers are exact in float32, to
# which Keras 2 rounds them whatever it computes in.  Where a generation lacks one, the
# second part says which have it.
LAYERS = {
    "relu_layers": (
        network(
            7,
            3,
            layer("Dense", 6),
            layer("ReLU", max_value=1.5, negative_slope=0.125, threshold=0.25),
            layer("LSTM", 5, **SEQ),
            layer("LeakyReLU", k2={"alpha": 0.25}, k3={"negative_slope": 0.25}),
            layer("SimpleRNN", 4),
            layer("ELU", alpha=0.75),
            layer("Dense", 5),
            layer("ReLU", max_value=6.0),
        ),
        ("k3", "k2"),
    ),
    "softmax_layer": (
        network(
            5,
            2,
            layer("GRU", 4, **SEQ),
            layer("Softmax"),
            layer("Dense", 3),
            layer("Softmax", axis=-1),
        ),
        ("k3", "k2"),
    ),
    "thresholded_relu": (
        network(
            5,
            2,
            layer("Dense", 4),
            layer("ThresholdedReLU", theta=0.3),
            layer("GRU", 3),
        ),
        ("k2",),
    ),
    "prelu": (
        network(
            6,
            3,
            layer("Dense", 5),
            layer("PReLU", shared_axes=[1]),
            layer("LSTM", 4, **SEQ),
            layer("PReLU", shared_axes=[1, 2]),
            layer("GRU", 4),
            layer("Dense", 2),
        ),
        ("k3", "k2"),
    ),
    "activation_objects": (
        network(
            5,
            3,
            layer(
                "Dense",
                5,
                activation=layer(
                    "LeakyReLU",
                    k2={"alpha": 0.125},
                    k3={"negative_slope": 0.125},
                ),
            ),
            layer("GRU", 4, activation=layer("ELU", alpha=0.5)),
            layer("Dense", 3),
            layer("Activation", activation=layer("ELU", alpha=0.25)),
        ),
        ("k3", "k2"),
    ),
    "batch_normalization": (
        network(
            6,
            3,
            layer("BatchNormalization"),
            layer("LSTM", 5, **SEQ),
            layer("BatchNormalization", epsilon=0.01, scale=False),
            layer("GRU", 4),
            layer("BatchNormalization", center=False, trainable=False),
            layer("Dense", 3),
            layer("BatchNormalization", center=False, scale=False),
        ),
        ("k3", "k2"),
    ),
    "layer_normalization": (
        network(
            6,
            3,
            layer("LayerNormalization"),
            layer("LSTM", 5, **SEQ),
            layer("LayerNormalization", epsilon=0.01, scale=False),
            layer("GRU", 4),
            layer("LayerNormalization", center=False),
            layer("Dense", 3),
            layer("LayerNormalization", center=False, scale=False),
        ),
        ("k3", "k2"),
    ),
    "rms_scaling": (
        network(
            None,
            4,
            layer("LayerNormalization", rms_scaling=True),
            layer("LSTM", 5, **SEQ),
            layer("LayerNormalization", rms_scaling=True, scale=False),
            layer("Dense", 2),
        ),
        ("k3",),
    ),
    "rms_normalization": (
        network(
            None,
            4,
            layer("RMSNormalization"),
            layer("GRU", 5),
            layer("RMSNormalization", epsilon=0.05),
        ),
        ("k3",),
    ),
    "unit_normalization": (
        network(
            None,
            4,
            layer("UnitNormalization"),
            layer("GRU", 5, **SEQ),
            layer("UnitNormalization"),
        ),
        ("k3", "k2"),
    ),
    "normalization": (
        network(
            5,
            3,
            layer("Normalization"),
            layer("LSTM", 4),
            layer("Dense", 3),
            layer("Normalization", axis=None),
        ),
        ("k3", "k2"),
    ),
    "normalization_given": (
        network(
            5,
            3,
            layer(
                "Normalization", mean=[0.125, -2, 0.5], variance=[0.25, 2, 1.5]
            ),
            layer("LSTM", 4),
            layer("Dense", 3),
            layer(
                "Normalization",
                mean=[3.0, 2.0, -1.0],
                variance=[0.25, 2.0, 1.5],
                invert=True,
            ),
        ),
        ("k3", "k2"),
    ),
    "rescaling": (
        network(
            5,
            3,
            layer("Rescaling", scale=0.375, offset=-0.25),
            layer("GRU", 4, **SEQ),
            layer("Rescaling", scale=[2.0, -1.0, 0.75, 0.125], offset=0.5),
        ),
        ("k3", "k2"),
    ),
    "embedding": (
        network(
            6,
            11,
            layer("Embedding", input_dim=11, output_dim=4),
            layer("LSTM", 5),
            layer("Dense", 3),
            ids=True,
        ),
        ("k3", "k2"),
    ),
    "embedding_free": (
        network(
            None,
            7,
            layer("Embedding", input_dim=7, output_dim=3),
            layer("GRU", 4, **SEQ),
            layer("Dense", 7, activation="softmax"),
            ids=True,
        ),
        ("k3", "k2"),
    ),
    "no_ops": (
        network(
            5,
            3,
            layer("GaussianNoise", stddev=0.5),
            layer("LSTM", 4, **SEQ),
            layer("SpatialDropout1D", rate=0.5),
            layer("GaussianDropout", rate=0.5),
            layer("Identity"),
            layer("GRU", 3),
            layer("AlphaDropout", rate=0.5),
            layer("ActivityRegularization", l1=0.1, l2=0.2),
            layer("Dense", 2),
        ),
        ("k3", "k2"),
    ),
}

# Activations: one .keras of Keras 3 each, by turns in each kind of cell.
CELLS = ("SimpleRNN", "LSTM", "GRU")
ACTIVATIONS = {
    f"activation_{name}": network(
        6,
        2,
        layer(CELLS[i % 3], 5, activation=name, **SEQ),
        layer("Dense", 4, activation=name),
    )
    for i, name in enumerate(nw.KERAS3_ACTIVATIONS)
}
ACTIVATIONS |= {
    f"gates_{name}": network(
        None,
        2,
        layer("LSTM", 3, recurrent_activation=name, **SEQ),
        layer("GRU", 3, recurrent_activation=name, **SEQ),
        layer("GRU", 3, recurrent_activation=name, reset_after=False),
    )
    for name in ("relu", "linear", "softmax", "tanh", "hard_silu")
}


def nested(array):
    """float32 by the digits that read back to it, float64 likewise."""
    if array.ndim == 2 and array.dtype == np.int64:  # ids, each an item
        return array[..., np.newaxis].tolist()
    if array.dtype == np.float32:
        return array.astype(str).astype(float).tolist()
    return array.tolist()


def rows(tensor):
    return (
        "["
        + ",\n  ".join(json.dumps(t, allow_nan=False) for t in tensor)
        + "]"
    )


def write_expected(name, files, x, expected):
    every = expected.pop("every_step", None)
    fields = [
        f'"files": {json.dumps(files)}',
        f'"sequences": {rows(nested(x))}',
    ]
    fields += [f'"{k}": {rows(nested(v))}' for k, v in expected.items()]
    if every:
        inner = [f'"{k}": {rows(nested(v))}' for k, v in every.items()]
        fields.append('"every_step": {' + ",\n ".join(inner) + "}")
    text = "{" + ",\n ".join(fields) + "}\n"
    json.loads(text)
    (MODELS / f"{name}.json").write_text(text, encoding="utf-8")


def answers(module, net, weights, x):
    return {
        key: nw.answer(module, net, weights, x, dtype)
        for key, dtype in (
            ("reference", "float64"),
            ("keras_float32", "float32"),
        )
    }


def is_fit(expected):
    """Can one judge by these numbers?  Finite, neither all alike nor
    mostly zero, and Keras itself close to them."""
    reference, single = expected["reference"], expected["keras_float32"]
    if not np.isfinite(reference).all() or np.ptp(reference) < 1e-3:
        return False
    if np.count_nonzero(reference) < reference.size / 2:
        return False
    scale = max(1.0, np.abs(reference).max())
    return scale < 100 and np.abs(reference - single).max() < 1e-5 * scale


def draw(module, name, net):
    """Weights and inputs of one network, the same at every run, and scaled
    so that the numbers are fit."""
    rng = np.random.default_rng(list(name.encode()))
    drawn = nw.draw_weights(nw.build(module, net), rng)
    timesteps = net["timesteps"] or FREE_TIMESTEPS
    batch = nw.CALLED_BATCH if net.get("input") == "call" else SEQUENCES
    if net.get("ids"):
        x = rng.integers(net["features"], size=(batch, timesteps))
    else:
        x = rng.normal(size=(batch, timesteps, net["features"]))
        x = x.astype(np.float32)
    for gain in (1, 2, 4, 0.5, 0.25, 0.125):
        weights = [np.float32(gain) * w for w in drawn]
        expected = answers(module, net, weights, x)
        if is_fit(expected) and is_calm(module, net, weights, x, expected, rng):
            return weights, x
    raise SystemExit(f"{name}: no weights give numbers to judge by")


def is_calm(module, net, weights, x, expected, rng):
    """Do the numbers stay where they are, whatever way weights are rounded?
    Each is moved by up to half a unit in its last place, some times."""
    reference = expected["reference"]
    scale = max(1.0, np.abs(reference).max())
    model = nw.build(module, net, "float64")
    for _ in range(10):
        nw.set_weights(
            model,
            [
                w * (1 + 2.0**-24 * rng.uniform(-1, 1, w.shape))
                for w in weights
            ],
        )
        moved = np.asarray(model(x.astype(np.float64), training=False))
        if np.abs(moved - reference).max() > 2.5e-7 * scale:
            return False
    return True


def expected_of(module, net, weights, x):
    expected = answers(module, net, weights, x)
    if not nw.has_time_axis(net):
        every = answers(module, nw.for_every_step(net), weights, x)
        expected["every_step"] = every
    return expected


def make(name, net, files):
    """`files` is a list of generation and suffix: ("k3", "keras")."""
    weights, x = draw(GENERATIONS[files[0][0]], name, net)
    names = {}
    for generation, suffix in files:
        file = f"{name}.{generation}.{suffix}"
        clear_names(generation)
        nw.with_weights(GENERATIONS[generation], net, weights).save(
            MODELS / file
        )
        names.setdefault(generation, []).append(file)
    expected = {g: expected_of(GENERATIONS[g], net, weights, x) for g in names}
    if not nw.same_in_both(net) and len(names) > 1:
        for g in names:
            write_expected(f"{name}.{g}", names[g], x, expected[g])
        return
    first, *others = expected.values()
    for other in others:
        difference = first["reference"] - other["reference"]
        assert np.abs(difference).max() < 1e-12, name
    write_expected(name, sum(names.values(), []), x, first)


# ---- files of older versions, made from those of tf_keras ------------------
def add_file(name, file):
    path = MODELS / f"{name}.json"
    text = path.read_text().replace('"files": [', f'"files": ["{file}", ', 1)
    path.write_text(text)


def as_keras_2_13(name):
    """`.keras` as Keras 2.13 wrote it: layers below another group, and each
    layer with weights used up two numbers (lstm, lstm_2, lstm_4)."""
    file = f"{name}.k213.keras"
    with zipfile.ZipFile(MODELS / f"{name}.k2.keras") as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    before, after = io.BytesIO(members["model.weights.h5"]), io.BytesIO()
    with h5py.File(before) as old, h5py.File(after, "w") as new:
        for kind in old:
            if kind != "layers":
                old.copy(kind, new)
        layers = new.create_group("_layer_checkpoint_dependencies")
        for child in old["layers"]:
            stem, _, number = child.rpartition("_")
            renamed = (
                f"{stem}_{2 * int(number)}" if number.isdigit() else child
            )
            old.copy(old["layers"][child], layers, name=renamed)
    members["model.weights.h5"] = after.getvalue()
    metadata = json.loads(members["metadata.json"])
    metadata["keras_version"] = "2.13.1"
    members["metadata.json"] = json.dumps(metadata).encode()
    with zipfile.ZipFile(MODELS / file, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    add_file(name, file)


def as_keras_2_0(name):
    """`.h5` as Keras 2.0 wrote it: the configuration is a list without an
    InputLayer, GRU knows no `reset_after`, weights lie at gru_1/kernel:0."""
    file = f"{name}.k20.h5"
    shutil.copyfile(MODELS / f"{name}.k2.h5", MODELS / file)
    with h5py.File(MODELS / file, "r+") as h5:
        config = json.loads(h5.attrs["model_config"])
        layers = config["config"]["layers"]
        shape = layers[0]["config"]["batch_input_shape"]
        layers = [
            {"class_name": each["class_name"], "config": each["config"]}
            for each in layers[1:]
        ]
        layers[0]["config"]["batch_input_shape"] = shape
        for each in layers:
            for key in ("reset_after", "time_major"):
                each["config"].pop(key, None)
        config = {"class_name": "Sequential", "config": layers}
        h5.attrs["model_config"] = json.dumps(config)
        h5.attrs["keras_version"] = "2.0.5"
        weights = h5["model_weights"]
        weights.attrs["keras_version"] = "2.0.5"
        names = [each["config"]["name"] for each in layers]
        for extra in set(weights) - set(names):
            del weights[extra]
        write_fixed(weights, "layer_names", names)
        for name_of_layer in names:
            flatten_weight_names(weights[name_of_layer], name_of_layer)
    add_file(name, file)


def write_fixed(group, attribute, strings):
    """An array of strings of fixed length, as Keras 2 wrote them."""
    del group.attrs[attribute]
    group.attrs[attribute] = np.array([s.encode() for s in strings])


def flatten_weight_names(group, layer_name):
    names = np.asarray(group.attrs["weight_names"], dtype=str).tolist()
    arrays = [group[n][()] for n in names]
    for child in list(group):
        del group[child]
    flat = [f"{layer_name}/{n.rsplit('/', 1)[1]}" for n in names]
    for name, array in zip(flat, arrays, strict=True):
        group.create_dataset(name, data=array)
    write_fixed(group, "weight_names", flat)


OLD_FILES = (
    ("stacked_lstm", as_keras_2_13),
    ("two_digits", as_keras_2_13),
    ("stacked_gru", as_keras_2_0),
)


# ---- files that no server may answer for -----------------------------------
@keras.saving.register_keras_serializable(package="example")
class Doubled(keras.layers.Dense):
    pass


def doubled_tanh(x):
    return 2 * keras.ops.tanh(x)


def make_refused():
    tall = keras.layers.Input((4, 2))
    refused = {
        "refused_lambda.keras": (
            [
                keras.layers.LSTM(2),
                keras.layers.Lambda(doubled_tanh, name="odd"),
            ],
            ["odd", "Lambda"],
        ),
        "refused_custom_layer.keras": (
            [keras.layers.LSTM(2), Doubled(2, name="odd")],
            ["odd", "Doubled"],
        ),
        "refused_custom_activation.keras": (
            [keras.layers.LSTM(2, activation=doubled_tanh, name="odd")],
            ["odd", "activation", "doubled_tanh"],
        ),
    }
    for file, (layers, words) in refused.items():
        keras.Sequential([tall, *layers]).save(MODELS / file)
        write_refused(file, words)
    model = keras.Sequential([tall, keras.layers.LSTM(2)])
    model.save_weights(MODELS / "refused_only.weights.h5")
    write_refused("refused_only.weights.h5", ["weights"])
    old = tf_keras.Sequential(
        [tf_keras.layers.Input((4, 2)), tf_keras.layers.LSTM(2)]
    )
    old.save_weights(MODELS / "refused_only_k2.h5")
    write_refused("refused_only_k2.h5", ["weights"])


def write_refused(file, words):
    text = f'{{"files": {json.dumps([file])},\n "refused": {json.dumps(words)}}}'
    (MODELS / f"{file.split('.')[0]}.json").write_text(text + "\n")


def main():
    """Everything, or the networks named on the command line."""
    prepare_keras()
    wanted = sys.argv[1:]
    if not wanted:
        shutil.rmtree(MODELS, ignore_errors=True)
        MODELS.mkdir()
    four = list(itertools.product(GENERATIONS, ("keras", "h5")))
    for name, (net, generations) in LAYERS.items():
        if not wanted or name in wanted:
            files = itertools.product(generations, ("keras", "h5"))
            make(name, net, list(files))
    for networks, files in (
        (NETWORKS, four),
        (SHAPES, [("k3", "keras"), ("k2", "h5")]),
        (ACTIVATIONS, [("k3", "keras")]),
    ):
        for name, net in networks.items():
            if not wanted or name in wanted:
                make(name, net, files)
    for name, make_old in OLD_FILES:
        if not wanted or name in wanted:
            make_old(name)
    if not wanted:
        make_refused()
    for name, case in golden_cases.load().items():
        if not wanted or name in wanted:
            golden_cases.make(case)
            print(name, flush=True)
    files = list(MODELS.iterdir())
    total = sum(file.stat().st_size for file in files)
    print(f"{len(files)} files, {total} bytes")


if __name__ == "__main__":
    main()
