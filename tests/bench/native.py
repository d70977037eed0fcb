"""native.py: a native model file, as peers need it (with NumPy).

    read(path)            the layers and their weights
    onnx_model(model)     an ONNX model of it, input [T, B, D] ("x")
    keras_model(model)    a Keras model of it

Peers know the models of the benchmarks: an input, one recurrent layer and a
Dense or none.
"""

import json
import struct

import numpy as np


class Model:
    """cell, inputs, units, timesteps (None: free); kernel, recurrent, bias;
    dense (kernel, bias) or None."""

    def __init__(self, layers, tensors):
        classes = [entry["class_name"] for entry in layers]
        if classes[0] != "InputLayer" or classes[2:] not in ([], ["Dense"]):
            raise ValueError(f"no model of the benchmarks: {classes}")
        self.cell = classes[1]
        _, self.timesteps, self.inputs = layers[0]["config"]["batch_shape"]
        name = layers[1]["config"]["name"]
        self.units = layers[1]["config"]["units"]
        self.kernel = tensors[f"{name}/kernel"]
        self.recurrent = tensors[f"{name}/recurrent_kernel"]
        self.bias = tensors[f"{name}/bias"]
        self.dense = None
        if classes[2:]:
            name = layers[2]["config"]["name"]
            self.dense = (tensors[f"{name}/kernel"], tensors[f"{name}/bias"])


def read(path):
    with open(path, "rb") as file:
        bytes_ = file.read()
    (length,) = struct.unpack("<Q", bytes_[:8])
    head = json.loads(bytes_[8 : 8 + length])
    config = json.loads(head.pop("__metadata__")["keras_config"])
    tensors = {}
    for name, entry in head.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(
            bytes_[8 + length + begin : 8 + length + end], np.float32
        ).reshape(entry["shape"])
    return Model(config["config"]["layers"], tensors)


def gates(model):
    """Kernel, recurrent kernel [gate][row, unit]; input bias, recurrent bias
    [gate][unit], in Keras' order of gates."""
    count = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[model.cell]
    bias = np.zeros((2, count * model.units), np.float32)
    bias[: model.bias.ndim] = model.bias

    def split(matrix):
        return np.split(matrix, count, axis=-1)

    return (
        split(model.kernel),
        split(model.recurrent),
        split(bias[0]),
        split(bias[1]),
    )


# Keras: i f c o and z r h.
ONNX_ORDER = {"SimpleRNN": (0,), "LSTM": (0, 3, 1, 2), "GRU": (0, 1, 2)}
TORCH_ORDER = {"SimpleRNN": (0,), "LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2)}


def in_order(model, order):
    """W [G*M, D], R [G*M, M], input bias, recurrent bias [G*M]."""
    w, r, bw, br = gates(model)
    return (
        np.concatenate([w[g].T for g in order]),
        np.concatenate([r[g].T for g in order]),
        np.concatenate([bw[g] for g in order]),
        np.concatenate([br[g] for g in order]),
    )


def onnx_model(model):
    """Bytes of an ONNX model with the recurrent node written by hand: what an
    exporter makes of SimpleRNN and GRU is several times slower."""
    from onnx import TensorProto, helper, numpy_helper

    w, r, bw, br = in_order(model, ONNX_ORDER[model.cell])
    constants = {
        "W": w[None],
        "R": r[None],
        "B": np.concatenate([bw, br])[None],
    }
    operator = {"SimpleRNN": "RNN"}.get(model.cell, model.cell)
    extra = {"linear_before_reset": 1} if model.cell == "GRU" else {}
    nodes = [
        helper.make_node(
            operator,
            ["x", "W", "R", "B"],
            ["", "h"],
            hidden_size=model.units,
            **extra,
        ),
    ]
    constants["first"] = np.array([0], np.int64)
    if model.dense:
        constants["K"], constants["b"] = model.dense
        nodes += [
            helper.make_node("Squeeze", ["h", "first"], ["hidden"]),
            helper.make_node("Gemm", ["hidden", "K", "b"], ["y"]),
        ]
    else:
        nodes.append(helper.make_node("Squeeze", ["h", "first"], ["y"]))
    outputs = model.dense[1].shape[0] if model.dense else model.units
    graph = helper.make_graph(
        nodes,
        "bench",
        [
            helper.make_tensor_value_info(
                "x", TensorProto.FLOAT, ["T", "B", model.inputs]
            )
        ],
        [
            helper.make_tensor_value_info(
                "y", TensorProto.FLOAT, ["B", outputs]
            )
        ],
        [
            numpy_helper.from_array(np.ascontiguousarray(value), key)
            for key, value in constants.items()
        ],
    )
    made = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 14)]
    )
    made.ir_version = 8
    return made.SerializeToString()


def onnx_step(model):
    """The same for a server with sessions: h (and c) in and out."""
    import onnx
    from onnx import TensorProto, helper

    made = onnx.load_from_string(onnx_model(model))
    graph, node = made.graph, made.graph.node[0]
    names = ["h", "c"] if model.cell == "LSTM" else ["h"]
    node.input.extend(["", *[name + "0" for name in names]])
    if "c" in names:
        node.output.append("c")
    for name in names:
        shape = [1, "B", model.units]
        graph.input.append(
            helper.make_tensor_value_info(name + "0", TensorProto.FLOAT, shape)
        )
        graph.output.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        )
    return made.SerializeToString()


def keras_model(model):
    import keras

    layers = [keras.Input((model.timesteps, model.inputs))]
    layers.append(getattr(keras.layers, model.cell)(model.units))
    if model.dense:
        layers.append(keras.layers.Dense(model.dense[1].shape[0]))
    made = keras.Sequential(layers)
    made.set_weights(
        [model.kernel, model.recurrent, model.bias, *(model.dense or ())]
    )
    return made
