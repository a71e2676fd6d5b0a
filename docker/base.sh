#!/bin/sh
# Make the base image without a registry: a minimal Debian with Python, from the mirror that apt uses here.
#
#   docker/base.sh TAG      needs root, debootstrap, and podman or docker
set -eu
tag=$1
suite=${SUITE:-trixie}
mirror=${MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null \
  | awk '/^URIs:/ { print $2; exit } /^deb / { for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) { print $i; exit } }')}
if docker info >/dev/null 2>&1; then engine=docker; else engine=podman; fi
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$suite" "$root/fs" "$mirror" > "$root/log" \
  || { tail -n 20 "$root/log" >&2; exit 1; }
tar -C "$root/fs" --exclude='./var/cache/apt/*.bin' --exclude='./var/cache/apt/archives/*.deb' --exclude='./var/lib/apt/lists/*_*' \
  --exclude='./dev/*' --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' -cf - . \
  | "$engine" import - "$tag"
