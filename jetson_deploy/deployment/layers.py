"""What is said by flag, else by variable, else by a file or mapping: the first counts, and where is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from jetson_deploy.deployment.option import Row
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.deployment.request import Request
from jetson_deploy.errors import UsageError
from jetson_deploy.settings import Settings

if TYPE_CHECKING:
    from jetson_deploy.deployment.file import Declared
    from jetson_deploy.deployment.watch_options import WatchWishes

IN_SETTINGS = tuple(row for row in OPTIONS.values() if row.variable and row.key in Settings.__struct_fields__)
"""Options that `Settings` reads from their variable, and checks."""
ASKED = tuple(row for row in OPTIONS.values() if not row.option.shared)


class Layers:
    """Asked option by option; `sources` tells where each was said."""

    def __init__(self, file: Declared | None) -> None:
        self.file = file
        self.sources: dict[str, str] = {}

    def settings(self, base: Settings, flags: Mapping[str, Any]) -> Settings:
        """The variables' values, with the flags over them and the file below them."""
        changes = {row.key: self._setting(row, base, flags.get(row.key)) for row in IN_SETTINGS}
        return msgspec.structs.replace(base, **changes)

    def _setting(self, row: Row, base: Settings, flag: Any) -> Any:
        if not flag and row.variable in base.named:
            self.sources[row.key] = row.variable
            return getattr(base, row.key)
        value = self.flag_or_file(row, flag or None)
        return getattr(base, row.key) if value is None else value

    def wish(self, row: Row, settings: Settings, flag: Any) -> Any:
        """What was said; None: nothing. Raises UsageError for a variable that cannot be read."""
        if row in IN_SETTINGS:
            return getattr(settings, row.key)
        if flag is None and row.variable in settings.named:
            self.sources[row.key] = row.variable
            return _read_text(row, settings.named[row.variable])
        return self.flag_or_file(row, flag)

    def flag_or_file(self, row: Row, flag: Any) -> Any:
        if flag is not None:
            self.sources[row.key] = row.said_by
            return flag
        value = self.file.value(*row.path) if self.file is not None else None
        if value is None or self.file is None:
            return None
        self.sources[row.key] = self.file.place(*row.path)
        return str(value) if row.kind is str else value

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

    def request(self, settings: Settings, name: str, said: Mapping[str, Any], *, force: bool = False) -> Request:
        """`said`: by flag, key → value; what was not given is not there. Raises UsageError."""
        asked = {row.field: self.wish(row, settings, said.get(row.key)) for row in ASKED}
        return Request(
            **{field: value for field, value in asked.items() if value is not None},
            name=name,
            image_registry=settings.image_registry,
            simulated=settings.rehearsal,
            force=force,
            watch=self.watch(),
            sources=dict(self.sources),
        )


def _read_text(row: Row, text: str) -> Any:
    try:
        return msgspec.convert(text, row.file_type, strict=False)
    except msgspec.ValidationError as error:
        problem = f"{row.variable}={text!r} cannot be read: {error}"
        raise UsageError(problem, hint=f"unset {row.variable} or correct it", code="bad-setting") from None
