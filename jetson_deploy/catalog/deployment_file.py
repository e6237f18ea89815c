"""`jetson-deploy.yaml`: what a deployment shall be, as a file. The commented example beside README.md is its reference.

Read by the catalog's strict YAML reader; nothing is required, unknown keys are refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import msgspec
from msgspec import Meta

from jetson_deploy.catalog.convert import KeyPath, convert, dotted, refuse
from jetson_deploy.catalog.layers import built_in_dir
from jetson_deploy.catalog.parts import Part, blame
from jetson_deploy.catalog.reader import Lines, read_yaml
from jetson_deploy.errors import CatalogError, UsageError
from jetson_deploy.names import (
    check_deployment_name,
    check_image_reference,
    check_registry_address,
    parse_model_name,
    shown,
)
from jetson_deploy.settings import LOWEST_PORT

EXAMPLE = "jetson-deploy.yaml"
DESCRIBED_BY = "jetson-deploy plan --example shows every key"
POLICIES = ("dustynv", "secure")

_Seconds = Annotated[float, Meta(ge=0, le=3600)]
_Bytes = Annotated[int, Meta(ge=0, le=1 << 50)] | Annotated[str, Meta(pattern=r"^[0-9]{1,15}(\.[0-9]{1,9})?[KMG]?$")]


class GatesSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the proof demands. None: the default."""

    accept_cpu: bool | None = None
    min_gpu_share: Annotated[float, Meta(ge=0, le=1)] | None = None
    min_tokens_per_second: Annotated[float, Meta(ge=0, le=100_000)] | None = None
    stability_seconds: _Seconds | None = None


class WatchSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """plan/watching.py `WatchWishes`, as a person writes it. None: the default."""

    enabled: bool | None = None
    interval_seconds: Annotated[float, Meta(ge=1, le=25)] | None = None
    generate_seconds: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    memory_guard_bytes: _Bytes | None = None
    max_restarts: Annotated[int, Meta(ge=0, le=100)] | None = None
    window_seconds: Annotated[float, Meta(ge=1, le=86_400)] | None = None
    roll_back: bool | None = None


class DeploymentFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The schema. None: not said, so that what is deployed, else the default, holds."""

    name: str | None = None
    model: str | None = None
    context: Annotated[int, Meta(ge=256, le=1 << 20)] | None = None
    parallel: Annotated[int, Meta(ge=1, le=64)] | None = None
    kv_cache_type: Literal["f16", "q8_0", "q4_0"] | None = None
    image_policy: str | None = None
    store: str | None = None
    registry: str | None = None
    mirrors: tuple[str, ...] | None = None
    limit_rate: _Bytes | None = None
    expose: str | None = None
    port: Annotated[int, Meta(ge=LOWEST_PORT, le=65535)] | None = None
    gates: GatesSection | None = None
    watch: WatchSection | None = None


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read, and where in it each value stands."""

    wishes: DeploymentFile
    path: Path
    lines: Lines

    def value(self, *key: str) -> Any:
        """What the file says; None: nothing."""
        found: Any = self.wishes
        for step in key:
            found = getattr(found, step, None)
        return found

    def place(self, *key: str) -> str:
        """`jetson-deploy.yaml:7`."""
        line = self.lines.get(key)
        return f"{self.path}:{line}" if line else str(self.path)


def read_deployment_file(path: Path, raw: bytes | None = None) -> Declared:
    """Raises UsageError with file, line, key and the nearest valid name. `raw`: its content, from standard input."""
    if raw is None and not os.path.lexists(path):
        hint = f"jetson-deploy plan --example > {EXAMPLE} gives one to start from"
        raise UsageError(f"-f {shown(str(path))}: there is no such file", hint=hint, code="deployment-file-missing")
    try:
        lines: Lines = {}
        part = Part(path, read_yaml(path, raw=raw, lines=lines), False, lines)
        wishes = convert([part], DeploymentFile, described_by=DESCRIBED_BY)
        _check(part, wishes)
    except CatalogError as error:
        code = error.code.replace("catalog-", "deployment-file-", 1)
        raise UsageError(error.message, hint=error.hint, code=code) from None
    return Declared(wishes=wishes, path=path, lines=lines)


def example_text() -> str:
    """The commented example, as shipped."""
    return (built_in_dir() / EXAMPLE).read_text(encoding="utf-8")


def _check(part: Part, wishes: DeploymentFile) -> None:
    """Names are checked here, so that an error names the line of a wrong one."""
    if wishes.expose not in (None, "loopback"):
        _not_built(part, wishes)
    if wishes.store is not None and not (wishes.store.startswith("/") and wishes.store.isprintable()):
        problem = f"{shown(wishes.store)} is no absolute path"
        refuse([part], ("store",), problem, hint="write it from / on: /mnt/nvme/models")
    _checked(part, ("name",), wishes.name, check_deployment_name)
    _checked(part, ("model",), wishes.model, lambda text: parse_model_name(text, default_family="deepseek-r1"))
    _checked(part, ("registry",), wishes.registry, check_registry_address)
    if wishes.image_policy not in POLICIES:
        _checked(part, ("image_policy",), wishes.image_policy, check_image_reference)
    for number, mirror in enumerate(wishes.mirrors or ()):
        _checked(part, ("mirrors", number), mirror, check_registry_address)


def _checked(part: Part, key: KeyPath, text: str | None, check: Callable[[str], object]) -> None:
    if text is None:
        return
    try:
        check(text)
    except UsageError as error:
        message = f"{blame([part], key)}: {dotted(key)}: {error.message}"
        raise UsageError(message, hint=error.hint, code=error.code) from None


def _not_built(part: Part, wishes: DeploymentFile) -> NoReturn:
    refuse(
        [part],
        ("expose",),
        f"{shown(str(wishes.expose))} is not built: the endpoint listens on this machine's loopback alone",
        hint="write expose: loopback; from elsewhere: ssh -L 11434:127.0.0.1:11434 BOARD",
        code="catalog-not-built",
    )
