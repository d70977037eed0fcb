#!/usr/bin/env bash
# rnnd.sh ARGUMENT...: what `rnnd ARGUMENT...` does, in a container of
# RNND_TEST_IMAGE: output, signals and exit code are those of the daemon.  The
# tests start this in the place of rnnd (RNND_TEST_PROGRAM); container.sh sets
# RNND_TEST_STORE, where podman keeps its things.
#
# It runs as root without capabilities: the tests' files are root's.
set -euo pipefail
state=$RNND_TEST_STORE
# What the image says differently from the daemon's own default.
variables=(-e RNND_LISTEN="${RNND_LISTEN-127.0.0.1:8080}")
descriptors=$(ulimit -Sn)
[[ $descriptors != unlimited && $descriptors -le 4096 ]] || descriptors=4096
while read -r name; do
    [[ $name == RNND_TEST_* || $name == RNND_LISTEN ]] || variables+=(-e "$name")
done < <(compgen -e RNND_ || true)
exec podman --root "$state/root" --runroot "$state/run" run --rm -i \
    --no-healthcheck --network host --read-only --cap-drop=ALL \
    --security-opt no-new-privileges --user 0:0 \
    --ulimit nofile="$descriptors:$descriptors" \
    -v /tmp:/tmp:ro -v "$PWD:$PWD:ro" -w "$PWD" "${variables[@]}" \
    "$RNND_TEST_IMAGE" "$@"
