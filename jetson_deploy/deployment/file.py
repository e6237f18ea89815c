"""`jetson-deploy.yaml`: what a deployment shall be, as a file. The commented example beside README.md is its reference.

The schema is made from the rows of `options.py` and `watch_options.py`. Read by the catalog's strict YAML reader;
nothing is required, unknown keys are refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from jetson_deploy.catalog.convert import KeyPath, convert, dotted
from jetson_deploy.catalog.layers import built_in_dir
from jetson_deploy.catalog.parts import Part, blame
from jetson_deploy.catalog.reader import Lines, read_yaml
from jetson_deploy.deployment.option import Row
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.deployment.watch_options import WATCH_OPTIONS
from jetson_deploy.errors import CatalogError, UsageError
from jetson_deploy.names import shown

EXAMPLE = "jetson-deploy.yaml"
DESCRIBED_BY = "jetson-deploy plan --example shows every key"


def schema_of(rows: Iterable[Row]) -> type[msgspec.Struct]:
    """A key for each row, in its section. None: not said, so that what is deployed, else the default, holds."""
    keys: dict[str, Any] = {}
    for row in rows:
        inside = keys.setdefault(row.option.section, {}) if row.option.section else keys
        inside[row.key] = row.file_type
    return _struct("DeploymentFile", keys)


def _struct(name: str, keys: Mapping[str, Any]) -> type[msgspec.Struct]:
    kinds = ((key, _struct(key, kind) if isinstance(kind, dict) else kind) for key, kind in keys.items())
    fields = [(key, kind | None, None) for key, kind in kinds]
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True, forbid_unknown_fields=True)


ROWS = (*OPTIONS.values(), *WATCH_OPTIONS.values())
DeploymentFile = schema_of(ROWS)


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read, and where in it each value stands."""

    wishes: msgspec.Struct
    path: Path
    lines: Lines

    def value(self, *key: str) -> Any:
        """What the file says; None: nothing."""
        return value_of(self.wishes, key)

    def place(self, *key: str) -> str:
        """`jetson-deploy.yaml:7`."""
        line = self.lines.get(key)
        return f"{self.path}:{line}" if line else str(self.path)


def value_of(wishes: msgspec.Struct, key: Iterable[str]) -> Any:
    """None: nothing is said."""
    found: Any = wishes
    for step in key:
        found = getattr(found, step, None)
    return found


def read_deployment_file(path: Path, raw: bytes | None = None) -> Declared:
    """Raises UsageError with file, line, key and the nearest valid name. `raw`: its content, from standard input."""
    if raw is None and not os.path.lexists(path):
        hint = f"jetson-deploy plan --example > {EXAMPLE} gives one to start from"
        raise UsageError(f"-f {shown(str(path))}: there is no such file", hint=hint, code="deployment-file-missing")
    try:
        lines: Lines = {}
        part = Part(path, read_yaml(path, raw=raw, lines=lines), False, lines)
    except CatalogError as error:
        raise _of_the_file(error) from None
    return Declared(wishes=checked_wishes(part), path=path, lines=lines)


def checked_wishes(part: Part) -> msgspec.Struct:
    """What a mapping with this file's keys says; that of a fleet's group or device is one too. Raises UsageError."""
    try:
        wishes: msgspec.Struct = convert([part], DeploymentFile, described_by=DESCRIBED_BY)
    except CatalogError as error:
        raise _of_the_file(error) from None
    _check(part, wishes)
    return wishes


def _of_the_file(error: CatalogError) -> UsageError:
    code = error.code.replace("catalog-", "deployment-file-", 1)
    return UsageError(error.message, hint=error.hint, code=code)


def example_text() -> str:
    """The commented example, as shipped."""
    return (built_in_dir() / EXAMPLE).read_text(encoding="utf-8")


def _check(part: Part, wishes: msgspec.Struct) -> None:
    """Names are checked here, so that an error names the line of a wrong one."""
    for row in ROWS:
        value = value_of(wishes, row.path)
        if isinstance(value, str):
            _checked(part, row, row.path, value)
        elif isinstance(value, tuple):
            for number, item in enumerate(value):
                _checked(part, row, (*row.path, number), item)


def _checked(part: Part, row: Row, key: KeyPath, text: str) -> None:
    if row.option.check is None:
        return
    try:
        row.option.check(text)
    except UsageError as error:
        raise error.with_context(message=f"{blame([part], key)}: {dotted(key)}: {error.message}") from error
