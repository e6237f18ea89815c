"""Who listens on a loopback port of this machine."""

from __future__ import annotations

from pathlib import Path

from jetson_deploy.facts import PortFacts


def listener_of(port: int) -> PortFacts:
    """Read from this machine's /proc; process and container are None where that needs root."""
    from jetson_deploy.detect.host import Host
    from jetson_deploy.detect.port import port_facts

    return port_facts(Host(Path("/")), port)
