#!/usr/bin/env bash
# sysroot.sh FOLDER: Debian's arm64 libraries to build against, made once.
# Nothing of the machine's own packages is touched.
set -euo pipefail
folder=$1
packages=libc6-dev,libmicrohttpd-dev,libcjson-dev,libinih-dev,nettle-dev
packages+=,libhdf5-dev,libzip-dev,libseccomp-dev,libcmocka-dev
packages+=,libcurl4-openssl-dev,libsqlite3-dev,libhiredis-dev
packages+=,libgnutls28-dev

if [ "$(cat "$folder/made-of" 2>/dev/null)" = "$packages" ]; then
    exit 0
fi
echo "making $folder (arm64 libraries)"
rm -rf "$folder"
mmdebstrap --quiet --variant=extract --architectures=arm64 \
    --include="$packages" bookworm "$folder"
# Absolute links would point into this machine.
find "$folder" -lname '/*' | while read -r link; do
    ln -sfnr "$folder$(readlink "$link")" "$link"
done
echo "$packages" >"$folder/made-of"
