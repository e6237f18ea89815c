"""The rehearsal through the command line: every part real but the board and the weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jetson_deploy.rehearsal.faults import FAULTS
from jetson_deploy.rehearsal.kept import kept_sessions
from jetson_deploy.rehearsal.processes import alive

pytestmark = pytest.mark.integration


PROFILES = Path(__file__).parents[2] / "profiles"
RECORDED = """
import os, re, runpy, sys
def hear(event, arguments):
    if event == "os.mkdir" and (found := re.fullmatch("/var/tmp/(jd-[0-9a-f]{8})", os.fspath(arguments[0]))):
        with open(os.environ["OWN_REHEARSALS"], "a") as own:
            own.write(found[1] + "\\n")
sys.addaudithook(hear)
runpy.run_module("jetson_deploy", run_name="__main__", alter_sys=True)
"""
"""The verb, which says by the way which rehearsal is its own: those of other tests run beside it."""
REHEARSE = [sys.executable, "-c", RECORDED, "rehearse"]
OWN_IMAGE = """\
repository: example.test/team/ollama
rank: 1
source: [me]
confidence: reported
tags:
  mine:
    {digest: null, size_bytes: null, l4t: [{from: "36.4", below: "37"}], payloads: [jetpack6], cuda: "12.6",
     ubuntu: "22.04", generation: g5, ollama: {version: 0.12.6, confidence: reported}, source: [me],
     confidence: reported}
"""


def rehearse(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        [*REHEARSE, *arguments], env=environment, capture_output=True, text=True, timeout=280, check=False
    )


def children(pid: int) -> dict[str, int]:
    """Name of the program → pid."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            found[Path(f"/proc/{child}/comm").read_text().strip()] = int(child)
        except OSError:
            continue
    return found


def leftovers(own: set[str]) -> list[str]:
    """Namespaces, mounts, directories and processes of these rehearsals."""
    places = [path for place in ("/run/netns", "/var/tmp") for path in Path(place).glob("jd-*")]
    found = [str(path) for path in places if path.name in own]
    texts = [Path("/proc/mounts").read_text(), *(command_line(path) for path in Path("/proc").glob("[0-9]*/cmdline"))]
    return found + [line for text in texts for line in text.splitlines() if any(one in line for one in own)]


def command_line(path: Path) -> str:
    try:
        return path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # it has ended
        return ""


@pytest.fixture(autouse=True)
def own_rehearsals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Their names, one a line; nothing is left of any of them."""
    file = tmp_path / "own-rehearsals"
    file.touch()
    monkeypatch.setenv("OWN_REHEARSALS", str(file))
    yield file
    assert leftovers(set(file.read_text().split())) == []


def test_the_default_rehearsal_passes_every_part_and_marks_what_is_simulated(own_rehearsals: Path) -> None:
    done = rehearse("--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [p["name"] for p in document["parts"]][2:] == [
        "detect",
        "plan",
        "up",
        "up again",
        "status",
        "chat",
        "monitor",
        "down",
    ]
    assert all(p["exit_code"] == 0 for p in document["parts"])
    assert "simulated: board and memory of orin-nano-8gb-jp6.2" in done.stderr
    assert len(own_rehearsals.read_text().split()) == 1


def test_a_thor_gets_the_image_that_its_plan_picks_too() -> None:
    done = rehearse("thor-t5000-jp7", "--json")
    assert done.returncode == 0, done.stderr


def test_a_board_without_any_image_ends_with_the_plan_s_own_refusal() -> None:
    done = rehearse("nano-4gb-jp4.6.4")
    assert done.returncode == 3
    assert "no image can serve on L4T 32.7.4" in done.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_handled_as_promised(fault: str) -> None:
    done = rehearse("--fault", fault, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["handled"] is True


def test_a_kept_rehearsal_can_be_talked_to_and_ended() -> None:
    done = rehearse("--keep", "--json")
    assert done.returncode == 0, done.stderr
    kept = json.loads(done.stdout)
    try:
        chat = subprocess.run(
            [kept["jd"], "chat", "--json", "--max-tokens", "40", "Say hi."],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert chat.returncode == 0, chat.stderr
        assert json.loads(chat.stdout)["tokens"] > 0
        assert kept["id"] in [k.id for k in kept_sessions()]
        assert leftovers({f"jd-{kept['id']}"})
    finally:
        assert rehearse("--stop", kept["id"]).returncode == 0


def test_an_image_and_a_model_of_the_user_s_overlay_are_rehearsed(tmp_path: Path) -> None:
    models, images = tmp_path / "profiles" / "models", tmp_path / "containers" / "images"
    models.mkdir(parents=True)
    images.mkdir(parents=True)
    family = (PROFILES / "models" / "deepseek-r1.yaml").read_text().replace("family: deepseek-r1", "family: mine")
    (models / "mine.yaml").write_text(family)
    (images / "example-team-ollama.yaml").write_text(OWN_IMAGE)
    (images / "dustynv-ollama.yaml").write_text("rank: 9\n")
    done = rehearse("--model", "mine:7b", JETSON_DEPLOY_CATALOG=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "stand-ins: image example.test/team/ollama:mine (Ollama 0.9.5), model mine:7b" in done.stderr
    assert "serving: mine:7b" in done.stdout


@pytest.mark.parametrize("program", ["docker-registry", "dockerd"])
def test_ctrl_c_while_a_part_starts_leaves_nothing_running(program: str) -> None:
    with subprocess.Popen(REHEARSE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while program not in (parts := children(process.pid)):
            assert process.poll() is None and time.monotonic() < deadline
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=150)
    assert process.returncode == 130, err
    assert not alive(parts[program])


def test_an_unknown_board_fault_or_session_is_told_with_what_there_is() -> None:
    for arguments, part in (
        (["orin-nano-8gb-jp62"], "did you mean orin-nano-8gb-jp6.2"),
        (["--fault", "gremlins"], "no-gpu"),
        (["--stop", "nosuch"], "running: "),
    ):
        done = rehearse(*arguments)
        assert done.returncode == 2
        assert part in done.stderr
