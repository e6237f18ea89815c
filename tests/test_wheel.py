"""The built wheel, installed elsewhere, carries profiles/ and containers/ and runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jetson_deploy.install import source

REPOSITORY = Path(__file__).parent.parent
BOARD = REPOSITORY / "tests/hosts/orin-nano-8gb-jp6.2/root"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that holds only what the wheel brings."""
    work = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(work), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = work.glob("*.whl")
    target = work / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True, capture_output=True, timeout=120)
    return target


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jetson_deploy", *arguments],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_installed_wheel_plans_with_its_own_catalog(installed: Path) -> None:
    shown = run(installed, "plan", "--json", "--root", str(BOARD))
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["image"]["reference"].startswith("dustynv/ollama:")


def test_the_installed_wheel_plans_for_a_board_that_nobody_has_here(installed: Path) -> None:
    shown = run(installed, "plan", "--json", "--board", "orin-nx-16gb")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["board"] == "orin-nx-16gb"


def test_it_is_the_wheel_that_ran_and_not_the_checkout(installed: Path) -> None:
    where = subprocess.run(
        [sys.executable, "-c", "import jetson_deploy; print(jetson_deploy.__file__)"],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(installed))
    assert (installed / "jetson_deploy/_data/profiles/boards/orin-nano-8gb.yaml").is_file()
    assert (installed / "jetson_deploy/_data/containers/images/dustynv-ollama.yaml").is_file()


def test_the_wheel_that_the_tool_makes_of_itself_for_a_board_has_the_same_files(installed: Path) -> None:
    package = installed / "jetson_deploy"
    built = {f"jetson_deploy/{path.relative_to(package)}": path for path in package.rglob("*") if path.is_file()}
    built = {name: path for name, path in built.items() if "__pycache__" not in name}
    assert {name: path.read_bytes() for name, path in built.items()} == {
        name: path.read_bytes() for name, path in source.files()
    }


def test_the_installed_wheel_carries_the_examples(installed: Path) -> None:
    assert run(installed, "plan", "--example").stdout == (REPOSITORY / "jetson-deploy.yaml").read_text()
    assert run(installed, "fleet", "inventory", "--example").stdout == (REPOSITORY / "fleet.example.yaml").read_text()


def test_the_scripts_that_a_fleet_sends_ship(installed: Path) -> None:
    for name in ("capture-host", "read-board", "read-header"):
        assert (installed / "jetson_deploy/_data/scripts" / name).is_file()


def test_the_default_board_of_the_rehearsal_ships(installed: Path) -> None:
    assert (installed / "jetson_deploy/_data/rehearsal/boards/orin-nano-8gb-jp6.2/root/etc/nv_tegra_release").is_file()


def test_the_installed_wheel_monitors_with_its_own_alerts_page_and_unit(installed: Path) -> None:
    shown = run(installed, "monitor", "--once", "--json", "--root", str(BOARD))
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["schema"].startswith("jetson-deploy.sample/")
    for name in ("serve/page/index.html", "serve/page/uplot.js", "units/jetson-deploy-monitor.service"):
        assert (installed / "jetson_deploy/monitor" / name).is_file()


def test_a_python_source_never_reads_the_shared_folder_of_its_developers() -> None:
    sources = [
        *REPOSITORY.glob("jetson_deploy/**/*.py"),
        *(p for p in REPOSITORY.glob("scripts/**/*") if p.is_file() and p.suffix != ".pyc"),
    ]
    assert sources
    assert [str(p) for p in sources if "/shared/" in p.read_text(encoding="utf-8")] == []
