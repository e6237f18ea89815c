"""What the commands of `self` say at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetson_deploy.cli.finish import Form, finish

if TYPE_CHECKING:
    from jetson_deploy.install.renewal import Renewed


def finished(form: Form, found: Renewed) -> int:
    if found.result == "unchanged":
        text = f"nothing to do: {found.link} is {found.now}"
    else:
        text = f"{found.link} is {found.now}; before: {found.before}, which jetson-deploy self rollback brings back"
    return finish(form, found, lambda: text, message=text)
