"""`monitor dashboards -i`: Prometheus scrapes the devices of the inventory."""

from __future__ import annotations

import json
from pathlib import Path

from forked_cli import ran

FILE = """
hosts:
  board1: {address: 192.0.2.1, port: 2222}
  board2.lab:
  spare:
groups:
  orin: {hosts: [board1, board2.lab]}
"""


def targets(here: Path, *arguments: str) -> list[str]:
    (here / "fleet.yaml").write_text(FILE)
    shown = ran(
        *("monitor", "dashboards", "grafana", "--json", *arguments),
        environment={"PATH": "/usr/bin:/bin", "HOME": str(here)},
        cwd=here,
    )
    assert shown.returncode == 0, shown.stderr
    found: list[str] = json.loads(shown.stdout)["targets"]
    return found


def test_the_devices_of_the_inventory_are_scraped_at_their_addresses(tmp_path: Path) -> None:
    assert targets(tmp_path, "-i", "fleet.yaml") == ["192.0.2.1:9735", "board2.lab:9735", "spare:9735"]


def test_a_pattern_chooses_among_them_and_hosts_beside_them_stay(tmp_path: Path) -> None:
    assert targets(tmp_path, "--limit", "orin:!board1", "--host", "other:1234") == ["other:1234", "board2.lab:9735"]


def test_typed_devices_are_scraped_at_the_port_of_the_monitor(tmp_path: Path) -> None:
    assert targets(tmp_path, "-i", "a,nvidia@10.0.0.7:2222,") == ["a:9735", "10.0.0.7:9735"]
