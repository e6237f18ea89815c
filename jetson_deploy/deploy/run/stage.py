"""Image and model onto the host, at the same time, while whatever serves goes on serving."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.deploy.run.step_hooks import StepHooks
from jetson_deploy.deployment.plan import AnyStep, StageImage, StageModel
from jetson_deploy.errors import InterruptedRunError
from jetson_deploy.events import Note, Reporter, StepFinished, StepStarted
from jetson_deploy.interrupts import noticed
from jetson_deploy.names import parse_model_name, pinned
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.settings import Settings
from jetson_deploy.state.directory import OwnedModel, StateDirectory

if TYPE_CHECKING:
    from jetson_deploy.runtime.port import PulledImage
    from jetson_deploy.store.fetch import FetchResult

POLL_SECONDS = 0.2


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """What staging brought; None: it was there already."""

    image: PulledImage | None
    model: FetchResult | None


def stage(
    steps: Sequence[AnyStep],
    runtime: Runtime,
    hooks: StepHooks,
    settings: Settings,
    state: StateDirectory,
) -> Staged:
    """Carry out the staging steps of `steps` side by side; one that fails does not throw the other's progress away.

    A failed image stops the model, whose journal keeps what arrived. A failed model lets the image go on to its end:
    the engine forgets a layer that is not complete. What was not here before goes into the state's record the
    moment it is complete. Ctrl-C stops both and raises InterruptedRunError.
    """
    jobs: dict[str, Callable[[], PulledImage | FetchResult]] = {}
    stops = {"image": threading.Event(), "model": threading.Event()}
    for number, step in enumerate(steps, 1):
        if isinstance(step, StageImage):
            jobs["image"] = _image_job(number, step, runtime, hooks, stops["image"], settings, state)
        elif isinstance(step, StageModel):
            jobs["model"] = _model_job(number, step, hooks, stops["model"], settings, state)
    if not jobs:
        return Staged(image=None, model=None)
    with noticed() as interrupted, ThreadPoolExecutor(max_workers=len(jobs), thread_name_prefix="stage") as pool:
        futures = {key: pool.submit(job) for key, job in jobs.items()}
        _wait(futures, stops, interrupted, hooks.report)
        if interrupted():
            raise InterruptedRunError(
                "interrupted while staging; finished layers and all that arrived of the model are kept",
                hint="run the same command again to go on",
                code="interrupted",
            )
    _raise_first(list(futures.values()))
    return Staged(
        image=futures["image"].result() if "image" in futures else None,  # type: ignore[arg-type]  # by key
        model=futures["model"].result() if "model" in futures else None,  # type: ignore[arg-type]  # by key
    )


def _image_job(
    number: int,
    step: StageImage,
    runtime: Runtime,
    hooks: StepHooks,
    stop: threading.Event,
    settings: Settings,
    state: StateDirectory,
) -> Callable[[], PulledImage]:
    def job() -> PulledImage:
        with hooks.around(number, "stage-image", f"image {step.reference}"), _owned_image(state, step.reference):
            pulled = runtime.pull_image(
                step.reference, report=hooks.report, stop=stop, stall_seconds=settings.stall_seconds
            )
            state.add_image(pinned(step.reference, pulled.digest))
        return pulled

    return job


def _model_job(
    number: int, step: StageModel, hooks: StepHooks, stop: threading.Event, settings: Settings, state: StateDirectory
) -> Callable[[], FetchResult]:
    from jetson_deploy.store.fetch import fetch_model
    from jetson_deploy.store.transfer.pace import pace_from

    def job() -> FetchResult:
        what = f"model {step.name} into {step.store}"
        with hooks.around(number, "stage-model", what), _owned_model(state, step):
            return fetch_model(
                parse_model_name(step.name),
                store=Path(step.store),
                registry=step.registry,
                expected_digest=step.manifest_digest,
                report=hooks.report,
                stop=stop,
                mirrors=settings.mirrors,
                credentials=settings.credentials,
                pace=pace_from(settings),
                stall_seconds=settings.stall_seconds,
            )

    return job


@contextlib.contextmanager
def _owned_image(state: StateDirectory, reference: str) -> Iterator[None]:
    """Recorded before the pull, so that a kill right after it leaves no image that is never removed."""
    known = reference in state.owned().images
    state.add_image(reference)
    try:
        yield
    except BaseException:
        if not known:
            state.forget_image(reference)
        raise
    if not known and "@" not in reference:
        state.forget_image(reference)  # on record by its digest now


@contextlib.contextmanager
def _owned_model(state: StateDirectory, step: StageModel) -> Iterator[None]:
    """As `_owned_image`. A model that another program brought, and that is only hashed here, stays its own."""
    if _is_here(step):
        yield
        return
    known = OwnedModel(step.name, step.store) in state.owned().models
    state.add_model(step.name, step.store)
    try:
        yield
    except BaseException:
        if not known:
            state.forget_model(OwnedModel(step.name, step.store))
        raise


def _is_here(step: StageModel) -> bool:
    """All of its files, under the tag: whether they are right remains to be found out."""
    from jetson_deploy.store.inventory import read_models

    found = (one for one in read_models(Path(step.store)) if one.name == step.name)
    return any(one.missing_bytes == 0 and step.manifest_digest in (None, one.manifest_digest) for one in found)


class reported:  # noqa: N801 - used as a statement: `with reported(...)`
    """StepStarted on entry, StepFinished when the block ended without an exception."""

    def __init__(self, report: Reporter, step: str, text: str) -> None:
        self._report, self._step, self._text = report, step, text
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = time.monotonic()
        self._report(StepStarted(step=self._step, text=self._text))

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            seconds = round(time.monotonic() - self._started, 2)
            self._report(StepFinished(step=self._step, text=self._text, seconds=seconds))


def _wait(
    futures: dict[str, Future[PulledImage | FetchResult]],
    stops: dict[str, threading.Event],
    interrupted: Callable[[], bool],
    report: Reporter,
) -> None:
    pending, warned = list(futures.values()), False
    while pending:
        done, rest = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_EXCEPTION)
        pending = list(rest)
        if interrupted():
            for stop in stops.values():
                stop.set()
        for key, future in futures.items():
            if future not in done or (error := future.exception()) is None:
                continue
            if key == "image":
                stops["model"].set()
            elif pending and not warned and not interrupted():
                warned = True
                report(
                    Note(level="warning", text=f"model download failed: {error}; image pull continues, Ctrl-C stops it")
                )


def _raise_first(futures: list[Future[PulledImage | FetchResult]]) -> None:
    """The cause, not the interruption that it caused in the other job."""
    errors = [e for e in (f.exception() for f in futures) if e is not None]
    errors.sort(key=lambda e: isinstance(e, InterruptedRunError))
    if errors:
        raise errors[0]
