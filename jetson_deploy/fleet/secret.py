"""A password or a passphrase, which is never shown."""

from __future__ import annotations


class Secret:
    """Its repr says nothing, so that no log, exception or document can carry it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"


def secret(value: str | None) -> Secret | None:
    return None if value is None else Secret(value)
