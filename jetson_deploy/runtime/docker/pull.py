"""Pulling an image through the SDK's low-level stream, with a watchdog of our own.

Why so: the SDK pulls without any timeout, so a stalled registry hangs it for ever, and its high-level
pull hides every error of the stream behind "no such image". Measured; see tests/integration.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import docker
import docker.errors

from jetson_deploy.errors import InterruptedRunError, JetsonDeployError
from jetson_deploy.events import Progress, Reporter
from jetson_deploy.runtime.docker.images import repository_of, split_digest
from jetson_deploy.runtime.docker.layers import LayerProgress
from jetson_deploy.runtime.docker.pull_errors import digest_differs, pull_error, silent_engine, stalled
from jetson_deploy.runtime.docker.responses import KeptResponse, kept_response
from jetson_deploy.runtime.docker.sdk_errors import ENGINE_TROUBLE, answer_error, engine_text, transport_error
from jetson_deploy.runtime.port import PulledImage

_DISK_PATIENCE = 10
"""Verifying or unpacking a layer of gigabytes is silent for minutes on eMMC: the stall limit times this."""
_REPORT_EVERY = 0.1
_LOOK_EVERY = 0.2


class _Reader(threading.Thread):
    """Reads the engine's stream into a queue; ends with None, or with the exception that ended it."""

    def __init__(self, client: docker.APIClient, reference: str) -> None:
        super().__init__(name="image-pull", daemon=True)
        self.events: queue.Queue[dict[str, Any] | Exception | None] = queue.Queue()
        self._client = client
        self._reference = reference
        self._kept: KeptResponse | None = None
        self._dropped = threading.Event()

    def run(self) -> None:
        with kept_response(self._client, "/images/create") as self._kept:
            try:
                self._read()
                self.events.put(None)
            except (*ENGINE_TROUBLE, ValueError, AttributeError) as error:  # the last two: a stream we dropped
                self.events.put(error)
            finally:
                self._kept.close()

    def _read(self) -> None:
        name, digest = split_digest(self._reference)
        repository = repository_of(name) if digest else name
        for event in self._client.pull(repository, tag=digest, stream=True, decode=True):
            if self._dropped.is_set():
                return
            self.events.put(event)

    def drop(self) -> None:
        """Close the connection: the engine then cancels the pull and keeps the complete layers.

        Before the engine's first word there is no stream to close: the thread then waits on by itself and
        dies with the process, and the engine has no layer under way.
        """
        self._dropped.set()
        if self._kept is not None and self._kept.drop():
            self.join(timeout=2.0)


def pull_image(
    client: docker.APIClient,
    reference: str,
    *,
    find: Callable[[str], PulledImage | None],
    report: Reporter,
    stop: threading.Event,
    stall_seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> PulledImage:
    """Pull once and return what the engine then holds (`find`); `report` gets the bytes of all layers together.

    A reference with a digest is pulled by the digest and checked against it. Layers that are complete
    are kept by the engine whatever happens, so the caller may simply try again. `stop` ends the pull
    within a second. Raises NetworkError (registry-unreachable, registry-stalled, image-not-found,
    pull-interrupted, pull-failed, registry-refused, registry-rate-limited, registry-untrusted), IntegrityError
    (image-corrupt, image-digest-mismatch), ResourceError (no-space), PreflightError (engine-vanished,
    engine-hung, image-wrong-architecture, data-root-failing, layer-refused, …), InterruptedRunError.
    """
    reader = _Reader(client, reference)
    reader.start()
    try:
        _follow(reader, reference, report, stop, stall_seconds, clock)
    finally:
        reader.drop()
    return _held(find(reference), reference)


class _Meter:
    """Passes the progress on: when it has changed, and not too often."""

    def __init__(self, layers: LayerProgress, report: Reporter, clock: Callable[[], float]) -> None:
        self._layers, self._report, self._clock = layers, report, clock
        self._shown: Progress | None = None
        self._shown_at = clock() - _REPORT_EVERY

    def show(self, *, now: bool = False) -> None:
        progress, time_ = self._layers.progress(), self._clock()
        due = now or time_ - self._shown_at >= _REPORT_EVERY
        if progress is not None and progress != self._shown and due:
            self._report(progress)
            self._shown, self._shown_at = progress, time_


def _follow(
    reader: _Reader,
    reference: str,
    report: Reporter,
    stop: threading.Event,
    stall_seconds: float,
    clock: Callable[[], float],
) -> None:
    layers = LayerProgress(split_digest(reference)[0])
    meter = _Meter(layers, report, clock)
    heard = clock()
    while not stop.is_set():
        try:
            event = reader.events.get(timeout=_LOOK_EVERY)
        except queue.Empty:
            _watch(reference, layers, clock() - heard, stall_seconds)
        else:
            heard = clock()
            if event is None:
                return meter.show(now=True)
            _take(layers, reference, event)
        meter.show()
    raise _stopped(reference)


def _take(layers: LayerProgress, reference: str, event: dict[str, Any] | Exception) -> None:
    if isinstance(event, Exception):
        raise _stream_error(reference, event) from event
    if "error" in event or "errorDetail" in event:
        text = event.get("error") or (event.get("errorDetail") or {}).get("message")
        raise pull_error(reference, str(text))
    layers.take(event)


def _stream_error(reference: str, error: Exception) -> JetsonDeployError:
    doing = f"pulling {reference}"
    if isinstance(error, docker.errors.APIError):
        return pull_error(reference, engine_text(error))
    return transport_error(error, doing) or answer_error(error, doing)


def _watch(reference: str, layers: LayerProgress, silence: float, stall_seconds: float) -> None:
    if not layers.working_on_disk and silence >= stall_seconds:
        raise stalled(reference, stall_seconds)
    if silence >= stall_seconds * _DISK_PATIENCE:
        raise silent_engine(reference, silence)


def _held(image: PulledImage | None, reference: str) -> PulledImage:
    if image is None:
        raise digest_differs(reference, "no image of that name and digest")
    _, digest = split_digest(reference)
    if digest and image.digest != digest:
        raise digest_differs(reference, image.digest or "an image without a digest")
    return image


def _stopped(reference: str) -> InterruptedRunError:
    return InterruptedRunError(
        f"pulling {reference}: stopped",
        hint="run the same command again: layers that are complete are kept",
        code="interrupted",
    )
