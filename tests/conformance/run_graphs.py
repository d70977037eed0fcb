#!/usr/bin/env python3
"""Conformance of graphs: random Functional and Sequential models of one
generation of Keras, served by the real daemon, asked over HTTP, and judged by
the two laws that run.py states.

    k3    the newest Keras         k30   Keras 3.0
    k2    tf_keras, Keras 2.2x     k212  Keras 2.12 with TensorFlow 2.12

Keras works in a process of its own environment (graph_worker.py); what it
cannot build or save it says, and that is counted apart.  A file that rnnd
refuses is counted by its sentence; it may be refused if Keras itself cannot
load it again, or has no answers to give: it raises for more sequences or
timesteps, or answers a batch otherwise than each of its sequences.  Weights
are drawn so that Keras' float64 numbers move by less than 2.5e-7 of their
scale when weights move by half a unit in their last place; where no weights
do, such a movement counts as Keras' own error.  A session whose state rnnd
calls no number is counted apart if float32 does not hold Keras' recurrent
states there either, whatever becomes of them in the outputs.  The last line
is `N passed, N failed`, one for each file.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))

import numpy as np  # noqa: E402

from asker import Mismatch, expect_bits  # noqa: E402
from daemon import Client, Daemon, NotServing, Refused  # noqa: E402
from graph_asker import GraphAsker  # noqa: E402
from laws import Answers, Law1  # noqa: E402

# generation -> environment, module
GENERATIONS = {
    "k3": ("build/venv-keras", "keras"),
    "k2": ("build/venv-keras", "tf_keras"),
    "k30": ("build/venv-k30", "keras"),
    "k212": ("build/venv-k212", "keras"),
}
LAYER_TABLE = HERE.parent.parent / "core/layers/layer.h"
# What blocks may need beside classes.
FEATURES = ("ops", "return_state")


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Random Keras graphs against the real daemon."
    )
    parser.add_argument("--generation", default="k3", choices=GENERATIONS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="first index")
    parser.add_argument("--count", type=int, default=200, help="graphs")
    parser.add_argument("--chunk", type=int, default=20, help="for one daemon")
    parser.add_argument("--rnnd", default="build/release/rnnd")
    parser.add_argument("--keep", help="folder for the files of the graphs")
    return parser.parse_args()


def known_classes():
    """The layers that rnnd has, as its table spells them without `_`."""
    names = re.findall(
        r"^ *XX\((\w+)\)", LAYER_TABLE.read_text(), re.MULTILINE
    )
    return {name.replace("_", "") for name in names}


class Worker:
    """Keras in its own environment and process."""

    def __init__(self, generation, seed, folder, classes):
        environment, module = GENERATIONS[generation]
        self.process = subprocess.Popen(
            [
                f"{environment}/bin/python",
                str(HERE / "graph_worker.py"),
                module,
                str(seed),
                folder,
                ",".join(sorted(classes)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.version = self.read()["version"]

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the worker with Keras ended early")
        return json.loads(line)

    def ask(self, lines):
        """Have these made while others are judged; read() says when."""
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def holds_state(self, index, sequence, steps):
        """Does float32 hold Keras' states of this graph there?"""
        self.ask([f"states {index}"])
        answer = self.read()
        return answer["finite"][sequence][steps - 1]

    def cannot_answer(self, index, path):
        """Why Keras cannot load the file of this graph, or has no answer to
        each sequence that is the same in any batch; None when it has."""
        self.ask([path])
        error = self.read().get("error")
        if error:
            return f"Keras cannot load it either: {error}"
        self.ask([f"undefined {index} {path}"])
        answer = self.read()
        if "error" in answer:
            return None
        why = answer.get("why")
        return f"Keras has no such answers either: {why}" if why else None

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Tally:
    """`start_loader` starts a Worker, when one is needed."""

    def __init__(self, start_loader):
        self.start_loader = start_loader
        self.loader = None
        self.counts = collections.Counter()
        self.refusals = collections.Counter()
        self.unbuilt = collections.Counter()
        self.blocks = collections.Counter()
        self.margins = []
        self.requests = 0

    def add(self, verdict, case, file, sentences=()):
        self.counts[verdict] += 1
        for sentence in sentences:
            print(
                f"{verdict}: g{case['index']} {file}: {sentence}", flush=True
            )
        if sentences:
            print(f"  {' '.join(case['blocks'])}", flush=True)

    def helper(self):
        self.loader = self.loader or self.start_loader()
        return self.loader

    def refuse(self, case, path, sentence):
        kind = re.sub(r'"[^"]*"', '"..."', sentence)
        kind = re.sub(r"\d+", "N", kind)
        self.refusals[kind] += 1
        reason = self.helper().cannot_answer(case["index"], path)
        sentences = [sentence, reason] if reason else [sentence]
        verdict = "may refuse" if reason else "refused"
        self.add(verdict, case, os.path.basename(path), sentences)

    def passed(self):
        good = ("exact", "ill-conditioned", "state overflows")
        return sum(self.counts[verdict] for verdict in good)

    def failed(self):
        return self.counts["refused"] + self.counts["wrong"]


class Numbers:
    """What the worker wrote beside a case."""

    def __init__(self, folder, case):
        path = os.path.join(folder, f"g{case['index']}.npz")
        self.numbers = dict(np.load(path))
        self.arrays = [self.numbers[f"x{i}"] for i in range(len(case["kinds"]))]

    def answers(self, output, ending=""):
        return Answers(
            self.numbers[f"reference{output}{ending}"],
            self.numbers[f"single{output}{ending}"],
        )

    def lengths(self):
        """The numbers of timesteps after which Keras was asked too."""
        return sorted(
            int(key.rpartition("_")[2])
            for key in self.numbers
            if key.startswith("reference0_")
        )


def name_of(path):
    return os.path.basename(path).replace(".", "-")


def judge_file(client, case, numbers, path, first, tally):
    """Returns the asker, whose bits the other file has to give too."""
    label = os.path.basename(path)
    rng = np.random.default_rng([case["index"], len(label)])
    law1 = Law1(case["moved"])
    try:
        asker = GraphAsker(client, name_of(path), case, numbers.arrays, rng)
        asker.batch = asker.ask_batch()
        for i, ours in enumerate(asker.batch):
            law1.judge(f"output {i}", ours, numbers.answers(i))
        for steps in numbers.lengths():
            for i, ours in enumerate(asker.ask_batch(steps)):
                expected = numbers.answers(i, f"_{steps}")
                law1.judge(f"output {i} after {steps}", ours, expected)
        problems = law1.wrong + asker.check_ways()
        overflow = asker.overflow and (
            "the state of sequence {} after {} steps is no number".format(
                *asker.overflow
            )
        )
        if overflow:
            # While Keras starts the daemon may give the connection up.
            client.close()
            if tally.helper().holds_state(case["index"], *asker.overflow):
                problems.append(f"check_carry: {overflow}, but Keras' is one")
        if first is not None:
            for i, ours in enumerate(asker.batch):
                expect_bits(ours, first.batch[i], f"{first.name}'s bits")
    except (Refused, Mismatch, KeyError, ValueError, TypeError) as error:
        tally.add("wrong", case, label, [f"{type(error).__name__}: {error}"])
        return None
    if problems:
        tally.add("wrong", case, label, problems)
    elif overflow:
        tally.add("state overflows", case, label, [overflow])
    elif law1.ill:
        tally.add("ill-conditioned", case, label, law1.ill)
    else:
        tally.add("exact", case, label)
        tally.margins.append(law1.margin)
    return asker


def start(program, paths):
    return Daemon(program, {name_of(path): path for path in paths})


def refusal(program, path):
    """What rnnd says of the file; None when it takes it."""
    done = subprocess.run(
        [program, "--check", path], capture_output=True, text=True, timeout=60
    )
    if done.returncode == 0:
        return None
    said = done.stderr.strip().replace("\n", " ")
    return said.removeprefix(f"rnnd: {path}: ")


def taken(program, cases, tally):
    """The daemon with every file that it takes; None when it takes none."""
    paths = [path for case in cases for path in case["files"]]
    try:
        return start(program, paths)
    except NotServing:
        pass
    for case in cases:
        kept = []
        for path in case["files"]:
            sentence = refusal(program, path)
            if sentence is None:
                kept.append(path)
            else:
                tally.refuse(case, path, sentence)
        case["files"] = kept
    paths = [path for case in cases for path in case["files"]]
    return start(program, paths) if paths else None


def judge_chunk(program, folder, cases, tally):
    daemon = taken(program, cases, tally)
    if daemon is None:
        return []
    client = Client(daemon.port)
    for case in cases:
        numbers = Numbers(folder, case)
        first = None
        for path in case["files"]:
            asker = judge_file(client, case, numbers, path, first, tally)
            first = first or asker
    tally.requests += client.requests
    client.close()
    status = daemon.stop()
    if status == 0:
        return []
    return [f"the daemon ended with {status}: {''.join(daemon.said[-20:])}"]


def collect(worker, indices, tally):
    """The cases of these graphs that Keras could build and save."""
    cases = []
    for _ in indices:
        case = worker.read()
        if "error" in case:
            tally.unbuilt[case["error"]] += 1
            print(f"not built: g{case['index']}: {case['error']}", flush=True)
            for line in case["trace"]:
                print(f"  {line.strip()}")
            continue
        for reason in case["unsaved"]:
            tally.unbuilt[reason] += 1
            print(f"not saved: g{case['index']}: {reason}", flush=True)
        tally.blocks.update(set(case["blocks"]))
        cases.append(case)
    return cases


def forget(folder, cases):
    for case in cases:
        for path in pathlib.Path(folder).glob(f"g{case['index']}.*"):
            path.unlink()


def run(arguments, worker, folder, tally):
    """Sentences on what failed beside the files."""
    indices = range(arguments.first, arguments.first + arguments.count)
    print(
        f"conformance of graphs: Keras {worker.version}, seed"
        f" {arguments.seed}, graphs {indices[0]}..{indices[-1]}",
        flush=True,
    )
    worker.ask(indices)
    failures = []
    for begin in range(0, len(indices), arguments.chunk):
        chunk = indices[begin : begin + arguments.chunk]
        started = time.monotonic()
        cases = collect(worker, chunk, tally)
        made = time.monotonic()
        if cases:
            failures += judge_chunk(arguments.rnnd, folder, cases, tally)
        if not arguments.keep:
            forget(folder, cases)
        print(
            f"graphs {chunk[0]}..{chunk[-1]}: {made - started:.0f} s waiting"
            f" for Keras, {time.monotonic() - made:.0f} s asking;"
            f" {tally.passed()} passed, {tally.failed()} failed so far",
            flush=True,
        )
    return failures


def report(tally):
    for verdict, count in sorted(tally.counts.items()):
        print(f"  {verdict:16}{count}")
    for title, counter in (
        ("refused", tally.refusals),
        ("not built or not saved by Keras", tally.unbuilt),
    ):
        for sentence, count in counter.most_common():
            print(f"  {count} x {title}: {sentence[:300]}")
    drawn = ", ".join(f"{k} {n}" for k, n in sorted(tally.blocks.items()))
    print(f"  graphs with: {drawn}")
    if tally.margins:
        print(
            f"  error over bound: median {np.median(tally.margins):.2f},"
            f" worst {max(tally.margins):.2f}; {tally.requests} requests"
        )


def main():
    arguments = parse_arguments()
    classes = known_classes().union(FEATURES)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.keep:
            folder = arguments.keep
            os.makedirs(folder, exist_ok=True)

        def start_worker():
            return Worker(
                arguments.generation, arguments.seed, folder, classes
            )

        worker, tally = start_worker(), Tally(start_worker)
        failures = run(arguments, worker, folder, tally)
        worker.stop()
        if tally.loader:
            tally.loader.stop()
    for failure in failures:
        print(f"wrong: {failure}")
    report(tally)
    failed = tally.failed() + len(failures)
    print(f"{tally.passed()} passed, {failed} failed")
    return 1 if failed or not tally.passed() else 0


if __name__ == "__main__":
    sys.exit(main())
