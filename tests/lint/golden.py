#!/usr/bin/env python3
"""Every golden case has the files that make.sh makes of it, and no file is
left of a case that is gone: a case that was only written tests nothing.

Run as `golden.py` from the root.  Reads the lists of cases without Keras.
"""

import json
import pathlib
import re
import sys
from unittest import mock

MODELS = pathlib.Path("tests/golden/models")
ABSENT = ("h5py", "keras", "numpy", "tensorflow", "tf_keras")


def names_of_cases():
    """All but those that make_refused() makes from a list of its own."""
    for module in ABSENT:
        sys.modules[module] = mock.MagicMock()
    sys.path[:0] = ["tests/golden", "tests/conformance"]
    import golden_cases
    import make_golden as made

    named = {*made.LAYERS, *made.NETWORKS, *made.SHAPES, *made.ACTIVATIONS}
    named |= {name for name, _ in made.OLD_FILES}
    return named | set(golden_cases.load())


def main():
    sys.dont_write_bytecode = True
    wanted = names_of_cases()
    lists = {path.name for path in MODELS.glob("*.json")}
    found = {re.sub(r"(\.k[23])?\.json$", "", name) for name in lists}
    faults = [f"{name}: no file in {MODELS}" for name in wanted - found]
    faults += [
        f"{name}: a file of no case"
        for name in found - wanted
        if not name.startswith("refused_")
    ]
    files = {path.name for path in MODELS.iterdir()} - lists
    for name in lists:
        listed = set(json.loads((MODELS / name).read_text())["files"])
        faults += [f"{name}: {file} is missing" for file in listed - files]
        files -= listed
    faults += [f"{file}: in no list of files" for file in files]
    for fault in sorted(faults):
        print(f"lint/golden: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
