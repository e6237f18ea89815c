"""`up` of a model that no catalog lists: deployed from the store, kept, and brought back."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

from fake_board import FakeBoard
from sized_store import put_sized

from jetson_deploy.deploy.outcome import Outcome
from jetson_deploy.deploy.up import bring_up
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import silent
from jetson_deploy.names import parse_model_name
from jetson_deploy.server.exchange import ListedModel
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.maintenance.adopt import adopt_store

NAME = "hf.co/somebody/Tiny-GGUF:Q4_K_M"
MEASURES: dict[str, Any] = {
    "architecture": "qwen3",
    "bytes": 300_000,
    "vocabulary": 1000,
    "numbers": {
        "block_count": 4,
        "context_length": 40960,
        "embedding_length": 256,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
    },
}


def board_with_a_model(folder: Path, *, hashed: bool = True) -> FakeBoard:
    board = FakeBoard(folder)
    digest = put_sized(board.store, NAME, MEASURES)
    if hashed:
        adopt_store(board.store, report=silent, stop=threading.Event())
    board.server.models = (*board.server.models, ListedModel(name=NAME, digest=digest, size=300_000))
    return board


def up(board: FakeBoard, model: str | None, context: int | None = None) -> Outcome:
    run = board.run(context)
    return bring_up(type(run)(**{**_fields(run), "request": _asking(run.request, model)}))


def _asking(request: Any, model: str | None) -> Any:
    return type(request)(**{**_fields(request), "model": model})


def _fields(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def a_model_of_the_store_is_deployed_and_a_second_up_with_nothing_named_changes_nothing(folder: Path) -> None:
    board = board_with_a_model(folder)
    assert (up(board, NAME).result, up(board, NAME).result) == ("done", "no-changes")
    board.acts()
    kept = up(board, None)
    assert (kept.result, kept.model, board.acts()) == ("no-changes", NAME, [])
    assert board.state.current == 1


def what_is_deployed_stays_when_its_tag_is_removed_or_means_another_model(folder: Path) -> None:
    board = board_with_a_model(folder)
    up(board, NAME)
    board.acts()
    tag = StorePaths(board.store).manifest(parse_model_name(NAME))
    tag.unlink()
    assert (up(board, None).result, board.acts()) == ("no-changes", [])
    put_sized(board.store, NAME, MEASURES | {"bytes": 400_000})
    assert (up(board, None).result, board.acts()) == ("no-changes", [])
    found = board.status(drift=True)
    assert found.drift is not None
    assert [one.id for one in found.drift if one.id.startswith("model")] == ["model-tag-moved"]


def a_model_that_is_gone_altogether_is_not_replaced_by_another_unasked(folder: Path) -> None:
    board = board_with_a_model(folder)
    up(board, NAME)
    board.acts()
    StorePaths(board.store).manifest(parse_model_name(NAME)).unlink()
    shutil.rmtree(StorePaths(board.store).pinned)
    try:
        up(board, None)
    except JetsonDeployError as error:
        assert (error.code, error.exit_code) == ("deployed-model-gone", 3)
        assert f"jetson-deploy model fetch {NAME}" in error.hint
    else:
        raise AssertionError("it was replaced")
    assert board.acts() == []


def a_rollback_to_it_and_a_recovery_need_no_catalog(folder: Path) -> None:
    board = board_with_a_model(folder)
    up(board, NAME)
    board.up()
    board.acts()
    assert board.roll_back().model == NAME
    assert board.recover().result == "no-changes"
    assert up(board, None).result == "no-changes"
    assert board.status().model == NAME


FLOWS = (
    a_model_of_the_store_is_deployed_and_a_second_up_with_nothing_named_changes_nothing,
    what_is_deployed_stays_when_its_tag_is_removed_or_means_another_model,
    a_model_that_is_gone_altogether_is_not_replaced_by_another_unasked,
    a_rollback_to_it_and_a_recovery_need_no_catalog,
)
