#!/usr/bin/env python3
"""Conformance: random networks saved by live Keras, served by the real
daemon, asked over HTTP, and judged by two laws.

Law 1  max|ours - ref| <= max(1e-6 max(1, max|ref|), 2 max|Keras - ref|),
       maxima over one output tensor (the batch's, and that of every step);
       ref is Keras in float64, Keras the same in float32.  A network for
       which Keras itself is off by more than 1e-3 of its scale is counted
       apart, with its numbers.
Law 2  The same bits alone and in a batch, in JSON and binary, whole and cut
       into a session's calls, at every step, in every file format, on every
       instruction set.

Each network is saved as .keras and .h5 by Keras 3 and by Keras 2 (tf_keras).
The last line is `N passed, N failed`, one for each file.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from files import prepare_keras, make_case  # noqa: E402
from asker import Asker, Mismatch, expect_bits  # noqa: E402
from daemon import Client, Daemon, NotServing, Refused  # noqa: E402
from laws import Law1  # noqa: E402

import numpy as np  # noqa: E402

import random_networks  # noqa: E402


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Random Keras networks against the real daemon."
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="first index")
    parser.add_argument("--count", type=int, default=200, help="networks")
    parser.add_argument("--chunk", type=int, default=20, help="for one daemon")
    parser.add_argument(
        "--rnnd", default="build/release/rnnd", help="the daemon"
    )
    parser.add_argument(
        "--isa",
        default="",
        help="more daemons on these, as scalar,avx2: the same bits",
    )
    parser.add_argument("--keep", help="folder for the files of the networks")
    return parser.parse_args()


class Tally:
    def __init__(self):
        self.counts = {
            "exact": 0,
            "ill-conditioned": 0,
            "refused": 0,
            "wrong": 0,
        }
        self.notes = []
        self.margins = []  # error over bound, of what is exact
        self.requests = 0

    def add(self, verdict, case, file="", sentences=()):
        self.counts[verdict] += 1
        for sentence in sentences:
            print(f"{verdict}: n{case.index} {file}: {sentence}", flush=True)
        if verdict in ("refused", "wrong"):
            print(f"  {json.dumps(case.network)}", flush=True)

    def passed(self):
        return self.counts["exact"] + self.counts["ill-conditioned"]

    def failed(self):
        return self.counts["refused"] + self.counts["wrong"]


def ask_file(client, case, saved):
    """The asker with its first answers, which the others are held to."""
    rng = np.random.default_rng([case.index, len(saved.name)])
    asker = Asker(client, saved.name, case.x, case.free, case.timed, rng)
    asker.ask_first()
    return asker


def judge_file(client, case, saved, tally, first):
    """One file behind the daemon.  `first` is the asker of an earlier file
    that must give the same bits, or None.  Returns this one's asker."""
    law1 = Law1()
    try:
        asker = ask_file(client, case, saved)
    except (Refused, KeyError, ValueError) as error:
        tally.add("wrong", case, saved.label, [f"no answer: {error}"])
        return None
    expected = case.expected[saved.generation]
    law1.judge("batch", asker.outputs, expected.last)
    law1.judge("every step", asker.every, expected.every)
    problems = law1.wrong + asker.check_ways(case.parameters)
    if first is not None:
        try:
            expect_bits(asker.every, first.every, f"{first.name}'s bits")
        except Mismatch as error:
            problems.append(str(error))
    if problems:
        tally.add("wrong", case, saved.label, problems)
    elif law1.ill:
        tally.add("ill-conditioned", case, saved.label, law1.ill)
    else:
        tally.add("exact", case)
        tally.margins.append(law1.margin)
    return asker


def serve(program, cases, isa="auto"):
    paths = {saved.name: saved.path for case in cases for saved in case.files}
    return Daemon(program, paths, isa)


def drop_refused(program, cases, tally):
    """Ask one by one which files the daemon does not take, and go on
    without them."""
    for case in cases:
        kept = []
        for saved in case.files:
            try:
                Daemon(program, {saved.name: saved.path}).stop()
                kept.append(saved)
            except NotServing as error:
                tally.add("refused", case, saved.label, [str(error)])
        case.files = kept


def judge_chunk(program, cases, isas, tally):
    try:
        daemon = serve(program, cases)
    except NotServing:
        drop_refused(program, cases, tally)
        if not any(case.files for case in cases):
            return []
        daemon = serve(program, cases)
    client = Client(daemon.port)
    askers = []
    for case in cases:
        firsts = {}
        for saved in case.files:
            meaning = case.meaning(saved.generation)
            first = firsts.get(meaning)
            asker = judge_file(client, case, saved, tally, first)
            if asker is not None:
                firsts.setdefault(meaning, asker)
                askers.append((case, saved, asker))
    tally.requests += client.requests
    client.close()
    failures = stop(daemon)
    for isa in isas:
        failures += compare_isa(program, cases, isa, askers, tally)
    return failures


def stop(daemon):
    status = daemon.stop()
    if status == 0:
        return []
    return [f"the daemon ended with {status}: {''.join(daemon.said[-20:])}"]


def compare_isa(program, cases, isa, askers, tally):
    """A second daemon on another instruction set: the same bits."""
    failures = []
    daemon = serve(program, cases, isa)
    client = Client(daemon.port)
    for case, saved, asker in askers:
        try:
            other = ask_file(client, case, saved)
            expect_bits(other.outputs, asker.outputs, f"{isa}, batch")
            expect_bits(other.every, asker.every, f"{isa}, every step")
        except (Mismatch, Refused, KeyError, ValueError) as error:
            failures.append(f"n{case.index} {saved.label}: {error}")
    tally.requests += client.requests
    client.close()
    return failures + stop(daemon)


def can_run(isa):
    flags = pathlib.Path("/proc/cpuinfo").read_text().split()
    needed = {
        "avx2": ("avx2", "fma"),
        "avx512": ("avx512f", "avx512dq", "avx512bw", "avx512vl"),
        "neon": ("asimd",),
    }
    return all(flag in flags for flag in needed.get(isa, ()))


def chosen_isas(text):
    isas = []
    for isa in filter(None, text.split(",")):
        if can_run(isa):
            isas.append(isa)
        else:
            print(f"skipped: this CPU has no {isa}")
    return isas


def indices_of(arguments):
    """So many that `count` of them are networks for Keras 2 and 3 alike."""
    extra = arguments.count // (random_networks.ONLY_KERAS3_EVERY - 1)
    return range(arguments.first, arguments.first + arguments.count + extra)


def run(arguments, folder, tally):
    """Sentences on what failed beside the files."""
    isas = chosen_isas(arguments.isa)
    failures = []
    indices = indices_of(arguments)
    for begin in range(0, len(indices), arguments.chunk):
        started = time.monotonic()
        cases = [
            make_case(arguments.seed, index, folder)
            for index in indices[begin : begin + arguments.chunk]
        ]
        made = time.monotonic()
        failures += judge_chunk(arguments.rnnd, cases, isas, tally)
        asked = time.monotonic()
        print(
            f"networks {cases[0].index}..{cases[-1].index}:"
            f" {made - started:.0f} s in Keras, {asked - made:.0f} s asking;"
            f" {tally.passed()} passed, {tally.failed()} failed so far",
            flush=True,
        )
    return failures


def main():
    arguments = parse_arguments()
    indices = indices_of(arguments)
    print(
        f"conformance: seed {arguments.seed}, networks"
        f" {indices[0]}..{indices[-1]}",
        flush=True,
    )
    prepare_keras()
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.keep:
            folder = arguments.keep
            os.makedirs(folder, exist_ok=True)
        failures = run(arguments, folder, tally)
    for failure in failures:
        print(f"wrong: {failure}")
    for verdict, count in tally.counts.items():
        print(f"  {verdict:16}{count}")
    if tally.margins:
        print(
            f"  error over bound: median {np.median(tally.margins):.2f},"
            f" worst {max(tally.margins):.2f}; {tally.requests} requests"
        )
    failed = tally.failed() + len(failures)
    print(f"{tally.passed()} passed, {failed} failed")
    return 1 if failed or not tally.passed() else 0


if __name__ == "__main__":
    sys.exit(main())
