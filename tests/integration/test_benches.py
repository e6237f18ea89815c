"""The benchmarks of the model store run, in small sizes; what they measure is no test's business."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
BENCH = Path(__file__).parents[2] / "scripts" / "bench"
SHORT = ("--size", "8", "--runs", "1")


@pytest.mark.parametrize(
    ("name", "options"),
    [("verify", ()), ("bundle", ()), ("fetch", ("--link", "direct")), ("stage", ("--link", "direct")), ("cutover", ())],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_benchmark_prints_its_table(name: str, options: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH), name, *SHORT, *options], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert any("`jetson-deploy" in row or "`our staging" in row for row in rows), done.stdout
