"""Signals of HAProxy before the deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone

from jetson_deploy.monitor.alerts.signal import Signal, Values
from jetson_deploy.monitor.sample import Sample


def _down(window: Sequence[Sample]) -> Values:
    door = window[-1].llm.door
    return {"": None if door.up is None else float(not door.up)} if door else {}


def _certificate_left(window: Sequence[Sample]) -> Values:
    """By the wall clock, as clients judge it."""
    now = window[-1]
    return {"": now.llm.door.certificate_ends - now.at} if now.llm.door else {}


def _listens_word(window: Sequence[Sample], _: str) -> str:
    door = window[-1].llm.door
    return door.listens if door else "unknown"


def _end_word(window: Sequence[Sample], _: str) -> str:
    door = window[-1].llm.door
    return f"{datetime.fromtimestamp(door.certificate_ends, timezone.utc):%Y-%m-%d}" if door else "unknown"


DOOR: Mapping[str, Signal] = {
    "door_down": Signal(
        read=_down,
        promql="1 - max by (instance) (jetson_door_up)",
        unit="flag",
        help="1: the deployment is exposed, and HAProxy before it does not run",
        words={"listens": _listens_word},
    ),
    "door_certificate_left": Signal(
        read=_certificate_left,
        promql="max by (instance) (jetson_door_certificate_end_timestamp_seconds) - time()",
        unit="seconds",
        help="Time until the certificate of an exposed deployment ends",
        words={"end": _end_word},
    ),
}
