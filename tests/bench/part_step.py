"""part_step.py: a timestep of each cell beside the limits of this core: what
bench_step prints, kept.

Each run measures the limits anew; the best of a run stands for it, since a
limit is what happens when nobody disturbs.
"""

import csv
import os
import re
import subprocess

import place
import samples

KEY = ("isa", "cell", "D", "M", "batch")


def read(text, table, limits):
    for line in text.splitlines():
        found = re.match(r"# clock ([\d.]+) GHz", line)
        if found:
            samples.add(limits, ("clock",), ghz=float(found.group(1)))
        found = re.match(
            r"# (\w+): 16K (\d+), 256K (\d+), 4M (\d+); peak (\d+)", line
        )
        if found:
            isa, *figures = found.groups()
            names = ("L1", "L2", "L3", "peak")
            samples.add(
                limits, (isa,), **dict(zip(names, map(float, figures)))
            )
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    for row in csv.DictReader(rows):
        key = tuple(row[name] for name in KEY)
        samples.add(
            table,
            key,
            **{name: float(row[name]) for name in row if name not in KEY},
        )


def run(options, budget):
    program = os.path.join(options.build, "tests", "bench", "bench_step")
    # All instruction sets of this CPU; the short form takes the best of them.
    best = ["avx512"] if options.quick and place.has("avx512f") else []
    table, limits = {}, {}
    for _ in budget.rounds():
        # Batch 1 and 32 are in the goals.
        for batch in ("1", "32", "8"):
            done = subprocess.run(
                place.pinned(place.CORE, program, "--csv", *best, batch),
                capture_output=True,
                text=True,
                check=True,
            )
            read(done.stdout, table, limits)
        yield {
            "limits": samples.as_rows(limits, ("isa",)),
            "rows": samples.as_rows(table, KEY),
        }
