"""One device of a rollout: deployed, proven by itself, left alone for the soak, proven again."""

from __future__ import annotations

from jetson_deploy.fleet.end_state import AS_WANTED, DeviceResult, measure
from jetson_deploy.fleet.rollout.lines import DeviceEnded, DeviceServes, DeviceStarted, Measured, NeverStarted, kept
from jetson_deploy.fleet.rollout.run import Run, answered


async def deploy(run: Run, name: str) -> None:
    run.at_work.add(name)
    run.untouched.discard(name)
    run.write(DeviceStarted(device=name))
    await _follow_up(run, name, await answered(name, run.work.deploy(run.devices[name], run.report)))


async def ask_again(run: Run, name: str) -> None:
    """Of one whose end is not known."""
    if run.story.devices[name].phase == "soaking":
        await _soak(run, name)
        return
    run.at_work.add(name)
    result = await answered(name, run.work.take_up(run.devices[name], run.report))
    if result is None:
        run.at_work.discard(name)
        run.write(NeverStarted(device=name))
        return
    await _follow_up(run, name, result)


async def roll_back(run: Run, name: str, why: str) -> None:
    run.at_work.add(name)
    result = await answered(name, run.work.roll_back(run.devices[name]))
    if result.state in ("rolled-back", *AS_WANTED):
        ended(run, name, result, state="rolled-back", reason=f"rolled back with the rollout: {why}")
    else:
        ended(run, name, result, reason=f"could not be rolled back with the rollout: {result.reason}")


async def _follow_up(run: Run, name: str, result: DeviceResult) -> None:
    if result.state != "proven":
        ended(run, name, result)
        return
    run.at_work.discard(name)
    run.write(DeviceServes(device=name, measured=measured(result), seconds=result.seconds))
    await _soak(run, name)


async def _soak(run: Run, name: str) -> None:
    seconds = run.story.devices[name].batch.soak
    await run.clock.sleep(seconds)
    result = await answered(name, run.work.prove(run.devices[name]))
    if result.state in AS_WANTED:
        ended(run, name, result, state="proven")
    else:
        ended(run, name, result, reason=f"the second proof, {seconds:g} s after the first: {result.reason}")


def ended(run: Run, name: str, result: DeviceResult, *, state: str | None = None, reason: str | None = None) -> None:
    run.at_work.discard(name)
    known, took = run.story.devices[name].measured, run.story.devices[name].seconds
    run.write(
        DeviceEnded(
            device=name,
            state=state or result.state,  # type: ignore[arg-type]
            reason=kept(result.reason if reason is None else reason),
            hint=kept(result.hint),
            code=result.code[:100],
            seconds=took if result.seconds is None else result.seconds,
            measured=known if known != Measured() else measured(result),
        )
    )


def measured(result: DeviceResult) -> Measured:
    return Measured(
        bytes_per_second=result.fetched_bytes_per_second,
        downtime_seconds=result.downtime_seconds,
        tokens_per_second=measure((result.document or {}).get("tokens_per_second")),
    )
