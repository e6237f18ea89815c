"""What a unit takes: by systemd's own count, else by its cgroup; what nobody counts is unknown, never 0."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_deploy.runtime.systemd.usage import usage_of

GROUP = "system.slice/jetson-deploy-1.service"
STAT = "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n"
CASES = {
    "counted by systemd": ({"CPUUsageNSec": "1500000000"}, {}, 1.5, None),
    "v2": ({}, {"cpu.stat": STAT, "memory.current": "900", "memory.stat": "anon 1\ninactive_file 100\n"}, 2.5, 800),
    "hybrid": ({"CPUUsageNSec": str((1 << 64) - 1)}, {"unified:cpu.stat": STAT}, 2.5, None),
    "v1 alone": (
        {"CPUUsageNSec": "[not set]"},
        {"memory:memory.usage_in_bytes": "900", "memory:memory.stat": "total_inactive_file 100\n"},
        None,
        800,
    ),
    "no group": ({"ControlGroup": "", "CPUUsageNSec": ""}, {"cpu.stat": STAT}, None, None),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_it_is_read_where_it_is_counted(
    tmp_path: Path, case: tuple[dict[str, str], dict[str, str], float | None, int | None]
) -> None:
    shown, files, cpu_seconds, memory_bytes = case
    for name, text in files.items():
        tree, _, file = name.rpartition(":")
        folder = tmp_path / tree / GROUP
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    found = usage_of({"ControlGroup": f"/{GROUP}", **shown}, tmp_path)
    assert (found.cpu_seconds, found.memory_bytes) == (cpu_seconds, memory_bytes)
