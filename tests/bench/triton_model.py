"""triton_model.py: the model.py of Triton's Python backend: a native model by
ONNX Runtime on one thread, whole or, with sequence batching, step by step.

about.json beside it says which, and where its modules are.
"""

import json
import os
import sys

with open(
    os.path.join(os.path.dirname(__file__), "about.json"), encoding="utf-8"
) as file:
    ABOUT = json.load(file)
sys.path[:0] = ABOUT["python_path"]

import numpy as np  # noqa: E402  (after their folders are known)
import onnxruntime  # noqa: E402
import triton_python_backend_utils as pb_utils  # noqa: E402

import native  # noqa: E402


class TritonPythonModel:
    def initialize(self, args):
        model = native.read(ABOUT["model"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        with open(ABOUT["onnx"], "rb") as onnx:
            self.session = onnxruntime.InferenceSession(
                onnx.read(), options, providers=["CPUExecutionProvider"]
            )
        names = ["h", "c"] if model.cell == "LSTM" else ["h"]
        self.outputs = ["y", *(names if ABOUT["steps"] else [])]
        self.inputs = [name + "0" for name in self.outputs[1:]]
        self.first = np.zeros((1, 1, model.units), np.float32)
        self.states = {}

    @staticmethod
    def input(request, name):
        return pb_utils.get_input_tensor_by_name(request, name).as_numpy()

    def answer(self, request):
        x = self.input(request, "x")
        feed = {"x": x.reshape(-1, 1, x.shape[-1])}
        if ABOUT["steps"]:
            session = int(self.input(request, "CORRID").ravel()[0])
            if self.input(request, "START").ravel()[0]:
                self.states[session] = [self.first] * len(self.inputs)
            feed.update(zip(self.inputs, self.states[session]))
        y, *state = self.session.run(self.outputs, feed)
        if ABOUT["steps"]:
            self.states[session] = state
            if self.input(request, "END").ravel()[0]:
                del self.states[session]
        else:
            y = y[0]
        return pb_utils.InferenceResponse([pb_utils.Tensor("y", y)])

    def execute(self, requests):
        return [self.answer(request) for request in requests]
