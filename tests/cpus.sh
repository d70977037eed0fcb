#!/usr/bin/env bash
# cpus.sh PROGRAM...: run test programs on qemu's models of processors, so
# that the choice of an instruction set is seen to be right: one that the
# model lacks ends with SIGILL.  qemu has no AVX-512: that is proved natively
# only.  Ends with `N passed, N failed`.
#
# JOBS  how many at a time
set -uo pipefail

if [ "$(uname -m)" != x86_64 ]; then
    echo "skipped: these are models of x86-64, this is $(uname -m)"
    exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
# An instruction is some fifty: each step is looked at rather than many.
export RNND_TEST_QUICK=1 TEST_TIMEOUT=900
# Scalar: no AVX2, or AVX2 without FMA, or FMA without AVX2.
for model in qemu64 Nehalem SandyBridge Haswell EPYC max max,-fma max,-avx2; do
    echo "on $model:"
    WRAPPER="qemu-x86_64-static -cpu $model" \
        tests/run.sh -j"${JOBS:-1}" "$@" | tee -a "$log"
    [ "${PIPESTATUS[0]}" -eq 0 ] || status=1
done
awk '/^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
    END { print p + 0 " passed, " f + 0 " failed" }' "$log"
exit $status
