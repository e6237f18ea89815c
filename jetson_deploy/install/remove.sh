#!/bin/sh
# Takes away what board.sh installed: units that name it, the link, every version, Pythons that were brought.
#   sh remove.sh prefix=DIR link=FILE state=DIR [keep=yes] [units=DIR]
# Killed anywhere, the next run does the rest: the directory goes last. What others put in the link's place stays.
# Only what board.sh makes is removed, entry by entry, and the directory itself only once it is empty: a PREFIX that is
# typed wrong (`/`, a home) holds nothing of it, is refused, and stays as it is.
#
# Says `@step NAME`, `@note TEXT`, then `@done removed|unchanged`, or `@refused CODE<tab>CAUSE<tab>FIX` (exit 3, 75).
set -eu
LC_ALL=C
export LC_ALL
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
keep='' units=/etc/systemd/system
for pair in "$@"; do
  value=${pair#*=}
  case $pair in
    prefix=*) prefix=$value ;;
    link=*) link=$value ;;
    state=*) state=$value ;;
    keep=*) keep=$value ;;
    units=*) units=$value ;;
  esac
done

step() { printf '@step %s\n' "$1"; }

refuse() {
  printf '@refused %s\t%s\t%s\n' "$2" "$3" "$4"
  exit "$1"
}

ours() {
  case $(readlink "$link" 2>/dev/null) in "$prefix"/*) return 0 ;; esac
  return 1
}

# A server that goes on without the tool that watches, changes and removes it is left on purpose alone.
check_deployments() {
  [ -z "$keep" ] || return 0
  for one in "$state"/*/state.json; do
    [ -f "$one" ] || continue
    name=${one%/state.json}
    refuse 3 deployment-there "the deployment ${name##*/} is here, and without the tool it cannot be changed or removed" \
      "sudo jetson-deploy down --purge --name ${name##*/}, or leave it as it is with --keep-deployments"
  done
}

remove_units() {
  found=''
  for unit in "$units"/jetson-deploy-*.service; do
    grep -qsF "$prefix/" "$unit" || continue
    found=yes
    name=${unit##*/}
    if [ -d /run/systemd/system ]; then
      step units
      case $name in
        *@.service) systemctl disable --now "${name%.service}*.service" || true ;;
        *) systemctl disable --now "$name" || true ;;
      esac
    fi
    rm -f "$units"/*.wants/"${name%.service}"*.service "$unit"
    # What that unit was to go on with.
    case $name in jetson-deploy-prepare-resume.service) rm -f "${state:?}/.after-reboot.json" ;; esac
  done
  if [ -n "$found" ] && [ -d /run/systemd/system ]; then
    printf '@note systemctl daemon-reload can take the GPU from running containers\n'
    systemctl daemon-reload
  fi
}

remove_link() {
  if ours; then
    step link
    rm -f "$link"
  elif [ -e "$link" ] || [ -L "$link" ]; then
    printf '@note %s is not of %s and was left alone\n' "$link" "$prefix"
  fi
}

# A version, or a Python that was brought, by its name and by what is in it.
is_version() { [ -d "$1" ] && [ ! -L "$1" ] && { [ -f "$1/.installed" ] || [ -f "$1/pyvenv.cfg" ]; }; }
is_python() { [ -d "$1" ] && [ ! -L "$1" ] && [ -x "$1/bin/python3" ]; }

made_here() {
  for one in "$prefix"/[0-9]*.[0-9]*-????????; do ! is_version "$one" || return 0; done
  [ -f "$prefix/.made" ] || [ -f "$prefix/.making.lock" ] || { [ -d "$prefix/.removing" ] && [ ! -L "$prefix/.removing" ]; }
}

# Under a name that is ours before it is emptied: what is half removed is told from another's by that.
put_aside() {
  mkdir -p "$prefix/.removing"
  mv "$1" "$prefix/.removing/"
}

# The directories that the first installation had to make, the innermost first; one that others use by now stays.
remove_directory() {
  step files
  made=$(cat "$prefix/.made" 2>/dev/null || true)
  for one in "$prefix"/[0-9]*.[0-9]*-????????; do ! is_version "$one" || put_aside "$one"; done
  for one in "$prefix"/python-[0-9]*.[0-9]*-????????; do ! is_python "$one" || put_aside "$one"; done
  # These names are common ones: `.work` is of a version that was here, or of another; of `incoming` what a fleet sent.
  if [ -d "$prefix/.removing" ] && [ ! -L "$prefix/.removing" ]; then
    rm -rf --one-file-system "${prefix:?}/.work"
    find "$prefix/incoming" -maxdepth 1 -type f \
      \( -name '[0-9]*.[0-9]*-????????-????????.tar*' -o -name 'python-[0-9]*.[0-9]*-????????.tar.gz*' \) -delete 2>/dev/null || true
    rmdir "$prefix/incoming" 2>/dev/null || true
    rm -rf --one-file-system "${prefix:?}/.removing"
  fi
  [ ! -f "$prefix/.making.lock" ] || rm -rf --one-file-system "${prefix:?}/.making"
  rm -f "$prefix/.made" "$prefix/.making.lock" "$prefix/.lock"
  rmdir "$prefix" 2>/dev/null || printf '@note what else is in %s was left alone\n' "$prefix"
  printf '%s\n' "$made" | while read -r directory; do
    [ -z "$directory" ] || rmdir "$directory" 2>/dev/null || true
  done
}

if [ ! -d "$prefix" ] && ! ours; then
  remove_link
  printf '@done unchanged\n'
  exit 0
fi
[ ! -d "$prefix" ] || made_here ||
  refuse 3 not-installed "jetson-deploy is not installed in $prefix" "give the --prefix that it was installed with, or none for the usual place"
check_deployments
if [ -d "$prefix" ]; then
  exec 9>"$prefix/.lock"
  flock -w 300 9 || refuse 75 install-busy "another installation of the tool goes on here" "wait for it, then run the same command again"
fi
remove_units
remove_link
[ ! -d "$prefix" ] || remove_directory
printf '@done removed\n'
