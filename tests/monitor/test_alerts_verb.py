"""`monitor alerts`, in this process."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jetson_deploy.cli.main import main

BOARD = Path(__file__).parent / "boards" / "orin-nano-super-r36.5"
Verb = Callable[..., tuple[int, str, str]]


@pytest.fixture
def alerts(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Verb]:
    """`monitor alerts …` → exit code, stdout, stderr."""
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(tmp_path / "state"))
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["monitor", "alerts", *arguments])
        shown = capsys.readouterr()
        return int(left.value.code or 0), shown.out, shown.err

    yield call
    for number, handler in handlers:
        signal.signal(number, handler)


LOOK = ("--root", str(BOARD), "--no-model", "--period", "0.2")


def test_the_table_shows_every_rule_its_limit_and_what_holds_now(alerts: Verb) -> None:
    code, out, err = alerts(*LOOK, "--threshold", "ram-low=60%")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("simulated: ")
    assert lines[1] == "warning: memory runs low [ram-low; fires after 30 s]"
    assert "3.9 GiB of memory are available (53%)." in lines[2]
    rows = {line.split()[0]: line for line in lines if line[:1].isalpha()}
    assert rows["ram-low"].split() == ["ram-low", "warning", "below", "60", "%", "30", "s", "52.6", "%", "HOLDS"]
    assert rows["server-down"].split()[-1] == "-"
    assert "not known: alerts of container, server and model; no deployment and no server is seen" in lines


def test_the_document_holds_the_same_and_what_is_simulated(alerts: Verb) -> None:
    code, out, _ = alerts(*LOOK, "--json")
    document = json.loads(out)
    assert (code, document["schema"], document["holding"]) == (0, "jetson-deploy.alerts/1", [])
    assert "read from" in document["simulated"]
    assert document["unseen"] == "no deployment and no server is seen"
    low = next(rule for rule in document["rules"] if rule["id"] == "ram-low")
    assert (low["below"], low["unit"], low["now"][0]["state"]) == (0.1, "ratio", "fine")
    assert low["now"][0]["value"] == pytest.approx(0.526, abs=0.001)


def test_a_silence_is_made_shown_and_ended(alerts: Verb) -> None:
    assert alerts("--silence", "ram-low", "--for", "90m")[:2] == (
        0,
        "ram-low is silenced for 1 h 30 min: shown, and not sent\n",
    )
    _, out, _ = alerts(*LOOK, "--threshold", "ram-low=60%")
    assert "[ram-low; fires after 30 s; silenced]" in out
    assert alerts("--unsilence", "ram-low")[:2] == (0, "ram-low is not silenced any more\n")
    assert alerts("--unsilence", "ram-low")[1] == "ram-low was not silenced: nothing to do\n"


def test_a_damaged_file_of_silences_is_said_and_silences_nothing(alerts: Verb, tmp_path: Path) -> None:
    path = tmp_path / "state" / "monitor" / "silences.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    code, out, err = alerts(*LOOK)
    assert (code, "silenced" in out) == (0, False)
    assert "is damaged; nothing is silenced" in err


def test_a_test_of_a_sink_that_does_not_arrive_is_exit_4(alerts: Verb) -> None:
    code, _, err = alerts("--test", "webhook:http://127.0.0.1:9/secret")
    assert (code, "secret" in err) == (4, False)
    assert "the test did not arrive at webhook 127.0.0.1" in err
    assert "hint:" in err


def test_a_test_of_a_sink_says_where_it_arrived(alerts: Verb) -> None:
    code, out, err = alerts("--test", "log", "--json")
    assert (code, json.loads(out)["sink"]) == (0, "log")
    assert err.startswith("[test] ")


REFUSED = {
    "unknown-alert": (("--silence", "ram-lo"), "did you mean ram-low?"),
    "no-duration": (("--silence", "ram-low", "--for", "3"), "is not a duration"),
    "nothing-to-silence": (("--for", "2h"), "--for belongs to --silence"),
    "two-things": (("--silence", "ram-low", "--test", "log"), "give one of them"),
    "unknown-sink": (("--test", "pager:x"), "there is no sink 'pager'"),
    "unknown-threshold": (("--threshold", "ram-lwo=1"), "did you mean ram-low?"),
}


@pytest.mark.parametrize("options, words", REFUSED.values(), ids=REFUSED)
def test_it_is_refused_with_cause_and_fix(options: tuple[str, ...], words: str, alerts: Verb) -> None:
    code, _, err = alerts(*options)
    assert (code, "Traceback" in err) == (2, False)
    assert words in err
