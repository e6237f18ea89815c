"""The boards of the catalog as a table."""

from __future__ import annotations

from collections.abc import Sequence

from docs_pages.markdown import table
from docs_pages.shipped import shipped_catalog
from jetson_deploy.catalog.entries import Board

JETPACK_OF = {"jetpack5": "5", "jetpack6": "6", "cuda_v13": "7"}
"""Ollama's GPU library → the JetPack whose driver it needs."""


def boards_table() -> str:
    boards = sorted(shipped_catalog().boards.values(), key=lambda b: (not b.ollama_payloads, b.id))
    return table(("board", "id", "JetPack", "GPU", "DeepSeek-R1 on the GPU"), [_row(board) for board in boards])


def _row(board: Board) -> tuple[str, ...]:
    gpu = f"sm {board.compute_capability}"
    return (board.name, f"`{board.id}`", ", ".join(board.jetpack), gpu, _served(board.ollama_payloads))


def _served(payloads: Sequence[str]) -> str:
    if not payloads:
        return "no: Ollama has no GPU library for it"
    return f"with JetPack {', '.join(JETPACK_OF[name] for name in payloads)}"
