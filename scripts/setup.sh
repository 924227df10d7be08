#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Installs the Debian packages that are missing, by name. Costs nothing when none is.
#
#     scripts/setup.sh run     what it takes to build the library and the command
#     scripts/setup.sh test    besides, what the tests, the sanitizers, lint and the comparisons need (the default)
#
# promtool, which judges our metrics, comes in the package of the Prometheus server. Installing that would make a user and
# start a server; so the package is only fetched, and the one program taken out of it, into build/.
set -u
cd "$(dirname "$0")/.." || exit 2

to_run="build-essential cmake ninja-build pkg-config libxxhash-dev libcmocka-dev libyaml-dev libcsv-dev libjansson-dev"
to_test="clang clang-format clang-tidy libclang-rt-14-dev llvm abigail-tools
    qemu-user gcc-s390x-linux-gnu libc6-dev-s390x-cross"

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
promtool=
if [ "${1:-test}" = test ] && ! command -v promtool >/dev/null && [ ! -x build/promtool ]; then
    promtool=build/promtool
fi
[ -n "$missing$promtool" ] || exit 0

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
log=$(mktemp)
folder=$(mktemp -d)
trap 'rm -rf "$log" "$folder"' EXIT

apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -y "$@" </dev/null >>"$log" 2>&1; }
install() { [ -z "$missing" ] || apt install --no-install-recommends $missing; }
take_promtool() {
    [ -n "$promtool" ] || return 0
    (cd "$folder" && apt-get download prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool) \
        </dev/null >>"$log" 2>&1 || return 1
    mkdir -p build && cp "$folder/usr/bin/promtool" "$promtool"
}

echo "Installing what is missing:$missing${promtool:+ promtool (into build/)}"
# The package lists may be absent or old; fetch them only then.
{ install && take_promtool; } || { apt update && install && take_promtool; } || {
    cat "$log" >&2
    echo "setup: these could not be installed:$missing $promtool" >&2
    exit 1
}
