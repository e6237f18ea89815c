#!/bin/sh
# Takes away what board.sh installed: units that name it, the link, every version, Pythons that were brought.
#   sh remove.sh prefix=DIR link=FILE state=DIR [keep=yes] [units=DIR]
# Killed anywhere, the next run does the rest: the directory goes last. What others put in the link's place stays.
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

# The directories that the first installation had to make, the innermost first; one that others use by now stays.
remove_directory() {
  step files
  made=$(cat "$prefix/.made" 2>/dev/null || true)
  find "$prefix" -mindepth 1 -maxdepth 1 ! -name .lock ! -name .made ! -name .making ! -name .making.lock -exec rm -rf {} +
  rm -rf "$prefix"
  printf '%s\n' "$made" | while read -r directory; do
    [ -z "$directory" ] || rmdir "$directory" 2>/dev/null || true
  done
}

if [ ! -d "$prefix" ] && ! ours; then
  remove_link
  printf '@done unchanged\n'
  exit 0
fi
check_deployments
if [ -d "$prefix" ]; then
  exec 9>"$prefix/.lock"
  flock -w 300 9 || refuse 75 install-busy "another installation of the tool goes on here" "wait for it, then run the same command again"
fi
remove_units
remove_link
[ ! -d "$prefix" ] || remove_directory
printf '@done removed\n'
