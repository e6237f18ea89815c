"""All settings of a container, asked in plain HTTP and through the SDK, which TLS and SSH need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engine_socket import RecordedEngine, engine_socket

from jetson_deploy.runtime.docker.actual import as_actual
from jetson_deploy.runtime.docker.patience import Patience
from jetson_deploy.runtime.docker.runtime import DockerRuntime

NOBODY = "unix:///nowhere/at-all"
PLAIN, THROUGH_SDK = "unix", "http+unix"


@pytest.fixture
def engine() -> RecordedEngine:
    return RecordedEngine()


@pytest.fixture(params=[PLAIN, THROUGH_SDK])
def host(engine: RecordedEngine, request: pytest.FixtureRequest) -> Iterator[str]:
    with engine_socket(engine) as path:
        yield f"{request.param}://{path}"


def test_both_ways_tell_the_same(host: str, engine: RecordedEngine) -> None:
    found = DockerRuntime(host).details(engine.name)
    assert found is not None
    assert engine.container is not None and engine.image is not None
    assert found == as_actual(engine.container, engine.image)
    assert found.image_environment is not None
    image = DockerRuntime(host).find_image(engine.image["Id"])
    assert image is not None
    assert image.id == engine.image["Id"]


def test_what_is_not_there_is_none(host: str, engine: RecordedEngine) -> None:
    assert DockerRuntime(host).find_image("somebody/elses:1") is None
    name = engine.name
    engine.image = None
    found = DockerRuntime(host).details(name)
    assert found is not None
    assert found.image_environment is None
    engine.container = None
    assert DockerRuntime(host).details(name) is None


def test_an_engine_that_cannot_be_asked_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert DockerRuntime(NOBODY).details("x") is None
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    assert DockerRuntime("tcp://127.0.0.1:1", Patience(look=1)).details("x") is None
