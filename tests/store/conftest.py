"""A registry with one small model, and a way to fetch it without waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from registry_server import Model, RegistryServer, serving, small_model

from jetson_deploy.events import Event
from jetson_deploy.names import parse_model_name
from jetson_deploy.store.fetch import FetchResult, fetch_model

Fetch = Callable[..., FetchResult]


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with serving() as server:
        yield server


@pytest.fixture
def model(registry: RegistryServer) -> Model:
    return registry.add("library/deepseek-r1:7b", small_model())


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def fetch(registry: RegistryServer, store: Path, events: list[Event], pauses: list[float]) -> Fetch:
    def call(name: str = "deepseek-r1:7b", **changed: Any) -> FetchResult:
        options: dict[str, Any] = {
            "store": store,
            "registry": registry.url,
            "expected_digest": None,
            "report": events.append,
            "stop": threading.Event(),
            "stall_seconds": 5.0,
            "sleep": pauses.append,
        }
        return fetch_model(parse_model_name(name), **(options | changed))

    return call
