#!/bin/sh
# The libraries that Qt, OpenGL and a virtual display need on Linux. macOS and Windows bring their own.
# Installs what is missing with apt where it may; otherwise says in one line what to install.
set -eu

[ "$(uname -s)" = Linux ] || exit 0

wanted="xvfb libgl1 libegl1 libgl1-mesa-dri libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4
libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0
libdbus-1-3 libfontconfig1 libglib2.0-0"

if ! command -v dpkg-query >/dev/null 2>&1; then
    if command -v Xvfb >/dev/null 2>&1; then exit 0; fi
    echo "segmotif: Xvfb is missing; install your distribution's packages for" $wanted >&2
    exit 1
fi

installed() {
    dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

missing=""
for package in $wanted; do
    # Since the 64-bit time_t transition some libraries carry the ending t64.
    installed "$package" || installed "${package}t64" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "segmotif: system libraries are missing; run: sudo apt-get install -y$missing" >&2
    exit 1
fi
echo "installing system libraries:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends $missing </dev/null
