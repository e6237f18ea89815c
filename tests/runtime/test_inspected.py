"""The inspect answers, asked in plain HTTP and through the SDK, which TLS and SSH need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engine_socket import RecordedEngine, engine_socket

from jetson_deploy.runtime.docker.inspected import image_id, inspected

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
    found = inspected(host, engine.name)
    assert found is not None
    assert (found.container, found.image) == (engine.container, engine.image)
    assert engine.image is not None
    assert image_id(host, engine.image["Id"]) == engine.image["Id"]


def test_what_is_not_there_is_none(host: str, engine: RecordedEngine) -> None:
    assert image_id(host, "somebody/elses:1") is None
    name = engine.name
    engine.image = None
    found = inspected(host, name)
    assert found is not None
    assert found.image is None
    engine.container = None
    assert inspected(host, name) is None


def test_an_engine_that_cannot_be_asked_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert inspected(NOBODY, "x") is None
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    assert inspected("tcp://127.0.0.1:1", "x", timeout=1) is None
