"""Two revisions, field by field. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from jetson_deploy.deployment.drift import NOT_SET
from jetson_deploy.deployment.record import NOT_ASKED_FOR
from jetson_deploy.deployment.revisions import Revision
from jetson_deploy.spec import ContainerSpec

_FIELDS = (
    *("image", "image_id", "image_digest", "model", "model_digest", "store", "context_tokens"),
    *("accept_cpu", "simulated", "spec", "gates", "host"),
)
_SAID_BEFORE = ("spec.image",)
NOT_KNOWN = "not on record"


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    field: str
    """Path: `spec.environment.OLLAMA_CONTEXT_LENGTH`."""
    before: str
    after: str


def diff(before: Revision, after: Revision) -> tuple[Changed, ...]:
    """The differences. Of a spec, or gates, that only one of them has on record no single field is compared."""
    content = [msgspec.to_builtins(revision) for revision in (before, after)]
    whole = [field for field in ("spec", "gates") if (content[0][field] is None) != (content[1][field] is None)]
    one, other = (_flat(each, whole) for each in content)
    return _changes(one, other, key=lambda field: (_FIELDS.index(field.split(".")[0]), field))


def spec_changes(before: ContainerSpec, after: ContainerSpec) -> tuple[Changed, ...]:
    """The differences of two containers' settings, without labels, image and restart policy."""
    flat: list[dict[str, str]] = [{}, {}]
    for found, spec in zip(flat, (before, after), strict=True):
        settings = msgspec.to_builtins(spec)
        _into(found, "spec", {name: settings[name] for name in settings if name not in ("labels", "image", "restart")})
    return tuple(
        msgspec.structs.replace(one, field=one.field.removeprefix("spec."))
        for one in _changes(flat[0], flat[1], key=str)
    )


def _changes(one: dict[str, str], other: dict[str, str], key: Callable[[str], Any]) -> tuple[Changed, ...]:
    """`key`: the order of the fields."""
    return tuple(
        Changed(field=field, before=one.get(field) or _absent(field), after=other.get(field) or _absent(field))
        for field in sorted({*one, *other}, key=key)
        if one.get(field) != other.get(field)
    )


def _absent(field: str) -> str:
    return NOT_SET if field.startswith(("spec.", "gates.")) else NOT_KNOWN


def _flat(content: dict[str, Any], whole: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for field in _FIELDS:
        if field not in whole:
            _into(found, field, content[field])
        elif content[field] is not None:
            found[field] = "on record"
    return {field: value for field, value in found.items() if field not in _SAID_BEFORE}


def _into(found: dict[str, str], path: str, value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in NOT_ASKED_FOR:
                _into(found, f"{path}.{key}", item)
    elif path.endswith(".mounts"):
        for mount in value:
            _into(found, f"{path}.{mount['target']}", f"{mount['source']}{' (ro)' if mount['read_only'] else ''}")
    elif isinstance(value, list | tuple):
        found[path] = " ".join(str(item) for item in value)
    elif value is not None:
        found[path] = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
