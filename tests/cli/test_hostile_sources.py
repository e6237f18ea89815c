"""Each source of foreign text, fed with what would take a terminal over: no output of any form holds any of it raw."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from engine_socket import RecordedEngine
from filled_store import put
from history_parts import change, driven
from hostile import HOSTILE, MARK, Shown, harmful, hostile_http, on_a_terminal, run
from registry_server import digest_of, small_model
from scripted_engine import frame, scripted_engine
from states import line, revision

from jetson_deploy.cli.chat import _for_programs
from jetson_deploy.cli.monitor.picture import Screen
from jetson_deploy.cli.monitor.plain import PlainLines
from jetson_deploy.cli.options import CommonOptions
from jetson_deploy.cli.talk import Talk
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.revisions import Actor, State
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Verdict
from jetson_deploy.server.ollama.client import OllamaClient
from jetson_deploy.state.directory import StateDirectory

BOARD = Path(__file__).parents[1] / "hosts" / "orin-nano-8gb-jp6.2" / "root"
FORMS = ((), ("--json",), ("--events",))


@pytest.fixture(params=[True, False], ids=["colours", "no colours"])
def coloured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not request.param:
        monkeypatch.setenv("NO_COLOR", "1")
    return bool(request.param)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("JETSON_DEPLOY_LOCK_DIR", str(tmp_path / "lock"))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    monkeypatch.delenv("JETSON_DEPLOY_REHEARSAL", raising=False)
    return tmp_path


def safe(*words: str, coloured: bool, forms: tuple[tuple[str, ...], ...] = FORMS, seen: bool = True) -> None:
    """In every form; `seen`: and what was fed is shown there, as its mark tells."""
    for form in forms:
        shown = run(*words, *form)
        assert shown.code != 70, shown.err
        assert_safe(shown, coloured=coloured and not form)
        assert not seen or MARK in shown.out + shown.err, (words, form, shown)
        if form:
            [json.loads(one) for one in (shown.out.splitlines() if "--events" in form else [shown.out])]


def assert_safe(shown: Shown, *, coloured: bool) -> None:
    assert harmful(shown.out, coloured=coloured) == set(), shown.out
    assert harmful(shown.err, coloured=coloured or bool(shown.err)) == set(), shown.err


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A captured root whose files, recorded engine and mode names were written by an enemy."""
    root = tmp_path / "root"
    shutil.copytree(BOARD, root, symlinks=True)
    (root / "sys/firmware/devicetree/base/model").write_text(f"NVIDIA Jetson Orin Nano {HOSTILE}")
    release = root / "etc/nv_tegra_release"
    release.write_text(release.read_text().replace("BOARD: ", f"BOARD: {HOSTILE} "))
    (root / "etc/os-release").unlink(missing_ok=True)
    (root / "etc/os-release").write_text(f'PRETTY_NAME="Ubuntu {HOSTILE}"\nID=ubuntu\nVERSION_ID="{HOSTILE}"\n')
    (root / "var/lib/nvpmodel/status").write_text("pmode:0002")
    modes = root / "etc/nvpmodel.conf"
    modes.write_text(re.sub(r"NAME=\w+", f"NAME={HOSTILE.replace(' ', '_').replace('>', '')}", modes.read_text()))
    (root / "proc/1/comm").write_text(HOSTILE + "\n")
    uname = json.loads((root / "recorded/uname.json").read_text())
    (root / "recorded/uname.json").write_text(json.dumps(soiled(uname)))
    engine = json.loads((root / "recorded/engine.json").read_text())
    (root / "recorded/engine.json").write_text(json.dumps(soiled(engine)))
    return root


def soiled(value: Any) -> Any:
    """Every text with it at its end."""
    if isinstance(value, dict):
        return {key: soiled(one) for key, one in value.items()}
    if isinstance(value, list):
        return [soiled(one) for one in value]
    return value + HOSTILE if isinstance(value, str) else value


@pytest.mark.parametrize("words", [("detect",), ("detect", "-v"), ("plan",), ("plan", "-v")], ids=" ".join)
def test_files_of_a_captured_board(board: Path, words: tuple[str, ...], coloured: bool) -> None:
    safe(*words, "--root", str(board), coloured=coloured, seen="detect" in words)


def test_a_board_that_is_not_known(board: Path, coloured: bool) -> None:
    for file in ("model", "compatible"):
        (board / "sys/firmware/devicetree/base" / file).write_text(HOSTILE)
    safe("detect", "--root", str(board), coloured=coloured)
    safe("plan", "--root", str(board), coloured=coloured, seen=False)


def test_the_monitor_of_a_captured_board(board: Path, coloured: bool) -> None:
    safe("monitor", "--once", "--no-model", "--root", str(board), coloured=coloured, forms=((), ("--json",)))


@pytest.mark.parametrize("text", ["", HOSTILE, f"# R36 (release), REVISION: {HOSTILE}", f"# R99{HOSTILE} (release)"])
def test_a_release_file_that_is_not_one(board: Path, text: str, coloured: bool) -> None:
    (board / "etc/nv_tegra_release").write_text(text)
    safe("detect", "--root", str(board), coloured=coloured, seen=False)
    safe("plan", "--root", str(board), coloured=coloured, seen=False)


class Enemy(RecordedEngine):
    """Docker Engine with hostile labels, log and errors."""

    def __init__(self, *, error: str = "") -> None:
        super().__init__()
        assert self.container is not None
        labels = self.container["Config"]["Labels"]
        for name in ("model", "image", "simulated"):
            labels[f"io.jetson-deploy.{name}"] += HOSTILE
        self.container["State"] = {**self.container["State"], "Status": "exited", "Error": HOSTILE, "ExitCode": 1}
        self.error = error
        """Part of the path that is answered with it."""

    def reply(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if self.error and self.error in path:
            return 500, json.dumps({"message": HOSTILE}).encode()
        if path == "/version":  # one whose log is shown as it comes
            return 200, b'{"Version": "27.5.1", "ApiVersion": "1.47"}'
        if "/logs" in path:
            return 200, frame(f"{HOSTILE}\r\nover\rwritten {HOSTILE}".encode() + b"\x9b2J\xe2\x80")
        found = self.answer(path)
        if path.endswith("/containers/json") or "/containers/json?" in path:
            found = copy.deepcopy(found)
        return (404, b'{"message": "none"}') if found is None else (200, json.dumps(found).encode())


@pytest.fixture
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Enemy]:
    enemy = Enemy(error=getattr(request, "param", ""))
    with scripted_engine() as socket:
        socket.answer = enemy.reply  # type: ignore[method-assign]
        monkeypatch.setenv("DOCKER_HOST", socket.host)
        yield enemy


@pytest.mark.parametrize("words", [("logs",), ("status",), ("chat", "Hi"), ("status", "--drift")], ids=" ".join)
def test_labels_and_log_of_a_container(engine: Enemy, words: tuple[str, ...], coloured: bool) -> None:
    safe(*words, coloured=coloured)


def test_a_log_that_is_followed_is_shown_with_what_is_no_text(engine: Enemy) -> None:
    shown = run("logs", "--follow")
    assert shown.code == 0 and harmful(shown.out) == set()
    assert "over\\rwritten" in shown.out and shown.out.endswith("\ufffd2J\ufffd")


def test_raw_never_reaches_a_terminal(engine: Enemy) -> None:
    for words in (
        ("logs", "--raw"),
        ("chat", "--raw", "Hi"),
        ("logs", "--raw", "--json"),
        ("chat", "--raw", "--events"),
    ):
        shown = run(*words)
        assert shown.code == 2 and "--raw" in shown.err and MARK not in shown.out + shown.err


def test_raw_is_what_a_pipe_that_asked_for_it_gets(engine: Enemy, capsys: pytest.CaptureFixture[str]) -> None:
    from jetson_deploy.cli.main import main

    with pytest.raises(SystemExit) as left:
        main(["logs", "--raw"])
    assert (left.value.code, HOSTILE in capsys.readouterr().out) == (0, True)


@pytest.mark.parametrize("engine", ["/info", "/containers", "/logs"], indirect=True)
@pytest.mark.parametrize("words", [("logs",), ("status",), ("recover", "--plan"), ("down",)], ids=" ".join)
def test_errors_of_the_engine(engine: Enemy, words: tuple[str, ...], coloured: bool) -> None:
    safe(*words, coloured=coloured, seen=engine.error in ("/containers",))


def test_a_log_that_was_pasted(place: Path, coloured: bool) -> None:
    pasted = place / "pasted.log"
    line = 'time=x level=ERROR msg="CUDA error: out of memory" '
    pasted.write_text(f"{line}{HOSTILE}\nrequires more system memory (8 GiB) than is available {HOSTILE}\n")
    safe("doctor", "--log", str(pasted), coloured=coloured)
    pasted.write_text(HOSTILE)
    safe("doctor", "--log", str(pasted), coloured=coloured, seen=False)


def test_a_registry_that_refuses(place: Path, coloured: bool) -> None:
    with hostile_http(403) as registry:
        where = ("--registry", registry, "--store", str(place / "models"))
        safe("model", "fetch", "deepseek-r1:1.5b", *where, coloured=coloured, seen=False)


def test_models_in_the_store(place: Path, coloured: bool) -> None:
    model = small_model()
    manifest = json.loads(model.manifest)
    config = json.dumps({"model_family": HOSTILE, "model_type": HOSTILE, "file_type": HOSTILE}).encode()
    manifest["config"] |= {"digest": digest_of(config), "size": len(config)}
    model.manifest, model.blobs[digest_of(config)] = json.dumps(manifest).encode(), config
    put(place / "models", model)
    odd = place / "models" / "manifests" / "registry.ollama.ai" / "library" / f"m{HOSTILE.replace('/', '')}"
    odd.mkdir(parents=True)
    (odd / "latest").write_text(HOSTILE)
    where = ("--store", str(place / "models"))
    safe("model", "list", *where, coloured=coloured)
    safe("model", "verify", *where, coloured=coloured, seen=False)
    safe("model", "prune", "--dry-run", *where, coloured=coloured, seen=False)


def test_the_record_of_a_deployment(place: Path, coloured: bool) -> None:
    record = StateDirectory(place / "state", "default")
    record.prepare()
    verdict = Verdict(check=HOSTILE, passed=False, observed=HOSTILE, expected=HOSTILE, hint=HOSTILE)
    soiled_one = revision(
        2, model=HOSTILE, image=HOSTILE, reason=HOSTILE, outcome="failed", verdicts=(verdict,), simulated=HOSTILE,
        by=Actor(user=HOSTILE, source=HOSTILE, command=HOSTILE, version=HOSTILE),
    )  # fmt: skip
    known = State(deployment="default", current=1, attention=HOSTILE).with_revision(revision(1))
    record.save(known.with_revision(soiled_one).with_line(line(HOSTILE, 2)))
    safe("history", coloured=coloured)
    safe("diff", "1", "2", coloured=coloured)


def test_the_monitors_history(place: Path, coloured: bool) -> None:
    with driven(place / "state" / "monitor" / "history.sqlite3") as going:
        going.receive(3, model=HOSTILE, simulated=HOSTILE)
        going.receive(1, model=HOSTILE, changes=(change(going.wall, text=HOSTILE),))
    since = ("--from", "2027-01-15T07:00:00Z", "--to", "2027-01-16T07:00:00Z")
    safe("monitor", "history", coloured=coloured)
    safe("monitor", "history", *since, coloured=coloured, forms=((), ("--events",)))
    safe("monitor", "history", "--series", "*", *since, coloured=coloured)
    rows = run("monitor", "history", "--jsonl", *since)
    assert_safe(rows, coloured=False)
    assert MARK in rows.out and [json.loads(one) for one in rows.out.splitlines()]
    assert_safe(run("monitor", "history", "--csv", *since), coloured=False)


def test_the_monitors_lines_and_its_screen(coloured: bool) -> None:
    from history_parts import look

    latest = look(0.0, 0.0, model=HOSTILE, changes=(change(0.0, text=HOSTILE),), simulated=HOSTILE)
    with on_a_terminal() as (out, _):
        PlainLines().receive(latest)
    assert harmful(out.getvalue()) == set() and MARK in out.getvalue()
    with on_a_terminal() as (out, _):
        screen = Screen(ascii_only=False)
        screen.draw([((HOSTILE[:40], "bad"),), (("[red]OWNED[/red]", ""),)])
        screen.leave()
    assert harmful(out.getvalue(), coloured=True) == set()
    assert out.getvalue().count(MARK) >= 2 and "[red]" in out.getvalue()


@pytest.mark.parametrize(
    "words",
    [(HOSTILE,), ("plan", HOSTILE), ("plan", "--root", HOSTILE), ("up", f"--{HOSTILE}"), ("model", "remove", HOSTILE)],
    ids=["command", "model", "root", "option", "name"],
)
def test_what_was_typed(words: tuple[str, ...], coloured: bool) -> None:
    safe(*words, coloured=coloured, forms=((),), seen=False)


def test_a_deployment_file(place: Path, coloured: bool) -> None:
    file = place / "jetson-deploy.yaml"
    for text in (json.dumps({"schema": 1, HOSTILE: HOSTILE}), f"model: {HOSTILE}\n", json.dumps({"model": HOSTILE})):
        file.write_text(text)
        safe("plan", "-f", str(file), "--root", str(BOARD), coloured=coloured, seen=False)


PIECES = (
    *({"message": {"role": "assistant", "thinking": one}, "done": False} for one in HOSTILE),
    *({"message": {"role": "assistant", "content": one}, "done": False} for one in HOSTILE),
    {"message": {"role": "assistant", "content": ""}, "done": True, "eval_count": 9, "eval_duration": 1_000_000_000},
)
"""Character by character: every sequence is cut at every place."""


@pytest.mark.parametrize("lines", [PIECES, (PIECES[0], {"error": HOSTILE}), ()], ids=["answer", "broken", "refused"])
def test_a_models_thinking_and_answer_and_a_servers_error(lines: tuple[dict[str, Any], ...], coloured: bool) -> None:
    with hostile_http(200 if lines else 500, lines) as url, on_a_terminal() as (out, err):
        try:
            Talk(OllamaClient(url), "m", None, hide_thinking=False).turn("Hi")
        except JetsonDeployError as error:
            from jetson_deploy.cli.finish import fail

            fail(error, as_json=False, as_events=False, verbose=True)
    assert_safe(Shown(0, out.getvalue(), err.getvalue()), coloured=coloured)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert plain.count("\\x1b]52;c;") == (2 if lines is PIECES else 0)
    assert lines is PIECES or MARK in err.getvalue()


@pytest.mark.parametrize("form", ["json", "events"])
def test_an_answer_for_programs_keeps_its_value(form: str) -> None:
    class Record:
        accept_cpu, context_tokens, simulated = False, 4096, HOSTILE

    class Serving:
        record = Record

    class Form:
        as_json, as_events = form == "json", form == "events"

    with hostile_http(200, PIECES) as url, on_a_terminal() as (out, _):
        talk = Talk(OllamaClient(url), "m", None, hide_thinking=True)
        _for_programs(talk, "Hi", cast(Instance, Serving), cast(CommonOptions, Form))
    assert harmful(out.getvalue()) == set()
    document = json.loads(out.getvalue())
    document = document.get("document", document)
    assert (document["answer"], document["thinking"], document["simulated"]) == (HOSTILE, HOSTILE, HOSTILE)
