#!/usr/bin/env bash
# compile.sh COMPILER FLAG... FILE: compile FILE in each of its ways; a
# warning is an error.
set -euo pipefail
# shellcheck source=tests/lint/flags.sh
. tests/lint/flags.sh

file=${!#}
flags_of "$file"
for way in "${ways[@]}"; do
    # shellcheck disable=SC2086 # a way is several flags
    "${@:1:$#-1}" $way -Werror "$file"
done
