#!/usr/bin/env bash
# run.sh [-jN] PROGRAM... [-jN PROGRAM...]: run test programs, N at a time.
#
# One line for each program; what a failing one printed is shown.  The last
# line counts tests: `12 passed, 0 failed`.  Programs are those of cmocka, or
# any that ends with 0 or not; those count as one.
#
# WRAPPER       goes before each program (valgrind ..., qemu ...)
# TEST_TIMEOUT  seconds for each program (600)
set -uo pipefail

wrapper=${WRAPPER:-}
limit=${TEST_TIMEOUT:-600}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
[ -e .git ] || [ -f Makefile ] || cd "$(dirname "$0")/.." || exit 1

# Run PROGRAM as number N; leaves `passed failed skipped` in $scratch/N.
run_one() # N PROGRAM
{
    local log=$scratch/$1.log name=${2#build/} status passed failed skipped
    local start=${EPOCHREALTIME/./} verdict=ok seconds

    # shellcheck disable=SC2086 # a wrapper is several words
    timeout -k 10 "$limit" $wrapper "$2" >"$log" 2>&1 </dev/null
    status=$?
    read -r passed failed skipped < <(awk '
        /^\[       OK \]/ { ok++ }
        /^\[  SKIPPED \] [0-9]+ test/ { skipped += $4 }
        /^ *[0-9]+ FAILED TEST\(S\)/ { failed += $1 }
        END { print ok + 0, failed + 0, skipped + 0 }' "$log")
    if ! grep -q '^\[==========\]' "$log"; then
        [ $status -eq 0 ] && passed=1
    fi
    [ $status -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
    if [ $((passed + failed + skipped)) -eq 0 ]; then
        echo "no test was run" >>"$log"
        failed=1
    fi
    [ "$failed" -eq 0 ] || verdict=FAIL
    seconds=$(((${EPOCHREALTIME/./} - start) / 10000))
    printf '%-4s %-52s %4d tests %4d.%02d s\n' "$verdict" "$name" \
        $((passed + failed)) $((seconds / 100)) $((seconds % 100))
    if [ "$verdict" = FAIL ]; then
        [ $status -lt 124 ] || echo "     ended with status $status"
        awk '/^\[ RUN/ { run = $0; next }
            /^\[       OK/ { run = ""; next }
            run { print run; run = "" }
            { print }
            END { if (run) print run }' "$log" | sed 's/^/     | /' |
            tail -n 200
    elif [ "$skipped" -gt 0 ]; then
        grep -i 'skip' "$log" | grep -v '[0-9] \(SKIPPED TEST\|test(s)\)' |
            sort -u | sed 's/^/     | /'
    fi
    echo "$passed $failed $skipped" >"$scratch/$1"
}

jobs=1 n=0
for word in "$@"; do
    if [[ $word == -j* ]]; then
        wait
        jobs=${word#-j}
        continue
    fi
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
        wait -n
    done
    n=$((n + 1))
    run_one $n "$word" &
done
wait

passed=0 failed=0 skipped=0
for ((i = 1; i <= n; i++)); do
    read -r p f s <"$scratch/$i" || { p=0 f=1 s=0; }
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
[ $skipped -eq 0 ] || echo "$skipped skipped: see above"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
