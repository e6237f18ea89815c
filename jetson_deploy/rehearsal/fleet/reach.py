"""What a controller needs to reach the boards: ssh_config, known_hosts, fleet.yaml."""

from __future__ import annotations

import msgspec

from jetson_deploy.rehearsal.fleet.layout import Layout, Place


def ssh_config(layout: Layout, places: list[Place]) -> str:
    hosts = "\n".join(f"Host {place.name}\n  HostName {place.address}\n" for place in places)
    return f"""\
{hosts}
Host *
  User root
  IdentityFile {layout.login_key}
  IdentitiesOnly yes
  UserKnownHostsFile {layout.known_hosts}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  LogLevel ERROR
"""


def known_hosts(places: list[Place], public: dict[str, str]) -> str:
    return "".join(f"{place.address},{place.name} {' '.join(public[place.name].split()[:2])}\n" for place in places)


def inventory(
    layout: Layout, places: list[Place], environment: dict[str, str], settings: dict[str, object] | None = None
) -> str:
    """fleet.yaml (JSON is YAML, and quotes what YAML would read as something else)."""
    every = {"user": "root", "identity_file": str(layout.login_key), "environment": environment}
    document = {
        "hosts": {place.name: {"address": place.address} for place in places},
        "groups": {"all": every | ({"settings": settings} if settings else {})},
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n"
