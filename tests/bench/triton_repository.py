"""triton_repository.py FOLDER NAME=MODEL.safetensors...: a repository for the
Triton server in the nvidia-pytriton wheel: for each model NAME (whole
sequences) and NAME_step (sessions by its sequence batcher).

Runs in the environment that has onnx; the paths where Triton's Python backend
finds its modules are in PEERS_PYTHON_PATH.
"""

import json
import os
import shutil
import sys

import native

HERE = os.path.dirname(os.path.abspath(__file__))

WHOLE = """
name: "{name}"
backend: "python"
max_batch_size: 0
input [ {{ name: "x" data_type: TYPE_FP32 dims: [ -1, {inputs} ] }} ]
output [ {{ name: "y" data_type: TYPE_FP32 dims: [ {outputs} ] }} ]
instance_group [ {{ count: 1 kind: KIND_CPU }} ]
"""

STEPS = """
name: "{name}"
backend: "python"
max_batch_size: 1
input [ {{ name: "x" data_type: TYPE_FP32 dims: [ {inputs} ] }} ]
output [ {{ name: "y" data_type: TYPE_FP32 dims: [ {outputs} ] }} ]
instance_group [ {{ count: 1 kind: KIND_CPU }} ]
sequence_batching {{
  max_sequence_idle_microseconds: 3600000000
  oldest {{ max_candidate_sequences: 1024 }}
  control_input [
    {{ name: "START" control [ {{ kind: CONTROL_SEQUENCE_START
       int32_false_true: [ 0, 1 ] }} ] }},
    {{ name: "END" control [ {{ kind: CONTROL_SEQUENCE_END
       int32_false_true: [ 0, 1 ] }} ] }},
    {{ name: "CORRID" control [ {{ kind: CONTROL_SEQUENCE_CORRID
       data_type: TYPE_UINT64 }} ] }}
  ]
}}
"""


def write(folder, name, path, steps):
    model = native.read(path)
    version = os.path.join(folder, name, "1")
    os.makedirs(version, exist_ok=True)
    shutil.copy(
        os.path.join(HERE, "triton_model.py"),
        os.path.join(version, "model.py"),
    )
    onnx = os.path.join(version, "model.onnx")
    with open(onnx, "wb") as file:
        file.write((native.onnx_step if steps else native.onnx_model)(model))
    about = {
        "model": path,
        "onnx": onnx,
        "steps": steps,
        "python_path": [HERE, *os.environ["PEERS_PYTHON_PATH"].split(":")],
    }
    with open(
        os.path.join(version, "about.json"), "w", encoding="utf-8"
    ) as file:
        json.dump(about, file)
    with open(
        os.path.join(folder, name, "config.pbtxt"), "w", encoding="ascii"
    ) as file:
        file.write(
            (STEPS if steps else WHOLE).format(
                name=name,
                inputs=model.inputs,
                outputs=model.dense[1].shape[0],
            )
        )


def main():
    folder, *items = sys.argv[1:]
    for item in items:
        name, path = item.split("=", 1)
        write(folder, name, path, False)
        write(folder, name + "_step", path, True)


if __name__ == "__main__":
    main()
