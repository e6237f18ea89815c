"""`self update` and `self rollback` where `scripts/install.sh` installed: offline, and the version before stays."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from board_script import SECONDS
from install_roots import INSTALL, REPOSITORY, directory_of
from tiny_wheels import write_tool

from jetson_deploy.errors import IntegrityError, PreflightError
from jetson_deploy.events import silent
from jetson_deploy.install.renewal import Place, roll_back, update

pytestmark = pytest.mark.integration

OLD, NEW = "jetson-deploy, version 1.0", "jetson-deploy, version 2.0"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    work = tmp_path_factory.mktemp("given")
    return {version: directory_of(work / version, version) for version in ("1.0", "2.0")}


@pytest.fixture
def place(tmp_path: Path, given: dict[str, Path]) -> Place:
    """Version 1.0, with the unit of a watcher."""
    place = Place(
        prefix=tmp_path / "opt", link=tmp_path / "bin/jetson-deploy", script=INSTALL, units=tmp_path / "units"
    )
    words = ["--prefix", str(place.prefix), "--link", str(place.link), "--offline", str(given["1.0"])]
    subprocess.run(["sh", INSTALL, *words], check=True, capture_output=True, timeout=SECONDS)
    place.units.mkdir()
    text = f"[Service]\nExecStart={place.prefix}/{place.linked}/bin/python -m jetson_deploy watch --name %i --limit 3\n"
    (place.units / "jetson-deploy-watch@.service").write_text(text)
    (place.units / "jetson-deploy-monitor.service").write_text("[Service]\nExecStart=/home/me/python\n")
    return place


def says(place: Place) -> str:
    return subprocess.run([place.link, "--version"], capture_output=True, text=True, check=True).stdout.strip()


def test_a_newer_version_is_linked_its_units_follow_and_rollback_goes_back_and_forth(
    place: Place, given: dict[str, Path]
) -> None:
    foreign = (place.units / "jetson-deploy-monitor.service").read_text()
    first = place.linked
    done = update(place, given["2.0"], None, silent)
    assert (done.result, done.before, says(place), done.units) == (
        "changed",
        first,
        NEW,
        ("jetson-deploy-watch@.service",),
    )
    unit = (place.units / "jetson-deploy-watch@.service").read_text()
    assert unit.splitlines()[1].endswith(f"/{done.now}/bin/python -m jetson_deploy watch --name %i --limit 3")
    assert (place.units / "jetson-deploy-monitor.service").read_text() == foreign
    assert update(place, given["2.0"], None, silent).result == "unchanged"
    back = roll_back(place, silent)
    assert (back.now, says(place), f"/{first}/" in (place.units / back.units[0]).read_text()) == (first, OLD, True)
    assert (roll_back(place, silent).now, says(place)) == (done.now, NEW)


def test_without_a_version_before_there_is_no_way_back(place: Place) -> None:
    with pytest.raises(PreflightError) as refused:
        roll_back(place, silent)
    assert (refused.value.code, says(place)) == ("no-version-before", OLD)


@pytest.mark.parametrize("fault", ["works", "detects"])
def test_a_version_that_does_not_run_or_cannot_read_the_board_is_never_linked(
    place: Place, tmp_path: Path, fault: str
) -> None:
    def write(path: Path, version: str) -> object:
        return write_tool(path, version, works=fault != "works", detects=fault != "detects")

    with pytest.raises(PreflightError) as refused:
        update(place, directory_of(tmp_path / "broken", "9.0", write), None, silent)
    assert (refused.value.code, says(place)) == ("tool-unusable", OLD)
    assert "no board can be read" in refused.value.message or fault == "works"


def test_a_damaged_directory_is_refused_and_what_was_linked_stays(place: Place, tmp_path: Path) -> None:
    there = directory_of(tmp_path / "damaged", "2.0")
    with next(there.glob("jetson_deploy-*")).open("ab") as wheel:
        wheel.write(b"\0")
    with pytest.raises(IntegrityError) as refused:
        update(place, there, None, silent)
    assert (refused.value.code, says(place)) == ("wheel-damaged", OLD)


def test_a_version_before_that_was_removed_by_hand_is_not_gone_back_to(place: Place, given: dict[str, Path]) -> None:
    done = update(place, given["2.0"], None, silent)
    subprocess.run(["rm", "-r", place.prefix / done.before / "bin"], check=True)
    with pytest.raises(PreflightError) as refused:
        roll_back(place, silent)
    assert (refused.value.code, says(place)) == ("tool-unusable", NEW)


def test_killed_between_link_and_units_the_same_command_goes_on(place: Place, given: dict[str, Path]) -> None:
    words = ["--prefix", str(place.prefix), "--link", str(place.link), "--offline", str(given["2.0"])]
    subprocess.run(["sh", INSTALL, *words], check=True, capture_output=True, timeout=SECONDS)
    done = update(place, given["2.0"], None, silent)
    assert (done.result, done.units) == ("changed", ("jetson-deploy-watch@.service",))


@pytest.mark.long
def test_the_real_tool_is_updated_from_a_clone_with_the_wheels_that_it_keeps(tmp_path: Path) -> None:
    """And answers in every form; a clone that wants a package that is not there is refused by its name."""
    prefix, link = tmp_path / "opt", tmp_path / "bin/jetson-deploy"
    words = ["--prefix", str(prefix), "--link", str(link)]
    subprocess.run(["sh", INSTALL, *words], check=True, capture_output=True, timeout=600)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", REPOSITORY, clone], check=True)
    marked = clone / "jetson_deploy/__init__.py"
    marked.write_text(marked.read_text().replace('__version__ = "', '__version__ = "99.'))
    run = ["unshare", "--net", str(link), "self"]
    done = subprocess.run(
        [*run, "update", str(clone), "--json"], capture_output=True, text=True, check=False, timeout=600
    )
    assert (done.returncode, json.loads(done.stdout)["result"]) == (0, "changed"), done
    assert subprocess.run([link, "--version"], capture_output=True, text=True, check=True).stdout.startswith(
        "jetson-deploy, version 99."
    )
    project = clone / "pyproject.toml"
    project.write_text(project.read_text().replace('"click>=8.2",', '"click>=8.2",\n  "never-heard-of>=1",'))
    marked.write_text(marked.read_text() + "# changed\n")
    done = subprocess.run([*run, "update", str(clone)], capture_output=True, text=True, check=False, timeout=600)
    assert (done.returncode, "there is no wheel of never-heard-of>=1" in done.stderr) == (3, True), done
    done = subprocess.run([*run, "rollback"], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done
    assert "version 99" not in subprocess.run([link, "--version"], capture_output=True, text=True).stdout
