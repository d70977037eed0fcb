#!/usr/bin/env bash
# rnnd.sh ARGUMENT...: what `rnnd ARGUMENT...` does, in a container of
# RNND_TEST_IMAGE: output, signals and exit code are those of the daemon.  The
# tests start this in the place of rnnd (RNND_TEST_PROGRAM); container.sh sets
# RNND_TEST_STORE, where podman keeps its things.
#
# It runs as root without capabilities: the tests' files are root's.
set -euo pipefail
podman=(podman --root "$RNND_TEST_STORE/root" --runroot "$RNND_TEST_STORE/run")
name=rnnd-$$
# What the image says differently from the daemon's own default.
variables=(-e RNND_LISTEN="${RNND_LISTEN-127.0.0.1:8080}")
descriptors=$(ulimit -Sn)
[[ $descriptors != unlimited && $descriptors -le 4096 ]] || descriptors=4096
while read -r variable; do
    [[ $variable == RNND_TEST_* || $variable == RNND_LISTEN ]] ||
        variables+=(-e "$variable")
done < <(compgen -e RNND_ || true)

# podman hands signals on as well, but not yet when the daemon already serves.
# shellcheck disable=SC2317 # the traps call it
forward() # SIGNAL
{
    kill -s "$1" "$("${podman[@]}" inspect "$name" \
        --format '{{.State.Pid}}')"
}
for signal in TERM INT HUP PIPE; do
    # shellcheck disable=SC2064 # the name of this turn is meant
    trap "forward $signal" $signal
done

"${podman[@]}" run --rm --name "$name" --sig-proxy=false --no-healthcheck \
    --network host --read-only --cap-drop=ALL \
    --security-opt no-new-privileges --user 0:0 \
    --ulimit nofile="$descriptors:$descriptors" --ulimit nproc=4096:4096 \
    -v /tmp:/tmp:ro -v "$PWD:$PWD:ro" -w "$PWD" "${variables[@]}" \
    "$RNND_TEST_IMAGE" "$@" &
# A signal ends the wait, not the container.
status=0
while kill -0 $! 2>/dev/null; do
    status=0
    wait $! || status=$?
done
exit $status
