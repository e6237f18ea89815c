"""A run that waited for a store holds the store that is there when its turn comes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from jetson_deploy.errors import LockedError
from jetson_deploy.events import Event
from jetson_deploy.store.layout import StorePaths, prepare_store
from jetson_deploy.store.lock import store_lock


def test_a_run_that_waited_while_the_store_was_moved_holds_the_new_one(tmp_path: Path) -> None:
    old, new = prepare_store(tmp_path / "store"), prepare_store(tmp_path / "moved")
    waits = threading.Event()

    def waiting(event: Event) -> None:
        waits.set()

    def second() -> bool:
        with store_lock(StorePaths(old.root), wait_seconds=60, report=waiting, stop=threading.Event()):
            try:
                with store_lock(new, wait_seconds=0, report=waiting, stop=threading.Event()):
                    return False
            except LockedError:
                return True

    with ThreadPoolExecutor() as pool:
        with ExitStack() as first:
            first.enter_context(store_lock(old, wait_seconds=0, report=waiting, stop=threading.Event()))
            held = pool.submit(second)
            assert waits.wait(60)
            old.root.rename(tmp_path / "before")
            old.root.symlink_to(new.root)
        assert held.result(60)
