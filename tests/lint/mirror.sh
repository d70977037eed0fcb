#!/usr/bin/env bash
# mirror.sh: every x.c of the daemon and the engine has its unit test, at the
# same place under tests/unit, called test_x.c or test_x_SOMETHING.c.  What
# has none stands in mirror.txt with the reason; a line there for a file that
# has one, or is not there, is a fault too.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
allowed=tests/lint/mirror.txt

has_test() # FILE
{
    local stem=${1%.c}

    stem=tests/unit/${stem%/*}/test_${stem##*/}
    [ -f "$stem.c" ] || compgen -G "${stem}_*.c" >/dev/null
}

faults=0
while read -r file; do
    if grep -q "^$file " $allowed; then
        ! has_test "$file" || {
            echo "$file: has a test, so it need not stand in $allowed"
            faults=1
        }
    elif ! has_test "$file"; then
        echo "$file: has no test under tests/unit, nor a line in $allowed"
        faults=1
    fi
done < <(find core config server -name '*.c' | sort)
while read -r file reason; do
    if [[ $file == \#* || -z $file ]]; then
        continue
    fi
    if [ ! -f "$file" ] || [ -z "$reason" ]; then
        echo "$allowed: $file is not there, or has no reason"
        faults=1
    fi
done <$allowed
exit $faults
