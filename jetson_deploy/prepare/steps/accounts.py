"""Who may talk to Docker, and the host's own name."""

from __future__ import annotations

import re

from jetson_deploy.prepare.changes import AddMember, members
from jetson_deploy.prepare.edited import line_change
from jetson_deploy.prepare.host_step import Checked, HostStep, Look, ready, to_do, unknown

GROUP = "docker"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")


def _group(look: Look) -> Checked:
    host = look.machine.host
    accounts = host.read_text("etc/group", limit=2**20)
    if accounts is None:
        return unknown("the groups were not captured")
    if look.user is None:
        return ready("root needs no group, and no other user called sudo")
    if not re.search(rf"(?m)^{GROUP}:", accounts):
        return unknown(f"there is no group {GROUP}: Docker's package makes it")
    if look.user in members(look.machine, GROUP):
        return ready(f"{look.user} is in group {GROUP}")
    takes = f"with {look.user}'s next login; who is in that group is root in effect"
    change = AddMember(user=look.user, group=GROUP)
    return to_do(f"{look.user} may not talk to Docker without sudo", change, takes_effect=takes)


def _own_name(look: Look) -> Checked:
    host = look.machine.host
    name = host.read_word("etc/hostname")
    hosts = host.read_text("etc/hosts")
    if name is None or hosts is None:
        return unknown("the host's name was not captured")
    if not _NAME.fullmatch(name):
        return unknown(f"the host's name {name[:60]!r} is none that /etc/hosts can hold")
    if any(name in line.partition("#")[0].split()[1:] for line in hosts.splitlines()):
        return ready(f"{name} is in /etc/hosts")
    change, originals = line_change(look.machine, "etc/hosts", f"127.0.1.1\t{name}", f"{name} is this host")
    return to_do(f"{name} is not in /etc/hosts: sudo waits for DNS", change, originals=originals)


GROUP_STEP = HostStep(id="docker-group", title="You may talk to Docker", look=_group)
NAME_STEP = HostStep(id="host-name", title="The host knows its own name", look=_own_name)
