#!/bin/sh
# Makes the example models anew, with real Keras in an environment of its own
# (build/venv-examples).  What it writes is in the repository already.
set -eu
cd "$(dirname "$0")/.."
tests/conformance/venv.sh build/venv-examples examples/requirements.txt
TF_CPP_MIN_LOG_LEVEL=3 build/venv-examples/bin/python \
    examples/make_examples.py
