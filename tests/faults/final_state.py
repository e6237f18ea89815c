"""What a deployment looks like at rest, and whether that is how it must look."""

from __future__ import annotations

import fcntl
import re
from pathlib import Path
from typing import Any

import msgspec
from fault_bed import Bed

from jetson_deploy.deployment.instance import CANDIDATE
from jetson_deploy.deployment.record import LABEL
from jetson_deploy.state.directory import StateDirectory

DEPLOYMENT = "default"
_TEMPORARY = re.compile(r"(^\.)|\.(tmp|part|partial|new)\b|-partial")


class Container(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    revision: int
    running: bool
    policy: str
    spec_hash: str
    context: str
    image: str
    mine: bool

    @property
    def candidate(self) -> bool:
        return self.name.endswith(CANDIDATE)


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What two ways to one state must agree in. Numbers of revisions and what is told of the past may differ."""

    current: tuple[str, str] | None
    """Hash of the spec, image."""
    previous: tuple[str, str] | None
    images: tuple[str, ...]
    store: tuple[str, ...]
    state: tuple[str, ...]


def containers(bed: Bed) -> list[Container]:
    """All of the engine, newest revision first."""
    found = []
    for listed in bed.engine("/containers/json?all=1"):
        seen = bed.engine(f"/containers/{listed['Id']}/json")
        labels = seen["Config"]["Labels"] or {}
        found.append(
            Container(
                name=seen["Name"].lstrip("/"),
                revision=int(labels.get(LABEL + "revision", 0)),
                running=seen["State"]["Running"],
                policy=seen["HostConfig"]["RestartPolicy"]["Name"],
                spec_hash=labels.get(LABEL + "spec-hash", ""),
                context=labels.get(LABEL + "context", ""),
                image=seen["Image"],
                mine=labels.get(LABEL + "name") == DEPLOYMENT,
            )
        )
    return sorted(found, key=lambda c: -c.revision)


def shape(bed: Bed) -> Shape:
    found = containers(bed)
    running, stopped = [c for c in found if c.running], [c for c in found if not c.running]
    return Shape(
        current=_what(running),
        previous=_what(stopped),
        images=tuple(sorted(image["Id"] for image in bed.engine("/images/json"))),
        store=_files(bed.session.store, ()),
        state=_files(bed.state_root, ("failed", "evidence")),
    )


def problems(bed: Bed, *, context: str | None = None, previous: bool | None = None) -> list[str]:
    """Everything that is not as it must be at rest. `context`: of what must serve; `previous`: one must be kept."""
    found = containers(bed)
    running, stopped = [c for c in found if c.running], [c for c in found if not c.running]
    wrong = [f"{c.name} is a candidate" for c in found if c.candidate]
    wrong += [f"{c.name} is not ours" for c in found if not c.mine]
    if len(running) != 1 or len(stopped) > 1:
        wrong.append(f"containers: {[(c.name, c.running, c.policy) for c in found]}")
    wrong += [f"{c.name} serves and has the policy {c.policy!r}" for c in running if c.policy != "always"]
    wrong += [f"{c.name} was replaced and has the policy {c.policy!r}" for c in stopped if c.policy != "no"]
    wrong += [f"{c.name} serves {c.context} tokens, not {context}" for c in running if context not in (None, c.context)]
    if previous is not None and bool(stopped) != previous:
        wrong.append(f"a previous one is {'missing' if previous else 'kept'}")
    wrong += _state_problems(bed, running, stopped)
    wrong += [f"left behind: {path}" for path in _leftovers(bed)]
    if not _lock_is_free(bed):
        wrong.append("the lock is held")
    if not bed.answers():
        wrong.append("nothing answers")
    return wrong


def state_of(bed: Bed) -> Any:
    return StateDirectory(bed.state_root, DEPLOYMENT).load()


def _state_problems(bed: Bed, running: list[Container], stopped: list[Container]) -> list[str]:
    state = state_of(bed)
    if state is None:
        return ["there is no state"]
    wrong = []
    if state.intent is not None:
        wrong.append(f"the intent of revision {state.intent.revision.number} is left")
    if state.attention:
        wrong.append(f"attention: {state.attention}")
    for what, number, actual in (("current", state.current, running), ("previous", state.previous, stopped)):
        if number != (actual[0].revision if actual else None):
            wrong.append(f"the state says {what}={number}, the engine has {[c.name for c in actual]}")
        kept = state.revision(number)
        if actual and kept is not None and kept.spec_hash != actual[0].spec_hash:
            wrong.append(f"the state's revision {number} has another spec than its container")
        if actual and kept is None:
            wrong.append(f"the state does not know revision {number}")
    return wrong


def _leftovers(bed: Bed) -> list[str]:
    return [
        str(path.relative_to(root.parent))
        for root in (bed.state_root, bed.session.store, bed.scratch)
        for path in root.rglob("*")
        if (root == bed.scratch or _TEMPORARY.search(path.name)) and path.name != ".jetson-deploy"
    ]


def _lock_is_free(bed: Bed) -> bool:
    for path in (bed.session.directory / "lock").glob("*"):
        with path.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
    return True


def _what(found: list[Container]) -> tuple[str, str] | None:
    return (found[0].spec_hash, found[0].image) if found else None


def _files(root: Path, but: tuple[str, ...]) -> tuple[str, ...]:
    names = (str(path.relative_to(root)) for path in sorted(root.rglob("*")) if path.is_file())
    return tuple(name for name in names if not any(word in name for word in but))
