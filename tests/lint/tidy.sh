#!/usr/bin/env bash
# tidy.sh FILE: clang-tidy with the flags of FILE; .clang-tidy says what for.
set -euo pipefail
# shellcheck source=tests/lint/flags.sh
. tests/lint/flags.sh

flags_of "$1"
# shellcheck disable=SC2086 # a way is several flags
clang-tidy --quiet --warnings-as-errors='*' "$1" -- ${ways[-1]} 2>/dev/null
