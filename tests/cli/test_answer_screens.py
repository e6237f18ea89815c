"""The answers of status, history, diff, rollback --plan and recover, as data: whole screens with the exit code."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from drawn_screens import as_drawn, drawn
from engine_socket import RecordedEngine, engine_socket
from states import line

from jetson_deploy.cli.main import main
from jetson_deploy.cli.status import _text
from jetson_deploy.deploy.health import threats
from jetson_deploy.deploy.status import Previous, Status
from jetson_deploy.deployment.drifted import Drifted
from jetson_deploy.deployment.revisions import State
from jetson_deploy.events import Verdict
from jetson_deploy.state.directory import StateDirectory

THREE = Path(__file__).parents[1] / "data" / "states" / "three-revisions.json"
CAUSES = str(Path(__file__).parents[1] / "data" / "causes")
HOSTS = str(Path(__file__).parents[1] / "hosts")
RUN = {
    "history": ("history",),
    "history-of-the-last-action": ("history", "--lines", "1"),
    "diff": ("diff", "1", "3"),
    "diff-of-the-same": ("diff", "3", "3"),
    "status-of-a-stopped-server": ("status",),
    "doctor-of-a-fault": ("doctor", "--log", "CAUSES/log/cuda-internal-operation-thor.txt", "-v"),
    "doctor-of-a-pull": ("doctor", "--log", "CAUSES/pull/layer-io-error.txt"),
    "doctor-of-a-healthy-log": ("doctor", "--log", "CAUSES/healthy/llama-server-b11434.txt"),
    "doctor-of-a-board": ("doctor", "--root", "HOSTS/orin-nano-8gb-jp6.2.1-r36.4.7/root"),
    "doctor-of-a-board-verbose": ("doctor", "--root", "HOSTS/orin-nano-8gb-desktop/root", "-v"),
    "doctor-of-a-pc": ("doctor", "--root", "HOSTS/pc-debian12/root"),
    "doctor-of-an-unknown-end": ("doctor", "--log", "CAUSES/log/client-left-while-loading.txt"),
    "recover-without-anything-to-do": ("recover",),
    "rollback-plan": ("rollback", "1", "--plan", "--force"),
}
HEALTHY = Status(
    deployment="default",
    healthy=True,
    container="jd-default-2",
    revision=2,
    endpoint="http://127.0.0.1:11434",
    image=f"dustynv/ollama:0.6.8-r36.4@sha256:{'ab' * 32}",
    server="ollama",
    model="deepseek-r1:8b",
    context_tokens=4096,
    accept_cpu=False,
    simulated=None,
    gpu_share=1.0,
    tokens_per_second_proven=10.25,
    proven_at="2026-01-01T00:00:00+00:00",
    leftovers=(),
    verdicts=(Verdict(check="answers", passed=True, observed="12 tokens", expected="an answer"),),
    restart_policy="always",
    previous=Previous(revision=1, container="jd-default-1", kept=True),
    last=line("serves", 2),
)
DRIFT = Drifted(
    id="image-gone",
    what="image",
    deployed=f"sha256:{'cd' * 32}",
    found="gone",
    effect="the server serves until it is restarted",
    up_would="stage-image",
)
OFF_THE_GPU = Verdict(
    check="on-gpu",
    passed=False,
    observed="12% on the GPU",
    expected="at least 95%",
    hint="jetson-deploy logs shows why",
)


def status(**changes: Any) -> Status:
    return msgspec.structs.replace(HEALTHY, **changes)


STATUS = {
    "status": HEALTHY,
    "status-simulated-on-the-cpu": status(simulated="a board of the test's", accept_cpu=True, gpu_share=0.0),
    "status-unhealthy": status(healthy=False, gpu_share=0.12, verdicts=(*HEALTHY.verdicts, OFF_THE_GPU)),
    "status-without-drift": status(drift=()),
    "status-with-drift": status(drift=(DRIFT,), not_compared=("the model's files: --deep hashes them",)),
    "status-needs-attention": status(
        healthy=False,
        findings=tuple(threats("no", "up failed, and so did the way back", None)),
        unfinished="a run is under way: `up` by alice",
        leftovers=("jd-default-3",),
        notes=("state.json is damaged; state.json.bak, the one before, is used",),
        previous=Previous(revision=1, container="jd-default-1", kept=False),
    ),
}


@pytest.fixture
def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., str]]:
    """On a recorded engine, whose container has exited, with three revisions on record."""
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("JETSON_DEPLOY_LOCK_DIR", str(tmp_path / "lock"))
    record = StateDirectory(tmp_path / "state", "default")
    record.prepare()
    record.save(msgspec.json.decode(THREE.read_bytes(), type=State))
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]
    engine = RecordedEngine()
    assert engine.container is not None
    engine.container["State"] = {"Status": "exited", "ExitCode": 1}

    def call(*words: str) -> str:
        with pytest.raises(SystemExit) as left:
            main([word.replace("CAUSES", CAUSES).replace("HOSTS", HOSTS) for word in words])
        shown = capsys.readouterr()
        text = f"$ jetson-deploy {' '.join(words)}\n{shown.err}{shown.out}exit {left.value.code}\n"
        return text.replace(str(tmp_path), "PLACE").replace(CAUSES, "CAUSES")

    with engine_socket(engine) as path:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield call
    for number, handler in handlers:
        signal.signal(number, handler)


@pytest.mark.parametrize("name", RUN)
def test_the_screen_is_as_it_was_when_it_was_looked_at(name: str, run: Callable[..., str]) -> None:
    assert as_drawn(f"answers/{name}", run(*RUN[name]))


@pytest.mark.parametrize("name", STATUS)
def test_the_status_is_as_it_was_when_it_was_looked_at(name: str) -> None:
    assert as_drawn(f"answers/{name}", _text(STATUS[name]) + "\n")


def test_no_screen_is_left_of_an_answer_that_went() -> None:
    assert drawn("answers") == {*RUN, *STATUS}
