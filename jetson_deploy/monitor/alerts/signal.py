"""The number that an alert compares, here and in Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from jetson_deploy.monitor.sample import Sample

Values = Mapping[str, float | None]
"""Subject → value; `""` where there is only one. None, or a subject that is missing: cannot be known now."""
Word = Callable[[Sequence[Sample], str], str]
"""(window, subject) → text for a message."""


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    read: Callable[[Sequence[Sample]], Values]
    """Of the samples that `window.Window` keeps, oldest first, at least one. Pure."""
    promql: str
    """The same over the names of metrics.py, one series for each subject; see `help` where it can only come near."""
    unit: str
    """ratio, bytes, celsius, volts …; empty for counts, `flag` for 0 or 1."""
    help: str
    words: Mapping[str, Word] = {}
    """Further places in the texts of its rules, beside {value}, {limit} and {subject}."""
