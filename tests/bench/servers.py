"""servers.py: the servers of the benchmarks, each a process on one core.

    rnnd, nginx (`return 200`), FastAPI with ONNX Runtime or Keras, and the
    Triton server of the nvidia-pytriton wheel

All serve the same models, by the names of MODELS.  A server that cannot be
had is not started; start() says why.
"""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import time

import models
import place

NGINX = """
daemon off; master_process off; worker_processes 1; pid {dir}/pid;
error_log {dir}/error.log crit;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 100000000;
  server {{ listen 127.0.0.1:{port} backlog=1024;
    location / {{ default_type text/plain; return 200 "ok"; }} }}
}}
"""


def served_models(build):
    """Name -> path; the seed from what Keras saved."""
    os.makedirs(place.MODELS, exist_ok=True)
    seed = os.path.join(place.MODELS, "seed.safetensors")
    subprocess.run(
        [
            os.path.join(build, "rnn-import"),
            os.path.join(place.EXAMPLES, "seed.keras"),
            seed,
        ],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    lstm = models.make(place.MODELS, "lstm64", "LSTM", 8, 64, 12, 1)
    gru = models.make(place.MODELS, "gru128", "GRU", 1, 128, 252, 1)
    return {
        "seed": seed,
        "lstm64": lstm + ".safetensors",
        "gru128": gru + ".safetensors",
    }


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(port, method, path, body=None, headers=None):
    """(status, body) of one call."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def tree(pid):
    """A process and what it started."""
    found = [pid]
    for at in found:
        for task in os.listdir(f"/proc/{at}/task"):
            path = f"/proc/{at}/task/{task}/children"
            with open(path, encoding="ascii") as file:
                found += map(int, file.read().split())
    return found


class Server:
    """A process on its core, with the time to its first answer to `probe`:
    (method, path, body, headers)."""

    def __init__(self, name, command, port, probe, environment=None, wait=90):
        self.name, self.port = name, port
        begin = time.perf_counter()
        with open(os.path.join(place.RESULTS, name + ".log"), "wb") as log:
            with place.on(place.CORE):
                self.process = subprocess.Popen(
                    command,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **(environment or {})},
                )
        try:
            self.await_answer(probe, begin + wait)
        except BaseException:
            self.stop()
            raise
        self.start_ms = (time.perf_counter() - begin) * 1000

    def await_answer(self, probe, end):
        why = "nothing"
        while time.perf_counter() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended before it answered")
            try:
                why, _ = request(self.port, *probe)
                if why == 200:
                    return
                time.sleep(0.02)
            except OSError as error:
                why = error
                time.sleep(0.0005)
        raise RuntimeError(f"{self.name} did not answer: {why}")

    def cpu_ns(self):
        """Processor time of all its threads."""
        total = 0
        for pid in tree(self.process.pid):
            for task in os.listdir(f"/proc/{pid}/task"):
                path = f"/proc/{pid}/task/{task}/schedstat"
                with open(path, encoding="ascii") as file:
                    total += int(file.read().split()[0])
        return total

    def resident_mb(self):
        """Of all its processes, shared pages counted in each."""
        total = 0
        for pid in tree(self.process.pid):
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                for line in file:
                    if line.startswith("VmRSS"):
                        total += int(line.split()[1])
        return total / 1024

    def stop(self):
        pids = tree(self.process.pid) if self.process.poll() is None else []
        self.process.terminate()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            for pid in reversed(pids):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()


LIVEZ = ("GET", "/livez")


def rnnd(options, served, *arguments, first=LIVEZ):
    port = free_port()
    return Server(
        "rnnd",
        [
            options.rnnd,
            "--threads",
            "1",
            "--listen",
            f"127.0.0.1:{port}",
            *arguments,
            *[f"{name}={path}" for name, path in served.items()],
        ],
        port,
        first,
    )


def nginx(options, served):
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        raise RuntimeError("nginx is not installed")
    folder = os.path.join(place.RESULTS, "nginx")
    os.makedirs(folder, exist_ok=True)
    port = free_port()
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(NGINX.format(dir=folder, port=port))
    return Server("nginx", [program, "-c", path], port, LIVEZ)


def fastapi(engine):
    def start(options, served, first=LIVEZ):
        folder, port = place.venv("bench"), free_port()
        if folder is None:
            raise RuntimeError("not to be installed from PyPI here")
        return Server(
            f"fastapi+{engine}",
            [
                os.path.join(folder, "bin", "python"),
                os.path.join(place.HERE, "fastapi_app.py"),
                engine,
                str(port),
                *[f"{name}={path}" for name, path in served.items()],
            ],
            port,
            first,
        )

    return start


def triton_backends(wheel):
    """The wheel's Python backend beside its stub for Debian's Python."""
    folder = os.path.join(place.RESULTS, "triton-backends", "python")
    server = os.path.join(wheel, "pytriton", "tritonserver")
    version = os.path.basename(os.path.dirname(wheel)).removeprefix("python")
    shutil.copytree(
        os.path.join(server, "backends", "python"), folder, dirs_exist_ok=True
    )
    shutil.copy(
        os.path.join(
            server,
            "python_backend_stubs",
            version,
            "triton_python_backend_stub",
        ),
        folder,
    )
    return os.path.dirname(folder)


def triton(options, served, first=("GET", "/v2/health/ready")):
    if place.venv("triton") is None or place.venv("bench") is None:
        raise RuntimeError("not to be installed from PyPI here")
    wheel, port = place.packages("triton"), free_port()
    repository = os.path.join(place.RESULTS, "triton-repository")
    shutil.rmtree(repository, ignore_errors=True)
    subprocess.run(
        [
            os.path.join(place.venv("bench"), "bin", "python"),
            os.path.join(place.HERE, "triton_repository.py"),
            repository,
            *[f"{name}={path}" for name, path in served.items()],
        ],
        check=True,
        env={**os.environ, "PEERS_PYTHON_PATH": wheel},
    )
    return Server(
        "triton",
        [
            os.path.join(wheel, "pytriton", "tritonserver", "bin")
            + "/tritonserver",
            *("--model-repository", repository),
            *("--backend-directory", triton_backends(wheel)),
            *("--http-address", "127.0.0.1", "--http-port", str(port)),
            *("--allow-grpc", "false", "--allow-metrics", "false"),
            *("--exit-timeout-secs", "1"),
        ],
        port,
        first,
        {"LD_LIBRARY_PATH": os.path.join(wheel, "nvidia_pytriton.libs")},
    )


PEERS = {
    "nginx": nginx,
    "fastapi+onnxruntime": fastapi("onnxruntime"),
    "fastapi+keras": fastapi("keras"),
    "triton": triton,
}


def start(options, served, *arguments):
    """(servers, why): ours first; why says of each that is missing."""
    started, missing = [rnnd(options, served, *arguments)], {}
    for name, begin in PEERS.items():
        try:
            started.append(begin(options, served))
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            missing[name] = str(error)
            place.say(f"  without {name}: {error}")
    return started, missing
