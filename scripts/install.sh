#!/bin/sh
# Installs the tool on this board, from nothing, and without a network where it is given what it needs.
#
#   scripts/install.sh [FROM] [--wheelhouse DIR] [--python-archive DIR] [--prefix DIR] [--link FILE]
#   scripts/install.sh --uninstall [--keep-deployments] [--prefix DIR] [--link FILE]
#
# FROM  a directory of wheels, a file that `jetson-deploy self package` wrote (.tar), or a clone of the repository;
# default: the clone that this script is in.
# What a clone needs comes from --wheelhouse, else from the package index. SHA256SUMS beside wheels are checked.
# As root it goes to /opt/jetson-deploy, with a link in /usr/local/bin; else below the home, and root is not asked for.
# Where the Python here is older than 3.10 (JetPack 5): one out of --python-archive (python-build-standalone), else one
# that `uv python install` brings, where there is uv.
# Killed at any moment and run again it goes on. A version that does not run here is never linked.
set -eu
LC_ALL=C
export LC_ALL
umask 022
# What only the login's own PATH has may change; uv alone is looked for there.
LOGIN_PATH=$PATH
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP

from='' wheelhouse='' archives='' prefix='' link='' uninstall='' keep='' lines='' offline=''

fail() {
  if [ -n "$lines" ]; then
    printf '@refused %s\t%s\t%s\n' "$2" "$3" "$4"
  else
    printf 'error: %s\nhint: %s\n' "$3" "$4" >&2
  fi
  exit "$1"
}

say() { [ -n "$lines" ] || printf '%s\n' "$1" >&2; }

whole() { readlink -m -- "$1"; }

while [ $# -gt 0 ]; do
  case $1 in
    --wheelhouse | --python-archive | --prefix | --link)
      [ -n "${2:-}" ] || fail 2 usage "$1 needs a value" "sh $0 --help"
      case $1 in
        --wheelhouse) wheelhouse=$(whole "$2") ;;
        --python-archive) archives=$(whole "$2") ;;
        --prefix) prefix=$(whole "$2") ;;
        --link) link=$(whole "$(dirname "$2")")/$(basename "$2") ;;
      esac
      shift
      ;;
    --uninstall) uninstall=yes ;;
    --keep-deployments) keep=yes ;;
    --offline) offline=yes ;; # never the package index
    --lines) lines=yes ;;     # what board.sh says, as it says it, for a program
    -h | --help)
      sed -n '2,/^set -eu/{s/^# \{0,1\}//p}' "$0"
      exit 0
      ;;
    -*) fail 2 usage "there is no option $1" "sh $0 --help" ;;
    *)
      [ -z "$from" ] || fail 2 usage "FROM is given twice: $from and $1" "sh $0 --help"
      from=$(whole "$1")
      [ -e "$from" ] || fail 2 usage "there is no $1" "give a directory of wheels, a file of jetson-deploy self package, or a clone"
      ;;
  esac
  shift
done

# Of a clone, of an unpacked wheel of the tool, and of an installed tool.
here=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
parts=$here/jetson_deploy/install code=$here
if [ ! -f "$parts/board.sh" ]; then
  parts=$here/../install code=$here/../..
fi
[ -f "$parts/board.sh" ] || fail 3 not-whole "board.sh is not beside $0" "run it from a clone, or from the unpacked wheel of the tool"

if [ "$(id -u)" -eq 0 ]; then
  prefix=${prefix:-/opt/jetson-deploy} link=${link:-/usr/local/bin/jetson-deploy}
else
  prefix=${prefix:-$HOME/.local/share/jetson-deploy} link=${link:-$HOME/.local/bin/jetson-deploy}
fi

# shellcheck source=jetson_deploy/install/said.sh
. "$parts/said.sh"

tab='	' name=''
if [ -n "$uninstall" ]; then
  [ -z "$from$wheelhouse$archives" ] || fail 2 usage "--uninstall takes nothing to install from" "sh $0 --help"
  part "$parts/remove.sh" "prefix=$prefix" "link=$link" "state=${JETSON_DEPLOY_STATE_DIR:-/var/lib/jetson-deploy}" "keep=$keep"
  exit
fi

if [ -z "$from" ]; then
  from=$here
  [ -f "$here/pyproject.toml" ] || fail 2 usage "what to install is not given" "sh $0 --help"
fi
kind=''
if [ -f "$from" ]; then
  kind=package
elif [ -f "$from/pyproject.toml" ] && [ -d "$from/jetson_deploy" ]; then
  kind=clone
elif ls "$from"/*.whl >/dev/null 2>&1; then
  kind=wheels
elif ls "$from"/wheels/*.whl >/dev/null 2>&1; then
  kind=unpacked
fi
[ -n "$kind" ] || fail 2 usage "$from has no wheels and is no clone" "give a directory of wheels, a file of jetson-deploy self package, or a clone"
[ -z "$wheelhouse" ] || ls "$wheelhouse"/*.whl >/dev/null 2>&1 ||
  fail 2 usage "--wheelhouse $wheelhouse has no wheels" "give a directory of wheels"

# A directory that others use is not shared with them: versions come and go below PREFIX, by their names.
check_prefix() {
  [ -d "$prefix" ] || return 0
  foreign=''
  for one in "$prefix"/* "$prefix"/.[!.]*; do
    case ${one##*/} in
      '*' | '.[!.]*' | incoming | .lock | .made | .making | .making.lock | .removing | .work) ;;
      [0-9]*.[0-9]*-????????) [ ! -f "$one/.installed" ] || return 0 ;;
      python-[0-9]*.[0-9]*-????????) ;;
      *) foreign=${foreign:-$one} ;;
    esac
  done
  [ -z "$foreign" ] || fail 3 prefix-foreign "$prefix holds what is not of jetson-deploy: $foreign" \
    "give a --prefix of its own, which is new or empty: ${prefix%/}/jetson-deploy"
}
check_prefix

# Directories that are made here are taken away again by --uninstall.
missing() {
  one=$1
  while [ ! -d "$one" ]; do
    printf '%s\n' "$one"
    one=$(dirname "$one")
  done
}
made=$(missing "$(dirname "$prefix")"; missing "$(dirname "$link")")
mkdir -p "$prefix" "$(dirname "$link")" 2>/dev/null ||
  fail 3 not-writable "cannot write into $(dirname "$prefix")" "run it as root, or give --prefix and --link below a directory of yours"
{ [ -w "$prefix" ] && [ -w "$(dirname "$link")" ]; } ||
  fail 3 not-writable "cannot write into $prefix or $(dirname "$link")" "run it as root, or give --prefix and --link below a directory of yours"
[ -z "$made" ] || printf '%s\n' "$made" >>"$prefix/.made"
exec 8>"$prefix/.making.lock"
flock -w 300 8 || fail 75 install-busy "another installation of the tool goes on here" "wait for it, then run the same command again"
work=$prefix/.making
rm -rf "$work"
mkdir "$work" "$work/package" "$work/package/wheels"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
wheels=$work/package/wheels

sh "$parts/probe.sh" "prefix=$prefix" "link=$link" name=none >"$work/machine"
value_of() { sed -n "s/^$1$tab//p" "$2" | head -n 1; }
machine=$(value_of machine "$work/machine")
any=$(awk -F "$tab" '$1 == "python" { split($3, v, "."); if (v[1] == 3 && v[2] >= 8) { print $2; exit } }' "$work/machine")
python=$(awk -F "$tab" '$1 == "python" && $5 == "usable" { split($3, v, "."); if (v[1] == 3 && v[2] >= 10) { print $2; exit } }' "$work/machine")
newest=$(awk -F "$tab" '$1 == "python" { print $3 }' "$work/machine" | sort -t . -k 1,1n -k 2,2n | tail -n 1)
[ -n "$any" ] || fail 3 no-python "there is no Python 3.8 or newer here at all" "sudo apt-get install -y python3, or python3 of your system"

# Its answer is `NAME<tab>VALUE` lines in a file; what it refuses is said.
on_board() {
  # -m looks first where one stands, which may be another clone.
  (cd "$code" && PYTHONDONTWRITEBYTECODE=1 exec "$any" -sS -m jetson_deploy.install.on_board "$work/answer" "$@") 2>"$work/said" &&
    return 0
  code=$?
  refused=$(sed -n 's/^@refused //p' "$work/answer")
  [ -n "$refused" ] || fail 70 bug "$any could not run $parts/on_board.py: $(tail -n 1 "$work/said")" "report it, with what it said"
  cause=${refused#*"$tab"}
  fail "$code" "${refused%%"$tab"*}" "${cause%"$tab"*}" "${cause##*"$tab"}"
}

# shellcheck source=jetson_deploy/install/bring_python.sh
. "$parts/bring_python.sh"
archive='' archive_sha256='' archive_name='' archive_kib=0
[ -n "$python" ] || choose_python

# shellcheck source=jetson_deploy/install/gather_wheels.sh
. "$parts/gather_wheels.sh"

# Of the very same files, linked, and it answers.
is_there() {
  [ "$(readlink "$link")" = "$prefix/$name/bin/jetson-deploy" ] &&
    sh "$parts/board.sh" "prefix=$prefix" "link=$link" "name=$name" "version=$version" need_kib=0 >"$work/said"
}

finish() {
  [ "$#" -gt 0 ] || part -c 'printf "@done unchanged\n"'
  case :$LOGIN_PATH: in
    *":$(dirname "$link"):"*) called=jetson-deploy ;;
    *) called=$link ;;
  esac
  if [ "$(id -u)" -eq 0 ]; then say "next: $called up"; else say "next: sudo $link up"; fi
  exit 0
}

case $kind in
  package)
    tar -xf "$from" -C "$work/package" --no-same-owner 2>"$work/said" ||
      fail 5 package-damaged "$from is no whole package: $(tail -n 1 "$work/said")" "copy it again"
    check_sums "$wheels"
    ;;
  unpacked)
    copy_wheelhouse "$from/wheels"
    cp "$from/requirements.txt" "$work/package"
    ;;
  wheels) copy_wheelhouse "$from" ;;
  clone)
    code=$from
    on_board wheel "$wheels"
    name=$(value_of name "$work/answer") version=$(value_of version "$work/answer")
    is_there && finish
    if [ -n "$wheelhouse" ]; then copy_wheelhouse "$wheelhouse"; else fetch_for_clone; fi
    ;;
esac
[ "$kind" = clone ] || [ -z "$wheelhouse" ] || copy_wheelhouse "$wheelhouse"
on_board about "$wheels"
name=$(value_of name "$work/answer") version=$(value_of version "$work/answer") need=$(value_of need_kib "$work/answer")
[ -f "$work/package/requirements.txt" ] || printf 'jetson-deploy==%s\n' "$version" >"$work/package/requirements.txt"
package=$work/package.tar
tar -C "$work/package" -cf "$package" requirements.txt wheels
rm -rf "$work/package"
sha256=$(sha256sum <"$package")
set -- "prefix=$prefix" "link=$link" "name=$name" "version=$version" "package=$package" "sha256=${sha256%% *}" "python=$python"
if [ -n "$archive" ]; then
  set -- "$@" "archive=$archive" "archive_sha256=$archive_sha256" "archive_name=$archive_name"
  need=$((need + archive_kib))
fi
part "$parts/board.sh" "$@" "need_kib=$need"
finish installed
