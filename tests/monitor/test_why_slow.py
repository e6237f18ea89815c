"""Which factor holds the model back: each case is a change to a board that runs well, in why-slow-cases.json."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from screen_samples import bare, busy

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.cli.main import main
from jetson_deploy.cli.monitor.why_slow import watched
from jetson_deploy.monitor.alerts.judge import Judge
from jetson_deploy.monitor.board_parts import PowerMode
from jetson_deploy.monitor.monitor import RECENT, Monitor
from jetson_deploy.monitor.sample import Identity, Sample
from jetson_deploy.monitor.why_slow.factor import Factor
from jetson_deploy.monitor.why_slow.facts import gathered, known_size
from jetson_deploy.monitor.why_slow.judged import findings, report
from jetson_deploy.monitor.why_slow.window import Facts, Window

HERE = Path(__file__).parent
CASES: dict[str, dict[str, Any]] = json.loads((HERE / "why-slow-cases.json").read_text(encoding="utf-8"))
NANO = HERE / "boards" / "orin-nano-super-r36.5"
FACTORS = {
    *("power-mode", "clocks", "heat", "current", "memory", "swap", "gpu", "context"),
    *("other-processes", "queue", "prompts", "speed"),
}


def changed(second: int, case: dict[str, Any]) -> Sample:
    """A sample of the case: `set` says what is different, `count` what rises by so much a second."""
    document: Any = msgspec.to_builtins(busy(second))
    document["llm"]["server"]["queued"] = 0
    document["llm"]["models"][0].update(decode_tokens=1000 + 13 * second, decode_seconds=float(second))
    document["board"]["paging"]["swapped_out_pages"] = 1000
    for path, value in case.get("set", {}).items():
        put(document, path, value)
    for path, step in case.get("count", {}).items():
        put(document, path, 100 + step * second)
    return msgspec.convert(document, Sample)


def put(document: Any, path: str, value: Any) -> None:
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in way:
        document = document[part]
    document[last] = value


def window(case: dict[str, Any]) -> Window:
    """Six samples, five seconds."""
    return Window(
        samples=tuple(changed(second, case) for second in range(2, 8)),
        facts=msgspec.convert(case.get("facts", {}), Facts),
    )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_factor_holds_it_back_or_does_not_or_cannot_be_seen(case: dict[str, Any]) -> None:
    found = findings(window(case))
    assert {one.factor for one in found} == FACTORS and len(found) == len(FACTORS)
    held = [one for one in found if one.verdict == "holds-back"]
    assert [one.factor for one in held] == case["held"]
    assert all(one.effect and one.command and one.evidence for one in held)
    said = "\n".join(f"{one.evidence}\n{one.command}" for one in held)
    assert [words for words in case.get("words", []) if words not in said] == []
    for verdict in ("fine", "unseen"):
        for factor, words in case.get(verdict, {}).items():
            assert (verdict, True) == verdict_of(found, factor, words), factor


def verdict_of(found: tuple[Factor, ...], factor: str, words: str) -> tuple[str, bool]:
    one = next(one for one in found if one.factor == factor)
    return one.verdict, words in one.evidence


def test_where_nothing_is_known_nothing_is_said_to_be_fine() -> None:
    found = report(Window(samples=(bare(), bare())))
    assert {one.verdict for one in found.findings} == {"unseen"}
    assert (found.held_back, found.generating, found.tokens_per_second) == (False, None, None)


def test_the_catalog_says_what_such_a_board_reaches() -> None:
    catalog = load_catalog(())
    sample = Sample(
        at=0,
        monotonic=0,
        identity=Identity(board="orin-nano-8gb"),
        board=msgspec.structs.replace(busy().board, power_mode=PowerMode(ceiling="MAXN_SUPER")),
    )
    facts = gathered(NANO, catalog, sample, "deepseek-r1:8b", None)
    size = known_size(catalog, "deepseek-r1:8b")
    assert size is not None and size.gpu_weight_bytes
    assert facts.ceiling_id == 2
    assert facts.expected is not None
    seconds = size.gpu_weight_bytes / 102e9 / 0.38 + 0.008  # with the super clocks
    assert facts.expected.low == pytest.approx(1 / seconds, abs=0.06)
    assert facts.kv_bytes_per_token == size.kv_bytes_per_token_f16
    simulated = msgspec.structs.replace(sample, simulated="no GPU")
    assert gathered(NANO, catalog, simulated, "deepseek-r1:8b", None).expected is None
    assert gathered(NANO, catalog, sample, "other:8b", None).expected is None


@pytest.fixture
def handlers() -> Iterator[None]:
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


class Seconds:
    """A sample for each second, without waiting."""

    def __init__(self) -> None:
        self._second = 0

    def poll(self) -> None:
        pass

    def sample(self) -> Sample:
        self._second += 1
        return Sample(at=self._second, monotonic=self._second)

    def close(self) -> None:
        pass


def test_a_long_watch_forgets_nothing_of_its_beginning() -> None:
    found = watched(Monitor(Seconds(), Judge({}), period=0.0), 2 * RECENT, None)
    assert [one.monotonic for one in found] == list(range(1, 2 * RECENT + 2))


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["monitor", "why-slow", *arguments])
    shown = capsys.readouterr()
    return int(left.value.code or 0), shown.out, shown.err


def test_a_captured_board_is_looked_at_alone(
    capsys: pytest.CaptureFixture[str], handlers: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(tmp_path))
    root = tmp_path / ("x" * 120)  # a path is never cut or broken, however long: it shall be copied as it is
    root.symlink_to(NANO)
    code, out, err = said(capsys, "--root", str(root), "--no-model", "--seconds", "1", "--period", "0.5")
    assert (code, err) == (0, "")
    assert "nothing that can be seen holds it back" in out and "MAXN_SUPER, the highest of this board" in out
    first, *others = out.splitlines()
    assert first == f"simulated: the board is read from {root}"
    assert len(others) < 24 and max(map(len, others)) <= 100


REFUSED = {
    "no-server": (["--root", str(NANO)], 1, "no server answers"),
    "server-away": (["--endpoint", "http://127.0.0.1:9", "--root", str(NANO)], 1, "answers at http://127.0.0.1:9"),
    "events": (["--events"], 2, "--json"),
    "ask-nobody": (["--ask", "--no-model"], 2, "do not go together"),
    "seconds": (["--seconds", "0"], 2, "--seconds"),
}


@pytest.mark.parametrize("options, code, words", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_told_is_refused_with_a_hint(
    options: list[str],
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
    handlers: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(tmp_path))
    ended, _, err = said(capsys, *options)
    assert ended == code
    assert words in err and "hint: " in err


class Generating(BaseHTTPRequestHandler):
    """A server with one loaded model, half of it on the GPU, that decodes 16 tokens a second."""

    models: ClassVar[list[dict[str, Any]]] = []
    asked: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        self._answer({"/api/ps": {"models": self.models}, "/api/version": {"version": "0.9.5"}}.get(self.path, {}))

    def do_POST(self) -> None:
        tokens = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["options"]["num_predict"]
        self.asked.append(tokens)
        time.sleep(0.06)
        self._answer({"response": "one", "done": True, "eval_count": tokens, "eval_duration": tokens * 62_500_000})

    def _answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def generating() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Generating)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    Generating.asked.clear()
    Generating.models[:] = [
        {"name": "deepseek-r1:8b", "digest": "1" * 64, "size": 1000, "size_vram": 500, "context_length": 4096}
    ]
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_asked_it_generates_meanwhile_and_its_speed_is_known(
    generating: str, capsys: pytest.CaptureFixture[str], handlers: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(tmp_path))
    options = ("--ask", "--json", "--seconds", "1", "--endpoint", generating, "--root", str(NANO))
    code, out, err = said(capsys, *options)
    document = json.loads(out)
    assert (code, err, document["schema"]) == (1, "", "jetson-deploy.why-slow/1")
    assert (document["model"], document["generating"], document["tokens_per_second"]) == ("deepseek-r1:8b", True, 16.0)
    assert [one["factor"] for one in document["findings"] if one["verdict"] == "holds-back"] == ["gpu"]
    assert Generating.asked[:2] == [1, 32]  # it is loaded before it is watched
    Generating.models.clear()
    code, _, err = said(capsys, *options)
    assert code == 1 and "no model to ask" in err and "hint: " in err
