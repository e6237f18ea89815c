# shellcheck shell=sh disable=SC2154 # of scripts/install.sh, which reads this in
# The parts of an installation say what they do for a program; here it is said for people.

# What the steps say, for people; ends with the exit status of the part.
translated() {
  while IFS= read -r line; do
    case $line in '@exit '*) exit "${line#@exit }" ;; esac
    if [ -n "$lines" ]; then
      printf '%s\n' "$line"
      continue
    fi
    case $line in
      '@step python') say 'unpacking the Python that was brought' ;;
      '@step unpack') say 'checking the digests' ;;
      '@step environment') say 'making its environment' ;;
      '@step install') say 'installing' ;;
      '@step compile') say 'compiling it' ;;
      '@step check') say 'running it' ;;
      '@step units') say 'stopping its services' ;;
      '@step files') say "removing $prefix" ;;
      '@note '*) say "note: ${line#@note }" ;;
      '@refused '*)
        cause=${line#*"$tab"}
        printf 'error: %s\nhint: %s\n' "${cause%"$tab"*}" "${cause##*"$tab"}" >&2
        ;;
      '@done installed') say "installed: $link, $name" ;;
      '@done unchanged') say "nothing to do: $link, ${name:-removed}" ;;
      '@done removed') say "removed: jetson-deploy, from $prefix" ;;
    esac
  done
}

part() {
  { sh "$@" && echo '@exit 0' || echo "@exit $?"; } | translated
}
