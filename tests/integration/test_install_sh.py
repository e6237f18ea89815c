"""One board, from nothing to the tool: on each Python, without a network, killed anywhere, and taken away again.

Tool and pip are stand-ins of a few lines, so that many runs are quick; the last tests have the real ones.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from install_roots import INSTALL, REPOSITORY, Root, archive_of, directory_of, fetched, python_of, write_sums
from tiny_wheels import write_tool, write_wheel

from jetson_deploy.install import source
from jetson_deploy.install.machine import BOARD

pytestmark = pytest.mark.integration

STEPS = ["room", "unpack", "environment", "install", "compile", "check", "mark", "link", "clean"]
OLD, NEW = "jetson-deploy, version 1.0", "jetson-deploy, version 2.0"
MACHINE = os.uname().machine


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    work = tmp_path_factory.mktemp("given")
    return {version: directory_of(work / version, version) for version in ("1.0", "2.0")}


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "board", python_of("3.12"))


@pytest.mark.parametrize("version", ["3.10", "3.12", "3.13"])
def test_it_installs_again_changes_nothing_and_is_taken_away(
    version: str, given: dict[str, Path], tmp_path: Path
) -> None:
    root = Root(tmp_path / "board", python_of(version))
    first = root.install(given["1.0"])
    assert (first.code, root.says("--version")) == (0, OLD), first
    assert f"\nversion = {version}." in next(root.prefix.glob("*/pyvenv.cfg")).read_text()
    there = {path: path.lstat().st_mtime_ns for path in root.prefix.glob("*/*")}
    again = root.install(given["1.0"])
    assert (again.code, "nothing to do: " in again.stderr) == (0, True), again
    assert {path: path.lstat().st_mtime_ns for path in root.prefix.glob("*/*")} == there
    assert root.install("--uninstall").code == 0
    assert root.left() == []
    assert "nothing to do" in root.install("--uninstall").stderr


def test_where_the_python_is_too_old_an_archive_brings_one_and_it_is_said(
    given: dict[str, Path], tmp_path: Path
) -> None:
    root = Root(tmp_path / "board", python_of("3.8"))
    refused = root.install(given["1.0"], PATH="/usr/bin:/bin", HOME=str(tmp_path))  # no uv
    assert (refused.code, root.link.exists()) == (3, False)
    assert "error: the newest Python here is 3.8, and 3.10 is needed" in refused.stderr
    assert "--python-archive DIR" in refused.stderr and f"{MACHINE}-unknown-linux-gnu" in refused.stderr
    archive = archive_of(python_of("3.13"), tmp_path / "archives", MACHINE)
    done = root.install(given["1.0"], "--python-archive", archive.parent)
    assert (done.code, root.says("--version")) == (0, OLD), done
    assert f"the newest Python here is 3.8, and 3.10 is needed: {archive.name} is brought" in done.stderr
    (brought,) = root.prefix.glob("python-3.13-*")
    assert f"home = {brought}/bin" in next(root.prefix.glob("1.0-*/pyvenv.cfg")).read_text()
    # The next version runs with the Python that is there now.
    assert (root.install(given["2.0"]).code, root.says("--version")) == (0, NEW)
    assert (root.install("--uninstall").code, root.left()) == (0, [])


def test_an_archive_that_is_damaged_or_of_another_machine_is_refused(given: dict[str, Path], tmp_path: Path) -> None:
    root, archives = Root(tmp_path / "board", python_of("3.8")), tmp_path / "archives"
    archives.mkdir()
    name = f"cpython-3.12.8+20241219-{MACHINE}-unknown-linux-gnu-install_only.tar.gz"
    other = archives / name.replace(MACHINE, "riscv64")
    other.write_bytes(b"of another machine")
    ended = root.install(given["1.0"], "--python-archive", archives)
    assert (ended.code, f"no Python 3.10 or newer for {MACHINE} in {archives}" in ended.stderr) == (3, True), ended
    (archives / name).write_bytes(b"damaged")
    (archives / "SHA256SUMS").write_text(f"{64 * '0'}  {name}\n")
    ended = root.install(given["1.0"], "--python-archive", archives)
    assert (ended.code, f"{name}: SHA256SUMS beside it gives another hash" in ended.stderr) == (5, True), ended
    assert not root.link.exists() and not list(root.prefix.glob("python-*"))


def test_the_steps_that_are_killed_are_all() -> None:
    assert set(re.findall(r"^ *step ([a-z]+)$", BOARD.read_text(), re.MULTILINE)) == {*STEPS, "python"}


@pytest.mark.parametrize(
    "step", [step if step in ("install", "link") else pytest.param(step, marks=pytest.mark.long) for step in STEPS]
)
def test_killed_at_any_step_the_old_version_works_and_the_next_run_repairs_it(
    step: str, root: Root, given: dict[str, Path]
) -> None:
    """Without --full at two of them: test_fleet_board_script.py has them all, of the same part."""
    assert root.install(given["1.0"]).code == 0
    root.killed_at(step, given["2.0"])
    assert root.says("--version") in ({OLD} if STEPS.index(step) < STEPS.index("mark") else {OLD, NEW})
    repaired = root.install(given["2.0"])
    assert (repaired.code, root.says("--version")) == (0, NEW), repaired
    assert not (root.prefix / ".making").exists()
    assert (root.install("--uninstall").code, root.left()) == (0, [])


def test_an_uninstall_that_was_killed_is_finished_by_the_next(root: Root, given: dict[str, Path]) -> None:
    assert root.install(given["1.0"]).code == 0
    root.killed_at("link", "--uninstall")
    assert (root.install("--uninstall").code, root.left()) == (0, [])


def test_a_wheel_that_is_not_what_the_list_says_is_refused_and_nothing_is_linked(root: Root, tmp_path: Path) -> None:
    there = directory_of(tmp_path / "wheels", "1.0")
    with next(there.glob("jetson_deploy-*")).open("ab") as wheel:
        wheel.write(b"\0")
    ended = root.install(there)
    assert (ended.code, "is not what SHA256SUMS beside it says" in ended.stderr) == (5, True), ended
    write_sums(there)
    write_wheel(there, "foreign", "1.0")
    ended = root.install(there)
    assert (ended.code, "foreign-1.0-py3-none-any.whl is not what SHA256SUMS" in ended.stderr) == (5, True), ended
    (there / "SHA256SUMS").unlink()
    ended = root.install(there)
    assert (ended.code, "no SHA256SUMS beside the wheels, so their digests are not checked" in ended.stderr) == (
        0,
        True,
    )


@pytest.mark.parametrize(
    ("lacks", "says"), [("pip", "no wheel of pip"), ("jetson_deploy", "no wheel of jetson-deploy")]
)
def test_a_directory_without_tool_or_pip_is_refused(root: Root, tmp_path: Path, lacks: str, says: str) -> None:
    there = directory_of(tmp_path / "wheels", "1.0")
    next(there.glob(f"{lacks}-*")).unlink()
    ended = root.install(there)
    assert (ended.code, says in ended.stderr, "hint: " in ended.stderr) == (3, True, True), ended


def test_a_tool_that_does_not_run_here_is_never_linked(root: Root, given: dict[str, Path], tmp_path: Path) -> None:
    assert root.install(given["1.0"]).code == 0
    broken = directory_of(tmp_path / "broken", "9.0", lambda path, version: write_tool(path, version, works=False))
    ended = root.install(broken)
    assert (ended.code, root.says("--version")) == (3, OLD), ended
    assert "error: the tool was installed there and does not run" in ended.stderr


def test_what_others_put_in_the_links_place_stays(root: Root, given: dict[str, Path]) -> None:
    root.link.parent.mkdir()
    root.link.write_text("#!/bin/sh\n")
    ended = root.install(given["1.0"])
    assert (ended.code, f"mv {root.link}" in ended.stderr) == (3, True), ended
    assert "was left alone" in root.install("--uninstall").stderr
    assert root.link.read_text() == "#!/bin/sh\n"


def test_a_directory_is_no_link_and_nobody_is_told_to_move_it_away(root: Root, given: dict[str, Path]) -> None:
    root.link.mkdir(parents=True)
    ended = root.install(given["1.0"])
    assert (ended.code, f"--link {root.link}/jetson-deploy" in ended.stderr, "mv " in ended.stderr) == (
        3,
        True,
        False,
    ), ended
    assert root.link.is_dir()


def test_a_deployment_is_not_left_without_its_tool_unless_that_is_meant(
    root: Root, given: dict[str, Path], tmp_path: Path
) -> None:
    state = tmp_path / "state" / "default"
    state.mkdir(parents=True)
    (state / "state.json").write_text("{}")
    assert root.install(given["1.0"]).code == 0
    ended = root.install("--uninstall", JETSON_DEPLOY_STATE_DIR=str(state.parent))
    assert (ended.code, root.link.exists()) == (3, True), ended
    assert "jetson-deploy down --purge --name default" in ended.stderr
    ended = root.install("--uninstall", "--keep-deployments", JETSON_DEPLOY_STATE_DIR=str(state.parent))
    assert (ended.code, root.left(), (state / "state.json").exists()) == (0, [], True)


def test_a_user_who_is_not_root_gets_it_below_the_home(given: dict[str, Path], tmp_path: Path) -> None:
    root, home = Root(tmp_path / "board", python_of("3.12")), Path("/run/jetson-deploy-home")
    home_of_python, user = python_of("3.12").parents[1], "setpriv --reuid 65534 --clear-groups"
    # Only root may look into its own home and into pytest's directories.
    script = (
        f"mount -t tmpfs home /run; mkdir {home} /run/src /run/python; chown 65534 {home};"
        f"cp -r {given['1.0']} /run/given; cd {REPOSITORY}; cp -r scripts jetson_deploy /run/src; cd /;"
        f"mount --bind {home_of_python} /run/python; mount -t tmpfs -o mode=755 root /root;"
        f"mkdir -p {home_of_python}; mount --bind /run/python {home_of_python};"
        f'as() {{ {user} env HOME={home} "$@"; }};'
        f"as sh /run/src/scripts/install.sh /run/given && as {home}/.local/bin/jetson-deploy --version &&"
        f"as sh /run/src/scripts/install.sh --uninstall && find {home} -mindepth 1"
    )
    done = subprocess.run([*root.enter(), "sh", "-ec", script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"{OLD}\n"), done
    assert f"next: sudo {home}/.local/bin/jetson-deploy up" in done.stderr


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every wheel that the tool needs here, for three Pythons."""
    return fetched(tmp_path_factory.mktemp("wheelhouse"), "3.10", "3.12", "3.13")


@pytest.mark.long
@pytest.mark.parametrize("version", ["3.8", "3.10", "3.12", "3.13"])
def test_one_directory_of_wheels_serves_every_python(version: str, wheelhouse: Path, tmp_path: Path) -> None:
    root, words = Root(tmp_path / "board", python_of(version)), [str(wheelhouse)]
    if version == "3.8":
        words += ["--python-archive", str(archive_of(python_of("3.12"), tmp_path / "archives", MACHINE).parent)]
    done = root.install(*words)
    assert (done.code, root.says("--version")) == (0, f"jetson-deploy, version {source.version()}"), done
    assert '"dustynv' in root.says("plan", "--json", "--board", "orin-nano-8gb")
    assert (root.install("--uninstall").code, root.left()) == (0, [])


@pytest.mark.long
def test_a_clone_and_a_wheelhouse_give_the_real_tool_without_a_network(root: Root, wheelhouse: Path) -> None:
    done = root.install(REPOSITORY, "--wheelhouse", wheelhouse)
    assert (done.code, root.says("--version")) == (0, f"jetson-deploy, version {source.version()}"), done
    assert str(root.link.readlink()) == f"{root.prefix}/{source.install_name()}/bin/jetson-deploy"
    assert '"dustynv' in root.says("plan", "--json", "--board", "orin-nano-8gb")
    again = root.install(REPOSITORY)
    assert (again.code, "nothing to do" in again.stderr) == (0, True), again
    assert (root.install("--uninstall").code, root.left()) == (0, [])


def test_the_help_is_what_the_script_begins_with() -> None:
    shown = subprocess.run(["sh", INSTALL, "--help"], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("Installs the tool on this board") and "--uninstall" in shown and "set -eu" not in shown


def test_a_prefix_that_holds_no_installation_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    """Never tried with a directory of the machine's own."""
    home = tmp_path / "home"
    (home / "incoming").mkdir(parents=True)
    (home / "incoming" / "letter").write_text("mine")
    words = ["--uninstall", "--prefix", str(home), "--link", str(tmp_path / "link")]
    done = subprocess.run(["sh", INSTALL, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, f"jetson-deploy is not installed in {home}" in done.stderr) == (3, True), done
    assert [path.name for path in home.rglob("*")] == ["incoming", "letter"]
    (home / ".made").touch()  # as an installation leaves it that failed at its beginning
    subprocess.run(["sh", INSTALL, *words], capture_output=True, check=True)
    assert (home / "incoming" / "letter").read_text() == "mine"


LOOKALIKES = ("2024.1-invoices", "python-3.12-mybuilds", "incoming")
"""Named like a version, a Python and what a fleet sends."""


@pytest.fixture
def others(root: Root) -> list[Path]:
    letters = [root.prefix / name / "letter" for name in LOOKALIKES]
    for letter in letters:
        letter.parent.mkdir(parents=True)
        letter.write_text("mine")
        os.utime(letter, (0, 0))
    return letters


def test_a_directory_that_others_use_is_no_prefix(root: Root, others: list[Path], given: dict[str, Path]) -> None:
    (root.prefix / "notes").touch()
    left = root.left()
    ended = root.install(given["1.0"])
    assert (ended.code, f"error: {root.prefix} holds what is not of jetson-deploy" in ended.stderr) == (3, True), ended
    assert root.left() == left


def test_what_is_only_named_like_ours_outlives_updates_and_the_uninstall(
    root: Root, others: list[Path], given: dict[str, Path], tmp_path: Path
) -> None:
    for version in ("1.0", "2.0", "3.0"):
        ended = root.install(given.get(version) or directory_of(tmp_path / version, version))
        assert ended.code == 0, ended
    assert root.install("--uninstall").code == 0
    assert [letter.read_text() for letter in others] == ["mine"] * len(others)
    assert sorted(path.name for path in root.prefix.iterdir()) == sorted(LOOKALIKES)
