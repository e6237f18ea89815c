"""`watch`: put the parts together, and run until a signal ends it. Every time is monotonic."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.load import load_issues
from jetson_deploy.deployment.record import port_of
from jetson_deploy.deployment.watch_options import WatchWishes
from jetson_deploy.events import Finished, Reporter
from jetson_deploy.interrupts import INTERRUPTIONS, shielded
from jetson_deploy.runtime.opened import open_runtime
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.server.opened import open_server
from jetson_deploy.server.port import Servers
from jetson_deploy.settings import Settings, check_acts_here
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.systemd.notify import Notifier
from jetson_deploy.watch.actions import WatchActions
from jetson_deploy.watch.audit_log import AuditLog
from jetson_deploy.watch.child import run_command
from jetson_deploy.watch.escalation import Limits
from jetson_deploy.watch.guard import GuardLimits
from jetson_deploy.watch.memory_guard import GUARD_SECONDS, MemoryGuard
from jetson_deploy.watch.probe import Place, Probe
from jetson_deploy.watch.watcher import Parts, Watcher

ANSWER_SECONDS = 10.0
"""For a question to the runtime."""


class WatchEnded(BaseException):
    """A signal ended it while it only observed. No Exception: it must pass every handler of errors."""


def watch(
    root: Path,
    settings: Settings,
    catalog: Catalog,
    deployment: str,
    wishes: WatchWishes,
    report: Reporter,
    *,
    notifier: Notifier | None = None,
    runtime: Runtime | None = None,
    servers: Servers | None = None,
    run: Callable[[list[str]], Finished] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Until SIGINT, SIGTERM or SIGHUP: at once while it observes, else after the action that is under way.

    `run`: carries out `recover` and the rollback; None: in a process of their own.
    Raises UsageError for a captured root, PreflightError `engine-not-plain`.
    """
    check_acts_here(root, settings, "watch")
    systemd = notifier or Notifier()
    parts = _parts(
        _place(root, settings, catalog, deployment, wishes),
        settings,
        catalog,
        wishes,
        report,
        systemd,
        (runtime or open_runtime(settings, port_of)).quick(ANSWER_SECONDS),
        servers or open_server,
        run or _in_a_child(root, settings, deployment, report, systemd),
        clock,
    )
    watcher = Watcher(parts)
    with contextlib.suppress(WatchEnded), _ended_by_signals(lambda: parts.actions.busy) as ended:
        systemd.ready()
        watcher.begin()
        next_look = clock()
        while not ended.is_set():
            systemd.alive()
            watcher.look_at_memory()
            if clock() >= next_look:
                next_look = clock() + wishes.interval_seconds * watcher.tick()
            ended.wait(max(0.0, min(GUARD_SECONDS, next_look - clock())))
    with shielded():
        parts.actions.flush()
    systemd.stopping()


def _place(root: Path, settings: Settings, catalog: Catalog, deployment: str, wishes: WatchWishes) -> Place:
    return Place(
        deployment=deployment,
        root=root,
        lock_dir=settings.lock_dir,
        default_share=catalog.limits["gpu_share_gate"].value,
        generate_seconds=wishes.generate_seconds,
    )


def _in_a_child(
    root: Path, settings: Settings, deployment: str, report: Reporter, notifier: Notifier
) -> Callable[[list[str]], Finished]:
    overlays = (word for folder in settings.catalog_dirs for word in ("--catalog", str(folder)))
    common = ["--name", deployment, "--root", str(root), *overlays]
    return lambda arguments: run_command([*arguments, *common], report, notifier.alive)


def _parts(
    place: Place,
    settings: Settings,
    catalog: Catalog,
    wishes: WatchWishes,
    report: Reporter,
    notifier: Notifier,
    runtime: Runtime,
    servers: Servers,
    run: Callable[[list[str]], Finished],
    clock: Callable[[], float],
) -> Parts:
    reserve, low = (catalog.limits[name].value for name in ("host_reserve_bytes", "memory_guard_bytes"))
    state = StateDirectory(settings.state_dir, place.deployment)
    audit = AuditLog(state, report)
    probe = Probe(place, runtime, servers, clock)
    actions = WatchActions(
        deployment=place.deployment,
        lock_dir=settings.lock_dir,
        runtime=runtime,
        servers=servers,
        audit=audit,
        report=report,
        run=run,
        unloaded=probe.expect_load,
    )
    guard_bytes = int(low) if wishes.memory_guard_bytes is None else wishes.memory_guard_bytes
    guard = GuardLimits(
        low=guard_bytes,
        reserve=int(reserve),
        back=int(reserve),
        max_times=wishes.max_restarts,
        window_seconds=wishes.window_seconds,
    )
    limits = Limits(max_restarts=wishes.max_restarts, window_seconds=wishes.window_seconds, roll_back=wishes.roll_back)
    issues = load_issues(settings.catalog_dirs)
    return Parts(
        place=place,
        limits=limits,
        runtime=runtime,
        servers=servers,
        probe=probe,
        actions=actions,
        guard=MemoryGuard(place.root, guard, actions, audit, report, clock),
        audit=audit,
        state=state,
        notifier=notifier,
        issues=lambda: issues,
        report=report,
        clock=clock,
    )


@contextlib.contextmanager
def _ended_by_signals(busy: Callable[[], bool]) -> Iterator[threading.Event]:
    """An interruption sets the event; one that comes during an observation also ends that, by WatchEnded."""
    ended = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        ended.set()
        if not busy():
            raise WatchEnded

    before = {n: signal.getsignal(n) for n in INTERRUPTIONS if signal.getsignal(n) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handle)
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
