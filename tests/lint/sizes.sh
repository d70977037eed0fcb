#!/usr/bin/env bash
# sizes.sh: functions to 70 lines, files to 500, lines to 79 columns.
# shellcheck disable=SC2016 # $0 is awk's
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

find core config server tests -name '*.[ch]' -print0 |
    LC_ALL=C xargs -0 awk '
    function fault(line, why) {
        print FILENAME ":" line ": " why
        faults++
    }
    FNR == 1 { start = 0 }
    FNR == 501 { fault(FNR, "the file has more than 500 lines") }
    {
        columns = $0
        gsub(/[\200-\277]/, "", columns) # what goes on with a character
        if (length(columns) > 79)
            fault(FNR, "the line has " length(columns) " columns")
    }
    /^{/ { start = FNR }
    /^}/ && start {
        if (FNR - start > 71)
            fault(start, "the function has " FNR - start - 1 " lines")
        start = 0
    }
    END { exit faults > 0 }'
