"""part_step.py: a timestep of each cell beside the limits of this core: what
bench_step and bench_batch print, kept.

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


def output(options, name, *arguments):
    program = os.path.join(options.build, "tests", "bench", name)
    return subprocess.run(
        place.pinned(place.CORE, program, "--csv", *arguments),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


# Batches of 32 are taken so often in a round: on a virtual machine the core's
# other thread, which is somebody else's, is busy for minutes at a time.
BATCH_TURNS = 4


def run(options, budget):
    # All instruction sets of this CPU; the short form takes the best of them.
    best = ["avx512"] if options.quick and place.has("avx512f") else []
    table, batches, limits = {}, {}, {}
    for _ in budget.rounds():
        read(output(options, "bench_step", *best), table, limits)
        for _ in range(1 if options.quick else BATCH_TURNS):
            read(output(options, "bench_batch", *best, "32"), batches, limits)
        read(output(options, "bench_batch", *best, "8"), batches, limits)
        yield {
            "limits": samples.as_rows(limits, ("isa",)),
            "rows": samples.as_rows(table, KEY),
            "batches": samples.as_rows(batches, KEY),
        }
