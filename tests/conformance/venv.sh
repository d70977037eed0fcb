#!/bin/sh
# Makes a Python environment once: venv.sh DIR REQUIREMENTS
#
# DIR/requirements.sha256 keeps the digest of what was installed, so a second
# call with the same file returns at once and a changed file starts afresh.
# Uses Debian's python3 with python3-venv; PYTHON names another one.
set -eu

if [ $# -ne 2 ]; then
    echo "usage: venv.sh DIR REQUIREMENTS" >&2
    exit 2
fi
dir=$1
requirements=$2
python=${PYTHON:-/usr/bin/python3}

wanted=$({ "$python" --version && cat "$requirements"; } | sha256sum)
if [ "$(cat "$dir/requirements.sha256" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

echo "venv.sh: installing $requirements into $dir (TensorFlow is large)" >&2
rm -rf "$dir"
mkdir -p "$(dirname "$dir")"
"$python" -m venv "$dir"
"$dir/bin/pip" install --quiet --disable-pip-version-check \
    --requirement "$requirements"
printf '%s\n' "$wanted" >"$dir/requirements.sha256"
