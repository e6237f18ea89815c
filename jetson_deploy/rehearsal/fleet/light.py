"""Light boards: a stand-in for engine and server is a unit there, and one deployment is made for all of them."""

from __future__ import annotations

import shlex
import sys

from jetson_deploy.rehearsal.fleet import power
from jetson_deploy.rehearsal.fleet.holder import Holder
from jetson_deploy.rehearsal.fleet.layer import File
from jetson_deploy.rehearsal.fleet.layout import Place
from jetson_deploy.rehearsal.product_plan import python_path

UNIT = "docker.service"
SOCKET = "run/docker.sock"
DISK = "var/lib/rehearsed-engine"
BEHAVIOUR = "etc/rehearsal/server.json"
_KEPT = ("var/lib/jetson-deploy", DISK)
# Not copied: a blob is known as hashed by its inode.
_MOVE = 'mkdir -p "$2" && find "$1" -mindepth 1 -maxdepth 1 -exec mv -t "$2" {} +'
_SERVICE = """\
[Unit]
Description=Stand-in for Docker Engine

[Service]
Environment={path}
ExecStart={python} -S -m jetson_deploy.rehearsal.fleet.stand_in.light_engine /{socket} /{disk}
Restart=on-failure
RestartSec=1
KillMode=process
"""


def light_files(behaviour: bytes) -> dict[str, File]:
    service = _SERVICE.format(
        path=shlex.quote(f"PYTHONPATH={python_path()}"), python=sys.executable, socket=SOCKET, disk=DISK
    )
    return {f"usr/lib/systemd/system/{UNIT}": File(service.encode()), BEHAVIOUR: File(behaviour)}


def converge(holder: Holder, template: Place) -> None:
    """The product itself deploys on one board; what that left on its disk, every board begins with.

    Raises PreflightError.
    """
    power.switch_on(holder, template)
    power.wait([template], lambda place: power.has_file(place, SOCKET))
    unit = ("systemd-run", "--quiet", "--wait", "--pipe", "/usr/local/bin/jetson-deploy", "up", "--json")
    holder.run_in(power.init_of(template), *unit)
    power.switch_off(template)
    for name in _KEPT:
        holder.run("sh", "-ec", _MOVE, "sh", f"{template.upper}/{name}", f"{template.layout.layer}/{name}")
