"""Two revisions, field by field. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from jetson_deploy.plan.drift import NOT_SET
from jetson_deploy.plan.revisions import Revision
from jetson_deploy.plan.serving import LABEL

_FIELDS = (
    *("image", "image_id", "image_digest", "model", "model_digest", "store", "context_tokens"),
    *("accept_cpu", "simulated", "spec", "gates", "host"),
)
_NO_WISH = {LABEL + key for key in ("revision", "spec-hash", "need-bytes", "free-bytes", "spec", "gates")}
"""Labels that differ between any two revisions, or say again what other fields say."""


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    field: str
    """Path: `spec.environment.OLLAMA_CONTEXT_LENGTH`."""
    before: str
    after: str


def compared(before: Revision, after: Revision) -> tuple[Changed, ...]:
    """What differs; a field that only one of them has on record is `not set` in the other."""
    one, other = _flat(before), _flat(after)
    return tuple(
        Changed(field=key, before=one.get(key, NOT_SET), after=other.get(key, NOT_SET))
        for key in sorted({*one, *other}, key=lambda k: (_FIELDS.index(k.split(".")[0]), k))
        if one.get(key) != other.get(key)
    )


def _flat(revision: Revision) -> dict[str, str]:
    found: dict[str, str] = {}
    content = msgspec.to_builtins(revision)
    for field in _FIELDS:
        _into(found, field, content[field])
    return found


def _into(found: dict[str, str], path: str, value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in _NO_WISH:
                _into(found, f"{path}.{key}", item)
    elif path.endswith(".mounts"):
        for mount in value:
            _into(found, f"{path}.{mount['target']}", f"{mount['source']}{' (ro)' if mount['read_only'] else ''}")
    elif isinstance(value, list | tuple):
        found[path] = " ".join(str(item) for item in value)
    elif value is not None:
        found[path] = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
