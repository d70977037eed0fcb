#!/bin/sh
# root.sh FOLDER PROGRAM PACKAGE...: make FOLDER the root file system that
# PROGRAM needs: itself, its shared libraries, /tmp, users, and for every
# Debian package that something came from (PACKAGE... are those linked as
# archives) its licence and its record, so that a scanner sees what is inside.
set -eu
root=$1 program=$2
shift 2

mkdir -p "$root/usr/bin" "$root/etc" "$root/tmp" "$root/models" \
    "$root/usr/share/licenses" "$root/var/lib/dpkg/status.d"
chmod 1777 "$root/tmp"
cp "$program" "$root/usr/bin/"
strip "$root/usr/bin/${program##*/}"
printf 'root:x:0:0::/:\nrnnd:x:65532:65532::/:\n' >"$root/etc/passwd"
printf 'root:x:0:\nrnnd:x:65532:\n' >"$root/etc/group"
cp /etc/debian_version /etc/os-release "$root/etc/"

for library in $(ldd "$program" | grep -o '/[^ ]*'); do
    mkdir -p "$root${library%/*}"
    cp -L "$library" "$root$library"
    # dpkg knows the file by its place under /usr.
    package=$(dpkg-query -S "*${library##*/}" | grep -v '^diversion' |
        head -n 1 | cut -d: -f1)
    set -- "$@" "$package"
done

for package in "$@"; do
    mkdir -p "$root/usr/share/licenses/$package"
    cp "/usr/share/doc/$package/copyright" "$root/usr/share/licenses/$package/"
    dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$package"
done
