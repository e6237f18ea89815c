"""Whoever may write into a store does not choose what else a run of root's removes."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import silent
from jetson_deploy.store.layout import prepare_store
from jetson_deploy.store.lock import store_lock


@pytest.mark.parametrize("name", [".", "tmp", "partial", "kept", "pinned", "dropped"])
def test_a_link_in_the_place_of_our_own_directory_is_refused_and_nothing_behind_it_is_removed(
    name: str, tmp_path: Path
) -> None:
    paths, home = prepare_store(tmp_path / "store"), tmp_path / "home"
    (home / "tmp").mkdir(parents=True)
    letters = [home / "letter", home / "tmp" / "letter"]
    for letter in letters:
        letter.write_text("mine")
    linked = paths.own / name
    if linked.is_dir():
        shutil.rmtree(linked)
    linked.symlink_to(home)
    with (
        pytest.raises(PreflightError) as refused,
        store_lock(paths, wait_seconds=0, report=silent, stop=threading.Event()),
    ):
        pass
    assert (refused.value.code, str(linked) in refused.value.message) == ("store-linked", True)
    assert [letter.read_text() for letter in letters] == ["mine", "mine"]
