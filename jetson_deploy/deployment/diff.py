"""Two revisions, field by field. Pure."""

from __future__ import annotations

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
    return tuple(
        Changed(field=key, before=one.get(key) or _absent(key), after=other.get(key) or _absent(key))
        for key in sorted({*one, *other}, key=lambda k: (_FIELDS.index(k.split(".")[0]), k))
        if one.get(key) != other.get(key)
    )


def spec_changes(before: ContainerSpec, after: ContainerSpec) -> tuple[Changed, ...]:
    """The differences of two containers' settings, without labels, image and restart policy."""
    flat: list[dict[str, str]] = [{}, {}]
    for found, spec in zip(flat, (before, after), strict=True):
        for name, value in msgspec.to_builtins(spec).items():
            if name not in ("labels", "image", "restart"):
                _into(found, f".{name}" if name == "mounts" else name, value)
    one, other = flat
    return tuple(
        Changed(field=key.lstrip("."), before=one.get(key) or NOT_SET, after=other.get(key) or NOT_SET)
        for key in sorted({*one, *other})
        if one.get(key) != other.get(key)
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
