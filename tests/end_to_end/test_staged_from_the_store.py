"""`up` of a model that another program put into the store: hashed where it is, and left to its owner.

Not among the flows: what could fetch is loaded, and it asks the kernel which sockets there are.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from stored_flows import NAME, board_with_a_model, up

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.names import parse_model_name
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.store.layout import StorePaths


def test_it_is_hashed_without_a_registry_and_not_taken_for_a_download(tmp_path: Path) -> None:
    board = board_with_a_model(tmp_path, hashed=False)
    assert board.settings.registry.endswith(".invalid")
    assert up(board, NAME).result == "done"
    assert up(board, None).result == "no-changes"
    assert StorePaths(board.store).manifest(parse_model_name(NAME)).exists()
    assert StateDirectory(board.settings.state_dir, "default").owned().models == ()


def test_one_whose_bytes_are_not_those_of_its_digest_is_not_deployed(tmp_path: Path) -> None:
    board = board_with_a_model(tmp_path, hashed=False)
    largest = max((board.store / "blobs").iterdir(), key=lambda path: path.stat().st_size if _is_ours(path) else 0)
    with largest.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    with pytest.raises(JetsonDeployError) as refused:
        up(board, NAME)
    assert refused.value.exit_code in (4, 5)
    assert [act for act in board.acts() if act.startswith("create")] == []


def _is_ours(path: Path) -> bool:
    return path.read_bytes()[:4] == b"GGUF"
