"""Memory, power, clock, kernel, native Ollama, and whether it is a Jetson at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.detect.clock import clock_facts
from jetson_deploy.detect.detect import detect_host
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.meminfo import memory_facts
from jetson_deploy.detect.power import power_facts
from jetson_deploy.facts import HostFacts, MemoryFacts

GOOD = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: n/a\n"


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def detected(root: Path, *, live: bool = False) -> HostFacts:
    return detect_host(Host(root), load_catalog(), engine=None, store=None, port=11434, live=live)


def test_an_empty_root_is_all_unknown(tmp_path: Path) -> None:
    facts = detected(tmp_path)
    assert facts.memory == MemoryFacts()
    assert (facts.l4t, facts.kernel, facts.architecture, facts.native_ollama, facts.clock.sane) == (None,) * 5
    assert facts.notes == ()


def test_zram_is_counted_apart_from_real_swap(tmp_path: Path) -> None:
    put(tmp_path, "proc/meminfo", "MemTotal: 8000 kB\nSwapTotal: 5000 kB\nSwapFree: 5000 kB\n")
    rows = "/dev/zram0 partition 1000 0 5\n/dev/zram1 partition 1000 0 5\n/swapfile file 3000 0 -2\n"
    put(tmp_path, "proc/swaps", "Filename Type Size Used Priority\n" + rows)
    assert memory_facts(Host(tmp_path)).zram_bytes == 2000 * 1024


def test_available_above_total_is_unknown_and_noted(tmp_path: Path) -> None:
    put(tmp_path, "proc/meminfo", "MemTotal: 8000 kB\nMemAvailable: 9000 kB\n")
    facts = detected(tmp_path)
    assert facts.memory.available_bytes is None
    assert "MemAvailable is above MemTotal" in facts.notes[0]


def test_processes_that_were_not_captured_are_unknown_and_none_running_is_zero(tmp_path: Path) -> None:
    put(tmp_path, "proc/900/comm", "Xorg\n")
    assert memory_facts(Host(tmp_path)).desktop_bytes is None
    put(tmp_path, "proc/1/comm", "systemd\n")
    assert memory_facts(Host(tmp_path)).desktop_bytes == 0
    put(tmp_path, "proc/900/statm", "5000 1000 1 1 0 1 0\n")
    assert memory_facts(Host(tmp_path)).desktop_bytes == 1000 * 4096


@pytest.mark.parametrize(
    ("modes", "current", "mode", "ceiling", "at"),
    [
        (["MAXN", "15W", "MAXN_SUPER"], 0, "MAXN", "MAXN_SUPER", False),
        (["15W", "7W"], 0, "15W", "15W", True),
        (["10W", "7W_AI", "7W_CPU"], 2, "7W_CPU", "10W", False),
        (["MODE_10W", "MODE_15W_2CORE", "MODE_15W_6CORE"], 2, "MODE_15W_6CORE", "MODE_15W_2CORE", True),
        (["MAXN"], 4, None, "MAXN", None),
        (["DEFAULT"], 0, "DEFAULT", None, None),
    ],
)
def test_the_power_ceiling_goes_by_name_never_by_id(
    tmp_path: Path, modes: list[str], current: int, mode: str | None, ceiling: str | None, at: bool | None
) -> None:
    lines = [f"< POWER_MODEL ID={i} NAME={name} >" for i, name in enumerate(modes)]
    put(tmp_path, "etc/nvpmodel.conf", "# < POWER_MODEL ID=9 NAME=MAXN_X >\n" + "\n".join(lines) + "\nCPU_ONLINE 1\n")
    put(tmp_path, "var/lib/nvpmodel/status", f"pmode:{current:04d} fmode:quiet\n")
    power = power_facts(Host(tmp_path))
    assert (power.mode_id, power.mode, power.ceiling, power.at_ceiling) == (current, mode, ceiling, at)


@pytest.mark.parametrize(("epoch", "sane"), [(0, False), (1767225599, False), (1767225600, True), (4102444800, False)])
@pytest.mark.fault("F21")
def test_a_clock_outside_of_2026_to_2100_is_not_sane(tmp_path: Path, epoch: int, sane: bool) -> None:
    put(tmp_path, "recorded/clock.json", json.dumps({"epoch_seconds": epoch, "synchronised": True}))
    assert clock_facts(Host(tmp_path), live=False).sane is sane


def test_a_rehearsal_reads_the_board_from_the_root_and_the_rest_from_this_machine(tmp_path: Path) -> None:
    put(tmp_path, "etc/nv_tegra_release", GOOD)
    put(tmp_path, "proc/mounts", "/dev/nvme0n1p1 /only-on-the-board ext4 rw 0 0\n")
    put(tmp_path, "recorded/clock.json", '{"epoch_seconds": 5}')
    facts = detected(tmp_path, live=True)
    assert facts.l4t == "36.4.3"
    assert facts.clock.sane is True
    assert "/only-on-the-board" not in [d.mount for d in facts.disks]
    assert facts.port is not None
    assert facts.port.listening is not None


def test_the_live_host_is_read_without_an_exception() -> None:
    facts = detected(Path("/"))
    assert facts.root == "/"
    assert facts.kernel is not None
    assert (facts.memory.total_bytes or 0) >= (facts.memory.available_bytes or 0) > 0


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, False),
        ({"proc/device-tree/compatible": "raspberrypi,5\0"}, False),
        ({"proc/device-tree/compatible": "nvidia,tegra234\0"}, True),
        ({"etc/nv_tegra_release": GOOD}, True),
        ({"etc/nv_tegra_release": GOOD, "proc/device-tree/compatible": "raspberrypi,5\0"}, None),
        ({"etc/nv_tegra_release": GOOD, "recorded/uname.json": '{"machine": "x86_64"}'}, None),
        ({"etc/nv_tegra_release": GOOD, ".dockerenv": ""}, None),
        ({"etc/nv_tegra_release": "damaged"}, None),
    ],
)
def test_being_a_jetson_is_proven_refuted_or_open(tmp_path: Path, files: dict[str, str], expected: bool | None) -> None:
    for path, text in files.items():
        put(tmp_path, path, text)
    assert detected(tmp_path).is_jetson is expected


def test_a_release_of_another_chip_is_noted(tmp_path: Path) -> None:
    put(tmp_path, "etc/nv_tegra_release", GOOD.replace("R36", "R38"))
    put(tmp_path, "proc/device-tree/compatible", "nvidia,p3768-0000+p3767-0005\0nvidia,tegra234\0")
    assert any("not made for tegra234" in note for note in detected(tmp_path).notes)


def test_the_kernel_is_only_a_hint_for_the_release(tmp_path: Path) -> None:
    put(tmp_path, "proc/sys/kernel/osrelease", "5.15.148-tegra\n")
    facts = detected(tmp_path)
    assert (facts.l4t, facts.jetpack) == (None, None)
    assert facts.notes == ("the release is unknown; kernel 5.15.148-tegra is one of JetPack 6",)


@pytest.mark.parametrize("path", ["usr/local/bin/ollama", "usr/bin/ollama", "etc/systemd/system/ollama.service"])
def test_a_native_ollama_is_seen(tmp_path: Path, path: str) -> None:
    put(tmp_path, path, "")
    assert detected(tmp_path).native_ollama is True
