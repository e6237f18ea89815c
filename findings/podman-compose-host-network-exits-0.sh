#!/usr/bin/env bash
# podman-compose 1.0.3 (the version of Debian 12) asks for two networks at once for a service of `network_mode: host`,
# and ends with 0 although podman started nothing.
#
# Expected: `podman run --network host …` alone; a failed `podman run` makes `podman-compose up -d` fail.
# Seen: `--network host` and `--net PROJECT_default` in one command line, and exit 0 when `podman run` answers 125.
#
# podman itself is a stand-in here that writes down its arguments and answers `run` with 125, as podman does when it
# refuses a command. Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install podman-compose==1.0.3 setuptools==80.9.0
mkdir "$folder/bin" "$folder/project"
cat >"$folder/bin/podman" <<'STAND_IN'
#!/bin/sh
printf '%s\n' "$*" >>"$CALLS"
case "$1" in
--version) echo "podman version 4.3.1" ;;
run) exit 125 ;;
esac
STAND_IN
chmod +x "$folder/bin/podman"
cat >"$folder/project/compose.yaml" <<'COMPOSE'
services:
  web:
    image: docker.io/library/busybox
    network_mode: host
COMPOSE
cd "$folder/project"
export CALLS=$folder/calls
code=0
PATH="$folder/bin:$PATH" "$folder/venv/bin/podman-compose" up -d >"$folder/said" 2>&1 || code=$?
run=$(grep '^run ' "$CALLS")
printf 'podman-compose %s\npodman %s\nexit code of up -d: %s\n' \
  "$("$folder/venv/bin/pip" show podman-compose | sed -n 's/^Version: //p')" "$run" "$code"
case "$run" in
*"--network host"*"--net project_default"*) ;;
*) printf 'changed: not both networks any more\n' >&2 && exit 1 ;;
esac
[ "$code" -eq 0 ] || { printf 'changed: a failed run is told now\n' >&2 && exit 1; }
