#!/usr/bin/env bash
# run.sh SECONDS BUILD: fuzz every target of BUILD/tests/fuzz for so long.
#
# What is found new is kept in BUILD/found/TARGET and used again; an input
# that crashes is left in BUILD/crashes: put it into tests/fuzz/corpus/TARGET
# with the change that mends it.  Ends with `N passed, N failed`.
set -uo pipefail
seconds=$1 build=$2
passed=0 failed=0
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1}

for program in "$build"/tests/fuzz/fuzz_*; do
    [[ -x $program && $program != *.* ]] || continue
    name=${program##*/fuzz_}
    dictionary=()
    for words in tests/fuzz/*.dict; do
        grep -q "^# for:.* fuzz_$name\b" "$words" && dictionary=(-dict="$words")
    done
    log=$build/$name.log
    mkdir -p "$build/found/$name" "$build/crashes"
    if timeout -k 10 $((seconds + 120)) "$program" \
        -max_total_time="$seconds" -seed=1 -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$build/crashes/$name-" -print_final_stats=1 \
        "${dictionary[@]}" \
        "$build/found/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        printf 'ok   fuzz %-23s %12s inputs in %s s\n' "$name" "$runs" \
            "$seconds"
        passed=$((passed + 1))
    else
        printf 'FAIL fuzz %s\n' "$name"
        tail -n 60 "$log" | sed 's/^/     | /'
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
