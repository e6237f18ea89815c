"""Flag, then environment, then the file of `-f`: the first that says something counts, and where is kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from jetson_deploy.settings import Settings

if TYPE_CHECKING:
    from jetson_deploy.catalog.deployment_file import Declared
    from jetson_deploy.deployment.watch_options import WatchWishes

IN_SETTINGS = ("port", "registry", "mirrors", "limit_rate", "stability_seconds")
"""Keys that have a variable JETSON_DEPLOY_… of the same name."""
SECTIONS = dict.fromkeys(("accept_cpu", "min_gpu_share", "min_tokens_per_second", "stability_seconds"), "gates")
"""Section of the file that a key stands in."""
FLAGS = {"model": "MODEL of the command", "accept_cpu": "--accept-cpu or --refuse-cpu"}
STDIN = Path("-")


class Layers:
    """Asked key by key, by the keys of the deployment file; `sources` tells where each was said."""

    def __init__(self, file: Path | None) -> None:
        self.file = _read(file) if file is not None else None
        self.sources: dict[str, str] = {}

    def settings(self, base: Settings, flags: dict[str, Any]) -> Settings:
        """The variables' values, with the flags over them and the file below them."""
        changes = {key: self._setting(key, base, flags.get(key)) for key in IN_SETTINGS}
        return msgspec.structs.replace(base, **changes)

    def _setting(self, key: str, base: Settings, flag: Any) -> Any:
        variable = f"JETSON_DEPLOY_{key.upper()}"
        if not flag and variable in base.named:
            self.sources[key] = variable
            return getattr(base, key)
        value = self.wish(key, flag or None)
        if value is None:
            return getattr(base, key)
        return str(value) if key == "limit_rate" else value

    def wish(self, key: str, flag: Any) -> Any:
        """What was said; None: nothing."""
        if flag is not None:
            self.sources[key] = FLAGS.get(key) or f"--{key.replace('_', '-')}"
            return flag
        path = (SECTIONS[key], key) if key in SECTIONS else (key,)
        value = self.file.value(*path) if self.file is not None else None
        if value is not None and self.file is not None:
            self.sources[key] = self.file.place(*path)
        return value

    def name(self, flag: str) -> str:
        """The deployment's name: `--name` has a default, which the file comes before."""
        source = click.get_current_context().get_parameter_source("name")
        typed = source not in (None, click.core.ParameterSource.DEFAULT)
        return str(self.wish("name", flag if typed else None) or flag)

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


def _read(file: Path) -> Declared:
    from jetson_deploy.catalog.deployment_file import read_deployment_file
    from jetson_deploy.catalog.reader import MAX_BYTES

    if file == STDIN:
        return read_deployment_file(Path("standard input"), sys.stdin.buffer.read(MAX_BYTES + 1))
    return read_deployment_file(file)
