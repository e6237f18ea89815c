"""A store with one model, a registry that has it too, and the command line in this process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from filled_store import put
from model_command import NAME, Run, Said
from registry_server import Model, RegistryServer, serving, small_model

from jetson_deploy.cli.main import main


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def model(store: Path) -> Model:
    return put(store, small_model())


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def run(store: Path, state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """`jetson-deploy model … --store STORE`, in this process."""
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(state))
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]

    def call(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as left:
            main(["model", *arguments, "--store", str(store)])
        shown = capsys.readouterr()
        return Said(int(left.value.code or 0), shown.out, shown.err)

    yield call
    for number, handler in handlers:
        signal.signal(number, handler)


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with serving() as server:
        server.add(f"library/{NAME}", small_model())
        yield server
