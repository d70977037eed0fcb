"""One served graph, asked in every way that api.md sections 1 and 2 know:
any number of inputs and outputs.

The answers to the batch, and to the beginnings of its sequences, are held to
Keras' numbers (law 1, in run_graphs.py); every other way to ask must give
their very bits (law 2).
"""

import numpy as np

from asker import Mismatch, cuts, expect, expect_bits
from daemon import Refused, from_json


class GraphAsker:
    """`case` is what graph_worker.py said, `arrays` its inputs."""

    def __init__(self, client, name, case, arrays, rng):
        self.client = client
        self.name = name
        self.case = case
        self.arrays = arrays
        self.timed = [kind != "vector" for kind in case["kinds"]]
        self.rng = rng
        self.steps = case["steps"]
        self.count = len(arrays[0])
        self.about = client.get(f"/models/{name}")
        self.streams = self.about["streams"]
        self.names = [each["name"] for each in self.about["inputs"]]
        # That of a Sequential is called as its version of Keras likes.
        self.called = case["names"] if all(case["names"]) else self.names
        self.ends = [each["name"] for each in self.about["outputs"]]
        self.batch = None  # [N, ...] for each output
        self.overflow = None  # (sequence, timesteps) whose state is none

    def coin(self):
        return bool(self.rng.integers(2))

    # ---- one question -------------------------------------------------------
    def sample(self, n, rows=slice(None)):
        """Sequence n, of those timesteps, by input."""
        return [
            x[n, rows] if timed else x[n]
            for x, timed in zip(self.arrays, self.timed, strict=True)
        ]

    def named(self, sample):
        return dict(zip(self.called, map(plain, sample), strict=True))

    def tensors(self, output):
        """The outputs of one answer, or None while a window fills."""
        if output is None:
            return None
        if len(self.ends) == 1:
            return [output]
        expect(
            sorted(output) == sorted(self.ends),
            f"outputs {sorted(output)}, not {sorted(self.ends)}",
        )
        return [output[name] for name in self.ends]

    def ask(self, sample, **fields):
        """The document that answers one sample, in JSON."""
        if len(sample) == 1 and self.coin():
            fields["sequence"] = plain(sample[0])
        else:
            fields["inputs"] = self.named(sample)
        return self.client.ask(model=self.name, **fields)

    def ask_one(self, sample, **fields):
        tensors = self.tensors(self.ask(sample, **fields)["output"])
        return [from_json(each) for each in tensors]

    def ask_many(self, samples, **fields):
        """The outputs of each sample."""
        if len(self.names) == 1 and self.coin():
            fields["sequences"] = [plain(each[0]) for each in samples]
        else:
            fields["inputs"] = [self.named(each) for each in samples]
        answer = self.client.ask(model=self.name, **fields)["outputs"]
        expect(len(answer) == len(samples), f"{len(answer)} answers")
        return [
            [from_json(each) for each in self.tensors(one)] for one in answer
        ]

    def is_binary(self):
        return len(self.names) == 1 and len(self.ends) == 1

    def expect_all(self, ours, wanted, what):
        expect(len(ours) == len(wanted), f"{what}: {len(ours)} outputs")
        for i, (a, b) in enumerate(zip(ours, wanted, strict=True)):
            expect_bits(a, b, f"{what}, output {i}")

    # ---- what law 1 judges --------------------------------------------------
    def ask_batch(self, steps=None):
        """Each output of all sequences, cut off after `steps`."""
        rows = slice(None, steps)
        answers = self.ask_many(
            [self.sample(n, rows) for n in range(self.count)]
        )
        return [np.stack(each) for each in zip(*answers, strict=True)]

    # ---- without a session --------------------------------------------------
    def check_description(self):
        case = self.case
        expect(
            self.about["parameters"] == case["parameters"],
            f"parameters {self.about['parameters']},"
            f" not {case['parameters']}",
        )
        expect(
            sorted(self.names) == sorted(self.called),
            f"inputs {self.names}, not {self.called}",
        )
        wanted = case["outputs"]
        if wanted and len(set(wanted)) == len(wanted):
            expect(
                self.ends == wanted, f"outputs {self.ends}, not {wanted}"
            )
        for n, each in enumerate(self.about["outputs"]):
            rank = self.batch[n].ndim - 1
            expect(
                len(each["shape"]) == rank,
                f"output {n} has shape {each['shape']}",
            )

    def check_alone(self):
        for n in range(self.count):
            wanted = [each[n] for each in self.batch]
            sample = self.sample(n)
            self.expect_all(self.ask_one(sample), wanted, "alone")
            if self.is_binary():
                _, raw = self.client.ask_binary(sample[0], model=self.name)
                expect_bits(raw, wanted[0], "binary, alone")
        if self.is_binary():
            _, raw = self.client.ask_binary(
                self.arrays[0], model=self.name, batch=self.count
            )
            expect_bits(raw, self.batch[0], "binary batch")

    def check_ragged(self):
        """Sequences of several lengths in one batch, where T is free."""
        if not self.case["free"]:
            return
        lengths = self.rng.integers(1, self.steps + 1, self.count)
        samples = [
            self.sample(n, slice(None, length))
            for n, length in enumerate(lengths)
        ]
        answers = self.ask_many(samples)
        for sample, ours, length in zip(
            samples, answers, lengths, strict=True
        ):
            alone = self.ask_one(sample)
            self.expect_all(ours, alone, f"ragged batch, T {length}")

    def check_every_step(self):
        if not self.streams:
            self.expect_refusal("every_step", every_step=True)
            return
        samples = [self.sample(n) for n in range(self.count)]
        answers = self.ask_many(samples, every_step=True)
        for n, every in enumerate(answers):
            for i, output in enumerate(every):
                whole = self.batch[i][n]
                same = whole if self.has_time(i) else whole[np.newaxis]
                expect_bits(
                    output[-len(same) :], same, f"end of every step, {i}"
                )
        self.check_each_step(answers)

    def check_each_step(self, answers):
        """Each step is the answer to the sequence that ends there."""
        n = int(self.rng.integers(self.count))
        if not self.case["free"]:
            return
        for step in range(self.steps):
            begun = self.ask_one(self.sample(n, slice(None, step + 1)))
            for i, output in enumerate(answers[n]):
                ours = output[: step + 1] if self.has_time(i) else output[step]
                expect_bits(ours, begun[i], f"step {step}, output {i}")

    def has_time(self, output):
        """Does the output have the timesteps of the input, in a model that
        streams?  Then every one of them has a row."""
        return self.about["outputs"][output]["shape"][0] is None or (
            self.batch[output].ndim > 2
            and self.batch[output].shape[1] == self.steps
        )

    def expect_refusal(self, what, **fields):
        try:
            self.ask(self.sample(0), **fields)
        except Refused as error:
            expect(": 422 " in str(error), f"{what}: {error}")
            return
        raise Mismatch(f"{what} was not refused, but the model is whole")

    # ---- sessions -----------------------------------------------------------
    def call(self, sample, **fields):
        """One call of a session, in JSON or binary by chance: outputs (None
        while a window fills), step, filled."""
        if not self.is_binary() or self.coin():
            answer = self.ask(sample, **fields)
            session = answer["session"]
            outputs = self.tensors(answer["output"])
            return outputs, session["step"], session.get("window_filled")
        headers, output = self.client.ask_binary(
            sample[0], model=self.name, **fields
        )
        filled = headers.get("X-Window-Filled")
        return (
            None if output is None else [output],
            int(headers["X-Session-Step"]),
            None if filled is None else int(filled),
        )

    def check_carry(self):
        session = f"{self.name}-carry"
        if not self.streams:
            self.expect_refusal("carry", session=session, start=True)
            return
        n = int(self.rng.integers(self.count))
        every = self.ask_one(self.sample(n), every_step=True)
        fields = {"start": True}
        for begin, end in cuts(self.rng, self.steps):
            each = self.coin()
            if self.coin():
                fields["step"] = begin
            if end == self.steps:
                fields["end"] = True
            try:
                ours, step, _ = self.call(
                    self.sample(n, slice(begin, end)),
                    session=session,
                    every_step=each,
                    **fields,
                )
            except Refused as error:
                if "state of the session is not finite" not in str(error):
                    raise
                self.overflow = n, end
                return
            for i, output in enumerate(ours):
                rows = each or self.has_time(i)
                wanted = every[i][begin:end] if rows else every[i][end - 1]
                expect_bits(
                    from_json(output), wanted, f"carry {begin}..{end}, {i}"
                )
            expect(step == end, f"carry: step {step}, not {end}")
            fields = {}

    def check_window(self):
        window = self.steps
        if self.case["free"]:
            window = int(self.rng.integers(1, self.steps + 1))
        joined = [
            np.concatenate(list(x))[: 2 * window + 3] if timed else x[0]
            for x, timed in zip(self.arrays, self.timed, strict=True)
        ]
        total = min(
            len(x) for x, timed in zip(joined, self.timed) if timed
        )

        def rows(begin, end):
            return [
                x[begin:end] if timed else x
                for x, timed in zip(joined, self.timed, strict=True)
            ]

        wanted = self.ask_many(
            [rows(e - window, e) for e in range(window, total + 1)]
        )
        fields = {"start": True, "mode": "window"}
        if self.case["free"] or self.coin():
            fields["window"] = window
        for begin, end in cuts(self.rng, total):
            if end == total:
                fields["end"] = True
            each = self.coin()
            ours, step, filled = self.call(
                rows(begin, end),
                session=f"{self.name}-window",
                every_step=each,
                **fields,
            )
            what = f"window {window}, rows {begin}..{end}"
            expect(step == end, f"{what}: step {step}")
            expect(filled == min(end, window), f"{what}: filled {filled}")
            first = max(begin + 1, window)
            if each:
                full = wanted[first - window : max(0, end - window + 1)]
                self.expect_windows(ours, full, what)
            elif end < window:
                expect(ours is None, f"{what}: an answer before it is full")
            else:
                expect(ours is not None, f"{what}: no answer")
                self.expect_all(
                    [from_json(y) for y in ours], wanted[end - window], what
                )
            fields = {}

    def expect_windows(self, ours, wanted, what):
        """Answers for each new timestep; null, or left out, while filling."""
        for i, output in enumerate(ours or []):
            full = [row for row in output if row is not None]
            expect(
                len(full) == len(wanted),
                f"{what}: {len(full)} answers, not {len(wanted)}",
            )
            for row, each in zip(full, wanted, strict=True):
                expect_bits(from_json(row), each[i], f"{what}, each step")
        expect(ours is not None or not wanted, f"{what}: no answers")

    # ---- all of it ----------------------------------------------------------
    def check_ways(self):
        """Every way to ask; a list of sentences, empty when all agree."""
        problems = []
        for check in (
            self.check_description,
            self.check_alone,
            self.check_ragged,
            self.check_every_step,
            self.check_carry,
            self.check_window,
        ):
            try:
                check()
            except (
                Mismatch,
                Refused,
                KeyError,
                TypeError,
                ValueError,
                IndexError,
            ) as error:
                problems.append(
                    f"{check.__name__}: {type(error).__name__}: {error}"
                )
        return problems


def plain(array):
    """Lists of numbers: ids as whole ones, floats by their shortest digits."""
    if np.issubdtype(array.dtype, np.integer):
        return array.tolist()
    return array.astype(str).astype(float).tolist()
