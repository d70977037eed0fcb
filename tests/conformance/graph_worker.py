#!/usr/bin/env python3
"""Makes random graphs with one generation of Keras, in whose environment it
runs: files, inputs and the answers in float64 and float32.

    graph_worker.py MODULE SEED FOLDER CLASSES

MODULE is what to import (keras, tf_keras), CLASSES the classes that may be
drawn, with commas.  Each line that it reads is one of

    INDEX   make that graph: it writes FOLDER/gINDEX.npz and answers with a
            line of JSON {"index", "blocks", "files", "unsaved", "kinds",
            "names", "outputs", "parameters", "free", "steps", "moved"}, or
            {"index", "error", "trace"}
    a path  load that file again: {} if Keras can, else {"error"}
    undefined INDEX PATH
            load that file again and ask it what graph INDEX was asked:
            {"why"}, where Keras does not answer each sequence of a batch, or
            of more timesteps, as it does alone, or not at all; {} elsewhere
    states INDEX
            make that graph again: {"finite"}, a list for each sequence of
            whether float32 holds Keras' recurrent states after 1, 2, ... of
            its timesteps
"""

import importlib
import json
import logging
import os
import sys
import traceback
import warnings

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import random_graphs  # noqa: E402
from networks import draw_weights  # noqa: E402

GAINS = (1, 0.5, 0.25, 0.1, 0.03)
LARGEST_NUMBER = 1e3
RESTLESS = 2.5e-7  # of its scale
MOVES = 4
APART = 1e-3  # of its scale: no rounding of float32
SUFFIXES = ("keras", "h5")


class Worker:
    def __init__(self, keras, seed, folder, known):
        self.keras = keras
        self.seed = seed
        self.folder = folder
        self.known = known

    # ---- what the generations spell differently -----------------------------
    def set_dtype(self, dtype):
        keras = self.keras
        keras.backend.set_floatx(dtype)
        if hasattr(keras, "config") and hasattr(
            keras.config, "set_dtype_policy"
        ):
            keras.config.set_dtype_policy(dtype)
        elif hasattr(keras.mixed_precision, "set_dtype_policy"):
            keras.mixed_precision.set_dtype_policy(dtype)
        else:
            keras.mixed_precision.set_global_policy(dtype)

    def clear(self):
        self.keras.backend.clear_session()

    def build(self, index, dtype):
        self.clear()
        self.set_dtype(dtype)
        try:
            return random_graphs.build(
                self.seed, index, self.keras, self.known
            )
        finally:
            self.set_dtype("float32")

    def call(self, graph, arrays, dtype):
        given = [
            a.astype(dtype) if a.dtype == np.float32 else a for a in arrays
        ]
        answer = graph.model(
            given if graph.listed else given[0], training=False
        )
        return [np.asarray(each) for each in tf.nest.flatten(answer)]

    # ---- one graph ----------------------------------------------------------
    def fit_weights(self, graph, twin, arrays, rng):
        """Leaves both models with weights that give numbers to judge by: the
        answers in float32 and float64, and how far the latter move when the
        weights do by half a unit in their last place."""
        drawn = draw_weights(graph.model, rng)
        found = None
        for gain in GAINS:
            weights = [np.float32(gain) * w for w in drawn]
            self.set_weights(graph.model, weights)
            single = self.call(graph, arrays, "float32")
            if not all(self.is_fit(answer) for answer in single):
                continue
            reference, moved = self.refer(twin, weights, arrays, rng)
            if found is None or moved < found[3]:
                found = weights, single, reference, moved
            if moved < RESTLESS:
                break
        if found is None:
            raise ValueError("no weights keep this graph within reason")
        weights, *answers = found
        self.set_weights(graph.model, weights)
        self.set_weights(twin.model, weights)
        return answers

    def refer(self, twin, weights, arrays, rng):
        """The answers in float64, and how far they move: the most of MOVES
        times, since once they may stay by chance."""
        most = 0.0
        self.set_weights(twin.model, weights)
        reference = self.call(twin, arrays, "float64")
        for _ in range(MOVES):
            moved = [
                w * (1 + 2.0**-24 * rng.choice((-1, 1), w.shape))
                for w in weights
            ]
            self.set_weights(twin.model, moved)
            for was, now in zip(reference, self.call(twin, arrays, "float64")):
                scale = max(1.0, np.abs(was).max())
                most = max(most, np.abs(now - was).max() / scale)
        return reference, float(most)

    @staticmethod
    def is_fit(answer):
        return (
            np.isfinite(answer).all()
            and np.abs(answer).max() < LARGEST_NUMBER
        )

    @staticmethod
    def set_weights(model, weights):
        model.set_weights(
            [
                np.asarray(w, getattr(v.dtype, "name", v.dtype))
                for w, v in zip(weights, model.weights, strict=True)
            ]
        )

    def answer_halves(self, twin, graph, arrays):
        """The answers to the first halves of the sequences, where T is free.
        """
        numbers = {}
        some = (graph.steps + 1) // 2
        for steps in (some,) if graph.free and some < graph.steps else ():
            cut = [
                a if each.kind == "vector" else a[:, :steps]
                for a, each in zip(arrays, graph.inputs, strict=True)
            ]
            for name, of in (("reference", twin), ("single", graph)):
                dtype = "float64" if of is twin else "float32"
                for i, y in enumerate(self.call(of, cut, dtype)):
                    numbers[f"{name}{i}_{steps}"] = y
        return numbers

    def draw_inputs(self, graph, rng):
        """Where Keras has no number for padding alone (an average over
        nothing), no sequence begins with it: each step is asked for."""
        arrays = random_graphs.draw_inputs(graph, rng)
        timed = [each.kind != "vector" for each in graph.inputs]
        first = [
            a[:, :1] if is_timed else a
            for a, is_timed in zip(arrays, timed, strict=True)
        ]
        if graph.free and not all(
            np.isfinite(y).all() for y in self.call(graph, first, "float32")
        ):
            for a, is_timed in zip(arrays, timed, strict=True):
                if is_timed:
                    a[:, 0] = 1
        return arrays

    def states(self, index):
        """Which recurrent states float32 holds: those of Keras in float32
        are numbers, and those in float64 are not too large for it."""
        rng = np.random.default_rng([self.seed, index, 8])
        graph = self.build(index, "float32")
        arrays = self.draw_inputs(graph, rng)
        twin = self.build(index, "float64")
        self.fit_weights(graph, twin, arrays, rng)
        finite = np.ones((len(arrays[0]), graph.steps), bool)
        for of, dtype in ((graph, "float32"), (twin, "float64")):
            seen = []
            for layer in of.model._flatten_layers():
                if hasattr(layer, "cell") and hasattr(layer, "return_state"):
                    watch_states(layer, seen)
            for steps in range(1, graph.steps + 1):
                seen.clear()
                cut = [
                    a if each.kind == "vector" else a[:, :steps]
                    for a, each in zip(arrays, graph.inputs, strict=True)
                ]
                self.call(of, cut, dtype)
                for state in seen:
                    rows = np.abs(state.reshape(len(state), -1)).max(axis=1)
                    held = rows <= np.finfo(np.float32).max
                    finite[:, steps - 1] &= held
        return {"finite": finite.tolist()}

    def undefined(self, index, path):
        """Why a file has no answers that a server could give."""
        rng = np.random.default_rng([self.seed, index, 8])
        graph = self.build(index, "float32")
        arrays = self.draw_inputs(graph, rng)
        model = graph.model = self.keras.models.load_model(path)
        graph.listed = len(model.inputs) > 1
        lengths = {graph.steps + n for n in (0, 1, 2, graph.steps)}
        for steps in sorted(lengths) if graph.free else (graph.steps,):
            longer = [
                a if each.kind == "vector" else repeat_steps(a, steps)
                for a, each in zip(arrays, graph.inputs, strict=True)
            ]
            why = self.differs(graph, longer)
            if why:
                return {"why": f"of {steps} timesteps {why}"}
        return {}

    def differs(self, graph, arrays):
        """How the answers to a batch differ from those to each of it."""
        rows = [range(len(arrays[0])), *[[i] for i in range(len(arrays[0]))]]
        answers = []
        for some in rows:
            try:
                given = [a[list(some)] for a in arrays]
                answers.append(self.call(graph, given, "float32"))
            except Exception as error:  # noqa: BLE001  whatever Keras says
                return f"{len(some)} sequences: {first_line(error)[:200]}"
        for i, batch in enumerate(answers[0]):
            for row, alone in enumerate(answers[1:]):
                if alone[i].shape[1:] != batch.shape[1:]:
                    return f"output {i} has other axes in a batch"
                apart = np.abs(alone[i][0] - batch[row]).max(initial=0)
                if not apart <= APART * max(1.0, np.abs(batch).max()):
                    return f"output {i} is another in a batch, by {apart:.1e}"
        return None

    def save(self, model, stem):
        """The files, and why others could not be written."""
        files, unsaved = [], []
        for suffix in SUFFIXES:
            path = f"{stem}.{suffix}"
            try:
                model.save(path)
                files.append(path)
            except Exception as error:  # noqa: BLE001  whatever Keras says
                unsaved.append(f"{suffix}: {first_line(error)}")
        return files, unsaved

    def make(self, index):
        rng = np.random.default_rng([self.seed, index, 8])
        graph = self.build(index, "float32")
        model = graph.model
        arrays = self.draw_inputs(graph, rng)
        twin = self.build(index, "float64")
        single, reference, moved = self.fit_weights(graph, twin, arrays, rng)

        stem = os.path.join(self.folder, f"g{index}")
        numbers = {f"x{i}": a for i, a in enumerate(arrays)}
        numbers |= {f"reference{i}": a for i, a in enumerate(reference)}
        numbers |= {f"single{i}": a for i, a in enumerate(single)}
        numbers |= self.answer_halves(twin, graph, arrays)
        np.savez(f"{stem}.npz", **numbers)
        files, unsaved = self.save(model, stem)
        names = [each.name for each in graph.inputs]
        return {
            "index": index,
            "blocks": graph.draw.used,
            "files": files,
            "unsaved": unsaved,
            "kinds": [each.kind for each in graph.inputs],
            "names": names,
            "outputs": list(getattr(model, "output_names", [])),
            "parameters": int(model.count_params()),
            "free": graph.free,
            "steps": graph.steps,
            "moved": moved,
        }

    def answer(self, line):
        try:
            if line.isdigit():
                return self.make(int(line))
            if line.startswith("undefined "):
                _, index, path = line.split(" ", 2)
                return self.undefined(int(index), path)
            if line.startswith("states "):
                return self.states(int(line.split()[1]))
            self.clear()
            self.keras.models.load_model(line)
            return {}
        except Exception as error:  # noqa: BLE001  whatever Keras says
            answer = {"error": first_line(error)}
            if line.isdigit():
                answer["index"] = int(line)
                answer["trace"] = traceback.format_exc().splitlines()[-6:]
            return answer


def repeat_steps(array, steps):
    """`array`, from its first timestep again where there are more."""
    return np.take(array, np.arange(steps), axis=1, mode="wrap")


def watch_states(layer, seen):
    """Let `layer` put the states that it ends with into `seen`."""
    call = layer.call

    def watched(*arguments, **more):
        wanted, layer.return_state = layer.return_state, True
        try:
            answer, *states = call(*arguments, **more)
        finally:
            layer.return_state = wanted
        seen.extend(np.asarray(each) for each in tf.nest.flatten(states))
        return [answer, *states] if wanted else answer

    layer.call = watched


def first_line(error):
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0] if text else ''}"


def main():
    module, seed, folder, classes = sys.argv[1:]
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("absl").setLevel(logging.ERROR)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    keras = importlib.import_module(module)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Keras prints is no answer
    worker = Worker(keras, int(seed), folder, set(classes.split(",")))
    answers.write(json.dumps({"version": keras.__version__}) + "\n")
    answers.flush()
    for line in sys.stdin:
        answers.write(json.dumps(worker.answer(line.strip())) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
