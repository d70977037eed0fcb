#!/usr/bin/env bash
# rows.sh: the numbered statements of docs/api*.md and the tests that show
# them are one list.
#
# A row begins with its number in brackets: `| [P7] | ...` or `- [P7] ...`; a
# test names the rows it shows in a comment, /* rows: P7 P8 */.
# shellcheck disable=SC2016 # $0 is awk's
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

rows=$(grep -ohE '^(\|| *[-*]| *[0-9]+\.)? *\[[A-Z]+(-[-a-z]+|[0-9]+)\]' \
    docs/api*.md | grep -oE '\[[^]]*\]' | tr -d '[]' | sort)
tests=$(find tests docker -not -path 'tests/lint/*' \
    \( -name '*.c' -o -name '*.sh' -o -name '*.py' \) -print0 | xargs -0 awk '
    # A comment may go over several lines.
    /rows:/ { inside = 1; sub(/.*rows:/, "") }
    inside {
        line = $0
        if (line ~ /\*\//)
            inside = 0
        sub(/\*\/.*/, "", line)
        gsub(/[^-A-Za-z0-9]+/, " ", line)
        n = split(line, words, " ")
        for (i = 1; i <= n; i++)
            if (words[i] ~ /^[A-Z]+(-[a-z]|[0-9])/)
                print words[i]
    }
    FILENAME !~ /\.c$/ { inside = 0 }' | sort -u)

faults=0
say() # TEXT ROWS
{
    [ -z "$2" ] || {
        echo "$1:" "$(tr '\n' ' ' <<<"$2")"
        faults=1
    }
}
say 'rows with one number' "$(uniq -d <<<"$rows")"
say 'rows without a test' "$(comm -23 <(sort -u <<<"$rows") - <<<"$tests")"
say 'tests of rows that are not there' \
    "$(comm -13 <(sort -u <<<"$rows") - <<<"$tests")"
[ -n "$rows" ] || {
    echo 'docs/api*.md has no rows'
    faults=1
}
exit $faults
