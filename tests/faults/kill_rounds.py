"""One kill, what must hold at once, how it is put right, and what must hold then."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from crash_points import Point
from fault_bed import A, B, Bed
from final_state import Shape, containers, problems, shape

Repair = str
"""`rerun`: the same command again; `recover`: first that."""


class Wish(NamedTuple):
    """What is wanted, how it is asked for, and how it looks when nothing disturbs it."""

    words: tuple[str, ...]
    context: str
    expected: Shape


class Served:
    """A deployment with a previous one, that is moved to and fro between two contexts."""

    def __init__(self, bed: Bed, words: Callable[[Bed, str], tuple[str, ...]]) -> None:
        self.bed, self._words = bed, words
        self.reset()
        self._shapes: dict[str, Shape] = {}
        for context in (A, B):
            bed.must(*words(bed, context))
            assert problems(bed, context=context, previous=True) == []
            self._shapes[context] = shape(bed)

    def reset(self) -> None:
        self.bed.fresh()
        for context in (A, B):
            assert self.bed.up("--context", context).code == 0

    def serving(self) -> str:
        (running,) = (c for c in containers(self.bed) if c.running)
        return running.context

    def wish(self) -> Wish:
        """The other context."""
        context = A if self.serving() == B else B
        return Wish(self._words(self.bed, context), context, self._shapes[context])


def by_up(bed: Bed, context: str) -> tuple[str, ...]:
    return bed.up_words("--context", context)


def by_rollback(bed: Bed, context: str) -> tuple[str, ...]:
    """To the newest revision with that context."""
    history = sorted((c for c in containers(bed) if c.context == context), key=lambda c: -c.revision)
    return ("rollback", str(history[0].revision))


def kill_and_repair(served: Served, point: Point, repair: Repair, *, power: bool = False) -> list[str]:
    """What was not as it must be. `power`: not only the run dies, the board does."""
    bed, old, wish = served.bed, served.serving(), served.wish()
    killed = bed.ran(*wish.words, JETSON_DEPLOY_CRASH_AT=point.crash_at)
    if killed.code != -signal.SIGKILL:
        return [f"never reached: it ended with {killed.code}: {killed.narration[-500:]}"]
    if power:
        bed.reboot()
    wrong = _at_once(bed, point, old, wish.context, power=power)
    if repair == "recover":
        bed.must("recover")
        stays = wish.context if point.phase == "new" else old
        wrong += [f"after recover: {text}" for text in problems(bed, context=stays, previous=True)]
    rerun = bed.ran(*wish.words)
    if rerun.code != 0:
        return [*wrong, f"the rerun ended with {rerun.code}: {rerun.narration[-800:]}"]
    wrong += [f"after the rerun: {text}" for text in problems(bed, context=wish.context, previous=True)]
    return wrong + difference(shape(bed), wish.expected)


def _at_once(bed: Bed, point: Point, old: str, new: str, *, power: bool) -> list[str]:
    """Who serves before any run of ours: after a kill before the cutover the old one, after a power cut always one."""
    must = {"old": old, "new": new, "gap": old if power else None}[point.phase]
    if must is None:
        return []
    wrong = [] if bed.answers() else ["nothing answered before any run of ours"]
    running = [c for c in containers(bed) if c.running]
    # Between the two updates of the restart policies both were proven and both may start.
    if power and point.phase == "new" and len(running) == 2:
        return wrong
    if must not in [c.context for c in running]:
        wrong.append(f"before any run of ours {[(c.name, c.context) for c in running]} ran, not the one with {must}")
    return wrong


def difference(seen: Shape, expected: Shape) -> list[str]:
    return [
        f"{name} is {getattr(seen, name)}, uninterrupted it is {getattr(expected, name)}"
        for name in Shape.__struct_fields__
        if getattr(seen, name) != getattr(expected, name)
    ]


def tried(served: Served, chosen: Sequence[Point], repairs: Sequence[Repair], *, power: bool = False) -> list[str]:
    """Every point with every repair; failures by point. A failure does not spoil the next one."""
    failures = []
    for number, point in enumerate(chosen):
        for repair in repairs if len(repairs) != 1 else [("rerun", "recover")[number % 2]]:
            started = time.monotonic()
            try:
                wrong = kill_and_repair(served, point, repair, power=power)
            except AssertionError as error:
                wrong = [str(error)[-1500:]]
            print(f"{point}, {repair}: {time.monotonic() - started:.1f} s {'; '.join(wrong) or 'held'}", flush=True)
            if wrong:
                failures.append(f"{point}, {repair}: " + "; ".join(wrong))
                served.reset()
    return failures
