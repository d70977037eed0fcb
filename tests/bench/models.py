"""models.py: the models of the benchmarks, written without Keras.

A model is one recurrent layer, with a Dense behind it where a server answers:

    NAME.safetensors   the native file (rnnd reads it; so does native.py)
    NAME.bin           kernel, recurrent kernel and bias as float32, one after
                       the other (for peers in C)

Weights are drawn, with a scale that keeps activations alive.
"""

import array
import json
import math
import os
import random
import struct

GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}
CELLS = tuple(GATES)
SHAPES = ((3, 5), (16, 32), (32, 64), (64, 128), (128, 256), (256, 512))
# Sequence i of a batch begins STRIDE timesteps behind sequence i - 1.
ROWS, TIMESTEPS, STRIDE = 64, 1000, 5


def draw(rng, count, scale):
    return array.array("f", (rng.uniform(-scale, scale) for _ in range(count)))


def layer_weights(cell, inputs, units, rng):
    """Name -> (shape, numbers), in Keras' order."""
    columns = GATES[cell] * units
    bias = [2, columns] if cell == "GRU" else [columns]
    return {
        "kernel": (
            [inputs, columns],
            draw(rng, inputs * columns, math.sqrt(3 / inputs) / 2),
        ),
        "recurrent_kernel": (
            [units, columns],
            draw(rng, units * columns, math.sqrt(3 / units) / 2),
        ),
        "bias": (bias, draw(rng, math.prod(bias), 0.1)),
    }


def layer(class_name, **config):
    return {"class_name": class_name, "config": config}


def architecture(cell, inputs, units, timesteps, outputs):
    layers = [
        layer(
            "InputLayer",
            name="x",
            batch_shape=[None, timesteps, inputs],
            dtype="float32",
        ),
        layer(
            cell,
            name="rnn",
            units=units,
            activation="tanh",
            use_bias=True,
            return_sequences=False,
            **({"recurrent_activation": "sigmoid"} if GATES[cell] > 1 else {}),
            **({"reset_after": True} if cell == "GRU" else {}),
        ),
    ]
    if outputs:
        layers.append(
            layer(
                "Dense",
                name="dense",
                units=outputs,
                activation="linear",
                use_bias=True,
            )
        )
    return {
        "class_name": "Sequential",
        "config": {"name": "bench", "layers": layers},
    }


def write_native(path, config, tensors):
    """A safetensors file of tensors name -> (shape, float32 numbers)."""
    head = {
        "__metadata__": {
            "keras_config": json.dumps(config),
            "keras_version": "3.15.1",
        }
    }
    at = 0
    for name, (shape, numbers) in tensors.items():
        size = 4 * len(numbers)
        head[name] = {
            "dtype": "F32",
            "shape": shape,
            "data_offsets": [at, at + size],
        }
        at += size
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, numbers in tensors.values():
            file.write(numbers.tobytes())


def make(folder, name, cell, inputs, units, timesteps=None, outputs=0):
    """The path of a model without its ending; made once."""
    path = os.path.join(folder, name)
    if os.path.exists(path + ".bin"):
        return path
    os.makedirs(folder, exist_ok=True)
    rng = random.Random(name)
    weights = layer_weights(cell, inputs, units, rng)
    tensors = {f"rnn/{key}": value for key, value in weights.items()}
    if outputs:
        tensors["dense/kernel"] = (
            [units, outputs],
            draw(rng, units * outputs, math.sqrt(3 / units)),
        )
        tensors["dense/bias"] = ([outputs], draw(rng, outputs, 0.1))
    write_native(
        path + ".safetensors",
        architecture(cell, inputs, units, timesteps, outputs),
        tensors,
    )
    with open(path + ".bin", "wb") as file:
        for _, numbers in weights.values():
            file.write(numbers.tobytes())
    return path


def grid_model(folder, cell, inputs, units):
    return make(folder, f"{cell}-{inputs}-{units}", cell, inputs, units)


def numbers_for(folder, features):
    """A file of timesteps of float32 for any batch (worker.h)."""
    path = os.path.join(folder, f"timesteps-{features}.f32")
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        rng = random.Random(features)
        with open(path, "wb") as file:
            count = (ROWS * STRIDE + TIMESTEPS) * features
            file.write(draw(rng, count, 1.0).tobytes())
    return path
