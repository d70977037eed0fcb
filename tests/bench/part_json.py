"""part_json.py: what bench_json prints, run over and over."""

import csv
import os
import subprocess

import place
import samples


def run(options, budget):
    folder = os.path.join(options.build, "tests", "bench")
    peers, missing = [], {}
    for name in ("yyjson", "simdjson", "simdjson_document"):
        path = os.path.join(folder, f"peer_{name}.so")
        if os.path.exists(path):
            peers.append(path)
        else:
            missing[name] = "not to be had or built here"
    table = {}
    for _ in budget.rounds():
        done = subprocess.run(
            place.pinned(
                place.CORE, os.path.join(folder, "bench_json"), *peers
            ),
            capture_output=True,
            text=True,
            check=True,
        )
        for row in csv.DictReader(done.stdout.splitlines()):
            key = tuple(
                row[name]
                for name in ("what", "size", "format", "bytes", "library")
            )
            samples.add(table, key, ns=float(row["ns"]))
        yield {
            "missing": missing,
            "rows": samples.as_rows(
                table, ("what", "size", "format", "bytes", "library")
            ),
        }
