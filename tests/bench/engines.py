"""engines.py: programs that compute a model, all on one core, in turns.

Each is a process that does as it is told line by line (worker.h); one that
cannot be started or gives another answer than ours is left out, aloud.
"""

import os
import subprocess

import place

OURS = "rnnd"
TOLERANCE = 2e-5  # absolute, of outputs below 1


class Engine:
    def __init__(self, name, command):
        self.name, self.cases, self.ended = name, set(), False
        os.makedirs(place.RESULTS, exist_ok=True)
        with open(os.path.join(place.RESULTS, name + ".log"), "wb") as log:
            self.process = subprocess.Popen(
                place.pinned(place.CORE, *command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )

    def ask(self, line):
        """The words of the answer; None after an error, said aloud once."""
        if self.ended:
            return None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            words = self.process.stdout.readline().split()
        except BrokenPipeError:
            words = []
        self.ended = not words
        if self.ended or words[0] == "error":
            place.say(f"{self.name}: {line}: {' '.join(words) or 'it ended'}")
            return None
        return words

    def add(self, number, path, numbers, batch, timesteps):
        """The first outputs, or None."""
        words = self.ask(f"add {number} {path} {numbers} {batch} {timesteps}")
        if not words:
            return None
        self.cases.add(number)
        return [float(word) for word in words[1:]]

    def time(self, number, ms):
        """CPU ns, elapsed ns of a call; None where it cannot."""
        if number not in self.cases:
            return None
        words = self.ask(f"time {number} {ms}")
        if not words:
            self.cases.discard(number)
            return None
        return float(words[0]), float(words[1])

    def stop(self):
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


PYTHON = {
    "onnxruntime": "bench",
    "tensorflow": "bench",
    "litert": "bench",
    "torch": "torch",
}


def versions():
    """What a pinned requirement says of each peer."""
    found = {}
    for file in place.VENVS.values():
        with open(os.path.join(place.HERE, file), encoding="ascii") as lines:
            for line in lines:
                name, _, version = line.strip().partition("==")
                if version:
                    found[name] = version
    found["litert"] = found.get("ai-edge-litert", "")
    return found


def install():
    for name in dict.fromkeys(PYTHON.values()):
        place.venv(name)


def convert(cases):
    """Make the .tflite files of (model, batch, timesteps) that are not there,
    all in one process."""
    lacking = [
        f"{os.path.join(place.MODELS, model)} {batch} {steps}"
        for model, batch, steps in cases
        if not os.path.exists(
            f"{os.path.join(place.MODELS, model)}-{batch}-{steps}.tflite"
        )
    ]
    if not lacking or place.venv("bench") is None:
        return
    place.say(f"  {len(lacking)} models are converted for LiteRT, once")
    subprocess.run(
        [
            os.path.join(place.venv("bench"), "bin", "python"),
            os.path.join(place.HERE, "worker.py"),
            "convert",
        ],
        input="\n".join(lacking),
        text=True,
        stderr=subprocess.DEVNULL,
    )


def start(build, wanted=None):
    """(engines, why): ours first; why says of each that is missing."""
    folder = os.path.join(build, "tests", "bench")
    started = [Engine(OURS, [os.path.join(folder, "bench_compute")])]
    missing = {}
    onednn = os.path.join(folder, "peer_onednn")
    if wanted is None or "onednn" in wanted:
        if os.path.exists(onednn):
            started.append(Engine("onednn", [onednn]))
        else:
            missing["onednn"] = "libdnnl-dev is not installed"
    for name, venv in PYTHON.items():
        if wanted is not None and name not in wanted:
            continue
        if place.venv(venv) is None:
            missing[name] = "not to be installed from PyPI here"
            continue
        started.append(
            Engine(
                name,
                [
                    os.path.join(place.venv(venv), "bin", "python"),
                    os.path.join(place.HERE, "worker.py"),
                    name,
                ],
            )
        )
    return started, missing


def agree(ours, theirs):
    return theirs is not None and all(
        abs(a - b) <= TOLERANCE for a, b in zip(ours, theirs)
    )


def without_cases(engines):
    """Engine -> why it has nothing to measure."""
    return {
        engine.name: f"see build/bench/{engine.name}.log"
        for engine in engines
        if not engine.cases
    }


def add_everywhere(engines, number, *case):
    """Give a case to all; what answers otherwise than ours is dropped."""
    ours = engines[0].add(number, *case)
    for engine in engines[1:]:
        theirs = engine.add(number, *case)
        if ours is not None and not agree(ours, theirs):
            engine.cases.discard(number)
            if theirs:
                place.say(
                    f"{engine.name}: another answer to {case}: {theirs},"
                    f" ours {ours}"
                )
