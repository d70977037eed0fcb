#!/usr/bin/env bash
# cpus.sh PROGRAM...: run test programs on qemu's models of processors, so
# that the choice of an instruction set is seen to be right: one that the
# model lacks ends with SIGILL.  qemu has no AVX-512: that is proved natively
# only.  Ends with `N passed, N failed`.
set -uo pipefail

if [ "$(uname -m)" != x86_64 ]; then
    echo "skipped: these are models of x86-64, this is $(uname -m)"
    exit 0
fi
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Scalar: no AVX2, or AVX2 without FMA, or FMA without AVX2.
for model in qemu64 Nehalem SandyBridge Haswell EPYC max max,-fma max,-avx2; do
    for program in "$@"; do
        if timeout -k 10 900 qemu-x86_64-static -cpu "$model" "$program" \
            >"$log" 2>&1 </dev/null; then
            printf 'ok   %-12s %s\n' "$model" "${program#build/}"
            passed=$((passed + 1))
        else
            printf 'FAIL %-12s %s\n' "$model" "${program#build/}"
            grep -v "TCG doesn't support" "$log" | tail -n 40 |
                sed 's/^/     | /'
            failed=$((failed + 1))
        fi
    done
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
