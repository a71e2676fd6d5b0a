#!/bin/sh
# Build one target of docker/Dockerfile with whatever builds here: docker, buildah or podman.
#
#   docker/build.sh TARGET TAG [--build-arg NAME=VALUE ...]
#
# The builder's pip settings and CA bundle reach the build as secrets; no layer holds them. What is built depends on the
# commit, the locks and the base image alone.
set -eu
cd "$(dirname "$0")/.."
target=$1 tag=$2
shift 2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What pip has been told here, by files or environment, as one file. Folders of this machine are not there in the build.
python3 -m pip config list | awk -F= '
  BEGIN { print "[global]" }
  { name = $1; sub(/^[^.]*\./, "", name); value = substr($0, index($0, "=") + 1); gsub(/^\047|\047$/, "", value)
    if (name == "cert") value = "/etc/ssl/build-ca.pem"
    if (name == "find-links" || seen[name]++) next
    print name " = " value }' > "$work/pip.conf"
ca=$(python3 -c 'import os, ssl; print(os.environ.get("PIP_CERT") or ssl.get_default_verify_paths().cafile or "")')
if [ -n "$ca" ] && [ -f "$ca" ]; then cp "$ca" "$work/ca.pem"; else : > "$work/ca.pem"; fi

revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
epoch=$(git log -1 --format=%ct 2>/dev/null || echo 0)
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' proxy/__init__.py)
set -- --file docker/Dockerfile --target "$target" --tag "$tag" \
  --secret "id=pip.conf,src=$work/pip.conf" --secret "id=ca.pem,src=$work/ca.pem" \
  --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "SOURCE_DATE_EPOCH=$epoch" "$@" .

if docker info >/dev/null 2>&1; then
  DOCKER_BUILDKIT=1 exec docker build "$@"
elif command -v buildah >/dev/null; then
  exec buildah build --isolation chroot --network host --format docker --timestamp "$epoch" "$@"
elif command -v podman >/dev/null; then
  exec podman build --isolation chroot --network host --format docker --timestamp "$epoch" "$@"
fi
echo "no docker engine answers, and there is neither buildah nor podman" >&2
exit 1
