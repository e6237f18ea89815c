"""The scripts that become a board: one boots it as often as it is rebooted, one is its first process until systemd."""

from __future__ import annotations

import shlex
from pathlib import Path

from jetson_deploy.rehearsal.fleet.layout import GATEWAY, PREFIX_LENGTH, Place

SYSTEMD = Path("/lib/systemd/systemd")
# A kernel that ends a PID namespace by reboot(2) kills its first process by SIGHUP; unshare hands that on.
SUPERVISE = """#!/bin/sh
# One board: booted again when it reboots, until it is switched off.
number=$1
cd /
while :; do
  (
    for group in {cgroups}; do
      mkdir -p "$group/$number" && echo 0 >"$group/$number/cgroup.procs" || exit 1
    done
    exec nsenter --net=/run/netns/b$number \\
      unshare --mount --pid --fork --kill-child --cgroup --uts --ipc sh {here}/$number/init
  )
  [ $? = 129 ] || exit 0
done
"""
_INIT = """#!/bin/sh
set -e
here={here}
root=$here/root
mount --make-rprivate /
mkdir -p $here/w $root
mount -t overlay -o lowerdir={layer}:/,upperdir=$here/u,workdir=$here/w overlay $root
mount -t proc proc $root/proc
mount -t sysfs sysfs $root/sys
mount -t tmpfs -o mode=755 tmpfs $root/run
mount -t tmpfs -o mode=1777 tmpfs $root/tmp
mount -t tmpfs -o mode=755 tmpfs $root/dev
mkdir -p $root/run/lock $root/run/sshd $root/run/systemd/system $root/dev/pts $root/dev/shm
chmod 1777 $root/run/lock
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts $root/dev/pts
mount -t tmpfs -o mode=1777 tmpfs $root/dev/shm
ln -s pts/ptmx $root/dev/ptmx
ln -s /proc/self/fd $root/dev/fd
ln -s /proc/self/fd/0 $root/dev/stdin
ln -s /proc/self/fd/1 $root/dev/stdout
ln -s /proc/self/fd/2 $root/dev/stderr
for device in null zero full random urandom tty {devices}; do
  [ ! -e /dev/$device ] || {{ : >$root/dev/$device && mount --bind /dev/$device $root/dev/$device; }}
done
mount -t tmpfs -o mode=755 tmpfs $root/sys/fs/cgroup
{cgroup}
{binds}
cat /proc/sys/kernel/random/uuid >$root/run/boot_id
mount --bind $root/run/boot_id $root/proc/sys/kernel/random/boot_id
ip -batch - <<IP
link set lo up
addr replace {address}/{length} dev eth0
link set eth0 up
route replace default via {gateway}
IP
hostname {name}
cd $root
mkdir -p .was
pivot_root . .was
umount -l /.was
export container=jetson-deploy-rehearsal PATH={path}
exec {program} --system --unit=multi-user.target --log-target=console --show-status=0 --log-level=notice
"""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def init_script(place: Place, captured: Path, *, cgroup: str, binds: str = "", devices: str = "") -> str:
    """`cgroup`: commands that mount its hierarchies; `binds`: further commands, both with $root as the board's."""
    return _INIT.format(
        here=place.memory,
        layer=place.layout.layer,
        cgroup=cgroup,
        binds=f"{captured_binds(captured)}\n{binds}".strip(),
        devices=devices,
        address=place.address,
        length=PREFIX_LENGTH,
        gateway=GATEWAY,
        name=place.name,
        path=PATH,
        program=SYSTEMD,
    )


def captured_binds(captured: Path) -> str:
    """What of a captured root is no file on a disk: its device tree, its memory."""
    lines = []
    for name in ("sys/firmware", "proc/meminfo"):
        if (captured / name).exists():
            lines.append(f"mount --bind {shlex.quote(str(captured / name))} $root/{name}")
    return "\n".join(lines)


def supervise_script(memory: Path, groups: list[Path]) -> str:
    """`groups`: those of the run, in which the board gets one of its own."""
    return SUPERVISE.format(cgroups=" ".join(shlex.quote(str(group)) for group in groups), here=memory)
