"""Every command ends in `finish`: what --json prints is what the last event of --events carries."""

from __future__ import annotations

import ast
import inspect
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_socket import RecordedEngine, engine_socket
from filled_store import put
from history_parts import driven
from model_command import NAME, Said
from registry_server import RegistryServer, small_model
from states import line, revision
from walked_commands import commands

import jetson_deploy.cli
from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.main import main
from jetson_deploy.deployment.revisions import State
from jetson_deploy.state.directory import StateDirectory

CLI = Path(jetson_deploy.cli.__file__).parent
BOARD = str(Path(__file__).parents[1] / "hosts" / "orin-nano-8gb-jp6.2" / "root")
FAULTY = str(Path(__file__).parents[1] / "data" / "causes" / "log" / "no-kernel-image.txt")
STREAMS = {("watch",), ("monitor", "record"), ("monitor", "serve")}
"""They refuse --json."""
ENDS_IN: dict[tuple[str, ...], str] = {
    ("monitor",): "jetson_deploy.cli.monitor.once",
    ("prepare",): "jetson_deploy.cli.prepare_list",
    ("rehearse",): "jetson_deploy.cli.rehearse_show",
    ("self", "update"): "jetson_deploy.cli.self.forms",
    ("self", "rollback"): "jetson_deploy.cli.self.forms",
}
"""Where another module than the command's own ends it."""
ENDS_BY = {"finish", "answer_rows", "ask_controller", "carry_to_the_end"}
"""What a module calls at its end; the verbs of the fleet end by what they share, which calls finish."""
ANSWERING = {path: one for path, one in commands().items() if any(p.name == "as_events" for p in one.params)}
ASKS_DEVICES = {path for path, one in ANSWERING.items() if any(p.name == "ssh_config" for p in one.params)}
"""Over SSH: tests/fleet and tests/integration."""
SAME_STATE = {
    "detect": ("detect", "--root", BOARD),
    "prepare": ("prepare", "--root", BOARD),
    "doctor --fix": ("doctor", "--fix", "desktop-gui", "--root", BOARD),
    "doctor --fix of what no step mends": ("doctor", "--fix", "oom-killer"),
    "prepare --undo": ("prepare", "--undo"),
    "prepare of no such step": ("prepare", "--only", "swop"),
    "prepare on a captured root": ("prepare", "--root", BOARD, "--yes", "--only", "swap"),
    "plan": ("plan", "--root", BOARD),
    "plan of a board": ("plan", "--board", "orin-nx-16gb"),
    "plan that does not fit": ("plan", "70b", "--root", BOARD),
    "plan of no model": ("plan", "no-such-model", "--root", BOARD),
    "history": ("history",),
    "diff": ("diff", "1", "2"),
    "diff without a revision": ("diff", "1", "9"),
    "status": ("status",),
    "status with drift": ("status", "--drift"),
    "logs": ("logs",),
    "chat": ("chat", "hello"),
    "connect": ("connect",),
    "expose on a captured root": ("expose", "--root", BOARD, "--listen", "192.0.2.1"),
    "unexpose": ("unexpose",),
    "key create of no name": ("key", "create", "A B"),
    "key list": ("key", "list"),
    "key revoke of none": ("key", "revoke", "absent"),
    "recover": ("recover", "--plan"),
    "rollback": ("rollback", "1", "--plan"),
    "up on a captured root": ("up", "--root", BOARD),
    "down on a captured root": ("down", "--root", BOARD),
    "model list": ("model", "list", "--root", BOARD, "--store", "STORE"),
    "model verify": ("model", "verify", "--store", "STORE"),
    "model adopt": ("model", "adopt", "--store", "STORE"),
    "model fetch": ("model", "fetch", NAME, "--accept-new-digest", "--registry", "REGISTRY", "--store", "STORE"),
    "model remove": ("model", "remove", "7b", "--store", "STORE", "--dry-run"),
    "model prune": ("model", "prune", "--store", "STORE", "--dry-run"),
    "model export": ("model", "export", "7b", "OUT/model.tar", "--store", "STORE", "--force"),
    "model import": ("model", "import", "OUT/none.tar", "--store", "STORE"),
    "monitor history": ("monitor", "history"),
    "monitor history of a series": ("monitor", "history", "--series", "*"),
    "monitor plot": ("monitor", "plot", "--from", "2027-01-15T08:00:00Z", "--out", "OUT/plot.html"),
    "monitor alerts": ("monitor", "alerts", "--unsilence", "ram-low"),
    "monitor dashboards": ("monitor", "dashboards", "OUT"),
    "monitor install": ("monitor", "install", "--units", "OUT"),
    "doctor of a fault": ("doctor", "--log", FAULTY),
    "doctor of nothing": ("doctor", "--log", "/dev/null"),
    "doctor of a board": ("doctor", "--root", BOARD),
    "rehearse --list": ("rehearse", "--list"),
    "rehearse on no board": ("rehearse", "no-such-board"),
    "rehearse on a virtual board that stays": ("rehearse", "--virtual", "--keep"),
    "fleet inventory": ("fleet", "inventory", "-i", "a,b,"),
    "fleet history": ("fleet", "history"),
    "fleet show": ("fleet", "show"),
    "fleet pause": ("fleet", "pause"),
    "fleet abort": ("fleet", "abort"),
    "self update of a clone": ("self", "update", "OUT"),
    "self package without wheels": ("self", "package", "OUT/tool.tar", "--wheelhouse", "STORE"),
    "self rollback of a clone": ("self", "rollback"),
}
MEASURED = {"seconds", "hashed_bytes", "known_bytes", "running"}
"""Differ from one run to the next; `running`: rehearsals of others on this machine."""


class Place:
    def __init__(self, named: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        self._named, self._capsys = named, capsys

    def run(self, *words: str) -> Said:
        arguments = []
        for word in words:
            first, slash, rest = word.partition("/")
            arguments.append(self._named.get(first, first) + slash + rest)
        with pytest.raises(SystemExit) as left:
            main(arguments)
        shown = self._capsys.readouterr()
        return Said(int(left.value.code or 0), shown.out, shown.err)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment's record, a store with one model, and a monitor's history."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "out").mkdir()
    put(folder / "store", small_model())
    record = StateDirectory(folder / "state", "default")
    record.prepare()
    known = State(deployment="default", current=2).with_revision(revision(1)).with_revision(revision(2))
    record.save(known.with_line(line("serves", 2)))
    with driven(folder / "state" / "monitor" / "history.sqlite3") as going:
        going.receive(3)
    return folder


@pytest.fixture
def place(
    folder: Path, registry: RegistryServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(folder / "state"))
    monkeypatch.setenv("JETSON_DEPLOY_LOCK_DIR", str(folder / "lock"))
    monkeypatch.setenv("JETSON_DEPLOY_FLEET_DIR", str(folder / "fleet"))
    monkeypatch.delenv("JETSON_DEPLOY_REHEARSAL", raising=False)
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]
    engine = RecordedEngine()
    assert engine.container is not None
    engine.container["State"] = {"Status": "exited", "ExitCode": 1}
    with engine_socket(engine) as path:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        named = {"STORE": str(folder / "store"), "OUT": str(folder / "out"), "REGISTRY": registry.url}
        yield Place(named, capsys)
    for number, handler in handlers:
        signal.signal(number, handler)


def steady(document: Any) -> Any:
    """Without what is measured."""
    if isinstance(document, dict):
        return {key: steady(value) for key, value in document.items() if key not in MEASURED}
    return [steady(one) for one in document] if isinstance(document, list) else document


@pytest.mark.parametrize("words", SAME_STATE.values(), ids=SAME_STATE)
def test_the_last_event_carries_what_json_prints(place: Place, words: tuple[str, ...]) -> None:
    said = place.run(*words)
    alone = place.run(*words, "--json")
    streamed = place.run(*words, "--events")
    events = [json.loads(one) for one in streamed.out.splitlines()]
    end = events[-1]
    assert (end["event"], end["exit_code"], streamed.code) == ("finished", alone.code, alone.code)
    assert said.code == alone.code != 70
    assert steady(end["document"]) == steady(json.loads(alone.out))
    lines = [one for one in events if "event" not in one]
    assert lines in ([], [end["document"]])


def test_the_walk_runs_every_command_that_has_a_document_and_ends() -> None:
    run = {
        words[:2] if words[0] in ("model", "key", "monitor", "fleet", "self") else words[:1]
        for words in SAME_STATE.values()
    }
    goes_on = {("monitor",), ("monitor", "why-slow"), ("model", "serve")}
    assert set(ANSWERING) - STREAMS - ASKS_DEVICES - goes_on == run


@pytest.mark.parametrize("path", ANSWERING, ids=" ".join)
def test_every_command_ends_in_finish(path: tuple[str, ...]) -> None:
    callback = ANSWERING[path].callback
    assert callback is not None
    assert inspect.signature(callback).return_annotation == "int"
    assert ENDS_BY & called(module_file(ENDS_IN.get(path, callback.__module__)))


def test_only_finish_makes_the_last_event_and_prints_a_document() -> None:
    for file in CLI.rglob("*.py"):
        if file.name != "finish.py":
            assert not {"Finished", "print_document"} & called(file), file


def module_file(name: str) -> Path:
    return CLI.parent.parent.joinpath(*name.split(".")).with_suffix(".py")


def called(file: Path) -> set[str]:
    """Names of the functions that a module calls."""
    calls = (node.func for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call))
    return {func.id for func in calls if isinstance(func, ast.Name)}


class Asked:
    as_json, as_events = False, True


def test_a_command_without_a_document_leaves_the_key_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert finish(Asked(), None, lambda: "text", code=3, result="x", message="m") == 3
    assert json.loads(capsys.readouterr().out) == {
        "event": "finished",
        "exit_code": 3,
        "result": "x",
        "message": "m",
        "hint": "",
    }


def test_what_is_simulated_stands_in_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    finish(Asked(), {"schema": "x/1"}, None, simulated="a board", also_as_line=True)
    first, last = (json.loads(one) for one in capsys.readouterr().out.splitlines())
    assert first == last["document"] == {"schema": "x/1", "simulated": "a board"}
