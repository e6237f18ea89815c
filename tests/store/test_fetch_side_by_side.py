"""Several runs on one store, and what a dead one left."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from registry_server import Model, RegistryServer, assert_whole

from jetson_deploy.errors import LockedError
from jetson_deploy.events import Event, Note
from jetson_deploy.store.fetch import FetchResult
from jetson_deploy.store.layout import prepare_store
from jetson_deploy.store.lock import store_lock

Fetch = Callable[..., FetchResult]


def test_leftovers_of_a_killed_run_are_removed(fetch: Fetch, store: Path, model: Model) -> None:
    paths = prepare_store(store)
    (paths.temporary / "sha256-0000-1-2").write_bytes(b"half")
    fetch()
    assert_whole(store, model)


def test_a_second_run_waits_for_the_first_and_says_so(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model, events: list[Event]
) -> None:
    held = store_lock(prepare_store(store), wait_seconds=0, report=events.append, stop=threading.Event())
    with held:
        waiting = threading.Thread(target=fetch)
        waiting.start()
        for _ in range(500):
            if events:
                break
            threading.Event().wait(0.01)
        assert registry.seen == []
    waiting.join(20)
    assert isinstance(events[0], Note)
    assert str(os.getpid()) in events[0].text
    assert_whole(store, model)


def test_a_run_that_waited_too_long_names_the_holder(fetch: Fetch, store: Path, model: Model) -> None:
    with (
        store_lock(prepare_store(store), wait_seconds=0, report=print, stop=threading.Event()),
        pytest.raises(LockedError) as caught,
    ):
        fetch(lock_seconds=0.0)
    assert caught.value.exit_code == 75
    assert str(os.getpid()) in caught.value.message


def test_two_runs_at_once_fetch_every_blob_once(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    runs = [threading.Thread(target=fetch, kwargs={"expected_digest": model.digest}) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(30)
    assert sorted(registry.blob_requests()) == sorted(model.blobs)
    assert_whole(store, model)
