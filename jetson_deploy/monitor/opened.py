"""A root directory and the settings → a `Monitor` with every source that can be used here."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.load import load_alerts
from jetson_deploy.deployment.instance import newest_committed
from jetson_deploy.deployment.record import Record, label_of, port_of
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.expose.door import DoorFiles
from jetson_deploy.monitor.alerts.judge import Judge
from jetson_deploy.monitor.alerts.silences import Silences, default_path
from jetson_deploy.monitor.llm.tap import Tap
from jetson_deploy.monitor.llm.watch import FIRST_SECONDS, LlmWatch
from jetson_deploy.monitor.monitor import Listener, Monitor
from jetson_deploy.monitor.sample import Board, SourceFailure
from jetson_deploy.monitor.sampler import Clocks, Sampler
from jetson_deploy.monitor.sources.host import open_host
from jetson_deploy.monitor.sources.identity import identity
from jetson_deploy.monitor.sources.jetson_stats import open_jetson_stats
from jetson_deploy.monitor.sources.nvml import open_nvml
from jetson_deploy.monitor.sources.source import Source, SourceError
from jetson_deploy.monitor.sources.sysfs import SysfsSource
from jetson_deploy.monitor.sources.tegrastats import open_tegrastats
from jetson_deploy.runtime.opened import open_runtime
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.settings import LIVE_ROOT, OLLAMA_PORT, Settings, acts_here

_ANSWER_SECONDS = 10.0
_ENGINE_DIRECTORY = Path("/var/lib/docker")
"""Docker's default data-root: where images and containers fill a disk."""


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    deployment: str = "default"
    endpoint: str | None = None
    """URL; None: what is deployed, else Ollama's default."""
    model: bool = True
    """Look at engine and server too."""
    thresholds: tuple[str, ...] = ()
    """`alert=value`."""
    period: float = 1.0
    """Seconds."""
    processes: bool = False
    at_once: bool = False
    """Alerts fire without their hold times: there is but one look."""
    tap: tuple[str, int] | None = None
    """Address on which requests are passed through to the server, and their tokens counted."""


def open_monitor(
    root: Path,
    settings: Settings,
    catalog: Catalog,
    wishes: Wishes,
    listeners: Sequence[Listener] = (),
    *,
    clocks: Clocks | None = None,
) -> Monitor:
    """Never fails for a source: what cannot be used is a `SourceFailure`. Raises UsageError for a wrong wish."""
    silences = Silences(default_path(settings))
    rules = load_alerts(settings.catalog_dirs)
    judge = Judge(rules, thresholds=wishes.thresholds, silences=silences, at_once=wishes.at_once)
    here = acts_here(root, settings)
    # First what may refuse a wish: sources that are open already would be left behind.
    model = _model_side(settings, wishes) if wishes.model and (here or wishes.endpoint) else None
    sources, absent = _sources(root, settings, wishes, here=here)
    sampler = Sampler(
        sources,
        model,
        identity(root, catalog),
        absent=absent,
        simulated=settings.rehearsal or (None if root == LIVE_ROOT else f"the board is read from {root}"),
        clocks=clocks,
    )
    return Monitor(sampler, judge, listeners, period=wishes.period)


def _sources(root: Path, settings: Settings, wishes: Wishes, *, here: bool) -> tuple[list[Source], list[SourceFailure]]:
    sysfs = SysfsSource(root, _places(settings, wishes) if here else None)
    found: list[Source] = [sysfs]
    absent: list[SourceFailure] = []
    if here:
        _add(found, absent, "psutil", lambda: open_host(wishes.processes))
    if root.resolve() != LIVE_ROOT:
        return found, absent  # the others only know the machine that they run on
    seen = _first_look(sysfs)
    if seen.gpus and all(gpu.load is None for gpu in seen.gpus):  # Thor
        _add(found, absent, "nvml", open_nvml)
    if importlib.util.find_spec("jtop") is not None:  # the extra was installed on purpose
        _add(found, absent, "jetson-stats", open_jetson_stats)
    if not seen.gpus and not seen.zones and shutil.which("tegrastats"):  # last resort
        _add(found, absent, "tegrastats", open_tegrastats)
    return found, absent


def _first_look(sysfs: Source) -> Board:
    try:
        return sysfs.read()
    except SourceError:
        return Board()


def _add(found: list[Source], absent: list[SourceFailure], name: str, opened: Callable[[], Source]) -> None:
    try:
        found.append(opened())
    except SourceError as error:
        absent.append(SourceFailure(source=name, why=str(error)))


def _places(settings: Settings, wishes: Wishes) -> dict[str, Path]:
    """Where a full disk hurts. The store is the deployment's own, as its container's label says."""
    places = {"root": LIVE_ROOT, "engine": _ENGINE_DIRECTORY}
    runtime = _runtime(settings, FIRST_SECONDS) if wishes.model else None
    try:
        found = [one for one in runtime.labelled(*label_of(wishes.deployment)) if one.name] if runtime else []
    except JetsonDeployError:
        found = []
    serves = newest_committed(found)
    stores = (Record.read(one.labels).store for one in (serves, *found) if one is not None)
    store = next(filter(None, stores), None)
    return {**places, **({"store": Path(store)} if store else {})}


def _model_side(settings: Settings, wishes: Wishes) -> LlmWatch:
    tap = None
    if wishes.tap is not None:
        tap = Tap(wishes.tap, wishes.endpoint or local_endpoint(settings.port or OLLAMA_PORT).url)
    door = DoorFiles(settings.state_dir, wishes.deployment)
    watch = LlmWatch(_runtime(settings), wishes.deployment, wishes.endpoint, tap=tap, door=door)
    if tap is not None:
        tap.start()
    watch.start()
    return watch


def _runtime(settings: Settings, seconds: float = _ANSWER_SECONDS) -> Runtime | None:
    """None: one that cannot be asked again and again."""
    try:
        return open_runtime(settings, port_of).quick(seconds)
    except JetsonDeployError:
        return None
