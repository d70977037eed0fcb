#!/bin/sh
# Makes the golden models and their expected numbers anew, with real Keras.
# What it writes is in the repository already.  make.sh NAME ... makes only
# those networks.
set -eu
cd "$(dirname "$0")/../.."
tests/conformance/venv.sh build/venv-keras tests/conformance/requirements.txt
TF_CPP_MIN_LOG_LEVEL=3 build/venv-keras/bin/python tests/golden/make_golden.py "$@"
