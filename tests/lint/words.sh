#!/usr/bin/env bash
# words.sh: what must not stand in the tree: paths of somebody's machine,
# work put off, and calls that have a safer one beside them.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

faults=0
refuse() # WHY PATTERN FILE...
{
    local why=$1 pattern=$2

    shift 2
    if grep -nIE "$pattern" "$@" /dev/null; then
        echo "^ $why"
        faults=1
    fi
}

mapfile -t files < <(
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files -co --exclude-standard | grep -vE '/corpus/'
    else
        find . -type f -not -path './build/*' -not -path '*/corpus/*'
    fi | while read -r file; do [ ! -f "$file" ] || echo "$file"; done
)
mapfile -t ours < <(find core config server -name '*.[ch]')

refuse 'a path of one machine' '/(work|root|home|Users)/[a-z]' "${files[@]}"
refuse 'work put off' '\b(TO''DO|FIX''ME|HA''CK)\b' "${files[@]}"
refuse 'a call with a safer one beside it' \
    '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof|rand|alloca|mktemp|tmpnam)\(' \
    "${ours[@]}"
exit $faults
