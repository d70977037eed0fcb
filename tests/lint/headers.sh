#!/usr/bin/env bash
# headers.sh: each header compiles alone, with gcc and with clang.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lint/flags.sh
. tests/lint/flags.sh
: "${LINT_FLAGS:=-I. -D_GNU_SOURCE -std=c11 -Wall -Wextra}"

faults=0
while read -r header; do
    flags_of "$header"
    for way in "${ways[@]}"; do
        for compiler in gcc clang; do
            # shellcheck disable=SC2086 # a way is several flags
            echo "#include \"$header\"" |
                $compiler $way -Werror -Wno-unused-function \
                    -Wno-unused-const-variable -fsyntax-only -x c - || {
                echo "$header: does not compile alone with $compiler"
                faults=1
            }
        done
    done
done < <(find core config server tests -name '*.h' | sort)
exit $faults
