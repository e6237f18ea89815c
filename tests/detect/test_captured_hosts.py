"""Every folder in tests/hosts: a captured or built root, and the facts that must be read from it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.detect.detect import detect_host
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.recorded import recorded_engine

HOSTS = Path(__file__).parents[1] / "hosts"
FOLDERS = sorted(p for p in HOSTS.iterdir() if p.is_dir())


def differences(expected: Any, found: Any, where: str = "") -> list[str]:
    """What `expected` asks for and `found` lacks; keys that are only found do not matter."""
    if isinstance(expected, dict) and isinstance(found, dict):
        missing = [f"{where}.{k}: missing" for k in expected if k not in found]
        return missing + [d for k in expected if k in found for d in differences(expected[k], found[k], f"{where}.{k}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [
            d for i, (e, f) in enumerate(zip(expected, found, strict=True)) for d in differences(e, f, f"{where}[{i}]")
        ]
    return [] if expected == found else [f"{where}: expected {expected!r}, found {found!r}"]


def facts_of(root: Path) -> dict[str, Any]:
    host = Host(root)
    facts = detect_host(host, load_catalog(), engine=recorded_engine(host), store=None, port=11434, live=False)
    return dict(json.loads(msgspec.json.encode(facts)))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_a_captured_host_has_the_facts_that_its_folder_expects(folder: Path) -> None:
    expected = json.loads((folder / "facts.json").read_text())
    assert differences(expected, facts_of(folder / "root")) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_every_host_says_where_it_comes_from(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert re.search(r"^(Captured on|Built from facts|Derived from|Made from)", text, re.MULTILINE), text


def test_at_least_twenty_hosts_are_kept() -> None:
    assert len(FOLDERS) >= 20
