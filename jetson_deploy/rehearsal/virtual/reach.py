"""What a controller needs to reach virtual boards: ssh_config and fleet.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from jetson_deploy.rehearsal.virtual.machine import Machine


def write_reach(machines: Sequence[Machine], environment: Mapping[str, str], ssh_config: Path, inventory: Path) -> None:
    shells = [machine.shell for machine in machines]
    ssh_config.write_text("\n".join(shell.client_configuration() for shell in shells))
    hosts = {shell.name: {"identity_file": str(shell.key)} for shell in shells}
    document = {"hosts": hosts, "groups": {"all": {"user": "root", "environment": environment}}}
    inventory.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
