"""Write the folder: generated files are generated anew, files that a user changed or added are kept."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from jetson_deploy.catalog.alert_rules import AlertRule
from jetson_deploy.errors import PreflightError, ResourceError, UsageError
from jetson_deploy.monitor.dashboards import compose
from jetson_deploy.monitor.dashboards.grafana import dashboard
from jetson_deploy.monitor.dashboards.rules import rules_text
from jetson_deploy.monitor.dashboards.targets import HERE, discovery
from jetson_deploy.store.disk_errors import is_full
from jetson_deploy.store.whole_file import read_bounded, replace_whole

TARGETS = "prometheus/targets.json"
RECORD = ".jetson-deploy.json"
"""SHA-256 of each file as it was written: so a change by hand is seen."""
_SECRET_FILE = ".env"  # noqa: S105 - a name
"""Holds a password: never written anew, and readable by its owner alone."""
_LONGEST = 16 << 20


class Written(msgspec.Struct, frozen=True, kw_only=True):
    files: tuple[Path, ...]
    """All that belong to the folder."""
    changed: tuple[Path, ...]
    """Those that were not there, or were others."""
    targets: tuple[str, ...]


def write_folder(
    folder: Path, rules: Mapping[str, AlertRule], targets: Sequence[str] | None, *, force: bool = False
) -> Written:
    """`targets`: None keeps those that are there, else this machine's monitor.

    Raises UsageError `not-ours` when a file would be lost that was not written by this, ResourceError where a
    disk is full, else PreflightError.
    """
    kept = _kept(folder, targets)
    texts = {**_texts(rules, targets), **kept}
    record = _record(folder)
    present = {name: _content(folder / name) for name in texts}
    foreign = [n for n, old in present.items() if old not in (None, _bytes(texts[n])) and record.get(n) != _hash(old)]
    if foreign and not force:
        more = f" and {len(foreign) - 1} more" if foreign[1:] else ""
        raise UsageError(
            f"{folder / foreign[0]}{more} would be lost: not written by this command, or changed since",
            hint="another DIR, or --force",
            code="not-ours",
            details=tuple(str(folder / name) for name in foreign[1:]),
        )
    changed = [name for name, old in present.items() if old != _bytes(texts[name])]
    try:
        for name in changed:
            _write(folder / name, _bytes(texts[name]))
        # A kept file is the user's own, or in the record already.
        hashes = {**record, **{name: _hash(_bytes(text)) for name, text in texts.items() if name not in kept}}
        replace_whole(folder / RECORD, (json.dumps({"files": hashes}, indent=2) + "\n").encode())
    except OSError as error:
        kind, hint = (ResourceError, "free space there") if is_full(error) else (PreflightError, "sudo")
        problem = f"{folder} cannot be written: {error.strerror}"
        raise kind(problem, hint=f"another DIR, or {hint}", code="not-writable") from error
    named = [one for group in json.loads(texts[TARGETS]) for one in group["targets"]]
    return Written(
        files=tuple(folder / name for name in sorted(texts)),
        changed=tuple(folder / name for name in sorted(changed)),
        targets=tuple(named),
    )


def _write(path: Path, content: bytes) -> None:
    _make_readable(path.parent)
    if path.name != _SECRET_FILE:
        replace_whole(path, content)
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(content)
    except BaseException:
        path.unlink()  # on a full disk it is empty, and the next run would keep it as the password
        raise


def _make_readable(folder: Path) -> None:
    """The programs in the containers are not we, whatever our umask."""
    if not folder.is_dir():
        _make_readable(folder.parent)
        folder.mkdir()
        folder.chmod(0o755)


def _texts(rules: Mapping[str, AlertRule], targets: Sequence[str] | None) -> dict[str, str]:
    return {
        **compose.files(secrets.token_urlsafe(15)),
        "grafana/dashboards/jetson-deploy.json": json.dumps(dashboard(), indent=2) + "\n",
        "prometheus/rules.yml": rules_text(rules),
        TARGETS: json.dumps(discovery(targets or [HERE]), indent=2) + "\n",
    }


def _kept(folder: Path, targets: Sequence[str] | None) -> dict[str, str]:
    """Files that stay as they are there: the password, and the boards unless others are named."""
    found = {}
    if (secret := _content(folder / _SECRET_FILE)) is not None:
        found[_SECRET_FILE] = secret.decode("utf-8", "surrogateescape")
    if targets is None and (named := _named_targets(folder)):
        found[TARGETS] = named
    return found


def _named_targets(folder: Path) -> str | None:
    """What is asked already, in the words of whoever wrote it; None: nothing, or it cannot be understood."""
    content = _content(folder / TARGETS)
    try:
        groups = msgspec.json.decode(content or b"", type=list[_Group])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return content.decode() if content and any(group.targets for group in groups) else None


class _Group(msgspec.Struct, frozen=True):
    targets: list[str]


def _record(folder: Path) -> dict[str, str]:
    content = _content(folder / RECORD) or b"{}"
    try:
        return msgspec.json.decode(content, type=_Record).files
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


class _Record(msgspec.Struct, frozen=True):
    files: dict[str, str] = {}


def _content(path: Path) -> bytes | None:
    """None: there is no such file. What is no file, or has no end, is foreign. Raises ResourceError."""
    try:
        content = read_bounded(path, _LONGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        hint = "another DIR, or sudo"
        raise ResourceError(f"{path} cannot be read: {error.strerror}", hint=hint, code="not-readable") from error
    return b"" if content is None else content


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _hash(content: bytes | None) -> str:
    return hashlib.sha256(content or b"").hexdigest()
