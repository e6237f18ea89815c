"""`monitor` off a terminal: one look, a stream, a check, and what it refuses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jetson_deploy.cli.main import main

BOARDS = Path(__file__).parent / "boards"
NANO = BOARDS / "orin-nano-super-r36.5"
Ran = tuple[int, str, str]


@pytest.fixture
def monitor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Ran]]:
    """`jetson-deploy monitor …` in this process: exit code, stdout, stderr."""
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(tmp_path))
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]

    def run(*arguments: str) -> Ran:
        with pytest.raises(SystemExit) as left:
            main(["monitor", *arguments])
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    yield run
    for number, handler in handlers:
        signal.signal(number, handler)


SHOWN = {
    "orin-nano-super-r36.5": ("Jetson Orin Nano Super (orin-nano-8gb)", "MAXN_SUPER (highest)", "oc3 peaks 27390"),
    "orin-nano-r39.2-15w": ("L4T 39.2.0", "mode 15W", "swap    "),
    "agx-thor-r38.4": ("Jetson AGX Thor", "gpu-gpc-0", "at VIN"),
    "nano-r32": ("L4T 32", "POM_5V_GPU", "GPU holds"),
}


@pytest.mark.parametrize("board", SHOWN)
def test_once_prints_one_screen_of_a_captured_board(board: str, monitor: Callable[..., Ran]) -> None:
    code, out, err = monitor("--once", "--root", str(BOARDS / board), "--period", "0.2")
    assert (code, err) == (0, "")
    assert [words for words in SHOWN[board] if words not in out] == []
    assert joined(f"simulated: the board is read from {BOARDS / board}") in joined(out)
    assert max(map(len, out.splitlines())) <= 100 and "\x1b" not in out


@pytest.mark.parametrize("length", [1, 40, 120, 230])
def test_a_root_with_a_long_path_is_shown_whole_and_no_line_is_cut(
    length: int, monitor: Callable[..., Ran], tmp_path: Path
) -> None:
    root = tmp_path / ("x" * length)
    root.symlink_to(NANO)
    code, out, err = monitor("--once", "--root", str(root), "--period", "0.2")
    assert (code, err) == (0, "")
    assert joined(f"simulated: the board is read from {root}") in joined(out)
    assert max(map(len, out.splitlines())) <= 100 and ".." not in out


def joined(text: str) -> str:
    """Without the spaces and line breaks that the width asks for."""
    return "".join(text.split())


def test_once_as_json_is_one_sample_with_its_schema(monitor: Callable[..., Ran]) -> None:
    code, out, err = monitor("--once", "--json", "--root", str(NANO), "--period", "0.2")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["schema"] == "jetson-deploy.sample/1"
    assert document["board"]["power_mode"]["name"] == "MAXN_SUPER"
    assert document["simulated"].endswith(str(NANO))


def test_a_check_says_which_alert_fires(monitor: Callable[..., Ran]) -> None:
    options = ("--once", "--check", "-q", "--root", str(NANO), "--period", "0.2")
    assert monitor(*options) == (0, "", "")
    code, out, err = monitor(*options, "--threshold", "ram-low=90%")
    assert (code, out) == (1, "")
    assert err.startswith("warning: ram-low: ") and " Fix: " in err
    code, out, err = monitor(*options, "--threshold", "ram-low=90%", "--json")
    assert (code, json.loads(out)["schema"]) == (1, "jetson-deploy.sample/1")
    assert "ram-low" in err


def test_a_check_that_sees_no_board_or_not_the_server_that_was_named_is_no_health(
    monitor: Callable[..., Ran], tmp_path: Path
) -> None:
    code, _, err = monitor("--once", "--check", "-q", "--root", str(tmp_path), "--period", "0.2")
    assert code == 3 and "cannot be read" in err and "hint: " in err
    nobody = "http://127.0.0.1:1"
    code, _, err = monitor("--once", "--check", "-q", "--root", str(NANO), "--period", "0.2", "--endpoint", nobody)
    assert code == 1 and f"no server answers at {nobody}" in err


REFUSED = {
    "json-of-a-stream": (["--json"], "--json needs --once"),
    "check-of-a-stream": (["--check"], "--check needs --once"),
    "two-forms": (["--jsonl", "--once"], "do not go together"),
    "check-and-stream": (["--jsonl", "--check"], "do not go together"),
    "events": (["--events"], "--jsonl gives"),
    "period": (["--period", "0"], "--period"),
    "threshold": (["--threshold", "ram-lwo=1"], "ram-low"),
    "endpoint": (["--endpoint", "https://model.example"], "http://"),
    "root": (["--root", "/no/such/board"], "is not a directory"),
    "option-before-the-verb": (["--once", "why-slow"], "behind the command"),
}


@pytest.mark.parametrize("options, words", REFUSED.values(), ids=REFUSED)
def test_what_it_cannot_do_is_refused_with_a_hint(options: list[str], words: str, monitor: Callable[..., Ran]) -> None:
    code, _, err = monitor(*options)
    assert code == 2
    assert words in err and "hint: " in err and "Traceback" not in err


def test_a_stream_comes_line_by_line_and_its_reader_may_go() -> None:
    options = ["--jsonl", "--root", str(NANO), "--period", "0.2"]
    with subprocess.Popen(
        [sys.executable, "-m", "jetson_deploy", "monitor", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        first, second = (json.loads(process.stdout.readline()) for _ in range(2))
        assert second["monotonic"] > first["monotonic"]
        process.stdout.close()
        assert (process.wait(20), process.stderr.read()) == (0, b"")


def test_off_a_terminal_there_are_plain_lines_until_it_is_told_to_end() -> None:
    options = ["--root", str(NANO), "--period", "0.2"]
    with subprocess.Popen(
        [sys.executable, "-m", "jetson_deploy", "monitor", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGTERM)
        assert (process.wait(20), process.stderr.read()) == (0, "")
    assert lines[0].startswith("board NVIDIA Jetson Orin Nano") and lines[1].startswith("simulated: ")
    assert "gpu 0% 1020MHz" in lines[2] and "power 7.8W" in lines[3]
