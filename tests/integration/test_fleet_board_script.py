"""Installing on a board, offline: twice is once, killed anywhere it is repaired, and what was there goes on working.

A real Python and no network; tool and pip in these packages are stand-ins of a few lines, so that many runs are
quick. `test_fleet_brings_over_ssh.py` has the real ones.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from board_script import PYTHON, SECONDS, Made, Prefix, make_stand_in, run

from jetson_deploy.install.machine import BOARD

pytestmark = pytest.mark.integration

STEPS = ["room", "unpack", "environment", "install", "compile", "check", "mark", "link", "clean"]
OLD, NEW = "jetson-deploy, version 1.0", "jetson-deploy, version 2.0"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    work = tmp_path_factory.mktemp("packages")
    packages = {version: make_stand_in(work / version, version) for version in ("1.0", "2.0", "3.0", "4.0")}
    return {**packages, "broken": make_stand_in(work / "broken", "9.0", works=False)}


@pytest.fixture
def prefix(tmp_path: Path) -> Prefix:
    return Prefix(tmp_path)


def test_a_first_run_installs_and_links_and_a_second_changes_nothing(prefix: Prefix, made: dict[str, Made]) -> None:
    first = prefix.install(made["1.0"])
    assert (first.code, first.lines[-1]) == (0, "@done installed"), first
    assert (first.steps, prefix.linked()) == (STEPS, OLD)
    assert list((prefix.root / "incoming").iterdir()) == []
    before = prefix.everything()
    second = prefix.install(made["1.0"])
    assert (second.code, second.lines) == (0, ["@step clean", "@done unchanged"])
    assert prefix.everything() == before


def test_what_is_installed_is_compiled_so_that_a_user_who_cannot_write_there_starts_it_as_quickly(
    prefix: Prefix, made: dict[str, Made]
) -> None:
    assert prefix.install(made["1.0"]).code == 0
    modules = list((prefix.root / made["1.0"].name / "lib").rglob("*.py"))
    assert modules
    assert [one for one in modules if not list(one.parent.glob(f"__pycache__/{one.stem}.*.pyc"))] == []


def test_an_installation_whose_connection_is_lost_goes_on_to_its_end(prefix: Prefix, made: dict[str, Made]) -> None:
    assert prefix.left_alone(made["1.0"]) == 0
    assert prefix.linked() == OLD
    assert prefix.install(made["1.0"]).lines[-1] == "@done unchanged"


def test_every_step_of_the_script_is_killed_by_the_next_test() -> None:
    named = set(re.findall(r"^ *step ([a-z]+)$", BOARD.read_text(), re.MULTILINE))
    assert named == {*STEPS, "python"}


def test_killed_at_any_step_the_old_version_works_and_the_next_run_repairs_it(
    prefix: Prefix, made: dict[str, Made]
) -> None:
    assert prefix.install(made["1.0"]).code == 0
    for step in STEPS:
        prefix.killed_at(step, made["2.0"])
        # `mark` is done and the link set before a signal arrives, or not.
        assert prefix.linked() in ({OLD} if STEPS.index(step) < STEPS.index("mark") else {OLD, NEW}), step
        repaired = prefix.install(made["2.0"])
        assert (repaired.code, prefix.linked()) == (0, NEW), (step, repaired)
        assert prefix.versions() == {made["1.0"].name, made["2.0"].name}, step
        prefix.link.unlink()
        prefix.link.symlink_to(prefix.root / made["1.0"].name / "bin/jetson-deploy")
        subprocess.run(["rm", "-r", prefix.root / made["2.0"].name], check=True)


def test_the_version_before_is_kept_and_older_ones_go_unless_a_unit_or_a_process_is_of_them(
    prefix: Prefix, made: dict[str, Made]
) -> None:
    for version in ("1.0", "2.0"):
        assert prefix.install(made[version]).code == 0
    unit = prefix.units / "jetson-deploy-watch@.service"
    unit.write_text(f"[Service]\nExecStart={prefix.root / made['1.0'].name}/bin/python -m jetson_deploy watch\n")
    assert prefix.install(made["3.0"]).code == 0
    assert prefix.versions() == {made[version].name for version in ("1.0", "2.0", "3.0")}
    unit.unlink()
    argv = [str(prefix.root / made["1.0"].name / "bin/python"), "-c", "input()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as running:
        assert prefix.install(made["4.0"]).code == 0
        assert prefix.versions() == {made[version].name for version in ("1.0", "3.0", "4.0")}
        running.communicate(b"\n", timeout=SECONDS)
    assert prefix.install(made["4.0"]).code == 0
    assert prefix.versions() == {made[version].name for version in ("3.0", "4.0")}
    assert prefix.units.is_dir()


def file_and_time(path: Path) -> tuple[int, int, int]:
    """Without the time of access: reading a link changes that."""
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_mtime_ns


@pytest.mark.parametrize("foreign", ["file", "link"])
def test_what_others_put_in_the_links_place_is_not_replaced_and_nothing_is_installed(
    prefix: Prefix, made: dict[str, Made], foreign: str
) -> None:
    prefix.link.parent.mkdir()
    if foreign == "file":
        prefix.link.write_text("#!/bin/sh\n")
    else:
        prefix.link.symlink_to("/home/me/jetson-deploy/.venv/bin/jetson-deploy")
    before = file_and_time(prefix.link)
    ended = prefix.install(made["1.0"])
    assert (ended.code, ended.refused[0]) == (3, "tool-foreign")
    assert str(prefix.link) in ended.refused[1] and f"mv {prefix.link}" in ended.refused[2]
    assert (file_and_time(prefix.link), prefix.versions()) == (before, set())


def test_a_package_that_is_not_what_was_sent_is_refused(prefix: Prefix, made: dict[str, Made]) -> None:
    assert prefix.install(made["1.0"]).code == 0
    ended = prefix.install(made["2.0"], sha256=64 * "0")
    assert (ended.code, ended.refused[0], prefix.linked()) == (5, "package-damaged", OLD)


def test_a_tool_that_does_not_run_there_is_never_linked(prefix: Prefix, made: dict[str, Made]) -> None:
    assert prefix.install(made["1.0"]).code == 0
    ended = prefix.install(made["broken"])
    assert (ended.code, ended.refused[0], prefix.linked()) == (3, "tool-unusable", OLD)
    assert "it does not run" in ended.refused[1]


def test_a_version_that_was_damaged_is_made_anew(prefix: Prefix, made: dict[str, Made]) -> None:
    for version in ("1.0", "2.0"):
        assert prefix.install(made[version]).code == 0
    (module,) = (prefix.root / made["2.0"].name).rglob("stand_in_tool.py")
    module.unlink()
    ended = prefix.install(made["2.0"])
    assert (ended.code, prefix.linked()) == (0, NEW), ended
    assert prefix.versions() == {made["1.0"].name, made["2.0"].name}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Prefix]:
    prefix = Prefix(tmp_path)
    prefix.root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "board", prefix.root], check=True)
    try:
        yield prefix
    finally:
        subprocess.run(["umount", prefix.root], check=True)


def test_room_is_asked_before_and_a_disk_that_fills_up_all_the_same_leaves_a_repairable_state(
    small_disk: Prefix, made: dict[str, Made]
) -> None:
    asked = small_disk.install(made["1.0"])
    assert (asked.code, asked.refused[0], asked.steps) == (6, "no-space", ["room"])
    assert re.search(r"needs \d+ MiB for the tool and has \d+ MiB", asked.refused[1])
    filled = small_disk.root / "somebody-elses"
    assert subprocess.run(["fallocate", "-l", "1400K", filled], check=False).returncode == 0
    ended = small_disk.install(made["1.0"], need_kib="1")
    assert (ended.code != 0, small_disk.linked()) == (True, ""), ended
    filled.unlink()
    ended = small_disk.install(made["1.0"], need_kib="1")
    assert (ended.code, small_disk.linked()) == (0, OLD), ended


def test_two_at_once_are_one_after_the_other(prefix: Prefix, made: dict[str, Made]) -> None:
    second = made["1.0"].path.parent / "second.tar"
    second.write_bytes(made["1.0"].path.read_bytes())
    argv = [prefix.argv(made["1.0"]), prefix.argv(made["1.0"], package=str(second))]
    both = [subprocess.Popen(one, stdout=subprocess.PIPE, text=True) for one in argv]
    said = [process.communicate(timeout=SECONDS)[0].splitlines()[-1] for process in both]
    assert (sorted(said), prefix.linked()) == (["@done installed", "@done unchanged"], OLD)


def test_a_python_without_ensurepip_will_do(prefix: Prefix, made: dict[str, Made]) -> None:
    """As Debian and Ubuntu have it without python3-venv."""
    asked = [str(PYTHON), "-c", "import ensurepip; print(ensurepip.__path__[0])"]
    ensurepip = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    hidden = f"mount -t tmpfs none {ensurepip} && ! {PYTHON} -m venv {prefix.root}/refused >&2"
    argv = ["unshare", "--mount", "sh", "-c", f'{hidden} && rm -rf {prefix.root}/refused && exec "$@"', "sh"]
    ended = run([*argv, *prefix.argv(made["1.0"])])
    assert (ended.code, prefix.linked()) == (0, OLD), ended
