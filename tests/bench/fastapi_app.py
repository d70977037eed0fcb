"""fastapi_app.py ENGINE PORT NAME=MODEL.safetensors...: what a user would
write with FastAPI: one worker, engines on one thread, no access log.

    POST /NAME          {"sequence": [[...], ...]} or little-endian float32
    POST /NAME/step     {"session": id, "sequence": [[...]]}, onnxruntime only:
                        the state is kept in a dict
    GET /livez
"""

import os
import sys

os.environ.update(
    OMP_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES=""
)

import fastapi  # noqa: E402  (after the environment)
import numpy as np  # noqa: E402
import uvicorn  # noqa: E402

import native  # noqa: E402


def onnx_session(bytes_):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        bytes_, options, providers=["CPUExecutionProvider"]
    )


class OnnxRuntime:
    def __init__(self, model):
        self.whole = onnx_session(native.onnx_model(model))
        self.step_by_step = onnx_session(native.onnx_step(model))
        names = ["h", "c"] if model.cell == "LSTM" else ["h"]
        self.outputs = ["y", *names]
        self.inputs = [name + "0" for name in names]
        self.first = np.zeros((1, 1, model.units), np.float32)
        self.states = {}

    def predict(self, x):
        return self.whole.run(["y"], {"x": x[:, None]})[0][0]

    def step(self, session, x):
        state = self.states.get(session) or [self.first] * len(self.inputs)
        y, *self.states[session] = self.step_by_step.run(
            self.outputs, {"x": x[:, None], **dict(zip(self.inputs, state))}
        )
        return y[0]


class Keras:
    """The model in one tf.function; `predict()`, as tutorials have it, takes
    some 40 ms whatever the model."""

    def __init__(self, model):
        import tensorflow as tf

        made = native.keras_model(model)
        self.function = tf.function(
            lambda x: made(x, training=False)
        ).get_concrete_function(
            tf.TensorSpec([None, model.timesteps, model.inputs], "float32")
        )
        self.tensor = tf.constant

    def predict(self, x):
        return self.function(self.tensor(x[None])).numpy()[0]


def add_routes(app, name, engine, features):
    @app.post("/" + name)
    async def predict(request: fastapi.Request):
        if request.headers["content-type"] == "application/octet-stream":
            x = np.frombuffer(await request.body(), np.float32)
            y = engine.predict(x.reshape(-1, features))
            return fastapi.Response(
                y.tobytes(), media_type="application/octet-stream"
            )
        body = await request.json()
        y = engine.predict(np.array(body["sequence"], np.float32))
        return fastapi.responses.JSONResponse({"output": y.tolist()})

    @app.post(f"/{name}/step")
    async def step(request: fastapi.Request):
        body = await request.json()
        y = engine.step(
            body["session"], np.array(body["sequence"], np.float32)
        )
        return fastapi.responses.JSONResponse({"output": y.tolist()})


def main():
    kind, port, *models = sys.argv[1:]
    if kind == "keras":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    app = fastapi.FastAPI()
    for item in models:
        name, path = item.split("=", 1)
        model = native.read(path)
        engine = (Keras if kind == "keras" else OnnxRuntime)(model)
        add_routes(app, name, engine, model.inputs)

    @app.get("/livez")
    async def livez():
        return {"status": "ok"}

    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        log_level="warning",
        access_log=False,
        loop="uvloop",
        http="httptools",
        backlog=2048,
    )


if __name__ == "__main__":
    main()
