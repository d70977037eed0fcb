#!/usr/bin/env bash
# redis_server.sh COMMAND...: run it with a Redis of its own (or Valkey, with
# RNND_TEST_REDIS_SERVER) on a free port of the loopback, whose address is in
# RNND_TEST_REDIS; then end that.  tests/with_store.sh gives each rnnd a
# database of its own in it.
set -euo pipefail
server=${RNND_TEST_REDIS_SERVER:-redis-server}
command -v "$server" >/dev/null || {
    echo "$server is not installed: .ci/deps.sh test" >&2
    exit 1
}
folder=$(mktemp -d)
pid=
end() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    [ -z "$pid" ] || wait "$pid" 2>/dev/null || true
    rm -rf "$folder"
}
trap end EXIT
for _ in 1 2 3 4 5 6 7 8 9 10; do
    port=$((20000 + RANDOM % 12000))
    "$server" --port $port --bind 127.0.0.1 --save '' --databases 10000 \
        --dir "$folder" >"$folder/log" 2>&1 &
    pid=$!
    for _ in $(seq 100); do
        ! grep -q 'Ready to accept connections' "$folder/log" || break 2
        kill -0 $pid 2>/dev/null || break
        sleep 0.05
    done
    kill $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
    pid=
done
[ -n "$pid" ] || {
    cat "$folder/log" >&2
    exit 1
}
RNND_TEST_REDIS=redis://127.0.0.1:$port "$@"
