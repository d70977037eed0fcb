#!/usr/bin/env python3
"""bench_http.py: requests a second, latency and CPU time over HTTP.

The server is pinned to one core and the client (wrk, one thread) to another;
servers take turns for ROUNDS rounds and medians are printed, with the ratio
to nginx `return 200` on the same core in the same run.  With two cores the
client is the limit above some ten thousand requests a second: then the CPU
time of the server for each request is the figure that compares.

    bench_http.py RNND [--seconds 2] [--rounds 3] [--connections 1,16]
"""

import argparse
import json
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(HERE, "..", "..", "examples")
SERVER_CORE, CLIENT_CORE = "1", "0"

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

LUA = """
wrk.method = "{method}"
wrk.headers["Content-Type"] = "{media}"
local f = io.open("{body}", "rb")
wrk.body = f:read("*a")
f:close()
"""


def cpu_seconds(pid):
    """User and system time of every thread of a process."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return 0.0


class Server:
    """A server process on its core; `port` once it listens."""

    def __init__(self, name, command, port=None):
        self.name, self.port = name, port
        begin = time.monotonic()
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *command],
            stderr=subprocess.PIPE if port is None else subprocess.DEVNULL,
        )
        while self.port is None:
            line = self.process.stderr.readline().decode()
            if not line:
                sys.exit(f"{name} ended before it served")
            found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found.group(1))
        self.start_ms = (time.monotonic() - begin) * 1000

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_wrk(port, load, connections, seconds, pid):
    """One measurement: requests/s, p50 and p99 in us, CPU us a request."""
    command = [
        "taskset",
        "-c",
        CLIENT_CORE,
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--latency",
    ]
    if load["script"]:
        command += ["-s", load["script"]]
    command.append(f"http://127.0.0.1:{port}{load['path']}")
    before = cpu_seconds(pid)
    text = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout
    spent = cpu_seconds(pid) - before
    if "Non-2xx" in text:
        sys.exit(f"{load['name']}: some answers were errors\n{text}")
    count = int(re.search(r"(\d+) requests in", text).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))

    def percentile(which):
        value, unit = re.search(
            rf"{which}%\s+([\d.]+)(us|ms|s)", text
        ).groups()
        return float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]

    return rate, percentile(50), percentile(99), spent * 1e6 / count


def make_loads(folder):
    def script(name, media, body):
        path = os.path.join(folder, name)
        with open(path + ".body", "wb") as file:
            file.write(body)
        with open(path + ".lua", "w", encoding="ascii") as file:
            file.write(
                LUA.format(method="POST", media=media, body=path + ".body")
            )
        return path + ".lua"

    with open(os.path.join(EXAMPLES, "seed.json"), "rb") as file:
        seed = file.read()
    rows = json.loads(seed)["sequence"]
    flat = struct.pack("<30f", *[x for row in rows for x in row])
    return [
        {"name": "GET /livez", "path": "/livez", "script": None},
        {
            "name": "POST /predict seed JSON",
            "path": "/predict",
            "script": script("json", "application/json", seed),
        },
        {
            "name": "POST /predict seed binary",
            "path": "/predict",
            "script": script("binary", "application/octet-stream", flat),
        },
    ]


def measure(servers, loads, options):
    """Medians by (server, load, connections); servers take turns."""
    samples = {}
    for _ in range(options.rounds):
        for connections in options.connections:
            for load in loads:
                for server in servers:
                    if server.name == "nginx" and load["script"]:
                        continue
                    key = (server.name, load["name"], connections)
                    samples.setdefault(key, []).append(
                        run_wrk(
                            server.port,
                            load,
                            connections,
                            options.seconds,
                            server.process.pid,
                        )
                    )
    return {
        key: [statistics.median(column) for column in zip(*rows)]
        for key, rows in samples.items()
    }


def show(medians, connections):
    print(
        f"{'load':28}{'c':>4}{'server':>8}{'req/s':>10}{'p50 us':>9}"
        f"{'p99 us':>9}{'cpu us':>8}{'req/nginx':>11}{'cpu/nginx':>11}"
    )
    for count in connections:
        base = medians[("nginx", "GET /livez", count)]
        for (name, load, c), row in medians.items():
            if c != count:
                continue
            print(
                f"{load:28}{c:>4}{name:>8}{row[0]:>10.0f}{row[1]:>9.0f}"
                f"{row[2]:>9.0f}{row[3]:>8.2f}{row[0] / base[0]:>11.2f}"
                f"{row[3] / base[3]:>11.2f}"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rnnd")
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", default="1,16")
    options = parser.parse_args()
    options.connections = [int(c) for c in options.connections.split(",")]
    for tool in ("wrk", "nginx", "taskset"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed")
    folder = tempfile.mkdtemp(prefix="rnnd-bench-")
    servers = []
    try:
        port = free_port()
        with open(
            os.path.join(folder, "nginx.conf"), "w", encoding="ascii"
        ) as file:
            file.write(NGINX.format(dir=folder, port=port))
        servers.append(
            Server(
                "nginx",
                ["nginx", "-c", os.path.join(folder, "nginx.conf")],
                port,
            )
        )
        servers.append(
            Server(
                "rnnd",
                [
                    options.rnnd,
                    "--threads",
                    "1",
                    "--listen",
                    "127.0.0.1:0",
                    os.path.join(EXAMPLES, "seed.keras"),
                ],
            )
        )
        time.sleep(0.5)
        print(
            f"rnnd: {servers[1].start_ms:.0f} ms from start to listening "
            f"(.keras), {resident_mb(servers[1].process.pid):.1f} MB idle"
        )
        show(
            measure(servers, make_loads(folder), options), options.connections
        )
        print(f"rnnd: {resident_mb(servers[1].process.pid):.1f} MB after")
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
