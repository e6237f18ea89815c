"""Conditions over what is known of a host, and what is read for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from jetson_deploy.catalog.entries import Issue
from jetson_deploy.deploy.blocking import blocking_issues
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.looked import LookedAt, look_at
from jetson_deploy.facts import BoardFacts, ContainerFacts, EngineFacts, HostFacts
from jetson_deploy.plan.known_issues import judge

FACTS = HostFacts(
    root="/",
    is_jetson=True,
    board=BoardFacts(id="orin-nano-8gb"),
    l4t="36.4.3",
    kernel="5.15.148-tegra",
    engine=EngineFacts(
        reachable=True,
        version="27.5.1",
        runtimes=("runc", "nvidia"),
        containers=(ContainerFacts(id="a", name="jd-default-1", state="running", image="x"),),
    ),
)


def issue(*conditions: dict[str, Any], severity: str = "block") -> Issue:
    raw = {
        "id": "mine",
        "title": "Mine",
        "phase": "preflight",
        "severity": severity,
        "symptoms": [],
        "fix": ["mend it"],
        "source": ["me"],
        "confidence": "verified",
        "probe": {"all": list(conditions), "evidence": "kernel {kernel}, mode {power.mode}"},
    }
    return msgspec.convert(raw, Issue)


def answer(condition: dict[str, Any], looked: LookedAt | None = None) -> bool | None:
    judged = judge(FACTS, looked or LookedAt(), [issue(condition)])
    return True if judged.findings else None if judged.unknown else False


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"fact": "l4t", "equals": "36.4.3"}, True),
        ({"fact": "l4t", "at_least": "36.4"}, True),
        ({"fact": "l4t", "at_least": "36.10"}, False),
        ({"fact": "l4t", "below": "36.10"}, True),
        ({"fact": "kernel", "below": "5.15.148"}, False),
        ({"fact": "kernel", "matches": "-TEGRA$"}, True),
        ({"fact": "engine.version", "at_least": "28"}, False),
        ({"fact": "engine.runtimes", "equals": "nvidia"}, True),
        ({"fact": "engine.runtimes", "equals": "kata"}, False),
        ({"fact": "engine.containers.state", "one_of": ["dead", "running"]}, True),
        ({"fact": "engine.images.size_bytes", "at_least": 1}, False),
        ({"fact": "power.mode", "equals": "15W"}, None),
        ({"fact": "store.disk.free_bytes", "below": 5}, None),
        ({"fact": "image_disk.medium", "equals": "emmc"}, None),
        ({"module": "nf-tables", "present": True}, None),
        ({"file": "/etc/x", "present": False}, None),
    ],
)
def test_a_condition_is_true_false_or_not_known(condition: dict[str, Any], expected: bool | None) -> None:
    assert answer(condition) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"module": "nf-tables", "present": True}, True),
        ({"module": "iptable_raw", "present": False}, True),
        ({"module": "overlay", "present": False}, None),
        ({"file": "/etc/there", "matches": "^ALPHA"}, True),
        ({"file": "/etc/there", "present": False}, False),
        ({"file": "/etc/gone", "present": False}, True),
        ({"file": "/etc/gone", "matches": "x"}, False),
        ({"file": "/etc/hidden", "matches": "x"}, None),
    ],
)
def test_files_and_modules_are_judged_by_what_was_read(condition: dict[str, Any], expected: bool | None) -> None:
    looked = LookedAt(
        files={"/etc/there": "alpha\n"},
        absent=frozenset({"/etc/gone"}),
        modules={"nf_tables": True, "iptable_raw": False},
    )
    assert answer(condition, looked) is expected


def test_all_conditions_must_hold_and_one_that_does_not_settles_it() -> None:
    known, unknown = {"fact": "l4t", "equals": "36.4.3"}, {"fact": "power.mode", "equals": "15W"}
    assert judge(FACTS, LookedAt(), [issue(known, unknown)]).unknown == {"mine": "power.mode"}
    settled = judge(FACTS, LookedAt(), [issue(unknown, {"fact": "l4t", "equals": "35.1.0"})])
    assert (settled.findings, settled.unknown) == ((), {})


def test_the_evidence_tells_the_facts_and_which_are_unknown() -> None:
    (found,) = judge(FACTS, LookedAt(), [issue({"fact": "l4t", "equals": "36.4.3"})]).findings
    assert (found.evidence, found.cause, found.fix) == ("kernel 5.15.148-tegra, mode unknown", "Mine", "mend it")
    assert (found.severity, found.exit_code) == ("block", 3)


def test_a_live_host_tells_what_is_absent_and_a_captured_one_does_not(tmp_path: Path) -> None:
    asked = [issue({"file": str(tmp_path / name), "present": True}) for name in ("there", "gone")]
    (tmp_path / "there").write_text("x")
    live = look_at(Host(Path("/")), asked, None)
    assert (live.files, live.absent) == ({str(tmp_path / "there"): "x"}, frozenset({str(tmp_path / "gone")}))
    captured = look_at(
        Host(tmp_path), [issue({"file": "/there", "present": True}, {"file": "/gone", "present": True})], None
    )
    assert (captured.files, captured.absent) == ({"/there": "x"}, frozenset())


@pytest.mark.parametrize("compression", ["", ".xz", ".zst"])
def test_a_module_is_looked_for_among_those_built_in_loadable_and_loaded(tmp_path: Path, compression: str) -> None:
    folder = tmp_path / "lib/modules/5.15.148-tegra"
    folder.mkdir(parents=True)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/modules").write_text("nvgpu 100 1 - Live 0x0\n")
    names = ("nf-tables", "overlay", "nvgpu", "iptable_raw")
    asked = [issue(*({"module": name, "present": True} for name in names))]
    kernel = "5.15.148-tegra"
    assert look_at(Host(tmp_path), asked, kernel).modules == {"nvgpu": True}
    (folder / "modules.dep").write_text(f"kernel/net/nf_tables.ko{compression}: kernel/net/nfnetlink.ko\n")
    (folder / "modules.builtin").write_text("kernel/fs/overlayfs/overlay.ko\n")
    found = look_at(Host(tmp_path), asked, kernel).modules
    assert found == {"nf_tables": True, "overlay": True, "nvgpu": True, "iptable_raw": False}


def test_a_path_that_leads_nowhere_for_another_reason_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    looked = look_at(Host(Path("/")), [issue({"file": str(tmp_path / "loop"), "present": False})], None)
    assert (looked.files, looked.absent) == ({}, frozenset())


def test_only_what_blocks_is_read_and_judged_before_a_change(tmp_path: Path) -> None:
    holds = {"fact": "l4t", "equals": "36.4.3"}
    assert [one.id for one in blocking_issues(tmp_path, FACTS, {"mine": issue(holds)})] == ["mine"]
    assert blocking_issues(tmp_path, FACTS, {"mine": issue(holds, severity="warn")}) == ()
