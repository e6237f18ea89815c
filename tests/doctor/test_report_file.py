"""The file of `doctor --report`: written whole or not at all, never over another one; it opens as a captured host."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from jetson_deploy.cli.main import main
from jetson_deploy.deployment.revisions import State
from jetson_deploy.state.directory import StateDirectory

HOSTS = Path(__file__).parents[1] / "hosts"
ORIN = HOSTS / "orin-nano-8gb-jp6.2/root"


def ran(*words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and document."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit) as ended:
        main([*words, "--json"])
    return int(ended.value.code or 0), json.loads(said.getvalue())


def opened(file: Path, where: Path) -> Path:
    with tarfile.open(file) as archive:
        archive.extractall(where, filter="data")
    return where / "jetson-deploy-report"


@pytest.mark.parametrize("name", ["orin-nano-8gb-jp6.2", "agx-orin-64gb-emmc-nvme", "thor-t5000-jp7", "pc-debian12"])
def test_an_opened_report_gives_the_same_plan_and_the_same_findings(name: str, tmp_path: Path) -> None:
    root = tmp_path / "board"
    shutil.copytree(HOSTS / name / "root", root, symlinks=True)
    StateDirectory(root / "var/lib/jetson-deploy", "default").save(State(deployment="default", numbered=6))
    code, written = ran("doctor", "--root", str(root), "--report", str(tmp_path / "r.tar.gz"))
    assert (code, "root/" in written["report"]["parts"]) == (0, True)
    again = opened(tmp_path / "r.tar.gz", tmp_path) / "root"
    for verb in ("plan", "doctor", "detect"):
        (first, before), (second, after) = ran(verb, "--root", str(root)), ran(verb, "--root", str(again))
        assert first == second
        assert {key: before[key] for key in before if key != "root"} == {
            key: after[key] for key in after if key != "root"
        }
    if name != "pc-debian12":
        assert ran("plan", "--root", str(again))[1]["container"] == "jd-default-7"


def test_a_report_says_what_it_holds_what_it_lacks_and_what_was_replaced(tmp_path: Path) -> None:
    _, written = ran("doctor", "--root", str(ORIN), "--report", str(tmp_path / "r.tgz"))
    folder = opened(tmp_path / "r.tgz", tmp_path)
    report = json.loads((folder / "report.json").read_text())
    assert report == written["report"]
    assert {"facts.json", "plan.json", "doctor.json", "versions.json", "root/"} <= set(report["parts"])
    assert any("captured root" in one for one in report["left_out"])
    assert any("MAC addresses" in one for one in report["withheld"])
    assert (folder / "README.md").read_text().startswith("Captured on")
    assert written["size_bytes"] == (tmp_path / "r.tgz").stat().st_size
    assert (tmp_path / "r.tgz").stat().st_mode & 0o077 == 0


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    mine = tmp_path / "mine.tar.gz"
    mine.write_text("kept")
    link = tmp_path / "link.tar.gz"
    link.symlink_to("nowhere")
    for file, said in ((mine, "exists already"), (link, "exists already"), (tmp_path, "is a directory")):
        code, error = ran("doctor", "--root", str(ORIN), "--report", str(file))
        assert (code, error["code"]) == (2, "report-exists")
        assert said in error["message"]
    assert (mine.read_text(), sorted(one.name for one in tmp_path.iterdir())) == (
        "kept",
        ["link.tar.gz", "mine.tar.gz"],
    )


@pytest.mark.parametrize("file", ["no-such-folder/r.tar.gz", "file/r.tar.gz", "n" * 300])
def test_a_place_that_cannot_be_written_is_known_before_anything_is_read(file: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, error = ran("doctor", "--root", str(ORIN), "--report", str(tmp_path / file))
    assert (code, error["code"]) == (2, "report-not-writable")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--report", "r", "--log", "x"], "--log reads a file, and --report writes a file about this host"),
        (["--report", "r", "--fix", "x"], "--fix changes this host, and --report writes a file about this host"),
        (["--report", "-"], "--report - writes an archive to standard output"),
    ],
)
def test_what_does_not_go_together_is_refused(words: list[str], said: str) -> None:
    code, error = ran("doctor", *words)
    assert (code, error["code"], error["message"]) == (2, "usage", said)


def report_into(stdout: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "jetson_deploy", "doctor", "--root", str(ORIN), "--report", "-"]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=False, env=dict(os.environ))


def test_a_dash_is_standard_output_and_the_words_go_beside_it(tmp_path: Path) -> None:
    done = report_into(subprocess.PIPE)
    assert done.returncode == 0
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        assert "jetson-deploy-report/report.json" in archive.getnames()
    assert b"report written to standard output" in done.stderr


def test_a_full_disk_behind_standard_output_is_an_error() -> None:
    with Path("/dev/full").open("wb") as full:
        done = report_into(full)
    assert done.returncode == 6
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr
