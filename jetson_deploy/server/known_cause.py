"""The cause that a check names itself, where no log line shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jetson_deploy.server.port import Cause

if TYPE_CHECKING:
    from jetson_deploy.catalog.entries import Issue


def known_cause(id_: str, issues: Mapping[str, Issue]) -> Cause | None:
    """None: no such issue is known. Its evidence is the check's."""
    issue = issues.get(id_)
    return Cause(id=id_, title=issue.title, hint=issue.advice or issue.fix[0], evidence="") if issue else None
