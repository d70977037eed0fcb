#!/usr/bin/env bash
# mirror.sh: every x.c of the daemon and the engine has its unit test, at the
# same place under tests/unit, called test_x.c or test_x_SOMETHING.c.  What
# has none stands in mirror.txt (a name or a pattern) with the test that shows
# it instead.  A line there that no file needs is a fault too.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

faults=0
say()
{
    echo "$1"
    faults=1
}

has_test() # FILE
{
    local stem=${1%.c}

    stem=tests/unit/${stem%/*}/test_${stem##*/}
    [ -f "$stem.c" ] || compgen -G "${stem}_*.c" >/dev/null
}

patterns=() tests=() used=()
while read -r pattern test; do
    [[ $pattern == \#* || -z $pattern ]] && continue
    patterns+=("$pattern") tests+=("$test") used+=(0)
    [ -f "$test" ] || say "mirror.txt: $pattern is shown by $test, which is not there"
done <tests/lint/mirror.txt

while read -r file; do
    has_test "$file" && continue
    found=0
    for i in "${!patterns[@]}"; do
        # shellcheck disable=SC2053 # a pattern is meant
        if [[ $file == ${patterns[$i]} &&
            ${file%/*} == "${patterns[$i]%/*}" ]]; then
            used[i]=1 found=1
            break
        fi
    done
    [ $found -eq 1 ] ||
        say "$file: has no test under tests/unit, nor a line in mirror.txt"
done < <(find core config server -name '*.c' | sort)

for i in "${!patterns[@]}"; do
    [ "${used[$i]}" -eq 1 ] || say "mirror.txt: nothing needs ${patterns[$i]}"
done
exit $faults
