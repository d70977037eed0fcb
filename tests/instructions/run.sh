#!/usr/bin/env bash
# run.sh PROGRAM: count the instructions of each job in counts.txt and compare.
#
# More than 5 % above or below what is committed fails: above, something
# has become slower; below, the figure no longer guards anything.  Counts, unlike
# times, are the same on a busy machine.  They hold for one compiler: with
# another, or without AVX2, nothing is judged, and that is said.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
program=$1
counts=tests/instructions/counts.txt
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# What it says of itself, not its name: `cc` is gcc as well.
# shellcheck disable=SC2086 # a compiler may be several words
compiler=$(${CC:-cc} -E -P - <<<'__GNUC__ __clang__ __x86_64__' | xargs)
if [ "$compiler" != "12 __clang__ 1" ]; then
    echo "not judged: counts are those of gcc 12 on x86-64"
    echo "0 passed, 0 failed"
    exit 0
fi

passed=0 failed=0
while read -r job wanted; do
    [[ $job == \#* ]] && continue
    valgrind --tool=callgrind --toggle-collect=measured \
        --callgrind-out-file=/dev/null "$program" "$job" >"$log" 2>&1
    status=$?
    if [ $status -eq 77 ]; then
        echo "not judged: $job, without AVX2"
        continue
    fi
    got=$(awk '/Collected :/ { print $4 }' "$log")
    if [ $status -ne 0 ] || [ -z "$got" ] || [ "$got" -eq 0 ]; then
        echo "FAIL $job: no count (status $status)"
        sed 's/^/     | /' "$log" | tail -n 20
        failed=$((failed + 1))
        continue
    fi
    apart=$(awk "BEGIN { printf \"%+.1f\", 100 * ($got / $wanted - 1) }")
    if [ $((20 * got)) -le $((21 * wanted)) ] &&
        [ $((20 * got)) -ge $((19 * wanted)) ]; then
        echo "ok   $job: $got instructions, $apart %"
        passed=$((passed + 1))
    else
        echo "FAIL $job: $got instructions, $apart % of $wanted in $counts"
        failed=$((failed + 1))
    fi
done <$counts
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
