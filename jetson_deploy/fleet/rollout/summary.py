"""Every device of a rollout once, with the one state it ended in and the reason."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jetson_deploy.fleet.end_state import AS_WANTED, DeviceResult
from jetson_deploy.fleet.rollout.lines import Result
from jetson_deploy.fleet.rollout.record import is_worked_on, read
from jetson_deploy.fleet.rollout.story import DeviceStory, Story


class RolloutSummary(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.fleet-rollout/1"
):
    """`fleet show --json`, and the document of `fleet up`."""

    id: str
    user: str | None
    host: str | None
    began: str
    inventory: str
    model: str | None
    result: Result | None
    """None: it is going on, or was interrupted."""
    reason: str
    working: bool
    """A controller works on it now."""
    held: str | None
    """Why no new device is started now."""
    batches: tuple[BatchSummary, ...]
    devices: tuple[DeviceSummary, ...]


class BatchSummary(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    title: str
    devices: int
    passed: bool | None
    """None: not judged yet."""
    judgement: str = ""


class DeviceSummary(msgspec.Struct, frozen=True, kw_only=True):
    device: str
    batch: int
    state: str
    """An end state, or `working`, `soaking`, `waiting` while the rollout goes on."""
    reason: str = ""
    hint: str = ""
    code: str = ""
    started: str | None = None
    ended: str | None = None
    seconds: float | None = None
    tokens_per_second: float | None = None
    downtime_seconds: float | None = None
    bytes_per_second: float | None = None


def summary(story: Story, *, working: bool) -> RolloutSummary:
    opened, closed = story.opened, story.closed
    return RolloutSummary(
        id=opened.id,
        user=story.who.user if story.who else None,
        host=story.who.host if story.who else None,
        began=story.began,
        inventory=opened.inventory,
        model=opened.asked.model,
        result=closed.result if closed else None,
        reason=closed.reason if closed else "",
        working=working,
        held=story.held if working else None,
        batches=tuple(
            BatchSummary(
                number=batch.number,
                title=batch.title,
                devices=len(batch.devices),
                passed=judged.passed if (judged := story.judged.get(batch.number)) else None,
                judgement=judged.text if judged else "",
            )
            for batch in opened.batches
        ),
        devices=tuple(_device(one, story, working) for one in story.devices.values()),
    )


def read_summary(directory: Path) -> RolloutSummary:
    """Raises UsageError."""
    return summary(read(directory), working=is_worked_on(directory))


def not_as_wanted(found: RolloutSummary) -> frozenset[str]:
    return frozenset(device.device for device in found.devices if device.state not in AS_WANTED)


def results(found: RolloutSummary) -> list[DeviceResult]:
    """Of a rollout that no controller works on: the table's rows."""
    return [
        DeviceResult(
            device=one.device,
            state=one.state,  # type: ignore[arg-type]
            reason=one.reason,
            hint=one.hint,
            code=one.code,
            seconds=one.seconds,
        )
        for one in found.devices
    ]


def _device(one: DeviceStory, story: Story, working: bool) -> DeviceSummary:
    state, reason, hint, code = _end(one, story, working)
    return DeviceSummary(
        device=one.name,
        batch=one.batch.number,
        state=state,
        reason=reason,
        hint=hint,
        code=code,
        started=one.started_at,
        ended=one.ended_at if one.phase == "ended" else None,
        seconds=one.end.seconds if one.end else None,
        tokens_per_second=one.measured.tokens_per_second,
        downtime_seconds=one.measured.downtime_seconds,
        bytes_per_second=one.measured.bytes_per_second,
    )


def _end(one: DeviceStory, story: Story, working: bool) -> tuple[str, str, str, str]:
    """State, reason, hint and code."""
    if one.phase == "ended" and one.end is not None:
        return one.end.state, one.end.reason, one.end.hint, one.end.code
    if working:
        return one.phase, "", "", ""
    again = "jetson-deploy fleet resume asks the device and goes on"
    if one.phase == "waiting":
        why = story.closed.reason if story.closed else "the controller was interrupted before it"
        return "not-started", why, _ANEW if _stays_stopped(story) else again, "not-started"
    return "unknown", "the controller was interrupted; the device goes on by itself", again, "interrupted"


_ANEW = "jetson-deploy fleet up --retry-failed begins anew with those that are not as wanted"


def _stays_stopped(story: Story) -> bool:
    """`resume` would come to the same judgement: it begins none again that has an end, and asks those without."""
    stopped = story.closed is not None and story.closed.result == "stopped"
    return stopped and not any(one.state == "unknown" or one.untouched for one in story.devices.values())
