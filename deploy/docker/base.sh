#!/usr/bin/env bash
# A base for the image from Debian's packages alone, where no registry of images can be reached: debootstrap, as root.
# Usage: deploy/docker/base.sh NAME [MIRROR]; then make image BASE=NAME
set -euo pipefail
name=${1:?name the base image, such as localhost/ieum-base}
mirror=${2:-}
if [ -z "$mirror" ]; then # the one this machine installs from; either of the two places may be missing
	mirror=$(grep -rhoE '^(URIs:|deb) .*https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/ 2>/dev/null |
		grep -oE 'https?://[^ ]+' | sed 1q || true)
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
read -ra buildah <<<"${BUILDAH:-buildah}"
export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}

debootstrap --variant=minbase --include=python3,python3-dev,python3-pip,ca-certificates bookworm "$folder" ${mirror:+"$mirror"}
ln -s python3 "$folder/usr/bin/python"
rm -f "$folder"/usr/lib/python3*/EXTERNALLY-MANAGED # the image is one application
container=$("${buildah[@]}" from scratch)
"${buildah[@]}" add --quiet "$container" "$folder" /
"${buildah[@]}" commit --quiet "$container" "$name"
"${buildah[@]}" rm "$container" >/dev/null
