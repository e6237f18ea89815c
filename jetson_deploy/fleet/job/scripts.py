"""Shell text for a device: asks for a unit, starts it, shows its events. Nothing here holds what a user wrote.

What is answered stands in lines that begin with `jd-`; what a login shell prints before them the transport has cut off.
"""

from __future__ import annotations

import shlex

STOP_SECONDS = 300
"""For `up` to undo what it began: stop the new server, start the old one, prove it."""
NEED_KIB = 1024
"""On the disk of the unit's folder: a runner that cannot write its files could not even say why."""

_ANSWER = f"""
LC_ALL=C; export LC_ALL
u=$1.service d=$2
look() {{
  a=$(systemctl is-active "$u" 2>/dev/null) || :
  if [ -z "$a" ] && [ ! -d /run/systemd/system ]; then a=absent; fi
}}
look
full() {{
  k=$(df -P -k -- "${{d%/*/*}}" 2>/dev/null | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4)
  [ "$k" -lt {NEED_KIB} ] 2>/dev/null
}}
answer() {{
  printf 'jd-unit %s\\n' "${{a:-unknown}}"
  printf 'jd-boot %s\\n' "$(cat /proc/sys/kernel/random/boot_id)"
  if [ -e "$d/events.ndjson" ]; then printf 'jd-events %s\\n' "$(wc -c <"$d/events.ndjson")"; fi
  for f in before result; do if [ -e "$d/$f.json" ]; then printf 'jd-%s %s\\n' "$f" "$(cat "$d/$f.json")"; fi; done
  if [ -s "$d/stderr.txt" ]; then printf 'jd-stderr %s\\n' "$(tail -n 1 "$d/stderr.txt" | tail -c 400)"; fi
  if full; then printf 'jd-room %s\\n' "$k"; fi
  printf 'jd-end\\n'
}}
"""
"""A systemd that is too busy to answer says nothing: `unknown` is no unit that ended. `absent`: there is none."""

ASK = f"{_ANSWER}answer\n"

START = f"""{_ANSWER}
case $a in active|activating|deactivating|reloading) answer; exit 0;; esac
if [ -e "$d/result.json" ] || [ -s "$d/events.ndjson" ]; then answer; exit 0; fi
set -e
t=$3 s=$4; shift 4
mkdir -p "$s"
if full; then answer; exit 0; fi
umask 077
mkdir -p "$d"
cat >"$d/wanted.json.part"
mv "$d/wanted.json.part" "$d/wanted.json"
: >"$d/events.ndjson"
who=$SSH_CONNECTION
if [ -z "$who" ]; then who=$(tr '\\0' '\\n' 2>/dev/null <"/proc/$PPID/environ" | sed -n 's/^SSH_CONNECTION=//p'); fi
systemd-run --quiet --collect --unit="$u" --description="jetson-deploy $1 of a fleet" \\
  -p Type=exec -p TimeoutStopSec={STOP_SECONDS} -p OOMPolicy=continue -p After=docker.service \\
  -p StandardOutput=null -p "StandardError=append:$d/stderr.txt" -p WorkingDirectory=/ \\
  --setenv=HOME=/root ${{SUDO_USER:+--setenv=SUDO_USER="$SUDO_USER"}} ${{who:+--setenv=SSH_CONNECTION="$who"}} \\
  "$t" --unit "$d" -- "$@" && a=active || look
answer
"""

FOLLOW = """
n=$3 p=$(systemctl show -p MainPID --value "$1.service" 2>/dev/null) || :
if [ "${p:-0}" -gt 0 ]; then exec tail -s 0.05 -c "+$n" -f --pid="$p" "$2/events.ndjson"; fi
exec tail -c "+$n" "$2/events.ndjson"
"""
"""Ends with the unit's main process: a `tail` whose reader is gone would stay until the next line.

It looks 20 times a second: on an overlay, of a rehearsed board too, it is not notified of a new line.
"""


def command(script: str, name: str, *arguments: str) -> str:
    """`name` is what the script is called in a list of processes."""
    return " ".join(["exec", "sh", "-c", shlex.quote(script), name, *map(shlex.quote, arguments)])


def variables(environment: dict[str, str]) -> bytes:
    """For a standard input: a value in the arguments is seen by every user."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()).encode()
