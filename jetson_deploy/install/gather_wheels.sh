# shellcheck shell=sh disable=SC2154 # of scripts/install.sh, which reads this in
# The wheels that are given, checked, and for a clone those that it needs, from the package index. They go to $wheels.

check_sums() {
  if [ ! -f "$1/SHA256SUMS" ]; then
    # A package has the hash of each in its requirements.txt, and pip asks for them.
    case $kind in package | unpacked) ! grep -q -e '--hash=sha256:' "$1/../requirements.txt" || return 0 ;; esac
    say "note: there is no SHA256SUMS beside the wheels, so their digests are not checked"
    return
  fi
  for wheel in "$1"/*.whl; do
    listed=$(awk -v name="$(basename "$wheel")" '{ sub(/^\*/, "", $2); sub(/^.*\//, "", $2) } $2 == name { print $1; exit }' "$1/SHA256SUMS")
    found=$(sha256sum <"$wheel")
    [ "$listed" = "${found%% *}" ] || fail 5 wheel-damaged "$(basename "$wheel") is not what SHA256SUMS beside it says" "copy $1 again"
  done
}

# A Python that has pip, for a clone alone: everything else brings pip along.
pip_python() {
  if [ -n "$archive" ]; then
    [ -d "$work/python" ] || tar -xf "$archive" -C "$work" --no-same-owner
    pip=$work/python/bin/python3
  else
    pip=$python
  fi
  "$pip" -m pip --version >/dev/null 2>&1 && return
  "$pip" -m venv "$work/pip" >/dev/null 2>&1 ||
    fail 3 no-pip "$pip has neither pip nor ensurepip, so nothing can be fetched" "sudo apt-get install -y python3-venv, or give --wheelhouse DIR"
  pip=$work/pip/bin/python
}

fetch_for_clone() {
  [ -z "$offline" ] || fail 3 wheelhouse-incomplete "what the tool needs is not given" "give --wheelhouse DIR"
  pip_python
  say 'fetching what it needs from the package index'
  "$pip" -m pip --quiet --disable-pip-version-check --no-cache-dir download --only-binary=:all: --dest "$work/fetched" \
    'pip>=23.1' "$wheels"/jetson_deploy-*.whl 2>"$work/said" ||
    fail 4 wheelhouse-fetch-failed "the wheels could not be fetched: $(grep '^ERROR' "$work/said" | tail -n 1 | cut -c 1-200)" \
      "check the network and the package index, or give --wheelhouse DIR with the wheels in it"
  rm -f "$work"/fetched/jetson_deploy-*
  mv "$work"/fetched/*.whl "$wheels"
}

# Of this version there is exactly one source: the clone.
copy_wheelhouse() {
  check_sums "$1"
  for wheel in "$1"/*.whl; do
    case $wheel in */jetson_deploy-*) [ "$kind" != clone ] || continue ;; esac
    cp "$wheel" "$wheels"
  done
}
