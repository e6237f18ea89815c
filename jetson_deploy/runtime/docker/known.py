"""What the catalog knows of a text of the engine: its issues are asked once our own rules do not know it.

Of overlays the usual directories and JETSON_DEPLOY's variable count; those of `--catalog` are not known here.
"""

from __future__ import annotations

from collections.abc import Mapping

from jetson_deploy.catalog.entries import Issue, SeenIn
from jetson_deploy.catalog.load import load_issues
from jetson_deploy.catalog.symptoms import Fit, believed_order, fitting
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.settings import Settings


def known_issue(text: str, *places: SeenIn) -> Fit | None:
    """The most certain one that the text shows. None too where the catalog cannot be read: the text is still told."""
    return next(fitting(text, believed_order(_issues().values(), *places)), None)


def refined(error: JetsonDeployError, text: str, *places: SeenIn) -> JetsonDeployError:
    """With the advice of an issue that says it more exactly (`Issue.refines`)."""
    finer = (issue for issue in _issues().values() if issue.refines == error.code)
    fit = next(fitting(text, believed_order(finer, *places)), None)
    return error if fit is None else error.with_context(hint=fit.advice)


def _issues() -> Mapping[str, Issue]:
    try:
        return load_issues(Settings.from_environment().catalog_dirs)
    except JetsonDeployError:
        return {}
