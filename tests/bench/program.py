"""program.py: a part that is one program in C: what it printed, kept."""

import os
import subprocess

import place


def run(options, name, core=place.CORE):
    done = subprocess.run(
        place.pinned(
            core, os.path.join(options.build, "tests", "bench", name)
        ),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "RNND_TEST_BUILD": options.build},
    )
    yield {"text": done.stdout}
