# shellcheck shell=sh disable=SC2154 # of scripts/install.sh, which reads this in
# Where no Python here will do: one out of --python-archive, else by uv. Sets python, archive and what board.sh wants of it.

find_uv() {
  home=$HOME
  [ -z "${SUDO_USER:-}" ] || home=$(getent passwd "$SUDO_USER" | cut -d : -f 6)
  PATH=$LOGIN_PATH:$home/.local/bin:$HOME/.local/bin command -v uv
}

# As the archives of python-build-standalone are: one directory `python`, which runs wherever it is.
uv_python() {
  say "the newest Python here is $newest, and 3.10 is needed: $uv brings 3.12"
  UV_PYTHON_INSTALL_DIR=$work/uv UV_PYTHON_INSTALL_BIN=0 "$uv" --no-config --quiet python install 3.12 2>"$work/said" ||
    fail 4 uv-failed "uv brought no Python: $(grep -v '^ *$' "$work/said" | tail -n 1 | cut -c 1-200)" \
      "set UV_PYTHON_INSTALL_MIRROR to a mirror that is reached, or give --python-archive DIR"
  set -- "$work"/uv/cpython-3.12.*
  mv "$1" "$work/python"
  archive=$work/python.tar
  tar -C "$work" -cf "$archive" python
  archive_sha256=$(sha256sum <"$archive") archive_sha256=${archive_sha256%% *}
  archive_name=python-3.12-$(printf %.8s "$archive_sha256")
  archive_kib=$(($(du -sk "$work/python" | cut -f 1) * 2))
}

# shellcheck disable=SC2034
choose_python() {
  if [ -n "$archives" ]; then
    [ -d "$archives" ] || fail 2 usage "--python-archive $archives is no directory" "give one with archives of python-build-standalone"
    on_board archive "$archives" "$machine"
    say "the newest Python here is $newest, and 3.10 is needed: $(basename "$(value_of path "$work/answer")") is brought"
    archive=$work/python.tar.gz archive_sha256=$(value_of sha256 "$work/answer") archive_name=$(value_of name "$work/answer")
    archive_kib=$(value_of need_kib "$work/answer")
    cp "$(value_of path "$work/answer")" "$archive"
  elif [ -z "$offline" ] && uv=$(find_uv); then
    uv_python
  else
    fail 3 no-python "the newest Python here is $newest, and 3.10 is needed, with its venv" \
      "give --python-archive DIR with cpython-3.12.*+*-$machine-unknown-linux-gnu-install_only.tar.gz of python-build-standalone in it, or install uv"
  fi
  python=$prefix/$archive_name/bin/python3
}
