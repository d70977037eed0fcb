#!/usr/bin/env bash
# Random models of Keras against the built daemon:
#
#   run.sh [N [GENERATION]]   N graphs of that generation (run_graphs.py); of
#                             none, N networks and N graphs of the newest
#
# Environments with TensorFlow are installed once, below build/.  The last
# line is the sum, `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
count=${1:-200} generation=${2:-}
here=tests/conformance
log=$(mktemp)
trap 'rm -f "$log"' EXIT

$here/venv.sh build/venv-keras $here/requirements.txt || exit 1
case $generation in
k30 | k212)
    $here/venv.sh "build/venv-$generation" \
        "$here/requirements-$generation.txt" || exit 1
    ;;
esac

status=0
run() # PROGRAM ARGUMENTS...
{
    build/venv-keras/bin/python "$@" | tee -a "$log" || status=1
}
[ -n "$generation" ] || run $here/run.py --count "$count"
run $here/run_graphs.py --count "$count" --generation "${generation:-k3}"
awk '/^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
    END { print p + 0 " passed, " f + 0 " failed" }' "$log"
exit $status
