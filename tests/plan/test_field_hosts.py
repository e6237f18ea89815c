"""Hosts that people reported: what `detect` reads of each, and how `plan` takes it. A new one is a row, no code.

A row of field_hosts.yaml is a host and what must be said of it: `facts` (keys as in `detect --json`, dots between
them), `plan` (exit code and JSON keys), and words that must or must not stand in what both print.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import quick_yaml
from forked_cli import ran

TABLE = quick_yaml.loaded((Path(__file__).parent / "field_hosts.yaml").read_text())
ROWS: list[dict[str, Any]] = TABLE["hosts"]
BASE = "sys/firmware/devicetree/base"
FINE_ENGINE = {"Runtimes": {"runc": {}, "nvidia": {}}, "DockerRootDir": "/var/lib/docker", "Driver": "overlay2"}
PLENTY = {"total_bytes": 250_000_000_000, "free_bytes": 180_000_000_000}
ROOT_MOUNT = "/dev/nvme0n1p1 / ext4 rw,relatime 0 0"


def root_of(row: dict[str, Any], root: Path) -> Path:
    """The captured root that the row describes."""
    files: dict[str, str] = dict(row.get("files", {}))
    files[f"{BASE}/model"] = row["model"] + "\0"
    files[f"{BASE}/compatible"] = "".join(f"{text}\0" for text in row["compatible"])
    if "release" in row:
        files["etc/nv_tegra_release"] = row["release"] + "\n"
    if "os_release" in row:
        files["etc/os-release"] = "".join(f"{key}={value}\n" for key, value in row["os_release"].items())
    total, free = row["memory_mib"]
    files["proc/meminfo"] = f"MemTotal: {total * 1024} kB\nMemAvailable: {free * 1024} kB\nSwapTotal: 0 kB\n"
    files["proc/mounts"] = "\n".join(row.get("mounts", [ROOT_MOUNT])) + "\n"
    files["recorded/engine.json"] = json.dumps(_answers(row.get("engine", {})))
    files["recorded/disks.json"] = json.dumps(row.get("disks", {"/": PLENTY}))
    machine = row.get("machine", "aarch64")
    files["recorded/uname.json"] = json.dumps({"release": row["kernel"], "machine": machine})
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def _answers(engine: dict[str, Any]) -> dict[str, Any]:
    if "problem" in engine:
        return engine
    info = FINE_ENGINE | engine
    version = {"Version": info.get("ServerVersion", "27.5.1"), "Components": info.pop("Components", [])}
    return {"info": info, "version": version, "containers": [], "images": []}


def asked(command: str, root: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    done = ran(command, "--json", "--root", str(root), *arguments, environment=environment)
    return done.returncode, json.loads(done.stdout)


def value_of(document: dict[str, Any], path: str) -> Any:
    found: Any = document
    for key in path.split("."):
        found = found[int(key)] if isinstance(found, list) else found[key]
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_a_reported_host_is_read_as_what_it_is(row: dict[str, Any], tmp_path: Path) -> None:
    code, facts = asked("detect", root_of(row, tmp_path))
    assert code == 0
    wanted = row.get("facts", {})
    assert {path: value_of(facts, path) for path in wanted} == wanted
    said = " | ".join(facts["notes"])
    assert [p for p in row.get("noted", []) if not re.search(p, said)] == [], said
    assert [p for p in row.get("not_noted", []) if re.search(p, said)] == [], said


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_a_reported_host_gets_advice_that_can_be_followed_on_it(row: dict[str, Any], tmp_path: Path) -> None:
    wanted = row["plan"]
    code, document = asked("plan", root_of(row, tmp_path), *wanted.get("arguments", []))
    assert code == wanted["exit"], document
    shown = {path: value_of(document, path) for path in wanted.get("has", {})}
    assert shown == wanted.get("has", {})
    said = json.dumps(document, ensure_ascii=False)
    assert [p for p in wanted.get("says", []) if not re.search(p, said)] == [], said
    assert [p for p in wanted.get("never", []) if re.search(p, said)] == [], said


@pytest.mark.parametrize("name", TABLE["shown"])
def test_a_person_reads_the_same(name: str, tmp_path: Path) -> None:
    row = next(row for row in ROWS if row["name"] == name)
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    text = ran("detect", "--root", str(root_of(row, tmp_path)), environment=environment).stdout
    assert [pattern for pattern in TABLE["shown"][name] if not re.search(pattern, text)] == [], text


def test_every_row_names_its_source() -> None:
    assert [row["name"] for row in ROWS if not row.get("source")] == []
    assert len({row["name"] for row in ROWS}) == len(ROWS)
