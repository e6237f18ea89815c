"""What is right for a host and a request, as data: decisions.yaml says what is in a case, and holds them all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import quick_yaml
from forked_cli import ran
from sized_store import put_sized

DATA = quick_yaml.loaded((Path(__file__).parent / "decisions.yaml").read_text(encoding="utf-8"))
BASE = "sys/firmware/devicetree/base"
ENGINE = {"Runtimes": {"runc": {}, "nvidia": {}}, "DockerRootDir": "/var/lib/docker", "Driver": "overlay2"}
Document = dict[str, Any]


def root_of(case: Document, root: Path) -> Path:
    """The captured root that the case describes."""
    asked, board = case["input"], DATA["boards"][case["input"]["board"]]
    major, revision = str(asked["l4t"]).split(".", 1)
    files = {
        f"{BASE}/model": board["model"] + "\0",
        f"{BASE}/compatible": "".join(f"{text}\0" for text in board["compatible"]),
        "etc/nv_tegra_release": f"# R{major} (release), REVISION: {revision}, GCID: 1, BOARD: generic, EABI: aarch64\n",
        "proc/meminfo": f"MemTotal: {board['total'] * 1024} kB\nMemAvailable: {asked['avail'] * 1024} kB\n",
        "proc/mounts": "/dev/mmcblk0p1 / ext4 rw,relatime 0 0\n",
        "recorded/engine.json": json.dumps(
            {"info": ENGINE, "version": {"Version": "27.5.1"}, "containers": [], "images": []}
        ),
        "recorded/uname.json": json.dumps({"release": "5.15.148-tegra", "machine": "aarch64"}),
    }
    if "modes" in asked:
        named = [text.split() for text in asked["modes"]]
        files["etc/nvpmodel.conf"] = "".join(f"< POWER_MODEL ID={id} NAME={name} >\n" for id, name in named)
        files["var/lib/nvpmodel/status"] = f"pmode:{asked['mode']:04d}\n"
    disks = asked.get("disks", {"/": [250_000_000_000, 180_000_000_000]})
    sizes = {mount: {"total_bytes": total, "free_bytes": free} for mount, (total, free) in disks.items()}
    files["recorded/disks.json"] = json.dumps(sizes)
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def store_of(case: Document, store: Path) -> list[str]:
    """The words that name it, with its models in it."""
    models = case["input"].get("store", {})
    for name, measures in models.items():
        put_sized(store, name, measures, measures.get("extra"))
    return ["--store", str(store)] if models else []


def _said(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False)


CHECKS: dict[str, Callable[[Document, Any], bool]] = {
    "is": lambda d, wanted: all(d[key] == value for key, value in wanted.items()),
    "model": lambda d, name: bool(d["model"]["name"] == name),
    "context": lambda d, tokens: bool(d["model"]["context_tokens"] == tokens),
    "context_at_least": lambda d, tokens: bool(d["model"]["context_tokens"] >= tokens),
    "context_at_most": lambda d, tokens: bool(d["model"]["context_tokens"] <= tokens),
    "kv_cache_type": lambda d, kind: bool(d["model"]["kv_cache_type"] == kind),
    "image": lambda d, pattern: re.match(pattern, d["image"]["reference"]) is not None,
    "env_not": lambda d, wanted: all(d["spec"]["environment"].get(key) != value for key, value in wanted.items()),
    "env_has": lambda d, key: key in d["spec"]["environment"],
    "floor_at_most": lambda d, most: _at_most(d["gates"]["floor_tokens_per_second"], most),
    "warning": lambda d, pattern: any(re.search(pattern, text) for text in d["warnings"]),
    "assumed": lambda d, pattern: any(re.search(pattern, text) for text in d["assumptions"]),
    "hint": lambda d, pattern: re.search(pattern, d["hint"]) is not None,
    "text": lambda d, pattern: re.search(pattern, _said(d)) is not None,
    "need_between": lambda d, ends: bool(ends[0] <= d["model"]["need_bytes"] <= ends[1]),
    "need_difference_at_least": lambda d, least: _needs(d)[1] - _needs(d)[0] >= least,
    "kv_between": lambda d, ends: bool(ends[0] <= d["models"][0]["fit"]["kv_bytes"] <= ends[1]),
    "never": lambda d, pattern: re.search(pattern, _said(d)) is None,
}
"""Key of `right` → whether the document is so; `rc` and `env_number_at_most` are asked beside."""


def _needs(document: Document) -> list[int]:
    return sorted(model["fit"]["need_bytes"] for model in document["models"])


def _at_most(floor: float | None, most: float | None) -> bool:
    return floor is None if most is None else floor is not None and floor <= most


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: str(case["id"]))
def test_a_host_and_a_request_get_what_is_right_for_them(case: Document, tmp_path: Path) -> None:
    asked, right = case["input"], dict(case["right"])
    words = [*asked.get("verb", "plan").split(), "--json", "--root", str(root_of(case, tmp_path / "root"))]
    words += [*store_of(case, tmp_path / "models"), *asked.get("args", [])]
    done = ran(*words, environment={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})
    document: Document = json.loads(done.stdout)
    assert done.returncode == right.pop("rc"), document
    if (most := right.pop("env_number_at_most", None)) is not None:
        assert int(document["spec"]["environment"][right["env_has"]]) <= most
    assert [key for key, wanted in right.items() if not CHECKS[key](document, wanted)] == [], document


def test_every_case_says_why_and_from_where_and_has_a_name_of_its_own() -> None:
    assert [case["id"] for case in DATA["cases"] if not (case["reason"] and case["source"])] == []
    assert len({case["id"] for case in DATA["cases"]}) == len(DATA["cases"])
