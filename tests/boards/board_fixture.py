"""The fixture `board`: one is deployed to for all tests of a run, and each takes it as it finds it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deployed_board import Board, deployed_board


@pytest.fixture(scope="session")
def board() -> Iterator[Board]:
    with deployed_board() as board:
        yield board
