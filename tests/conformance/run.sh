#!/bin/sh
# Random Keras networks against the built daemon: run.sh [--count N ...]
# (run.py --help).  TensorFlow is installed once, in build/venv-keras.
set -eu
cd "$(dirname "$0")/../.."
tests/conformance/venv.sh build/venv-keras tests/conformance/requirements.txt
exec build/venv-keras/bin/python tests/conformance/run.py "$@"
