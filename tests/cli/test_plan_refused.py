"""`plan` on a host that is not ready: everything that it lacks, the document and exit code of the first."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from forked_cli import ran

BOARD = Path(__file__).parent.parent / "hosts" / "orin-nano-8gb-jp6.2" / "root"
FOREIGN = {"Id": "f" * 64, "Image": "nginx:1", "State": "running", "Labels": {}}
LACKS = ["nvidia-runtime-missing", "name-taken", "name-taken"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Of a board without the runtime, on which both names are taken."""
    root = Path(shutil.copytree(BOARD, tmp_path / "root", symlinks=True))
    path = root / "recorded" / "engine.json"
    answers: dict[str, Any] = json.loads(path.read_text())
    answers["info"]["Runtimes"] = {"runc": {}}
    names = ("/jd-default-1", "/jd-default-1-candidate")
    answers["containers"] = [{**FOREIGN, "Names": [name]} for name in names]
    path.write_text(json.dumps(answers))
    return root


def planned(root: Path, *arguments: str) -> tuple[int, str, str]:
    done = ran(*arguments, "--root", str(root), environment={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})
    return done.returncode, done.stdout, done.stderr


def test_everything_that_the_host_lacks_is_told_with_its_fix(root: Path) -> None:
    code, out, said = planned(root, "plan")
    lines = said.splitlines()
    assert (code, out) == (3, "")
    assert [line.split()[0] for line in lines] == ["error:", "hint:"] * 3
    assert "no runtime named nvidia" in lines[0]
    assert [line.split()[4] for line in lines[2::2]] == ["jd-default-1", "jd-default-1-candidate"]


def test_the_document_is_the_error_of_the_first_with_all_findings(root: Path) -> None:
    code, out, _ = planned(root, "plan", "--json")
    document = json.loads(out)
    findings = document.pop("findings")
    assert (code, document.keys()) == (3, {"schema", "code", "message", "hint", "exit_code", "details"})
    assert (document["code"], document["exit_code"]) == ("nvidia-runtime-missing", 3)
    assert [one["id"] for one in findings] == LACKS
    assert {one["severity"] for one in findings} == {"block"}
    assert (findings[0]["evidence"], findings[0]["fix"]) == (document["message"], document["hint"])


def test_the_last_event_is_that_of_the_first(root: Path) -> None:
    code, out, _ = planned(root, "plan", "--events")
    last = json.loads(out.splitlines()[-1])
    assert (code, last["event"], last["result"], last["exit_code"]) == (3, "finished", "nvidia-runtime-missing", 3)


def test_an_error_of_another_kind_has_no_findings(root: Path) -> None:
    code, out, _ = planned(root, "plan", "--json", "--model", "llama3:8b")
    assert (code, json.loads(out).get("findings")) == (2, None)
