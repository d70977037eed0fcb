#!/usr/bin/env python3
"""bench.py: measure rnnd beside what a user could run instead.

    bench.py [--build build/release] [--part NAME] [--quick] [--minutes N]
             [--resume]

Parts, in the order of what they say for the time they take:

    step      a timestep of each cell, beside the limits of this core
    json      tensors in and out, beside cJSON, yyjson and simdjson
    start     from start to first answer, memory, bytes of a session
    http      requests over HTTP, beside nginx, FastAPI and Triton
    compute   whole calls, beside ONNX Runtime, TensorFlow, LiteRT, PyTorch
              and oneDNN
    scale     cost against timesteps, units, batch, sessions, connections
    store     steps of sessions that are kept, for each durability
    recovery  opening a store of so many sessions
    load      a large .h5: time and memory

Each part has a share of the minutes and takes as many rounds as fit; figures
are medians of rounds in which all take turns.  What is installed or converted
once comes before and does not count, nor does the half minute in which peers
start.  Results go to build/bench/PART.json as they come, so a run that is
stopped loses little; --resume leaves parts alone that are complete.  report.py
makes BENCHMARKS.md of them.
"""

import argparse
import importlib
import os
import sys
import time

import place
import samples

# part: share of the time; a part may end earlier
SHARES = {
    "step": 9,
    "json": 3,
    "start": 5,
    "http": 42,
    "compute": 22,
    "scale": 11,
    "store": 4,
    "recovery": 2,
    "load": 2,
}
QUICK_PARTS = ("step", "json", "start", "http", "compute", "scale")
MINUTES, QUICK_MINUTES = 45, 5
MOST_ROUNDS = 15


def measure(part, options, seconds):
    module = importlib.import_module(f"part_{part}")
    if hasattr(module, "prepare"):
        module.prepare(options)
    begin = time.monotonic()
    place.say(f"{part}: up to {seconds:.0f} s")
    budget = samples.Budget(seconds, MOST_ROUNDS)
    about = {
        "part": part,
        "machine": place.describe(),
        "quick": options.quick,
        "complete": False,
    }
    result = {}
    for result in module.run(options, budget):
        about["rounds"] = budget.finished
        about["seconds"] = round(time.monotonic() - begin)
        place.save(part, {**about, **result})
    complete = bool(result.get("rows") or result.get("text"))
    about.update(complete=complete, rounds=max(budget.finished, 1))
    place.save(part, {**about, **result})
    place.say(
        f"{part}: {about['rounds']} rounds, {time.monotonic() - begin:.0f} s"
    )


def is_done(part, options):
    kept = place.load(part)
    return (
        kept is not None
        and kept["complete"]
        and (options.quick or not kept["quick"])
    )


def choose(options):
    """The parts to run, with their seconds."""
    names = [options.part] if options.part else list(SHARES)
    if options.quick and not options.part:
        names = list(QUICK_PARTS)
    if options.resume:
        names = [name for name in names if not is_done(name, options)]
    minutes = options.minutes or (QUICK_MINUTES if options.quick else MINUTES)
    total = sum(SHARES[name] for name in names) or 1
    whole = 60 * minutes
    if options.part and not options.minutes:
        whole *= SHARES[options.part] / sum(SHARES.values())
    return {name: whole * SHARES[name] / total for name in names}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--part", choices=list(SHARES))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--minutes", type=float)
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.rnnd = os.path.join(options.build, "rnnd")
    os.sched_setaffinity(0, {place.ASKER_CORE})
    parts = choose(options)
    place.say(
        f"bench: {', '.join(parts) or 'nothing left to do'}; at most"
        f" {sum(parts.values()) / 60:.3g} minutes, beside what the peers take"
        " to be installed once, and to start"
    )
    failed = []
    for part, seconds in parts.items():
        try:
            measure(part, options, seconds)
        except (Exception, SystemExit) as error:
            place.say(f"{part}: {type(error).__name__}: {error}")
            failed.append(part)
    if failed:
        sys.exit(f"bench: not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
