#!/usr/bin/env bash
# run.sh [CHECK...]: every static check of the house, or those named.
#
# One line for each check; what a failing one says is shown.  Ends with
# `N passed, N failed`.
#
# LINT_FLAGS  flags of the compiler (the Makefile gives them)
# JOBS        how many files at a time
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export LINT_FLAGS=${LINT_FLAGS:--I. -D_GNU_SOURCE -std=c11 -Wall -Wextra}
export JOBS=${JOBS:-2}
here=tests/lint

each() # "FOLDER..." COMMAND... over their C files, JOBS at a time
{
    # shellcheck disable=SC2086 # the folders are words
    find $1 -name '*.c' -print0 | xargs -0 -n 1 -P "$JOBS" "${@:2}"
}

check_format()
{
    find core config server tests -name '*.[ch]' -print0 |
        xargs -0 clang-format --dry-run -Werror
}

check_golden()
{
    python3 $here/golden.py
}

check_shell()
{
    find . -path ./build -prune -o \( -name '*.sh' -o -path ./.ci/run \) \
        -print0 | xargs -0 shellcheck -x
}

# The analyzer of gcc 12 loses sight of what is put into an array, and calls
# it leaked or not initialized; clang-tidy, valgrind and the sanitizers look for
# both as well.  Tests end at the first surprise: the analyzers' paths beyond it
# are not theirs.
check_gcc()
{
    each "core config server" $here/compile.sh gcc -O1 -fanalyzer \
        -Wno-analyzer-malloc-leak \
        -Wno-analyzer-use-of-uninitialized-value -c -o /dev/null
    each tests $here/compile.sh gcc -O1 -c -o /dev/null
}

check_clang()
{
    each "core config server tests" $here/compile.sh clang -fsyntax-only
}

check_tidy()
{
    each "core config server" $here/tidy.sh
}

# What is written out there are some hundred conditions in a row, all of them
# constants, of which cppcheck follows both ways: it takes half an hour.
check_cppcheck()
{
    cppcheck --quiet --error-exitcode=1 --std=c11 -j "$JOBS" -I. \
        --enable=warning,performance,portability \
        -i core/ukernels/f32_block.c \
        --library=posix --inline-suppr --suppress=missingIncludeSystem \
        --suppressions-list=$here/cppcheck.txt core config server
}

all='format arrows sizes headers mirror rows layers golden words shell cppcheck
     clang gcc tidy'
passed=0 failed=0
if [ $# -eq 0 ]; then
    # shellcheck disable=SC2086 # the names are words
    set -- $all
fi
for name in "$@"; do
    start=$SECONDS
    if [ "$(type -t "check_$name")" = function ]; then
        output=$("check_$name" 2>&1)
    else
        output=$($here/"$name".sh 2>&1)
    fi
    # shellcheck disable=SC2181 # the output is wanted as well
    if [ $? -eq 0 ]; then
        passed=$((passed + 1)) verdict=ok
    else
        failed=$((failed + 1)) verdict=FAIL
    fi
    printf '%-4s lint %-12s %4d s\n' "$verdict" "$name" $((SECONDS - start))
    [ $verdict = ok ] || tail -n 200 <<<"$output" | sed 's/^/     | /'
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
