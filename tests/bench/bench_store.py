#!/usr/bin/env python3
"""bench_store.py: steps of sessions a second, for each durability.

wrk (one thread, pinned to a core of its own) posts one row to one of 1000
sessions of the seed model at a time, without `step`; the daemons, one for each
durability and one with sessions in memory alone, take turns for ROUNDS rounds,
and medians are printed.  The state directory is in DIR (the current folder):
what fsync costs is what the disk under it costs.

    bench_store.py RNND [--seconds 2] [--rounds 3] [--connections 1,16,128]
                   [--dir DIR]
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import urllib.request

import bench_http

SESSIONS = 1000
LUA = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local row = '", "sequence": [[0.25,-0.5,0.125]]}}'
request = function()
  local body = '{{"session": "s' .. math.random(0, {last}) .. row
  return wrk.format(nil, "/predict", nil, body)
end
"""


def make_sessions(port):
    for i in range(SESSIONS):
        urllib.request.urlopen(
            urllib.request.Request(
                f"http://127.0.0.1:{port}/sessions",
                data=f'{{"id": "s{i}"}}'.encode(),
                headers={"Content-Type": "application/json"},
            ),
            timeout=30,
        ).close()


def start(rnnd, folder, durability):
    command = [rnnd, "--threads", "1", "--listen", "127.0.0.1:0"]
    if durability != "memory":
        command += ["--state-dir", os.path.join(folder, durability)]
        command += ["--durability", durability]
    command.append(os.path.join(bench_http.EXAMPLES, "seed.keras"))
    server = bench_http.Server(durability, command)
    make_sessions(server.port)
    return server


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rnnd")
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", default="1,16,128")
    parser.add_argument("--dir", default=".")
    options = parser.parse_args()
    for tool in ("wrk", "taskset"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed")
    folder = tempfile.mkdtemp(prefix="rnnd-bench-", dir=options.dir)
    script = os.path.join(folder, "step.lua")
    servers, samples = [], {}
    try:
        with open(script, "w", encoding="ascii") as file:
            file.write(LUA.replace("{{", "{").replace("}}", "}")
                       .replace("{last}", str(SESSIONS - 1)))
        load = {"name": "step", "path": "/predict", "script": script}
        for durability in ("memory", "async", "step", "fsync"):
            servers.append(start(options.rnnd, folder, durability))
        for _ in range(options.rounds):
            for count in map(int, options.connections.split(",")):
                for server in servers:
                    samples.setdefault((count, server.name), []).append(
                        bench_http.run_wrk(
                            server.port,
                            load,
                            count,
                            options.seconds,
                            server.process.pid,
                        )
                    )
        print(
            f"{'c':>4}{'store':>8}{'steps/s':>10}{'p50 us':>9}{'p99 us':>9}"
            f"{'cpu us':>8}"
        )
        for (count, name), rows in samples.items():
            row = [statistics.median(column) for column in zip(*rows)]
            print(
                f"{count:>4}{name:>8}{row[0]:>10.0f}{row[1]:>9.0f}"
                f"{row[2]:>9.0f}{row[3]:>8.2f}"
            )
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
