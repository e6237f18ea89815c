#!/usr/bin/env bash
# nvidia-ctk 1.17.8 and 1.19.1: `runtime configure --runtime=docker --cdi.enabled` drops every other switch of the
# "features" table in daemon.json.
#
# Expected: `"cdi": true` is added to the table, as the runtime is added to "runtimes", where foreign entries stay.
# Seen: {"features": {"containerd-snapshotter": true, "buildkit": true}} becomes {"features": {"cdi": true}}. It ends with 0
# and says "Wrote updated config". The same command without --cdi.enabled keeps the table.
# For a board whose images lie in containerd's store ("containerd-snapshotter": true) Docker takes its other store with
# the next restart, and shows none of the images.
#
# Needs Go; nothing of NVIDIA's driver and no Docker. Fails when the behaviour changes.
set -euo pipefail
version=${NVIDIA_CTK:-v1.17.8}
folder=$(mktemp -d)
# Go's module cache is read-only: it is made writable to be removed.
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
export GOBIN=$folder/bin GOPATH=$folder/go GOCACHE=$folder/cache
go install "github.com/NVIDIA/nvidia-container-toolkit/cmd/nvidia-ctk@$version" 2>"$folder/go.log" ||
  { cat "$folder/go.log" >&2 && exit 1; }

configure() {
  local config=$folder/$1.json code=0
  shift
  printf '{"features": {"containerd-snapshotter": true, "buildkit": true}}\n' >"$config"
  "$folder/bin/nvidia-ctk" runtime configure --runtime=docker --config="$config" "$@" 2>"$config.said" || code=$?
  printf '%s, exit code %s, features: %s\n' "${*:-no further option}" "$code" \
    "$(python3 -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1]))["features"], sort_keys=True))' "$config")"
}

printf 'nvidia-ctk %s\n' "$version"
plain=$(configure plain)
cdi=$(configure cdi --cdi.enabled)
printf '%s\n%s\n' "$plain" "$cdi"
[ "$plain" = 'no further option, exit code 0, features: {"buildkit": true, "containerd-snapshotter": true}' ] ||
  { printf 'changed: the table is not kept without --cdi.enabled\n' >&2 && exit 1; }
[ "$cdi" = '--cdi.enabled, exit code 0, features: {"cdi": true}' ] ||
  { printf 'changed: the other switches are kept now\n' >&2 && exit 1; }
