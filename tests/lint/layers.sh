#!/usr/bin/env bash
# layers.sh: the table of layers in docs/layers.md, to which README.md points,
# names every layer of LAYER_CLASS_MAP, once, and no other; and the importer
# knows each of them.  The table of operators names those of Keras 3 that are
# in core/layers/operator_table.c.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
table=docs/layers.md

# Keras' names and those of the table in the code differ in case and "_".
in_code()
{
    sed -nE 's/^ +XX\((\w+)\).*/\1/p' core/layers/layer.h | tr -d _ | sort
}

in_docs() # WHAT heads the table
{
    awk -F'|' -v head=" $1 " '
        $2 == head && $3 ~ /read $/ { inside = 1; next }
        !/^\|/ { inside = 0 }
        inside && $2 !~ /^-/ { print $2 }' $table |
        tr ',' '\n' | tr -d ' `_' | tr '[:upper:]' '[:lower:]' |
        sed '/^$/d' | sort
}

operators()
{
    sed -nE 's/^ +\{"(\w+)",.*/\1/p' core/layers/operator_table.c |
        tr '[:upper:]' '[:lower:]' | sort
}

# The names in the importer's tables of weights, wrappers and compounds.
in_importer()
{
    grep -oE '"[A-Za-z0-9]+"' core/format/class_weights.c | tr -d '"' |
        tr '[:upper:]' '[:lower:]' | sort -u
}

faults=0
say() # WHY, of each line
{
    local name

    while read -r name; do
        echo "$name: $1"
        faults=1
    done
}
say "in LAYER_CLASS_MAP, but not in $table" \
    < <(comm -23 <(in_code) <(in_docs layer | uniq))
say "in $table, but not in LAYER_CLASS_MAP" \
    < <(comm -13 <(in_code) <(in_docs layer | uniq))
say "twice in $table" < <(in_docs layer | uniq -d)
say "in LAYER_CLASS_MAP, but not in core/format/class_weights.c" \
    < <(comm -23 <(in_code) <(in_importer))
say "in operator_table.c, but not in $table" \
    < <(comm -23 <(operators) <(in_docs operator | uniq))
say "an operator in $table, but not in operator_table.c" \
    < <(comm -13 <(operators) <(in_docs operator | uniq))
say "an operator twice in $table" < <(in_docs operator | uniq -d)
grep -q "($table)" README.md || say "README.md does not point to it" <<<"$table"
[ -n "$(in_code)" ] || say "no layer was found" <<<core/layers/layer.h
exit $faults
