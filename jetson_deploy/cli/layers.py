"""Flag, then environment, then the file of `-f`: the first that says something counts, and where is kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from jetson_deploy.deployment.option import Row
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.errors import UsageError
from jetson_deploy.settings import Settings

if TYPE_CHECKING:
    from jetson_deploy.deployment.file import Declared
    from jetson_deploy.deployment.watch_options import WatchWishes

IN_SETTINGS = tuple(row for row in OPTIONS.values() if row.variable and row.key in Settings.__struct_fields__)
"""Options that `Settings` reads from their variable, and checks."""
STDIN = Path("-")


class DeployFlags(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line of `plan` or `up` says of the deployment."""

    file: Path | None
    """That of `-f`."""
    said: dict[str, Any]
    """Key of the deployment file → value. A flag that was not given is not there."""


class Layers:
    """Asked option by option; `sources` tells where each was said."""

    def __init__(self, file: Path | None) -> None:
        self.file = _read(file) if file is not None else None
        self.sources: dict[str, str] = {}

    def settings(self, base: Settings, flags: dict[str, Any]) -> Settings:
        """The variables' values, with the flags over them and the file below them."""
        changes = {row.key: self._setting(row, base, flags.get(row.key)) for row in IN_SETTINGS}
        return msgspec.structs.replace(base, **changes)

    def _setting(self, row: Row, base: Settings, flag: Any) -> Any:
        if not flag and row.variable in base.named:
            self.sources[row.key] = row.variable
            return getattr(base, row.key)
        value = self._flag_or_file(row, flag or None)
        return getattr(base, row.key) if value is None else value

    def wish(self, row: Row, settings: Settings, flag: Any) -> Any:
        """What was said; None: nothing. Raises UsageError for a variable that cannot be read."""
        if row in IN_SETTINGS:
            return getattr(settings, row.key)
        if flag is None and row.variable in settings.named:
            self.sources[row.key] = row.variable
            return _read_text(row, settings.named[row.variable])
        return self._flag_or_file(row, flag)

    def _flag_or_file(self, row: Row, flag: Any) -> Any:
        if flag is not None:
            self.sources[row.key] = row.said_by
            return flag
        value = self.file.value(*row.path) if self.file is not None else None
        if value is None or self.file is None:
            return None
        self.sources[row.key] = self.file.place(*row.path)
        return str(value) if row.kind is str else value

    def name(self, flag: str) -> str:
        """The deployment's name: `--name` has a default, which the file comes before."""
        source = click.get_current_context().get_parameter_source("name")
        typed = source not in (None, click.core.ParameterSource.DEFAULT)
        return str(self._flag_or_file(OPTIONS["name"], flag if typed else None) or flag)

    def watch(self) -> WatchWishes | None:
        """The file's section `watch` over the defaults; None where nothing was said."""
        from jetson_deploy.deployment.watch_options import WatchWishes

        said = {field: self._watch_field(field) for field in WatchWishes.__struct_fields__}
        said = {field: value for field, value in said.items() if value is not None}
        return WatchWishes(**said) if said else None

    def _watch_field(self, field: str) -> Any:
        value = self.file.value("watch", field) if self.file is not None else None
        if value is None or self.file is None:
            return None
        self.sources[f"watch.{field}"] = self.file.place("watch", field)
        if not isinstance(value, str):
            return value
        from jetson_deploy.store.rate import parse_rate

        return int(parse_rate(value))


def _read_text(row: Row, text: str) -> Any:
    try:
        return msgspec.convert(text, row.file_type, strict=False)
    except msgspec.ValidationError as error:
        problem = f"{row.variable}={text!r} cannot be read: {error}"
        raise UsageError(problem, hint=f"unset {row.variable} or correct it", code="bad-setting") from None


def _read(file: Path) -> Declared:
    from jetson_deploy.catalog.reader import MAX_BYTES
    from jetson_deploy.deployment.file import read_deployment_file

    if file == STDIN:
        return read_deployment_file(Path("standard input"), sys.stdin.buffer.read(MAX_BYTES + 1))
    return read_deployment_file(file)
