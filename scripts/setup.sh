#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Installs the Debian packages that are missing, by name. Costs nothing when none is.
#
#     scripts/setup.sh run     what it takes to build the library and the command
#     scripts/setup.sh test    besides, what the tests, the sanitizers, lint and the comparisons need (the default)
set -u

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
[ -n "$missing" ] || exit 0

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
log=$(mktemp)
trap 'rm -f "$log"' EXIT

apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -y "$@" </dev/null >>"$log" 2>&1; }
install() { apt install --no-install-recommends $missing; }

echo "Installing what is missing:$missing"
# The package lists may be absent or old; fetch them only then.
install || { apt update && install; } || {
    cat "$log" >&2
    echo "setup: these packages could not be installed:$missing" >&2
    exit 1
}
