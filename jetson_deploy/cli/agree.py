"""The question before something is changed; its words are ours."""

from __future__ import annotations

import click

from jetson_deploy.errors import InterruptedRunError


def must_agree(question: str, no: str = "nothing was changed", *, hint: str = "--yes skips the question") -> None:
    """Asked on the terminal. Raises InterruptedRunError `not-confirmed`, with `no`, where the answer is no."""
    if not click.confirm(question, err=True):
        raise InterruptedRunError(no, hint=hint, code="not-confirmed")
