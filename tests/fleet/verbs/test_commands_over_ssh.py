"""The verbs as they are typed, over SSH servers on loopback: what is shown, and the exit codes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hostile import HOSTILE, MARK, harmful, run
from ssh_boards import boards

HEALTHY = {"schema": "jetson-deploy.status/1", "healthy": True, "model": "deepseek-r1:8b", "drift": []}
SICK = HEALTHY | {"healthy": False, "verdicts": [{"check": "gpu", "passed": False, "observed": "0 %"}]}
DRAWN = re.compile("\x1b\\[[0-9;?]*[a-zA-Z]")
EVIL = f"a\nb\r{HOSTILE}"


def says(document: object, code: int = 0) -> str:
    return f"cat <<'END'\n{json.dumps(document)}\nEND\nexit {code}"


def sample(moment: float, **keys: object) -> str:
    return json.dumps({"schema": "jetson-deploy.sample/1", "at": 1e9 + moment, "monotonic": moment, **keys})


def forever(*lines: str) -> str:
    return "\n".join(["cat <<'END'", *lines, "END", "exec sleep 60"])


def test_status_shows_each_device_and_ends_with_9_when_one_is_not_healthy(tmp_path: Path) -> None:
    with boards(tmp_path, {"good": says(HEALTHY), "sick": says(SICK, 1)}, absent=("gone",)) as fleet:
        found = fleet.fleet("status")
        one = fleet.fleet("status", "good")
        document = json.loads(fleet.fleet("status", "--json").out)
        events = [json.loads(line) for line in fleet.fleet("status", "--events", "--limit", "!gone").out.splitlines()]
    rows = {line.split()[0]: line.split() for line in found.out.splitlines() if line}
    assert found.code == 9
    assert rows["good"][1:3] == ["healthy", "deepseek-r1:8b"]
    assert rows["sick"][1:3] == ["failed", "deepseek-r1:8b"]
    assert rows["gone"][1] == "unreachable"
    assert one.code == 0
    assert document["counts"] == {"done": 1, "failed": 1, "unreachable": 1}
    assert document["devices"][0]["document"]["model"] == "deepseek-r1:8b"
    assert [event["event"] for event in events] == ["device-ended", "device-ended", "finished"]


def test_among_the_events_each_device_stands_when_it_has_answered_and_finished_comes_last(tmp_path: Path) -> None:
    """`slow` says nothing until the event of `quick` is there."""
    waits = f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; "
    with boards(tmp_path / "b", {"slow": waits + says(HEALTHY), "quick": says(HEALTHY)}, absent=("gone",)) as fleet:
        running = subprocess.Popen(
            [sys.executable, "-m", "jetson_deploy", *fleet.words("status", "--events")],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            first = [json.loads(running.stdout.readline()) for _ in range(2)] if running.stdout else []
            (tmp_path / "go").touch()
            rest, _ = running.communicate(timeout=60)
        finally:
            running.kill()
        asked = [fleet.fleet(*words) for words in (("run", "--events", "--", "true"), ("plan", "--events"))]
    assert {(one["event"], one["device"]) for one in first} == {("device-ended", "quick"), ("device-ended", "gone")}
    last = [json.loads(line) for line in rest.splitlines()]
    assert [(one["event"], one.get("device")) for one in last] == [("device-ended", "slow"), ("finished", None)]
    assert [one["device"] for one in last[-1]["document"]["devices"]] == ["slow", "quick", "gone"]
    for found in asked:
        events = [json.loads(line) for line in found.out.splitlines()]
        assert [one["event"] for one in events] == [*["device-ended"] * 3, "finished"]
        ended = {one["device"]: {**one, "event": None} for one in events[:-1]}
        assert ended == {one["device"]: {**one, "event": None} for one in events[-1]["document"]["devices"]}


@pytest.mark.parametrize(
    "words, code",
    [
        (("status", "nobody"), 2),
        (("rollback",), 2),
        (("down",), 2),
        (("logs", "--follow", "--json"), 2),
        (("top", "--json"), 2),
        (("logs", "--tail", "0"), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_before_any_device_is_asked_ends_with_2(words: tuple[str, ...], code: int) -> None:
    found = run("fleet", words[0], "-i", "a,", *words[1:])
    assert found.code == code
    assert "hint:" in found.err


def test_drift_and_alerts_end_with_9_when_something_is_there(tmp_path: Path) -> None:
    moved = HEALTHY | {"drift": [{"what": "context", "deployed": "4096", "found": "2048"}]}
    holding = {
        "holding": [{"id": "thermal-near", "subject": "tj", "severity": "warning", "cause": "hot", "fix": "fan"}]
    }
    with boards(tmp_path, {"a": says(moved, 1), "b": says(HEALTHY)}) as fleet:
        found = fleet.fleet("drift")
        assert (found.code, fleet.fleet("drift", "b").code) == (9, 0)
    assert "context: deployed 4096, found 2048" in found.out
    with boards(tmp_path / "2", {"a": says(holding), "b": says({"holding": []})}) as fleet:
        found = fleet.fleet("alerts")
        assert (found.code, fleet.fleet("alerts", "b").code) == (9, 0)
    assert "warning   thermal-near (tj)  hot" in found.out


def test_rollback_and_down_are_done_with_yes_and_their_words_reach_the_tool(tmp_path: Path) -> None:
    script = 'echo "$@" >>"$0.words"\n' + says({"result": "done", "model": "m", "containers": ["jd-default-1"]})
    with boards(tmp_path, {"a": script}) as fleet:
        assert [fleet.fleet(*words, "--yes").code for words in (("rollback",), ("down",), ("down", "--purge"))] == [
            0
        ] * 3
    told = (tmp_path / "a" / "tool.words").read_text().splitlines()
    assert told == ["rollback --json", "down --json", "down --purge --yes --json"]


def test_logs_stand_behind_their_device_in_the_order_of_the_selection(tmp_path: Path) -> None:
    with boards(tmp_path, {"b": "echo one; echo two", "aa": "printf 'x\\033[2J'"}, absent=("c",)) as fleet:
        found = fleet.fleet("logs", "--tail", "5")
        document = json.loads(fleet.fleet("logs", "--json", "--limit", "b").out)
        events = [json.loads(line) for line in fleet.fleet("logs", "--events", "b").out.splitlines()]
    assert found.code == 9
    assert found.out == "b   one\nb   two\naa  x\\x1b[2J\n"
    assert found.err.startswith("c: unreachable: ")
    assert document["logs"] == {"b": ["one", "two"]}
    assert [event["text"] for event in events if event["event"] == "log"] == ["one", "two"]


def test_top_once_shows_each_device_by_its_second_sample(tmp_path: Path) -> None:
    board = {"gpus": [{"name": "g", "load": 0.5}], "zones": [{"name": "tj-thermal", "celsius": 61.25}]}
    alerts = [{"id": "thermal-near", "subject": "tj", "severity": "warning"}]
    llm = {"server": {"up": True, "endpoint": "x"}}
    first, second = sample(1.0), sample(2.0, board=board, alerts=alerts, llm=llm)
    away = {"alerts": [], "troubles": [{"source": "engine", "why": "no socket"}]}
    scripts = {
        "a": forever(first, second),
        "old": forever(first, sample(2.0, llm=llm)),
        "away": forever(first, sample(2.0, **away)),
        "bare": forever(first, sample(2.0, alerts=[])),
        "hot": forever(first, sample(2.0, alerts=alerts)),
        "none": "exit 127",
    }
    with boards(tmp_path, scripts) as fleet:
        found = fleet.fleet("top", "--once", "--period", "0.2")
        document = json.loads(fleet.fleet("top", "--once", "--json", "a").out)
    rows = {line.split()[0]: " ".join(line.split()) for line in found.out.splitlines() if line}
    assert found.code == 9
    assert rows["a"] == "a sampled - - 50 % - 61.2 C - thermal-near (tj)"
    assert rows["old"] == "old sampled - - - - - - -"
    assert rows["none"].startswith("none refused")
    assert rows["away"].startswith("away unknown - - - - - - unknown alerts of its server are not known: the engine")
    assert rows["bare"].endswith("alerts of its server are not known: no deployment and no server is seen")
    assert rows["hot"].startswith("hot unknown - - - - - - server's unknown, thermal-near (tj) alerts of its server")
    assert document["devices"][0]["document"]["monotonic"] == 2.0


@pytest.mark.parametrize(
    "words, script, code",
    [
        (("top", "--events"), forever(sample(1.0)), 0),
        (("status",), "echo begun >&2; exec sleep 60", 130),
    ],
    ids=["top", "status"],
)
def test_ctrl_c_ends_what_goes_on_in_order(tmp_path: Path, words: tuple[str, ...], script: str, code: int) -> None:
    with boards(tmp_path, {"a": f"echo >>$0.begun\n{script}"}) as fleet:
        running = subprocess.Popen(
            [sys.executable, "-m", "jetson_deploy", *fleet.words(*words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            deadline = time.monotonic() + 20
            while not (tmp_path / "a" / "tool.begun").exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            if code == 0 and running.stdout is not None:
                assert running.stdout.readline()
            running.send_signal(signal.SIGINT)
            _, err = running.communicate(timeout=120)
        finally:
            running.kill()
        assert running.returncode == code, err
        assert "Traceback" not in err


@pytest.mark.parametrize("verb", ["status", "drift", "alerts", "logs", "top", "rollback", "down"])
def test_a_hostile_device_writes_into_its_own_rows_alone(tmp_path: Path, verb: str) -> None:
    kind = {"id": EVIL, "subject": EVIL, "severity": "warning", "cause": EVIL, "fix": EVIL, "title": EVIL}
    verdict = {"check": EVIL, "passed": False, "observed": EVIL, "hint": EVIL}
    moved = {"what": EVIL, "deployed": EVIL, "found": EVIL, "level": "warning"}
    texts = dict.fromkeys(("model", "proven_at", "attention", "unfinished", "simulated", "result", "message"), EVIL)
    document = HEALTHY | texts | {"verdicts": [verdict], "drift": [moved], "holding": [kind], "containers": [EVIL]}
    line = sample(1.0, identity={"model": EVIL}, llm={"models": [{"name": EVIL}]}, alerts=[kind])
    refusal = says({"schema": "jetson-deploy.error/1", "message": EVIL, "hint": EVIL, "code": EVIL}, 8)
    answers = {
        "rollback": refusal,
        "down": refusal,
        "top": forever(line, line),
        "logs": f"cat <<'END'\n{HOSTILE}\r{HOSTILE}\nEND",
    }
    options = {"top": ("--once", "--period", "0.2"), "rollback": ("--yes",), "down": ("--yes",)}.get(verb, ())
    with boards(tmp_path, {"a": answers.get(verb, says(document, 1)), "b": "exit 127"}) as fleet:
        found = fleet.fleet(verb, *options)
        as_json = fleet.fleet(verb, *options, "--json")
    for shown in (found.out, found.err):
        assert not harmful(shown, coloured=True)
        marked = [one for one in shown.splitlines() if MARK in one]
        assert all(DRAWN.sub("", one).startswith(("a ", "a:", "hint (a)", "hint:")) for one in marked), marked
    assert MARK in found.out + found.err
    assert not harmful(as_json.out)
    json.loads(as_json.out)
