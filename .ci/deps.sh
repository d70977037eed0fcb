#!/usr/bin/env bash
# deps.sh GROUP...: install the Debian packages of these groups that are
# missing.  Looks for the files themselves, so that with everything in place
# neither apt nor dpkg is started.
set -euo pipefail

# package  group  probe: a command, a pkg-config name or a file
packages='
gcc                       run          command gcc
libc6-dev                 run          file /usr/include/stdio.h
pkg-config                run          command pkg-config
curl                      run          command curl
libmicrohttpd-dev         run          pc libmicrohttpd
libcjson-dev              run          pc libcjson
libinih-dev               run          pc inih
nettle-dev                run          pc nettle
libsqlite3-dev            run          pc sqlite3
libhiredis-dev            run          pc hiredis
libgnutls28-dev           run          pc gnutls
libhdf5-dev               run          pc hdf5-serial
libzip-dev                run          pc libzip
libseccomp-dev            run          pc libseccomp
libcmocka-dev             test         pc cmocka
libcurl4-openssl-dev      test         pc libcurl
redis-server              test         command redis-server
nginx-light               test         command nginx
iproute2                  test         command ip
clang                     check        command clang
clang-format              check        command clang-format
clang-tidy                check        command clang-tidy
cppcheck                  check        command cppcheck
shellcheck                check        command shellcheck
valgrind                  check        command valgrind
clang                     fuzz         command clang
libclang-rt-14-dev        fuzz         file /usr/lib/llvm-14/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a
llvm                      fuzz         command llvm-symbolizer
python3                   conformance  command python3
python3-venv              conformance  file /usr/lib/python3*/ensurepip/__init__.py
python3                   bench        command python3
nginx-light               bench        command nginx
redis-server              bench        command redis-server
wrk                       bench        command wrk
g++                       bench        command g++
libdnnl-dev               bench        file /usr/include/oneapi/dnnl/dnnl.h
libsimdjson-dev           bench        file /usr/include/simdjson.h
python3-venv              bench        file /usr/lib/python3*/ensurepip/__init__.py
mmdebstrap                container    command mmdebstrap
buildah                   container    command buildah
podman                    container    command podman
runc                      container    command runc
uidmap                    container    command newuidmap
mmdebstrap                arm          command mmdebstrap
gcc-aarch64-linux-gnu     arm          command aarch64-linux-gnu-gcc
libc6-dev-arm64-cross     arm          file /usr/aarch64-linux-gnu/include/stdio.h
qemu-user-static          arm          command qemu-aarch64-static
'

is_there() # KIND WHAT
{
    case $1 in
    command) PATH=$PATH:/usr/sbin:/sbin command -v "$2" >/dev/null ;;
    pc) pkg-config --exists "$2" 2>/dev/null ;;
    file) compgen -G "$2" >/dev/null ;;
    esac
}

missing=()
while read -r package group kind what; do
    [[ " $* " == *" $group "* ]] || continue
    is_there "$kind" "$what" || missing+=("$package")
done <<<"${packages#?}"
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "missing: ${missing[*]}; install them as root" >&2
        exit 1
    }
    as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get -q -o DPkg::Lock::Timeout=300)
echo "installing: ${missing[*]}"
# An old list of packages is worse than none, but a repository that cannot be
# reached need not be one of those that are wanted.
"${apt[@]}" update || true
"${apt[@]}" install -y --no-install-recommends "${missing[@]}"
