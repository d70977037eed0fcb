"""loads.py: what clients ask of a server, and wrk, which asks it.

A load is a request, or one request for each of many sessions: FIRST_ID in the
path and the body stands for the session's own number.  wrk has one thread, on
a core of its own, and gets all requests ready made.
"""

import array
import json
import os
import random
import re
import subprocess

import many
import place
import servers

FIRST_ID = 1000000
SESSIONS = 1024  # more than there are connections: none waits for another
JSON, BINARY = "application/json", "application/octet-stream"

# model: timesteps, features
INPUTS = {"seed": (10, 3), "lstm64": (12, 8), "gru128": (252, 1)}

LUA = """
local file = io.open("{body}", "rb")
local body = file:read("*a")
file:close()
local path, sessions, made, at = "{path}", {sessions}, {{}}, 0
wrk.method = "POST"
{headers}
function init(args)
  for i = 0, sessions - 1 do
    local id = string.format("%d", {first} + i)
    made[i + 1] = wrk.format("POST", path:gsub("{first}", id), wrk.headers,
                             (body:gsub("{first}", id)))
  end
end
function request()
  at = at % sessions + 1
  return made[at]
end
"""

# One row to one of so many sessions (many.py), drawn anew for each request.
AMONG = """
local path, last = "{path}", {last}
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
function request()
  return wrk.format(nil, path, nil, string.format('{{"session": "{id}", ' ..
    '"sequence": [[0.25,-0.5,0.125]]}}', math.random(0, last)))
end
"""


class Load:
    """path, body (bytes; None: GET), headers; sessions 0: none."""

    def __init__(self, path, body=None, media=JSON, sessions=0, headers=None):
        self.path, self.body, self.sessions = path, body, sessions
        self.headers = {**({"Content-Type": media} if body else {})}
        self.headers.update(headers or {})

    def lua(self, path):
        with open(path + ".body", "wb") as file:
            file.write(self.body)
        return LUA.format(
            body=path + ".body",
            path=self.path,
            sessions=max(self.sessions, 1),
            first=FIRST_ID,
            headers="\n".join(
                f'wrk.headers["{key}"] = "{value}"'
                for key, value in self.headers.items()
            ),
        )

    def script(self, name):
        """The path of a Lua script for wrk; None for a GET."""
        if self.body is None:
            return None
        folder = os.path.join(place.RESULTS, "loads")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, re.sub(r"\W+", "-", name))
        with open(path + ".lua", "w", encoding="ascii") as file:
            file.write(self.lua(path))
        return path + ".lua"


class Among(Load):
    """One row to one of `count` sessions made by many.py."""

    def __init__(self, count):
        super().__init__("/predict", b" ")
        self.count = count

    def lua(self, path):
        return AMONG.format(
            path=self.path, last=self.count - 1, id=many.LUA_ID
        )


def rows_of(model, timesteps=None):
    length, features = INPUTS[model]
    rng = random.Random(model)
    return [
        [round(rng.gauss(0, 1), 6) for _ in range(features)]
        for _ in range(timesteps or length)
    ]


def packed(rows):
    return array.array("f", [x for row in rows for x in row]).tobytes()


def text(value):
    return json.dumps(value).encode()


def rnnd(model, mode):
    query = f"model={model}"
    one = rows_of(model, 1)
    return {
        "json": lambda: Load(
            "/predict" if model == "seed" else f"/predict?{query}",
            text({"sequence": rows_of(model)}),
        ),
        "binary": lambda: Load(
            f"/predict?{query}", packed(rows_of(model)), BINARY
        ),
        "step json": lambda: Load(
            "/predict",
            text({"session": f"{model}-{FIRST_ID}", "sequence": one}),
            sessions=SESSIONS,
        ),
        "step binary": lambda: Load(
            f"/predict?session={model}-{FIRST_ID}",
            packed(one),
            BINARY,
            SESSIONS,
        ),
    }[mode]()


def fastapi(model, mode):
    return {
        "json": lambda: Load(f"/{model}", text({"sequence": rows_of(model)})),
        "binary": lambda: Load(f"/{model}", packed(rows_of(model)), BINARY),
        "step json": lambda: Load(
            f"/{model}/step",
            text({"session": str(FIRST_ID), "sequence": rows_of(model, 1)}),
            sessions=SESSIONS,
        ),
    }[mode]()


def v2(rows, **more):
    return {
        "inputs": [
            {
                "name": "x",
                "shape": [len(rows), len(rows[0])],
                "datatype": "FP32",
                "data": [x for row in rows for x in row],
            }
        ],
        **more,
    }


def triton(model, mode):
    if mode == "binary":
        rows = rows_of(model)
        body = v2(rows, outputs=[{"name": "y"}])
        del body["inputs"][0]["data"]
        for tensor, about in (
            (body["inputs"][0], {"binary_data_size": len(packed(rows))}),
            (body["outputs"][0], {"binary_data": True}),
        ):
            tensor["parameters"] = about
        head = text(body)
        return Load(
            f"/v2/models/{model}/infer",
            head + packed(rows),
            BINARY,
            headers={"Inference-Header-Content-Length": len(head)},
        )
    if mode == "json":
        return Load(f"/v2/models/{model}/infer", text(v2(rows_of(model))))
    return Load(
        f"/v2/models/{model}_step/infer",
        text(v2(rows_of(model, 1), parameters={"sequence_id": FIRST_ID})),
        sessions=SESSIONS,
    )


MAKERS = {
    "rnnd": rnnd,
    "nginx": rnnd,
    "fastapi+onnxruntime": fastapi,
    "fastapi+keras": fastapi,
    "triton": triton,
}


def begin_sessions(server, model):
    """SESSIONS of them; servers that keep a dict need no beginning."""
    for number in range(FIRST_ID, FIRST_ID + SESSIONS):
        if server.name == "rnnd":
            path, body = "/sessions", {"id": f"{model}-{number}"}
            body["model"] = model
        elif server.name == "triton":
            path = f"/v2/models/{model}_step/infer"
            about = {"sequence_id": number, "sequence_start": True}
            body = v2(rows_of(model, 1), parameters=about)
        else:
            return
        status, answer = servers.request(
            server.port, "POST", path, text(body), {"Content-Type": JSON}
        )
        if status not in (200, 201):
            raise RuntimeError(f"{server.name}: {status} {answer[:200]!r}")


MODES = ("json", "binary", "step json", "step binary")

UNITS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}


def run_wrk(server, load, connections, seconds, name):
    """Requests a second, p50 and p99 in us, server's CPU us a request."""
    script = load.script(f"{server.name} {name}")
    command = place.pinned(
        place.ASKER_CORE,
        *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"),
        *("--timeout", "20s"),
        *(("-s", script) if script else ()),
        f"http://127.0.0.1:{server.port}{load.path}",
    )
    before = server.cpu_ns()
    said = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout
    spent = server.cpu_ns() - before
    count = int(re.search(r"(\d+) requests in", said).group(1))
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if errors:
        raise RuntimeError(f"{errors[1]} of {count} answers were errors")
    if count == 0:
        raise RuntimeError(f"no answer in {seconds} s")

    def percentile(which):
        number, unit = re.search(
            rf"{which}%\s+([\d.]+)(us|ms|s|m)", said
        ).groups()
        return float(number) * UNITS[unit]

    return {
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1)),
        "p50_us": percentile(50),
        "p99_us": percentile(99),
        "cpu_us": round(spent / 1e3 / count, 2),
    }
