"""rnnd as a child process, and a client that speaks its native API."""

import http.client
import json
import re
import signal
import subprocess
import threading
import urllib.parse

import numpy as np

START_TIMEOUT = 120  # seconds; hundreds of files are imported one by one
STOP_TIMEOUT = 40
ANSWER_TIMEOUT = 60

LISTENING = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")


class NotServing(Exception):
    """The daemon ended before it listened; the message is what it said."""


class Daemon:
    """`models` is a dict, name -> path."""

    def __init__(self, program, models, isa="auto"):
        command = [program, "--listen", "127.0.0.1:0", "--isa", isa]
        command += ["--threads", "2"]
        command += [f"{name}={path}" for name, path in models.items()]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = []
        self.port = None
        self.port_known = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        if not self.port_known.wait(START_TIMEOUT):
            self.process.kill()
            raise NotServing("it did not say on which port it listens")
        if self.port is None:
            self.process.wait()
            raise NotServing("".join(self.said).strip())

    def _listen(self):
        for line in self.process.stdout:
            self.said.append(line)
            found = LISTENING.search(line)
            if found:
                self.port = int(found.group(1))
                self.port_known.set()
        self.port_known.set()

    def stop(self):
        """Drain it; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None


class Refused(Exception):
    """An answer that is not 2xx, or none."""


class Client:
    """One connection, kept alive."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=ANSWER_TIMEOUT
        )
        self.requests = 0

    def close(self):
        self.connection.close()

    def exchange(self, method, path, body=None, content_type=None):
        self.requests += 1
        headers = {"Content-Type": content_type} if content_type else {}
        try:
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise Refused(f"{method} {path}: {error!r}") from error
        if not 200 <= response.status < 300:
            text = content.decode(errors="replace")
            raise Refused(f"{method} {path}: {response.status} {text}")
        return response, content

    def get(self, path):
        return json.loads(self.exchange("GET", path)[1])

    def ask(self, **fields):
        """POST /predict in JSON; the answer's document."""
        body = json.dumps(fields, default=as_json).encode()
        _, content = self.exchange(
            "POST", "/predict", body, "application/json"
        )
        return json.loads(content)

    def ask_binary(self, x, **fields):
        """POST /predict in binary; headers and array, None for 204."""
        query = {
            k: str(v).lower() if isinstance(v, bool) else v
            for k, v in fields.items()
        }
        path = "/predict?" + urllib.parse.urlencode(query)
        dtype = "<i4" if np.issubdtype(x.dtype, np.integer) else "<f4"
        response, content = self.exchange(
            "POST", path, x.astype(dtype).tobytes(), "application/octet-stream"
        )
        if response.status == 204:
            return response.headers, None
        shape = [int(n) for n in response.headers["X-Shape"].split(",")]
        return response.headers, np.frombuffer(content, "<f4").reshape(shape)


def as_json(array):
    """float32 as the shortest digits that read back to it."""
    return np.asarray(array).astype(str).astype(float).tolist()


def from_json(value):
    return np.asarray(value, dtype=np.float64).astype(np.float32)
