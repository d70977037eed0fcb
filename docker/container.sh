#!/usr/bin/env bash
# container.sh [PROGRAM...]: build the images, run them as they are meant to
# be run, speak to them, stop them.
#
# Needs no running engine: mmdebstrap makes the base, buildah builds, podman
# and runc run.  Everything lives under build/container and is taken away at
# the end, but for the base, which is made anew after a day.  PROGRAM... are
# tests of tests/http: every daemon that they start is a container.
# Ends with `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
state=$PWD/build/container
store=(--root "$state/root" --runroot "$state/run")
passed=0 failed=0
export CONTAINERS_CONF=$state/containers.conf
export TMPDIR=$state/tmp

podman() { command podman "${store[@]}" "$@"; }

clean()
{
    # What runs here is ours alone: the store is.
    podman rm --all --force --time 5
    podman image umount --all
    podman rmi --all --force
    mount | awk -v at="$state/" 'index($3, at) == 1 { print $3 }' |
        sort -r | xargs -r umount
    rm -rf "$state/root" "$state/run" "$state/tmp"
} >/dev/null 2>&1

step() # NAME COMMAND...: run a command, count it, show what it said if it fails
{
    local name=$1 start=$SECONDS
    shift
    if "$@" >"$state/step.log" 2>&1; then
        printf 'ok   container %-44s %3d s\n' "$name" $((SECONDS - start))
        passed=$((passed + 1))
    else
        printf 'FAIL container %s\n' "$name"
        tail -n 60 "$state/step.log" | sed 's/^/     | /'
        failed=$((failed + 1))
        return 1
    fi
}

make_base()
{
    local base=$state/base.tar

    if [ -z "$(find "$base" -mmin -1440 2>/dev/null)" ]; then
        # Without manuals, but with the licences: they go into the images.
        mmdebstrap --quiet --variant=minbase \
            --dpkgopt='path-exclude=/usr/share/doc/*' \
            --dpkgopt='path-include=/usr/share/doc/*/copyright' \
            --dpkgopt='path-exclude=/usr/share/man/*' \
            --dpkgopt='path-exclude=/usr/share/locale/*' \
            trixie "$state/new.tar" && mv "$state/new.tar" "$base" || return 1
    fi
    # The name that the Dockerfile's FROM has: nothing is pulled.
    podman import "$base" docker.io/library/debian:trixie-slim
}

build() # TAG TARGET
{
    local version revision

    version=$(sed -n 's/^VERSION *:= *//p' Makefile)
    revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
    buildah "${store[@]}" bud --isolation chroot --network host --layers \
        --format docker --ignorefile docker/Dockerfile.dockerignore \
        --build-arg VERSION="$version" --build-arg REVISION="$revision" \
        --target "$2" -t "$1" -f docker/Dockerfile .
}

size_of() # TAG LIMIT: bytes of the image, at most LIMIT million
{
    local bytes

    bytes=$(podman image inspect "$1" --format '{{.Size}}')
    echo "     | $1: $((bytes / 100000))e5 bytes" |
        sed 's/\([0-9]\)e5 bytes/.\1 MB/' >&3
    echo "$1 $bytes" >>"$state/sizes" # for tests/bench/goals.py
    [ "$bytes" -le "$2"000000 ]
}

free_port()
{
    local port

    # Below the ports that the kernel hands out by itself.
    while port=$((20000 + RANDOM % 10000)) &&
        (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        :
    done
    echo $port
}

# Start image TAG on a free port of the loopback as a careful operator would;
# sets `address`.
start() # TAG MODEL OPTION-OF-PODMAN...
{
    local tries=100 tag=$1 model=$2

    shift 2
    address=127.0.0.1:$(free_port)
    podman run -d --no-healthcheck --network host --read-only \
        --cap-drop=ALL --security-opt no-new-privileges --memory 256m \
        --pids-limit 64 --tmpfs /tmp -v "$state/models:/models:ro" \
        -e RNND_LISTEN="$address" "$@" --name rnnd "$tag" "/models/$model" ||
        return 1
    until podman logs rnnd 2>&1 | grep -q "listening on http://$address"; do
        tries=$((tries - 1))
        if [ $tries -eq 0 ]; then
            podman logs rnnd
            podman inspect rnnd --format '{{.State.Status}} {{.State.Error}}'
            return 1
        fi
        sleep 0.1
    done
}

stop()
{
    local code

    podman stop -t 10 rnnd || return 1
    code=$(podman inspect rnnd --format '{{.State.ExitCode}}')
    podman logs rnnd
    podman rm rnnd
    echo "exit code $code"
    [ "$code" = 0 ]
}

ask() # PATH CURL-OPTION...
{
    local path=$1
    shift
    curl -sS --fail-with-body --max-time 10 "http://$address$path" "$@"
}

# The image is built by another compiler on another Debian: the same bits all
# the same, so the bytes of the answer are those of the daemon built here.
predicts()
{
    local answer expected

    answer=$(ask /predict -d @examples/seed.json) || return 1
    expected=$(here_predicts) || return 1
    echo "container: $answer"
    echo "here:      $expected"
    [ -n "$answer" ] && [ "$answer" = "$expected" ]
}

here_predicts()
{
    local log=$state/here.log port pid tries=100

    : >"$log" # the port of an earlier daemon must not be read
    build/release/rnnd --listen 127.0.0.1:0 examples/seed.keras 2>"$log" &
    pid=$!
    until port=$(sed -n 's|.*listening on http://127.0.0.1:\([0-9]*\).*|\1|p' \
        "$log") && [ -n "$port" ]; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || break
        sleep 0.1
    done
    curl -sS --fail-with-body --max-time 10 \
        "http://127.0.0.1:$port/predict" -d @examples/seed.json
    kill $pid
    wait $pid
}

streams()
{
    local row='[[0.1, 0.2, 0.3]]' first second

    ask /sessions -d '{"id": "s"}' &&
        first=$(ask /predict -d "{\"session\": \"s\", \"sequence\": $row}") &&
        second=$(ask /predict -d "{\"session\": \"s\", \"sequence\": $row}") &&
        echo "$first $second" &&
        grep -q '"step":1' <<<"$first" && grep -q '"step":2' <<<"$second" &&
        ask /sessions/s -X DELETE
}

# Its volume is all that a killed container leaves to the next one.
outlives()
{
    local kept=(-e RNND_STATE_DIR=/state -v state:/state)
    local row='[[0.1, 0.2, 0.3]]' body answer

    body="{\"session\": \"o\", \"step\": 1, \"sequence\": $row}"
    start rnnd:full seed.keras "${kept[@]}" &&
        ask /predict -d "${body/1,/0, \"start\": true,}" &&
        ask /predict -d "$body" && podman kill -s KILL rnnd &&
        podman rm rnnd && start rnnd:full seed.keras "${kept[@]}" &&
        answer=$(ask /predict -d "${body/1,/2,}") &&
        echo "$answer" && grep -q '"step":3' <<<"$answer" && stop
}

is_confined()
{
    podman inspect rnnd --format \
        '{{.Config.User}} {{.HostConfig.ReadonlyRootfs}}' |
        grep -x '65532:65532 true' &&
        podman top rnnd user,capeff | tail -n 1 | grep -E '^(65532|rnnd) +none'
}

has_labels()
{
    local said

    said=$(podman image inspect rnnd:full --format \
        '{{.Labels}} {{.Config.StopSignal}} {{.Config.Healthcheck}}')
    echo "$said"
    grep -qE 'image.title:rnnd.*image.version:[0-9].* SIGTERM .*--healthcheck' \
        <<<"$said"
}

suites() # PROGRAM...
{
    RNND_TEST_IMAGE=rnnd:full RNND_TEST_STORE=$state \
        RNND_TEST_PROGRAM=$PWD/docker/rnnd.sh tests/run.sh "$@" | tee -a /dev/fd/3
    [ "${PIPESTATUS[0]}" -eq 0 ]
}

run_full() # PROGRAM...
{
    step 'full: starts' start rnnd:full seed.keras || return
    step 'full: is ready' ask /readyz
    step 'full: not root, no capability, read-only' is_confined
    step 'full: answers with the bits of this build' predicts
    step 'full: a session goes on' streams
    step 'full: healthcheck by exec' podman exec rnnd /usr/bin/rnnd \
        --healthcheck
    step 'full: stops within its time, exit code 0' stop
    step 'full: a session outlives its container' outlives
    [ $# -eq 0 ] || step 'full: the tests of tests/http' suites "$@"
}

run_native()
{
    step 'native: starts' start rnnd:native seed.safetensors || return
    step 'native: answers with the bits of this build' predicts
    step 'native: stops within its time, exit code 0' stop
    step 'native: a .keras file is refused' refuses_keras
}

refuses_keras()
{
    ! podman run --rm --network host -v "$state/models:/models:ro" \
        rnnd:native /models/seed.keras
}

exec 3>&1
clean
trap clean EXIT
mkdir -p "$state/tmp" "$state/models"
rm -f "$state/sizes"
cat >"$CONTAINERS_CONF" <<'END'
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
END
cp examples/seed.keras "$state/models/"
build/release/rnn-import examples/seed.keras "$state/models/seed.safetensors"
chmod 644 "$state"/models/*

if step 'base of trixie' make_base &&
    step 'build, native' build rnnd:native native &&
    step 'build, with importer' build rnnd:full full; then
    step 'native: at most 11 MB' size_of rnnd:native 11
    step 'full: at most 30 MB' size_of rnnd:full 30
    step 'labels, stop signal, healthcheck' has_labels
    run_native
    run_full "$@"
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
