"""place.py: where things are, on which core they run, what the machine is, and
how results are kept (build/bench/PART.json)."""

import contextlib
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
EXAMPLES = os.path.join(ROOT, "examples")
RESULTS = os.path.join(ROOT, "build", "bench")
MODELS = os.path.join(RESULTS, "models")
CORES = sorted(os.sched_getaffinity(0))
# What is measured has one core to itself; whatever asks it, another.
ASKER_CORE, CORE = CORES[0], CORES[-1]

VENVS = {
    "bench": "requirements.txt",
    "torch": "requirements-torch.txt",
    "triton": "requirements-triton.txt",
}
installed = {}


def say(text):
    print(text, file=sys.stderr, flush=True)


def venv(name):
    """The folder of an environment, installed at the first call; None, said
    aloud, where it cannot be."""
    if name not in installed:
        folder = os.path.join(ROOT, "build", f"venv-{name}")
        script = os.path.join(ROOT, "tests", "conformance", "venv.sh")
        done = subprocess.run(
            [script, folder, os.path.join(HERE, VENVS[name])], cwd=ROOT
        )
        installed[name] = folder if done.returncode == 0 else None
        if done.returncode:
            say(f"bench: {VENVS[name]} cannot be installed; going on without")
    return installed[name]


def packages(name):
    """site-packages of an environment that is there."""
    folder = os.path.join(venv(name), "lib")
    return os.path.join(folder, os.listdir(folder)[0], "site-packages")


def pinned(core, *command):
    return ["taskset", "-c", str(core), *command]


@contextlib.contextmanager
def on(core):
    """What is started herein inherits the core, without a program between."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def processor():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return os.uname().machine


def has(flag):
    """Does the processor say so of itself?"""
    with open("/proc/cpuinfo", encoding="ascii") as file:
        return any(
            flag in line.split() for line in file if line.startswith("flags")
        )


def describe():
    """What belongs beside every figure."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": processor(),
        "cores": len(CORES),
        "load": round(os.getloadavg()[0], 1),
    }


def result_path(part):
    return os.path.join(RESULTS, part + ".json")


def save(part, result):
    """Replace the results of a part, whole."""
    os.makedirs(RESULTS, exist_ok=True)
    path = result_path(part)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    os.rename(path + ".new", path)


def load(part):
    """The kept results of a part; None when there are none."""
    try:
        with open(result_path(part), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None
