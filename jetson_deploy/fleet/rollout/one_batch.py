"""One batch: its devices at once as the disruption budget allows, until all have ended or it can pass no more."""

from __future__ import annotations

from jetson_deploy.fleet.each import AT_ONCE
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.rollout.batches import Batch
from jetson_deploy.fleet.rollout.budget import held_back
from jetson_deploy.fleet.rollout.crew import Crew
from jetson_deploy.fleet.rollout.lines import BatchJudged, BatchStarted
from jetson_deploy.fleet.rollout.one_device import ask_again, deploy, ended
from jetson_deploy.fleet.rollout.run import Run
from jetson_deploy.fleet.rollout.story import NO_BUDGET
from jetson_deploy.fleet.rollout.threshold import can_still_pass, judged


async def passes(run: Run, batch: Batch) -> bool:
    """Carry it out, as far as it was not yet. False: below its threshold, or aborted before it was through."""
    if not waiting(run, batch) and (before := run.story.judged.get(batch.number)) is not None and before.passed:
        return True
    run.write(BatchStarted(batch=batch.number))
    async with Crew(run.clock.sleep) as crew:
        await _carried_out(run, batch, crew)
    if run.aborted() and waiting(run, batch):
        return False
    judgement = judged(run.story.states(batch), batch.success_threshold)
    run.write(BatchJudged(batch=batch.number, passed=judgement.passed, text=judgement.text()))
    return judgement.passed


def waiting(run: Run, batch: Batch) -> list[str]:
    """Not begun, or by an earlier controller that did not reach them."""
    devices = (run.story.devices[name] for name in batch.devices)
    return [one.name for one in devices if one.phase == "waiting" or one.name in run.untouched]


async def _carried_out(run: Run, batch: Batch, crew: Crew) -> None:
    again = True
    while True:
        _start(run, batch, crew)
        if crew:
            await crew.wait()
        elif run.aborted():
            return
        elif again and (unknown := _unknown(run, batch)):
            again = False
            for name in unknown:
                crew.start(ask_again(run, name))
        elif not waiting(run, batch) or not _can_pass(run, batch):
            return
        elif run.story.held is None:
            _defer(run, batch)
        else:
            await crew.wait()


def _start(run: Run, batch: Batch, crew: Crew) -> None:
    """Every device that may be begun now. Looked at one after the other: each that begins takes a place."""
    for name in waiting(run, batch):
        if name in run.at_work or len(crew) >= AT_ONCE:
            continue
        if run.aborted() or run.held() or not _can_pass(run, batch):
            return
        if _held_back(run, name) is None:
            run.at_work.add(name)
            crew.start(deploy(run, name))


def _held_back(run: Run, name: str) -> str | None:
    return held_back(name, run.story.opened.budget, run.story.opened.groups, run.unavailable())


def _can_pass(run: Run, batch: Batch) -> bool:
    """One that is to be begun again has not ended."""
    states = run.story.states(batch)
    fresh = [None if name in run.untouched else state for name, state in zip(batch.devices, states, strict=True)]
    return can_still_pass(fresh, batch.success_threshold)


def _unknown(run: Run, batch: Batch) -> list[str]:
    return [name for name in batch.devices if run.story.devices[name].state == "unknown"]


def _defer(run: Run, batch: Batch) -> None:
    """Nothing runs, nothing holds the rollout, and yet none may begin: the budget will not allow it."""
    for name in waiting(run, batch):
        reason = _held_back(run, name) or ""
        run.untouched.discard(name)
        hint = "bring the unavailable devices back, then jetson-deploy fleet resume"
        result = DeviceResult(device=name, state="deferred", reason=reason, hint=hint, code=NO_BUDGET)
        ended(run, name, result)
