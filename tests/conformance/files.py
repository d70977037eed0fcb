"""One case: a random network, its four files and what Keras answers."""

import dataclasses
import logging
import os
import warnings

import keras
import numpy as np
import tensorflow as tf
import tf_keras

import networks as nw
import random_networks
from laws import Answers

GENERATIONS = {"k3": keras, "k2": tf_keras}
SUFFIXES = ("keras", "h5")
BATCHES = (2, 3, 5)


@dataclasses.dataclass
class Saved:
    name: str  # the model's, in the daemon
    path: str
    generation: str
    label: str  # "k3.keras"


@dataclasses.dataclass
class Expected:
    last: Answers  # what the model itself answers to the batch
    every: Answers  # the same, had each sequence ended at each timestep


@dataclasses.dataclass
class Case:
    index: int
    network: dict
    x: np.ndarray
    parameters: int
    files: list
    expected: dict  # generation -> Expected

    @property
    def free(self):
        return self.network["timesteps"] is None

    @property
    def timed(self):
        return nw.has_time_axis(self.network)

    def meaning(self, generation):
        """Files of equal meaning must give equal bits."""
        return "both" if nw.same_in_both(self.network) else generation


def clear_names(generation):
    """Let Keras count its automatic names from nothing again."""
    if generation == "k3":
        keras.utils.clear_session()
    else:
        tf_keras.backend.clear_session()


def prepare_keras():
    """One thread is fastest for numbers this small, and Keras 2 and 3 each
    have much to say about .h5 and input_shape."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("absl").setLevel(logging.ERROR)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def save_files(network, weights, stem, generation):
    """Also the model, for more questions."""
    clear_names(generation)
    model = nw.with_weights(GENERATIONS[generation], network, weights)
    files = []
    for suffix in SUFFIXES:
        path = f"{stem}.{generation}.{suffix}"
        model.save(path)
        name = f"{os.path.basename(stem)}-{generation}-{suffix}"
        files.append(Saved(name, path, generation, f"{generation}.{suffix}"))
    return files, model


def expect(network, model, x, every):
    """`model` is the float32 one that was saved: it answers for itself."""
    last = every.reference
    if not nw.has_time_axis(network):
        last = last[:, -1]
    return Expected(Answers(last, np.asarray(model(x, training=False))), every)


def answers_at_every_step(module, network, weights, x):
    longer = nw.for_every_step(network)
    return Answers(
        nw.answer(module, longer, weights, x, "float64"),
        nw.answer(module, longer, weights, x, "float32"),
    )


def make_case(seed, index, folder):
    network, rng = random_networks.draw(seed, index)
    timesteps = random_networks.usual_timesteps(network)
    batch = int(rng.choice(BATCHES))
    if network["input"] == "call":
        batch = nw.CALLED_BATCH
    x = rng.normal(size=(batch, timesteps, network["features"]))
    x = x.astype(np.float32)
    longer = nw.for_every_step(network)
    weights, single = random_networks.draw_weights(
        nw.build(keras, longer), rng, x
    )
    reference = nw.answer(keras, longer, weights, x, "float64")

    stem = os.path.join(folder, f"n{index}")
    every = Answers(reference, single)
    files, model = save_files(network, weights, stem, "k3")
    expected = {"k3": expect(network, model, x, every)}
    if nw.keras2_can(network):
        saved, model = save_files(network, weights, stem, "k2")
        files += saved
        # Where both mean the same, Keras 2 is held to Keras 3's float64.
        if not nw.same_in_both(network):
            every = answers_at_every_step(tf_keras, network, weights, x)
        expected["k2"] = expect(network, model, x, every)
    return Case(index, network, x, model.count_params(), files, expected)
