"""worker.py ENGINE: a peer in Python that does as it is told (worker.h says
how), on one thread: onnxruntime, tensorflow, litert or torch.

worker.py convert: make the .tflite files of the lines MODEL BATCH TIMESTEPS.

Each gets its inputs in the layout that it likes best, made beforehand, and is
called the cheapest way that its documentation knows.
"""

import os
import sys
import time

os.environ.update(
    OMP_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES=""
)

import numpy as np  # noqa: E402  (after the environment)

import models  # noqa: E402
import native  # noqa: E402

SHOWN = 8


class OnnxRuntime:
    """Inputs and outputs bound beforehand; input [T, B, D]."""

    def __init__(self):
        import onnxruntime

        self.ort, self.sessions = onnxruntime, {}

    def session(self, path):
        if path not in self.sessions:
            options = self.ort.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.log_severity_level = 3
            self.sessions[path] = self.ort.InferenceSession(
                native.onnx_model(native.read(path + ".safetensors")),
                options,
                providers=["CPUExecutionProvider"],
            )
        return self.sessions[path]

    def make(self, path, x):
        session = self.session(path)
        binding = session.io_binding()
        value = self.ort.OrtValue.ortvalue_from_numpy(
            np.ascontiguousarray(x.transpose(1, 0, 2))
        )
        units = native.read(path + ".safetensors").units
        out = self.ort.OrtValue.ortvalue_from_numpy(
            np.zeros((len(x), units), np.float32)
        )
        binding.bind_ortvalue_input("x", value)
        binding.bind_ortvalue_output("y", out)
        return (
            lambda: session.run_with_iobinding(binding)
        ), lambda: out.numpy()


class TensorFlow:
    """The Keras model in one tf.function, traced once for any B and T."""

    def __init__(self):
        import tensorflow

        self.tf, self.functions = tensorflow, {}
        tensorflow.config.threading.set_intra_op_parallelism_threads(1)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)

    def function(self, path):
        if path not in self.functions:
            model = native.read(path + ".safetensors")
            keras_model = native.keras_model(model)
            self.functions[path] = self.tf.function(
                lambda x: keras_model(x, training=False)
            ).get_concrete_function(
                self.tf.TensorSpec([None, None, model.inputs], "float32")
            )
        return self.functions[path]

    def make(self, path, x):
        function, x = self.function(path), self.tf.constant(x)
        return (lambda: function(x)), lambda: function(x).numpy()


class LiteRT:
    """A frozen function of fixed B and T as .tflite, kept beside the model;
    only invoke() is timed."""

    def __init__(self):
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter

    @staticmethod
    def convert(path, shape):
        import tensorflow as tf
        from tensorflow.python.framework import convert_to_constants

        made = f"{path}-{shape[0]}-{shape[1]}.tflite"
        if os.path.exists(made):
            return made
        keras_model = native.keras_model(native.read(path + ".safetensors"))
        function = tf.function(
            lambda x: keras_model(x, training=False)
        ).get_concrete_function(tf.TensorSpec(shape, "float32"))
        frozen = convert_to_constants.convert_variables_to_constants_v2(
            function, lower_control_flow=False
        )
        text = tf.lite.TFLiteConverter.from_concrete_functions(
            [frozen]
        ).convert()
        with open(made + ".new", "wb") as file:
            file.write(text)
        os.rename(made + ".new", made)
        return made

    def make(self, path, x):
        interpreter = self.interpreter(
            self.convert(path, x.shape), num_threads=1
        )
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        index = interpreter.get_output_details()[0]["index"]
        return interpreter.invoke, lambda: interpreter.get_tensor(index)


class Torch:
    """nn.RNN, nn.LSTM, nn.GRU in inference mode; input [T, B, D]."""

    def __init__(self):
        import torch

        torch.set_num_threads(1)
        torch.set_grad_enabled(False)
        self.torch, self.modules = torch, {}

    def module(self, path):
        if path in self.modules:
            return self.modules[path]
        torch, model = self.torch, native.read(path + ".safetensors")
        kind = {"SimpleRNN": "RNN"}.get(model.cell, model.cell)
        module = getattr(torch.nn, kind)(model.inputs, model.units).eval()
        parts = native.in_order(model, native.TORCH_ORDER[model.cell])
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        for name, part in zip(names, parts):
            getattr(module, name).copy_(torch.from_numpy(part.copy()))
        self.modules[path] = module
        return module

    def make(self, path, x):
        module = self.module(path)
        x = self.torch.from_numpy(x.transpose(1, 0, 2).copy())

        def run():
            with self.torch.inference_mode():
                return module(x)

        return run, lambda: run()[0][-1].numpy()


ENGINES = {
    "onnxruntime": OnnxRuntime,
    "tensorflow": TensorFlow,
    "litert": LiteRT,
    "torch": Torch,
}


def sequences(path, numbers, batch, timesteps):
    """[batch, timesteps, features]."""
    features = native.read(path + ".safetensors").inputs
    rows = np.fromfile(numbers, np.float32).reshape(-1, features)
    return np.stack(
        [
            rows[i * models.STRIDE : i * models.STRIDE + timesteps]
            for i in range(batch)
        ]
    )


def sample(run, calls, least_ns):
    """CPU ns, elapsed ns of one call, and how many calls that took."""
    run()
    while True:
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        for _ in range(calls):
            run()
        cpu = time.process_time_ns() - cpu
        wall = time.perf_counter_ns() - wall
        if cpu >= least_ns / 2:
            return cpu / calls, wall / calls, calls
        calls *= 2


def convert_all():
    for line in sys.stdin:
        path, batch, timesteps = line.split()
        model = native.read(path + ".safetensors")
        LiteRT.convert(path, (int(batch), int(timesteps), model.inputs))


def main():
    if sys.argv[1] == "convert":
        convert_all()
        return
    engine, cases, calls = ENGINES[sys.argv[1]](), {}, {}
    for line in sys.stdin:
        words = line.split()
        if words[0] == "end":
            break
        number = int(words[1])
        try:
            if words[0] == "add":
                path, numbers, batch, timesteps = words[2:]
                x = sequences(path, numbers, int(batch), int(timesteps))
                cases[number], outputs = engine.make(path, x)
                cases[number]()
                shown = np.asarray(outputs())[-1].ravel()[:SHOWN]
                print("ok", *[f"{value:.9g}" for value in shown], flush=True)
            else:
                cpu, wall, calls[number] = sample(
                    cases[number], calls.get(number, 1), float(words[2]) * 1e6
                )
                print(cpu, wall, calls[number], flush=True)
        except Exception as error:  # said, and the others go on
            text = " ".join(str(error).split())[:300]
            print("error", type(error).__name__, text, flush=True)


if __name__ == "__main__":
    main()
