#!/bin/sh
# Installs one version of the tool from a package, offline; several versions live side by side below PREFIX.
#   sh board.sh prefix=DIR link=FILE name=VERSION-HASH version=VERSION package=FILE sha256=HEX need_kib=N python=FILE
#               [archive=FILE archive_sha256=HEX archive_name=NAME] [units=DIR:DIR]
# Without `package`: links that version again, which is there (`self rollback`).
# For a fleet it is run as root on each device, for one board by `scripts/install.sh`.
#
# A package has `requirements.txt` and `wheels/`; the wheels stay, so that a later version can be installed without a network.
# The directory of a version counts once its `.installed` is there, which is written last and in one rename; the link
# follows, in one rename too. Killed before: the version that was linked goes on working, and the next run begins again.
# (A directory renamed at the end would not do: the scripts of a virtual environment name the place it was made in.)
#
# Says `@step NAME` for each step, then `@done installed|unchanged`, or `@refused CODE<tab>CAUSE<tab>FIX` (exit 3, 5, 6, 75).
set -eu
umask 022
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
PIP_CONFIG_FILE=/dev/null
export LC_ALL PATH PIP_CONFIG_FILE
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP
archive='' package='' units=/etc/systemd/system:/run/systemd/system:/run/systemd/transient
for pair in "$@"; do
  value=${pair#*=}
  case $pair in
    prefix=*) prefix=$value ;;
    link=*) link=$value ;;
    name=*) name=$value ;;
    version=*) version=$value ;;
    package=*) package=$value ;;
    sha256=*) sha256=$value ;;
    need_kib=*) need_kib=$value ;;
    python=*) python=$value ;;
    archive=*) archive=$value ;;
    archive_sha256=*) archive_sha256=$value ;;
    archive_name=*) archive_name=$value ;;
    units=*) units=$value ;;
  esac
done
# What is emptied below is named by these: none of them is empty, or leads elsewhere.
for one in "$name" "${archive_name-none}"; do
  case $one in '' | . | .. | */*) exit 64 ;; esac
done
final=${prefix:?}/$name
work=$prefix/.work

# A lost connection stops no installation: who asked for it may be gone, and none reads these lines.
trap '' PIPE
say() { printf '%s\n' "$1" 2>/dev/null || true; }

step() { say "@step $1"; }

refuse() {
  say "@refused $(printf '%s\t%s\t%s' "$2" "$3" "$4")"
  exit "$1"
}

installed() { [ -f "$1/.installed" ]; }

previous_of() { sed -n 's/^previous=//p' "$1/.installed" 2>/dev/null || true; }

works() {
  said=$("$final/bin/jetson-deploy" --version 2>&1 </dev/null) || return 1
  [ "$said" = "jetson-deploy, version $version" ]
}

# Before a version is linked it must read the machine it is on.
answers() {
  works && said=$(timeout 120 "$final/bin/jetson-deploy" detect 2>&1 >/dev/null </dev/null)
}

unusable() {
  refuse 3 tool-unusable "the tool was installed there and does not run: $(printf %s "$said" | tail -n 1 | cut -c 1-200)" "run $final/bin/jetson-deploy detect there"
}

check_hash() {
  found=$(sha256sum <"$1") || found=''
  [ "${found%% *}" = "$2" ] || refuse 5 package-damaged "what arrived at $1 is not what was sent" "run the same command again"
}

elsewhere() {
  case ${link##*/} in
    jetson-deploy) echo "move it away there: mv $link $link.old" ;;
    *) echo "give another name for the link, as --link ${link%/*}/jetson-deploy" ;;
  esac
}

check_link() {
  { [ -e "$link" ] || [ -L "$link" ]; } || return 0
  [ ! -d "$link" ] || refuse 3 tool-foreign "$link is a directory" "give the name of a file in it, as --link ${link%/}/jetson-deploy"
  case $(readlink "$link") in
    "$prefix"/*) ;;
    *) refuse 3 tool-foreign "$link is there and is not of $prefix" "$(elsewhere)" ;;
  esac
}

check_room() {
  free=$(df -Pk "$prefix" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$need_kib" ] || refuse 6 no-space \
    "$prefix needs $((need_kib / 1024)) MiB for the tool and has $((free / 1024)) MiB" "make room on that disk"
}

# On the disk, not only in its cache: what follows says that it is there.
settle() { sync -f "$1" 2>/dev/null || sync; }

bring_python() {
  own=$prefix/$archive_name
  python=$own/bin/python3
  installed "$own" && return 0
  step python
  check_hash "$archive" "$archive_sha256"
  rm -rf "$own" "$work/python"
  tar -xf "$archive" -C "$work" --no-same-owner
  "$work/python/bin/python3" -I -c 'import ssl, venv, zlib' </dev/null ||
    refuse 3 python-archive-unusable "the Python of the archive does not run there" "give one made for that machine and C library"
  mv "$work/python" "$own"
  settle "$prefix"
  : >"$own/.installed"
}

# A package that was made for one Python lists each wheel with its hash; of a directory of many pip chooses.
pip_install() {
  hashes=''
  grep -q -- --hash= "$work/requirements.txt" && hashes=--require-hashes
  "$final/bin/python" "$(echo "$work"/wheels/pip-*.whl)/pip" --isolated --quiet --disable-pip-version-check --no-cache-dir \
    install --no-compile --no-index --find-links "$work/wheels" $hashes --requirement "$work/requirements.txt" </dev/null 2>"$work/said" && return 0
  cat "$work/said" >&2
  lacking=$(sed -n 's/^ERROR: No matching distribution found for //p' "$work/said" | head -n 1 | cut -c 1-100)
  [ -z "$lacking" ] || refuse 3 wheelhouse-incomplete \
    "there is no wheel of $lacking for $("$final/bin/python" -V) on $(uname -m) in what was given" \
    "add it where there is a network: pip download -d DIR '${lacking%% *}'"
  return 1
}

# pip would compile on one core what it installed; this takes them all. What has no byte code runs all the same.
compile() {
  "$final/bin/python" -m compileall -q -j 0 "$final/lib" </dev/null >/dev/null 2>&1 || true
}

# A unit keeps the whole path of the version that wrote it; `up` may run from one that is no longer linked.
in_use() {
  old_ifs=$IFS
  IFS=:
  for place in $units; do
    IFS=$old_ifs
    grep -rqsF --include='*.service' "$1/" "$place" && return 0
  done
  IFS=$old_ifs
  # By standard input: an argument would be found in grep's own command line.
  # shellcheck disable=SC2062
  printf '%s/\n' "$1" | grep -qsaF --file=- /proc/[0-9]*/cmdline
}

# Of what stands below PREFIX under such a name, only what bears the mark of an installation: the rest is another's.
is_version() { [ -d "$1" ] && [ ! -L "$1" ] && { [ -f "$1/.installed" ] || [ -f "$1/pyvenv.cfg" ]; }; }
is_python() { [ -d "$1" ] && [ ! -L "$1" ] && [ -x "$1/bin/python3" ]; }

# Under a name that is ours before it is emptied: killed meanwhile, what is left of it is told from another's by that.
remove() {
  [ -d "$1" ] || return 0
  mkdir -p "$prefix/.removing"
  mv "$1" "$prefix/.removing/"
  rm -rf --one-file-system "${prefix:?}/.removing"
}

clean() {
  rm -rf "$work" ${package:+"$package"} ${archive:+"$archive"}
  find "$prefix/incoming" -maxdepth 1 -type f -mmin +1440 \
    \( -name '[0-9]*.[0-9]*-????????-????????.tar*' -o -name 'python-[0-9]*.[0-9]*-????????.tar.gz*' \) -delete 2>/dev/null || true
  previous=$(previous_of "$final")
  for old in "$prefix"/[0-9]*.[0-9]*-????????; do
    case ${old##*/} in
      "$name" | "$previous") continue ;;
    esac
    ! is_version "$old" || in_use "$old" || remove "$old"
  done
  for old in "$prefix"/python-[0-9]*.[0-9]*-????????; do
    ! is_python "$old" || grep -qsF "$old/" "$prefix"/[0-9]*/pyvenv.cfg || in_use "$old" || remove "$old"
  done
}

mark() {
  printf 'previous=%s\nlink=%s\n' "$1" "$link" >"$final/.installed.new"
  settle "$final"
  mv -f "$final/.installed.new" "$final/.installed"
  settle "$final"
}

mkdir -p "$prefix" "$(dirname "$link")"
exec 9>"$prefix/.lock"
flock -w 300 9 || refuse 75 install-busy "another installation of the tool goes on there" "wait for it, then run the same command again"
check_link
done=unchanged before=''
if [ -z "$package" ]; then
  { installed "$final" && answers; } || refuse 3 tool-unusable "$final is not there any more, or does not run" "install that version again"
elif ! installed "$final" || ! works; then
  done=installed
  step room
  check_room
  rm -rf "$work"
  before=$(previous_of "$final")
  remove "$final"
  mkdir "$work"
  [ -z "$archive" ] || bring_python
  step unpack
  check_hash "$package" "$sha256"
  tar -xf "$package" -C "$work" --no-same-owner
  step environment
  mkdir "$final"
  : >"$final/pyvenv.cfg" # its mark, from the first moment on
  "$python" -m venv --without-pip "$final"
  step install
  pip_install || exit 1
  step compile
  compile
  step check
  answers || unusable
  mv "$work/wheels" "$final/wheels"
fi
linked=$(readlink "$link" || true)
if [ "$linked" != "$final/bin/jetson-deploy" ]; then
  done=installed
  linked=${linked#"$prefix"/}
  step mark
  mark "${linked%%/*}"
  step link
  rm -f "$link".new.*
  ln -s "$final/bin/jetson-deploy" "$link.new.$$"
  mv -fT "$link.new.$$" "$link"
  settle "$(dirname "$link")"
elif ! installed "$final"; then
  step mark
  mark "$before"
fi
step clean
clean
say "@done $done"
