"""Fixtures of the fault tests: one board for each module."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from fault_bed import Bed, fault_bed


@pytest.fixture(scope="module")
def board() -> Iterator[Bed]:
    with fault_bed(f"f{os.getpid():x}") as started:
        yield started


@pytest.fixture
def bed(board: Bed) -> Bed:
    """Nothing deployed, nothing staged."""
    board.fresh()
    return board
