#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Installs the Debian packages that are missing, by name. Costs nothing when none is.
#
#     scripts/setup.sh run     what it takes to build the library and the command
#     scripts/setup.sh test    besides, what the tests, the sanitizers, lint and the comparisons need (the default)
#
# promtool, which judges our metrics, comes in the package of the Prometheus server, and nginx, which ketama is held against,
# in a package that starts a server. So these packages are only fetched, and the one program taken out of each, into build/.
# redis-server comes in such a package too, but also, as a checker of its files, in redis-tools: called by its right name it
# is the server.
set -u
cd "$(dirname "$0")/.." || exit 2

to_run="build-essential cmake ninja-build pkg-config libxxhash-dev libcmocka-dev libyaml-dev libcsv-dev libjansson-dev
    libhiredis-dev libuv1-dev libcurl4-openssl-dev gnuplot-nox"
to_test="clang clang-format clang-tidy libclang-rt-14-dev llvm abigail-tools
    qemu-user gcc-s390x-linux-gnu libc6-dev-s390x-cross
    libmemcached-dev redis-tools curl openssl libpcre2-8-0 libssl3 zlib1g"

case ${1:-test} in
    run) packages=$to_run ;;
    test) packages="$to_run $to_test" ;;
    *) echo "usage: scripts/setup.sh [run|test]" >&2; exit 2 ;;
esac

missing=
for package in $packages; do
    case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
        installed) ;;
        *) missing="$missing $package" ;;
    esac
done
# From these packages one program each, unless it is there already.
programs=
if [ "${1:-test}" = test ]; then
    for program in prometheus:usr/bin/promtool nginx:usr/sbin/nginx; do
        name=${program##*/}
        command -v "$name" >/dev/null || [ -x "/usr/sbin/$name" ] || [ -x "build/$name" ] || programs="$programs $program"
    done
fi
name_redis_server() {
    [ "${1:-test}" != test ] || command -v redis-server >/dev/null || [ -x build/redis-server ] ||
        { mkdir -p build && ln -sf "$(command -v redis-check-rdb)" build/redis-server; }
}
[ -n "$missing$programs" ] || { name_redis_server "$@"; exit; }

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
log=$(mktemp)
folder=$(mktemp -d)
trap 'rm -rf "$log" "$folder"' EXIT

patience="-o Acquire::Retries=3 -o DPkg::Lock::Timeout=120" # a mirror may stumble, another apt may be at work
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -y $patience "$@" </dev/null >>"$log" 2>&1; }
install() { [ -z "$missing" ] || apt install --no-install-recommends $missing; }
take_programs() {
    local program package path
    for program in $programs; do
        package=${program%%:*} path=${program#*:}
        (cd "$folder" && apt-get $patience download "$package" && dpkg-deb --fsys-tarfile "$package"_*.deb | tar -x "./$path") \
            </dev/null >>"$log" 2>&1 || return 1
        mkdir -p build && cp "$folder/$path" build/ || return 1
    done
}

echo "Installing what is missing:$missing${programs:+ and into build/:$programs}"
# The package lists may be absent or old; fetch them only then.
{ install && take_programs; } || { apt update && install && take_programs; } || {
    cat "$log" >&2
    echo "setup: these could not be installed:$missing$programs" >&2
    exit 1
}
name_redis_server "$@"
