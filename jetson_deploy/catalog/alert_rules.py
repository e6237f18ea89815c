"""The shape of `profiles/alerts/<id>.yaml`: when an alert fires, and its message.

A rule compares one signal (jetson_deploy/monitor/signals.py lists them) with a limit. Ratios are 0 to 1, sizes bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from string import Formatter
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from jetson_deploy.catalog.convert import refuse
from jetson_deploy.catalog.entries import Entry
from jetson_deploy.catalog.parts import Part
from jetson_deploy.catalog.wording import shown, suggestion

Seconds = Annotated[float, Meta(ge=0, le=86400)]
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LIMIT = 1e15


class AlertRule(Entry, frozen=True, kw_only=True):
    """Exactly one of `above` and `below` is a number."""

    id: str
    title: str
    """A few words, no full stop."""
    signal: str
    severity: Literal["info", "warning", "critical"]
    above: float | None = None
    """It holds while the signal is above this."""
    below: float | None = None
    clear: float | None = None
    """The signal must come back to this before it may end; None: to the limit itself."""
    hold_seconds: Seconds
    """The condition must hold so long, without a break, before the alert fires."""
    clear_seconds: Seconds = 30.0
    """So long must it be fine before it ends: one message where a value flaps."""
    cause: str
    """A sentence. {value}, {limit}, {subject} and the signal's own words; {value:.0%} and the like format numbers."""
    fix: str
    """A sentence with the command where there is one; the same places."""
    hidden_by: tuple[str, ...] = ()
    """Rules that describe the same fault better: this rule is suppressed while one of them fires for the same subject
    or for all subjects, or while this rule is itself for all subjects."""

    @property
    def limit(self) -> float:
        given = self.above if self.above is not None else self.below
        if given is None:
            raise ValueError(f"{self.id} has no limit")
        return given

    def holds(self, value: float) -> bool:
        return value > self.limit if self.above is not None else value < self.limit

    def is_clear(self, value: float) -> bool:
        end = self.limit if self.clear is None else self.clear
        return value <= end if self.above is not None else value >= end


class Place(NamedTuple):
    """`{name:spec}` of a text."""

    name: str
    spec: str


def places(text: str) -> Iterator[Place]:
    """Raises ValueError for a text with a stray brace, or with more than plain names in its places."""
    for _, name, spec, conversion in Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or conversion or "{" in (spec or ""):
            raise ValueError(f"{{{name}}} is not a plain name")
        yield Place(name, spec or "")


def alert_rule(parts: Sequence[Part], value: AlertRule) -> None:
    if not _ID.fullmatch(value.id):
        refuse(parts, ("id",), f"{shown(value.id)} is not an id", hint="a-z, 0-9 and single dashes, such as disk-low")
    if (value.above is None) == (value.below is None):
        hint = "an overlay that turns a limit round sets the other to null"
        refuse(parts, ("above",), "exactly one of above and below is needed", hint=hint)
    for key in ("above", "below", "clear"):
        number = getattr(value, key)
        if number is not None and not -_LIMIT < number < _LIMIT:  # nan too
            refuse(parts, (key,), f"{number:g} is out of range", hint="give an ordinary number")
    if value.clear is not None and value.holds(value.clear):
        problem = f"at {value.clear:g} it still holds (limit {value.limit:g}): it could never end"
        refuse(parts, ("clear",), problem, hint="move clear together with the limit")
    for key in ("cause", "fix"):
        _text(parts, key, getattr(value, key))


def _text(parts: Sequence[Part], key: str, text: str) -> None:
    try:
        list(places(text))
    except ValueError as error:
        refuse(parts, (key,), f"cannot be filled in: {error}", hint="write {value:.0f}, {subject}; double other braces")
    if not text.strip() or not text.isprintable():
        refuse(parts, (key,), "must be one line of text", hint="a sentence with its full stop")


def hidden_by(parts: Mapping[str, Sequence[Part]], rules: Mapping[str, AlertRule]) -> None:
    """Every name in `hidden_by` is a rule's, and not its own."""
    for id_, rule in rules.items():
        for index, other in enumerate(rule.hidden_by):
            if other not in rules or other == id_:
                problem = f"there is no other alert {shown(other)}"
                hint = suggestion(other, [name for name in rules if name != id_])
                refuse(parts[id_], ("hidden_by", index), problem, hint=hint, code="catalog-dangling")
