"""What the catalog knows of a text of the engine: cause and advice are its, class and code of the error are ours.

Of overlays the usual directories and JETSON_DEPLOY's variable count; those of `--catalog` are not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from jetson_deploy.catalog.entries import Issue, SeenIn
from jetson_deploy.catalog.load import load_issues
from jetson_deploy.catalog.symptoms import advice, believed_order, fitting
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.settings import Settings


class Coded(msgspec.Struct, frozen=True):
    """Which error of ours a known issue is."""

    issue: str
    kind: type[JetsonDeployError]
    code: str
    text: str = ""
    """Of two rows of one issue: which. Where no issue fits: a vaguer form, which elsewhere may mean something else."""


class Known(msgspec.Struct, frozen=True):
    """An issue, and which error it is; None: it has no row."""

    issue: Issue
    coded: Coded | None

    @property
    def advice(self) -> str:
        return advice(self.issue)


def known_issue(text: str, rows: Sequence[Coded], *places: SeenIn) -> Known | None:
    """The most certain one that the text shows. None too where the catalog cannot be read: the text is still told."""
    issues = _issues()
    for fit in fitting(text, believed_order(issues.values(), *places)):
        return Known(fit.issue, _row_of(fit.issue.id, text, rows))
    for row in rows:
        if row.text and row.issue in issues and re.search(row.text, text, re.IGNORECASE):
            return Known(issues[row.issue], row)
    return None


def _row_of(issue: str, text: str, rows: Sequence[Coded]) -> Coded | None:
    own = [row for row in rows if row.issue == issue]
    shown = (row for row in own if row.text and re.search(row.text, text, re.IGNORECASE))
    return next(shown, own[-1] if own else None)


def refining(code: str, text: str, *places: SeenIn) -> Issue | None:
    """The issue that says more exactly than an error of this code what the text shows (`Issue.refines`)."""
    finer = (issue for issue in _issues().values() if issue.refines == code)
    return next((fit.issue for fit in fitting(text, believed_order(finer, *places))), None)


def _issues() -> Mapping[str, Issue]:
    try:
        return load_issues(Settings.from_environment().catalog_dirs)
    except JetsonDeployError:
        return {}
