"""Settings and environment of a group or device: checked where they are said, so that an error names that place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from jetson_deploy.catalog.convert import KeyPath
from jetson_deploy.catalog.parts import Part, blame
from jetson_deploy.catalog.wording import suggestion
from jetson_deploy.deployment.file import checked_wishes
from jetson_deploy.errors import UsageError
from jetson_deploy.names import shown
from jetson_deploy.settings import Settings

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_SECRET_NAME = re.compile(r"(?i)passw|passphrase|_pass$|^pass$|secret|token|private_?key|api_?key|credential|vault")
_TOKEN = re.compile(r"(?i)(?:bearer|basic|token|password|passwd|secret|api[_-]?key)[\s:=]+\S|-----BEGIN ")


def check_settings(part: Part, key: KeyPath, whose: str) -> None:
    """The map at `key` has keys of jetson-deploy.yaml. Raises UsageError naming file, line, key and `whose` it is."""
    try:
        checked_wishes(_within(part, key, {}))
    except UsageError:
        lines = {path[len(key) :]: line for path, line in part.lines.items() if path[: len(key)] == key}
    else:
        return
    try:  # once more, with the lines: to pick them for each of thousands of devices takes minutes
        checked_wishes(_within(part, key, lines))
    except UsageError as error:
        raise error.with_context(message=f"{error.message} (settings of {whose})") from None


def _within(part: Part, key: KeyPath, lines: Mapping[tuple[Any, ...], int]) -> Part:
    data: Any = part.data
    for step in key:
        data = data[step]
    return Part(part.path, data, False, lines)


def check_environment(environment: Mapping[str, str], place: str, whose: str) -> None:
    """Only what the tool reads there, no secrets. Raises UsageError."""
    known = (*known_variables(), *PROXIES)
    for name, value in environment.items():
        where = f"{place}: environment of {whose}"
        if name not in known:
            problem = f"{where}: {shown(name)} is not passed on to devices"
            raise UsageError(problem, hint=suggestion(name, known), code="inventory-environment")
        if not value.isprintable():
            problem = f"{where}: {name} holds control characters"
            raise UsageError(problem, hint="write it as one line of text", code="inventory-environment")
        if looks_secret(value):
            problem = f"{where}: {name} looks like it holds a secret"
            hint = "logins go into a file on the device, mode 0600, that JETSON_DEPLOY_CREDENTIALS names"
            raise UsageError(problem, hint=hint, code="inventory-secret")
    try:
        Settings.from_environment(environment)
    except UsageError as error:
        raise error.with_context(message=f"{place}: environment of {whose}: {error.message}") from None


def check_variables(part: Part, key: KeyPath, names: Iterable[str], whose: str) -> None:
    """Variables are shown and recorded. Raises UsageError for one whose name says that it is a secret."""
    for name in filter(named_secret, names):
        place = blame([part], (*key, name))
        problem = f"{place}: the variable {shown(name)} of {whose} looks like a secret"
        hint = "variables are shown and recorded; a password of sudo comes from --sudo-password-file"
        raise UsageError(problem, hint=hint, code="inventory-secret")


def named_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def looks_secret(value: str) -> bool:
    """It holds a login in an address, or names a token; or is one, by its length and its characters."""
    if _TOKEN.search(value):
        return True
    try:
        parts = urlsplit(value if "://" in value else f"//{value}")
        return parts.password is not None or ("://" in value and parts.scheme != "ssh" and parts.username is not None)
    except ValueError:
        return "@" in value


class _Asked(dict[str, str]):
    """An environment that notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def get(self, key: str, default: Any = None) -> Any:
        self.names.append(key)
        return default


def known_variables() -> tuple[str, ...]:
    """Every variable that `Settings` reads."""
    asked = _Asked()
    Settings.from_environment(asked)
    return tuple(dict.fromkeys(asked.names))
