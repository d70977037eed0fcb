#!/usr/bin/env bash
# with_store.sh ARGUMENT...: rnnd with a store of its own, for tests that know
# nothing of stores (RNND_TEST_PROGRAM): a database of the Redis in
# RNND_TEST_REDIS (tests/redis_server.sh), else a state directory in the folder
# RNND_TEST_STATE.
set -euo pipefail
if [ -n "${RNND_TEST_REDIS:-}" ]; then
    hostport=${RNND_TEST_REDIS#redis://}
    exec 3<>"/dev/tcp/${hostport%:*}/${hostport#*:}"
    printf 'INCR rnnd:tests\r\n' >&3
    read -r -d $'\r' number <&3
    exec 3>&- "$RNND_TEST_BUILD/rnnd" \
        --redis-url "$RNND_TEST_REDIS/${number#:}" "$@"
fi
exec "$RNND_TEST_BUILD/rnnd" \
    --state-dir "$(mktemp -d "$RNND_TEST_STATE/XXXXXX")" "$@"
