#!/usr/bin/env bash
# with_store.sh ARGUMENT...: rnnd with a state directory of its own in the
# folder RNND_TEST_STATE, for tests that know nothing of stores
# (RNND_TEST_PROGRAM).
set -euo pipefail
exec "$RNND_TEST_BUILD/rnnd" \
    --state-dir "$(mktemp -d "$RNND_TEST_STATE/XXXXXX")" "$@"
