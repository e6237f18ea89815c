"""A package out of the cache as a file of the user's, who carries it to a board."""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter
from jetson_deploy.own_copy import own_copy
from jetson_deploy.store.bundle.new_file import new_file

if TYPE_CHECKING:
    from jetson_deploy.install.package import Package


def hand_out(file: Path, jetpack: str, *, wheelhouse: Path | None, replace: bool, report: Reporter) -> Package:
    """Raises PreflightError `no-packaging`, what `make` raises, and what `new_file` says of FILE."""
    _check_packaging()
    from jetson_deploy.install.jetpack import BOARDS
    from jetson_deploy.install.wheelhouse import make

    with tempfile.TemporaryDirectory(prefix="jetson-deploy-package-") as cache:
        package = make(BOARDS[jetpack], cache=Path(cache), wheelhouse=wheelhouse, report=report)
        content = package.path.read_bytes()
    with new_file(file, size=len(content), replace=replace) as descriptor, open(descriptor, "wb", closefd=False) as out:
        out.write(content)
    return package


def _check_packaging() -> None:
    try:
        import_module("packaging")
    except ImportError:
        raise PreflightError(
            "packaging is not installed, and wheels for another machine are chosen with it",
            hint=own_copy().adding("packaging"),
            code="no-packaging",
        ) from None
