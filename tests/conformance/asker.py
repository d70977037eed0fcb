"""One served model, asked in every way that api.md sections 1 and 2 know.

Law 1 is judged on the stateless answers; law 2 says that every other way to
ask gives their very bits.
"""

import numpy as np

from daemon import Refused, from_json


class Mismatch(Exception):
    """A sentence that says what differs."""


def expect(condition, sentence):
    if not condition:
        raise Mismatch(sentence)


def expect_bits(ours, wanted, what):
    ours, wanted = np.asarray(ours), np.asarray(wanted)
    expect(
        ours.shape == wanted.shape,
        f"{what}: shape {ours.shape}, not {wanted.shape}",
    )
    different = ours.view(np.uint32) != wanted.view(np.uint32)
    if different.any():
        where = tuple(int(i[0]) for i in np.nonzero(different))
        raise Mismatch(
            f"{what}: {different.sum()} of {ours.size} numbers differ, the"
            f" first at {where}: {ours[where]!r}, not {wanted[where]!r}"
        )


def cuts(rng, length):
    """Random pieces (begin, end) of 0..length."""
    begin = 0
    while begin < length:
        end = begin + int(rng.integers(1, max(2, length // 2 + 1)))
        end = min(end, length)
        yield begin, end
        begin = end


class Asker:
    """`x` is the batch N x T x D; `free` says that T is; `timed` that the
    output has a time axis."""

    def __init__(self, client, name, x, free, timed, rng):
        self.client = client
        self.name = name
        self.x = x
        self.free = free
        self.timed = timed
        self.rng = rng
        self.outputs = None  # of the batch, N x K or N x T x K
        self.every = None  # N x T x K

    def json(self, **fields):
        return self.client.ask(model=self.name, **fields)

    def binary(self, x, **fields):
        return self.client.ask_binary(x, model=self.name, **fields)

    def coin(self):
        return bool(self.rng.integers(2))

    # ---- without a session --------------------------------------------------
    def ask_first(self):
        """The answers that law 1 judges and the others must equal."""
        answer = self.json(sequences=self.x)
        self.outputs = from_json(answer["outputs"])
        every = [
            self.json(sequence=x, every_step=True)["output"] for x in self.x
        ]
        self.every = from_json(every)

    def check_description(self, parameters):
        about = self.client.get(f"/models/{self.name}")
        expect(
            about["parameters"] == parameters,
            f"parameters {about['parameters']}, not {parameters}",
        )
        expect(about["streams"] is True, "it is said not to stream")
        timesteps = None if self.free else self.x.shape[1]
        shape = [timesteps, self.x.shape[2]]
        (only,) = about["inputs"]
        expect(
            only["shape"] == shape, f"input shape {only['shape']}, not {shape}"
        )
        x = self.x[0]
        answer = self.json(inputs={only["name"]: x})["output"]
        expect_bits(from_json(answer), self.outputs[0], "named input")

    def check_stateless(self):
        for x, wanted in zip(self.x, self.outputs, strict=True):
            alone = self.json(sequence=x)["output"]
            expect_bits(from_json(alone), wanted, "JSON, one by one")
            _, raw = self.binary(x)
            expect_bits(raw, wanted, "binary, one by one")
        _, raw = self.binary(self.x, batch=len(self.x))
        expect_bits(raw, self.outputs, "binary batch")
        if self.x.shape[2] == 1:
            flat = self.json(sequence=self.x[0, :, 0])["output"]
            expect_bits(from_json(flat), self.outputs[0], "T numbers")

    def check_every_step(self):
        if not self.timed:
            expect_bits(self.every[:, -1], self.outputs, "last of every step")
        else:
            expect_bits(self.every, self.outputs, "every step of a timed one")
        answer = self.json(sequences=self.x, every_step=True)["outputs"]
        expect_bits(from_json(answer), self.every, "every step, batch")
        _, raw = self.binary(self.x[0], every_step=True)
        expect_bits(raw, self.every[0], "every step, binary")

    def check_lengths(self):
        """Sequences of several lengths in one batch, where T is free."""
        if not self.free:
            return
        lengths = self.rng.integers(1, self.x.shape[1] + 1, len(self.x))
        pieces = [self.x[i, :n] for i, n in enumerate(lengths)]
        answers = self.json(sequences=pieces)["outputs"]
        expect(len(answers) == len(pieces), f"{len(answers)} answers")
        for i, n in enumerate(lengths):
            every, answer = self.every[i], answers[i]
            wanted = every[:n] if self.timed else every[n - 1]
            expect_bits(from_json(answer), wanted, f"ragged batch, T {n}")

    # ---- sessions -----------------------------------------------------------
    def step(self, rows, **fields):
        """One call of a session, in JSON or binary by chance: output, step,
        filled."""
        if self.coin():
            answer = self.json(sequence=rows, **fields)
            session = answer["session"]
            output = answer["output"]
            return output, session["step"], session.get("window_filled")
        headers, output = self.binary(rows, **fields)
        filled = headers.get("X-Window-Filled")
        return (
            output,
            int(headers["X-Session-Step"]),
            None if filled is None else int(filled),
        )

    def check_carry(self):
        which = int(self.rng.integers(len(self.x)))
        x, every = self.x[which], self.every[which]
        fields = {"session": f"{self.name}-carry", "start": True}
        for begin, end in cuts(self.rng, len(x)):
            each = self.coin()
            if self.coin():
                fields["step"] = begin
            if end == len(x):
                fields["end"] = True
            output, step, _ = self.step(
                x[begin:end], every_step=each, **fields
            )
            whole = each or self.timed
            wanted = every[begin:end] if whole else every[end - 1]
            expect_bits(from_json(output), wanted, f"carry {begin}..{end}")
            expect(step == end, f"carry: step {step}, not {end}")
            fields = {"session": f"{self.name}-carry"}

    def check_window(self):
        timesteps = self.x.shape[1]
        window = timesteps
        if self.free:
            window = int(self.rng.integers(1, timesteps + 1))
        rows = np.concatenate(list(self.x))[: 2 * window + 3]
        windows = [
            rows[end - window : end] for end in range(window, len(rows) + 1)
        ]
        wanted = from_json(self.json(sequences=windows)["outputs"])
        fields = {"start": True, "mode": "window"}
        if self.free or self.coin():
            fields["window"] = window
        session = f"{self.name}-window"
        for begin, end in cuts(self.rng, len(rows)):
            if end == len(rows):
                fields["end"] = True
            each = self.coin()
            output, step, filled = self.step(
                rows[begin:end], session=session, every_step=each, **fields
            )
            expect(step == end, f"window: step {step}, not {end}")
            expect(
                filled == min(end, window),
                f"window_filled {filled}, not {min(end, window)}",
            )
            what = f"window {window}, rows {begin}..{end}"
            if each:
                first = max(begin + 1, window)
                self.expect_rows(
                    output,
                    wanted[first - window : end - window + 1]
                    if end >= window
                    else wanted[:0],
                    what,
                )
            elif end < window:
                expect(output is None, f"{what}: an answer before it is full")
            else:
                expect(output is not None, f"{what}: no answer")
                expect_bits(from_json(output), wanted[end - window], what)
            fields = {}

    def expect_rows(self, output, wanted, what):
        """Answers for each new timestep; null, or left out, while filling."""
        if output is None:
            output = []
        rows = [row for row in output if row is not None]
        expect(
            len(rows) == len(wanted),
            f"{what}: {len(rows)} answers, not {len(wanted)}",
        )
        for row, each in zip(rows, wanted, strict=True):
            expect_bits(from_json(row), each, f"{what}, every step")

    # ---- all of it ----------------------------------------------------------
    def check_ways(self, parameters):
        """Every way to ask; a list of sentences, empty when all agree."""
        problems = []
        for check in (
            lambda: self.check_description(parameters),
            self.check_stateless,
            self.check_every_step,
            self.check_lengths,
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
            ) as error:
                problems.append(f"{type(error).__name__}: {error}")
        return problems
