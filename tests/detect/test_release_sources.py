"""L4T from the release file and from packages: every spelling seen, every damage thought of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.detect.detect import detect_host
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.l4t import look_up, parse_package_version, parse_release_line
from jetson_deploy.facts import HostFacts

DATA = Path(__file__).parents[1] / "data/detect"
LINES = json.loads((DATA / "release-lines.json").read_text())
VERSIONS = json.loads((DATA / "package-versions.json").read_text())
GOOD = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: n/a\n"


_REMOVED = "deinstall ok config-files"


def detected(root: Path) -> HostFacts:
    return detect_host(Host(root), load_catalog(), engine=None, store=None, port=11434, live=False)


def release_file(root: Path) -> Path:
    (root / "etc").mkdir()
    return root / "etc/nv_tegra_release"


def write_packages(root: Path, **versions: str) -> None:
    (root / "var/lib/dpkg").mkdir(parents=True)
    text = "".join(
        f"Package: nvidia-l4t-{name}\nStatus: {_REMOVED if v[0] == '-' else 'install ok installed'}\n"
        f"Architecture: arm64\nVersion: {v.lstrip('-')}\n\n"
        for name, v in versions.items()
    )
    (root / "var/lib/dpkg/status").write_text("Package: adduser\nStatus: install ok installed\nVersion: 3\n\n" + text)


@pytest.mark.parametrize("case", LINES, ids=lambda c: c["l4t"])
def test_every_known_spelling_of_the_release_line_is_read(case: dict[str, str]) -> None:
    assert parse_release_line(case["line"] + "\n# KERNEL_VARIANT: oot\n") == case["l4t"]


@pytest.mark.parametrize("case", VERSIONS, ids=lambda c: c["l4t"])
def test_every_known_version_of_the_core_package_is_read(case: dict[str, str]) -> None:
    assert parse_package_version(case["version"]) == case["l4t"]


@pytest.mark.parametrize("length", range(GOOD.index(",", 16)))
def test_a_truncated_release_file_is_reported_not_guessed(tmp_path: Path, length: int) -> None:
    release_file(tmp_path).write_text(GOOD[:length])
    facts = detected(tmp_path)
    assert (facts.l4t, facts.jetpack) == (None, None)
    assert any("damaged" in note for note in facts.notes)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 4096, bytes(range(256)), b"# R99999999999 (release), REVISION: 1.0, \n", b"\xff\xfe# R36"],
    ids=["empty", "zeros", "binary", "absurd-number", "not-utf8"],
)
def test_a_release_file_without_a_release_is_noted(tmp_path: Path, content: bytes) -> None:
    release_file(tmp_path).write_bytes(content)
    facts = detected(tmp_path)
    assert facts.l4t is None
    assert facts.is_jetson is None
    assert any("damaged" in note for note in facts.notes)


def test_a_sparse_release_file_of_one_gigabyte_is_read_no_further_than_its_start(tmp_path: Path) -> None:
    path = release_file(tmp_path)
    path.write_text(GOOD)
    os.truncate(path, 1 << 30)
    facts = detected(tmp_path)
    assert facts.l4t == "36.4.3"
    assert any("only its start was read" in note for note in facts.notes)


def test_a_fifo_in_the_place_of_the_release_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(release_file(tmp_path))
    facts = detected(tmp_path)
    assert facts.l4t is None
    assert any("not a regular file" in note for note in facts.notes)


def test_a_directory_in_the_place_of_the_release_file_is_noted(tmp_path: Path) -> None:
    release_file(tmp_path).mkdir()
    facts = detected(tmp_path)
    assert facts.l4t is None
    assert any("nv_tegra_release" in note for note in facts.notes)


def test_a_damaged_file_falls_back_to_the_package_and_says_so(tmp_path: Path) -> None:
    release_file(tmp_path).write_text("# R36 (rel")
    write_packages(tmp_path, core="36.4.7-20250918154033")
    facts = detected(tmp_path)
    assert (facts.l4t, facts.l4t_source) == ("36.4.7", "package nvidia-l4t-core")
    assert any("damaged" in note for note in facts.notes)


def test_a_removed_package_says_nothing(tmp_path: Path) -> None:
    write_packages(tmp_path, core="-36.4.7-20250918154033")
    assert detected(tmp_path).l4t is None


def test_half_upgraded_packages_are_noted(tmp_path: Path) -> None:
    release_file(tmp_path).write_text(GOOD)
    write_packages(tmp_path, core="36.4.3-20250107174145", cuda="36.4.7-20250918154033")
    notes = detected(tmp_path).notes
    assert "half-upgraded: nvidia-l4t-* packages of 36.4.3, 36.4.7" in notes


_PRINT_RELEASE = """
import sys
from pathlib import Path
from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.detect.detect import detect_host
from jetson_deploy.detect.host import Host
facts = detect_host(Host(Path(sys.argv[1])), load_catalog(), engine=None, store=None, port=11434, live=False)
print(facts.l4t, facts.jetpack, facts.board.id)
"""


def test_environment_variables_of_jetson_stats_are_not_believed(tmp_path: Path) -> None:
    told = {"JETSON_L4T": "36.4.3", "JETSON_JETPACK": "6.2", "L4T_VERSION": "36.4.3", "JETSON_MODEL": "Orin Nano"}
    command = [sys.executable, "-c", _PRINT_RELEASE, str(tmp_path)]
    answer = subprocess.run(command, env=os.environ | told, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["None", "None", "None"]


@pytest.mark.parametrize(
    ("l4t", "assumed", "jetpack"),
    [
        ("36.9.9", "36.5.2", "6.2.3"),
        ("36.4.5", "36.4.4", "6.2.1"),
        ("35.7.0", "35.6.5", "5.1.7"),
        ("40.0.0", None, None),
    ],
)
def test_an_unlisted_release_is_the_nearest_lower_one_of_its_major(
    l4t: str, assumed: str | None, jetpack: str | None
) -> None:
    found = look_up(l4t, load_catalog())
    assert (found.l4t_assumed, found.jetpack, found.jetpack_assumed) == (assumed, jetpack, jetpack is not None)


def test_a_release_whose_jetpack_is_not_known_stays_without_one() -> None:
    found = look_up("39.1.0", load_catalog())
    assert (found.l4t_assumed, found.jetpack, found.jetpack_assumed) == (None, None, False)


def test_the_release_file_goes_before_a_package_of_another_release_and_that_is_noted(tmp_path: Path) -> None:
    release_file(tmp_path).write_text(GOOD)
    write_packages(tmp_path, core="36.4.7-20250918154033")
    facts = detected(tmp_path)
    assert (facts.l4t, facts.l4t_source) == ("36.4.3", "/etc/nv_tegra_release")
    assert "/etc/nv_tegra_release says 36.4.3, package nvidia-l4t-core is 36.4.7" in facts.notes
