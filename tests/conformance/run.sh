#!/bin/sh
# Random Keras networks against the built daemon: run.sh [COUNT] [--seed N ...]
# (run.py --help).  TensorFlow is installed once, in build/venv-keras.
set -eu
cd "$(dirname "$0")/../.."
case ${1:-} in
[0-9]*)
    count=$1
    shift
    set -- --count "$count" "$@"
    ;;
esac
tests/conformance/venv.sh build/venv-keras tests/conformance/requirements.txt
exec build/venv-keras/bin/python tests/conformance/run.py "$@"
