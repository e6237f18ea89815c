"""What a person sees who made a mistake or whose host is not ready, as data: the whole screen and the exit code."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from drawn_screens import as_drawn, drawn

from jetson_deploy.cli.main import main
from jetson_deploy.state.lock import deployment_lock

HOSTS = Path(__file__).parents[1] / "hosts"
ORIN_NANO = "HOSTS/orin-nano-8gb-jp6.2/root"
SHOWN = {
    "unknown-command": ("plna",),
    "unknown-command-of-a-group": ("model", "fecth", "7b"),
    "unknown-option": ("plan", "--contxt", "4096"),
    "missing-argument": ("diff",),
    "option-before-a-verb": ("monitor", "--root", ORIN_NANO, "serve"),
    "bad-model-name": ("plan", "7b; rm -rf /", "--root", ORIN_NANO),
    "model-not-in-the-catalog": ("plan", "7", "--root", ORIN_NANO),
    "model-does-not-fit": ("plan", "70b", "--root", ORIN_NANO),
    "host-not-ready": ("plan", "--root", "HOSTS/pc-debian12/root"),
    "host-not-ready-as-json": ("plan", "--root", "HOSTS/pc-debian12/root", "--json"),
    "bad-port": ("plan", "--port", "80"),
    "bad-registry": ("plan", "--registry", "ftp://example", "--root", ORIN_NANO),
    "no-such-root": ("detect", "--root", "HOSTS/none"),
    "doctor-of-a-log-on-a-captured-root": ("doctor", "--log", "none.log", "--root", ORIN_NANO),
    "doctor-of-no-file": ("doctor", "--log", "none.log"),
    "doctor-of-a-directory": ("doctor", "--log", "models"),
    "no-such-file": ("plan", "-f", "none.yaml"),
    "directory-as-file": ("plan", "-f", "models"),
    "wrong-file": ("plan", "-f", "wrong.yaml", "--root", ORIN_NANO),
    "captured-root-of-a-verb-that-acts": ("up", "--root", ORIN_NANO),
    "no-engine": ("status",),
    "locked": ("down",),
    "no-such-revision": ("diff", "1", "9"),
    "model-not-in-the-store": ("model", "remove", "8b", "--store", "models"),
    "no-such-board": ("rehearse", "orin-nano"),
    "events": ("plan", "7", "--root", ORIN_NANO, "--events"),
}
PREPARED: dict[str, Callable[[], contextlib.AbstractContextManager[object]]] = {
    "locked": lambda: deployment_lock(Path(os.environ["JETSON_DEPLOY_LOCK_DIR"]), "default", command="rollback"),
}


@pytest.fixture
def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., str]]:
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("JETSON_DEPLOY_LOCK_DIR", str(tmp_path / "lock"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/docker.sock")
    (tmp_path / "wrong.yaml").write_text("model: 7b\ncontxt: 4096\n")
    (tmp_path / "models" / "manifests").mkdir(parents=True)
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]

    def call(*words: str) -> str:
        with pytest.raises(SystemExit) as left:
            main([word.replace("HOSTS", str(HOSTS)) for word in words])
        shown = capsys.readouterr()
        text = f"$ jetson-deploy {shlex.join(words)}\n{shown.err}{shown.out}exit {left.value.code}\n"
        return text.replace(str(HOSTS), "HOSTS").replace(str(tmp_path), "PLACE")

    yield call
    for number, handler in handlers:
        signal.signal(number, handler)


def steady(text: str) -> str:
    """Without what differs of the run that holds the lock."""
    return re.sub(r"by \S+ \(pid \d+\), for \d+ s", "by USER (pid PID), for SECONDS s", text)


@pytest.mark.parametrize("name", SHOWN)
def test_the_screen_is_as_it_was_when_it_was_looked_at(name: str, run: Callable[..., str]) -> None:
    with PREPARED.get(name, contextlib.nullcontext)():
        assert as_drawn(f"errors/{name}", steady(run(*SHOWN[name])))


def test_no_screen_is_left_of_an_error_that_went() -> None:
    assert drawn("errors") == set(SHOWN)
