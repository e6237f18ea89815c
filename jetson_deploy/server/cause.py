"""A known issue as the cause of a failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from jetson_deploy.catalog.entries import Issue


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """A known issue that explains a failure."""

    id: str
    """Of the catalog's issue."""
    title: str
    hint: str
    """First remedy; the issue holds all."""
    evidence: str
    """The log line that shows it, or the state that the engine reported."""


def known_cause(id_: str, issues: Mapping[str, Issue]) -> Cause | None:
    """The cause that a check names itself, where no log line shows it: the evidence is the check's.

    None: no such issue is known.
    """
    issue = issues.get(id_)
    return Cause(id=id_, title=issue.title, hint=issue.advice or issue.fix[0], evidence="") if issue else None
