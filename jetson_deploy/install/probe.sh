#!/bin/sh
# What is there before the tool is brought; writes nothing. sh probe.sh prefix=DIR link=FILE name=VERSION-HASH [path=A:B]
# The answer stands between two marks: a ~/.bashrc may print something before.
set -u
LC_ALL=C
# What only the login's own PATH has may change under a tool that is everybody's.
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
for pair in "$@"; do
  case $pair in
    prefix=*) prefix=${pair#*=} ;;
    link=*) link=${pair#*=} ;;
    name=*) name=${pair#*=} ;;
    path=*) path=${pair#*=} ;;
  esac
done
PATH=$path
export LC_ALL PATH
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP

asked='
import importlib.util, sys, sysconfig
good = sys.implementation.name == "cpython" and not getattr(sys, "abiflags", "") and sys.maxsize > 2**32
good = good and not sysconfig.get_config_var("Py_GIL_DISABLED") and importlib.util.find_spec("venv")
machine = sysconfig.get_platform().split("-")[-1]
print("%d.%d\t%s\t%s" % (sys.version_info[0], sys.version_info[1], machine, "usable" if good else "unusable"))
'

python() {
  answer=$(timeout 20 "$1" -I -c "$asked" 2>/dev/null </dev/null) && printf 'python\t%s\t%s\n' "$1" "$answer"
}

version_of() {
  timeout 60 "$1" --version 2>/dev/null </dev/null | head -n 1
}

printf '\n@jetson-deploy-probe\n'
printf 'machine\t%s\n' "$(uname -m)"
printf 'glibc\t%s\n' "$(getconf GNU_LIBC_VERSION 2>/dev/null)"
for command in python3 python3.12 python3.11 python3.10 python3.13 python3.14; do
  found=$(command -v "$command" 2>/dev/null) && python "$found"
done
for brought in "$prefix"/python-*/bin/python3; do
  [ -f "${brought%/bin/python3}/.installed" ] && python "$brought"
done
target=$(readlink "$link" 2>/dev/null)
case $target in
  "$prefix"/*/bin/jetson-deploy)
    installed=${target#"$prefix"/}
    printf 'installed\t%s\n' "${installed%%/*}"
    ;;
esac
# A library of another Python is what an upgrade of the system leaves; a whole start would cost five times as much.
final=$prefix/$name
if [ "$target" = "$final/bin/jetson-deploy" ] && [ -f "$final/.installed" ] &&
  timeout 60 "$final/bin/python" -I -c 'import msgspec, jetson_deploy' 2>/dev/null </dev/null; then
  printf 'whole\tyes\n'
elif [ -x "$link" ]; then
  printf 'tool\t%s\n' "$(version_of "$link")"
fi
case $target in
  "$prefix"/*) ;;
  *) if [ -e "$link" ] || [ -L "$link" ]; then printf 'foreign\tyes\n'; fi ;;
esac
printf '@jetson-deploy-probe-end\n'
