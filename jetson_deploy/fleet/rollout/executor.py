"""A rollout from where its record stands to its end: begun and taken up again by the same way."""

from __future__ import annotations

from jetson_deploy.fleet.rollout.budget import held_back
from jetson_deploy.fleet.rollout.crew import Crew
from jetson_deploy.fleet.rollout.lines import Closed, Result, RollingBack
from jetson_deploy.fleet.rollout.one_batch import passes, waiting
from jetson_deploy.fleet.rollout.one_device import ask_again, roll_back
from jetson_deploy.fleet.rollout.run import Run


async def carry_out(run: Run, *, rollback_all: bool) -> Result:
    """Raises PreflightError: the record cannot be written. Cancelled: the devices go on, the record says how far."""
    if run.story.rolling_back is None:
        await _ask_again(run)
        result, reason = await _batches(run)
        if result == "stopped" and rollback_all:
            run.write(RollingBack(devices=tuple(_changed(run)), reason=reason))
    if run.story.rolling_back is not None:
        result, reason = "stopped", run.story.rolling_back.reason
        await _roll_back(run, reason)
    run.write(Closed(result=result, reason=reason))
    return result


async def _ask_again(run: Run) -> None:
    """First of all: devices that were begun and have no end that is known."""
    async with Crew(run.clock.sleep) as crew:
        for device in run.story.devices.values():
            if device.phase in ("working", "soaking") or device.state == "unknown":
                crew.start(ask_again(run, device.name))
        await crew.all_ended()


async def _batches(run: Run) -> tuple[Result, str]:
    for batch in run.story.opened.batches:
        if run.aborted():
            return "aborted", "aborted by fleet abort"
        if not await passes(run, batch):
            if run.aborted() and waiting(run, batch):
                return "aborted", "aborted by fleet abort"
            return "stopped", f"batch {batch.number} ({batch.title}): {run.story.judged[batch.number].text}"
    return "done", ""


def _changed(run: Run) -> list[str]:
    return [device.name for device in run.story.devices.values() if device.changed]


async def _roll_back(run: Run, why: str) -> None:
    """As the disruption budget allows; where it allows none, one after the other: what is wrong there must go."""
    names = _to_roll_back(run)
    async with Crew(run.clock.sleep) as crew:
        while names or crew:
            for name in list(names):
                if not crew or _may_begin(run, name):
                    names.remove(name)
                    run.at_work.add(name)
                    crew.start(roll_back(run, name, why))
            await crew.wait()


def _to_roll_back(run: Run) -> list[str]:
    """What an earlier controller did not bring to its end."""
    rolling = run.story.rolling_back
    devices = [run.story.devices[name] for name in (rolling.devices if rolling else ())]
    return [one.name for one in devices if not one.undone or one.state == "unknown"]


def _may_begin(run: Run, name: str) -> bool:
    return held_back(name, run.story.opened.budget, run.story.opened.groups, run.unavailable()) is None
