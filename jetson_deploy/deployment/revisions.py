"""State of a deployment, as data: its revisions, a change under way, and its history."""

from __future__ import annotations

from typing import Literal

import msgspec

from jetson_deploy.deployment.plan import Gates
from jetson_deploy.events import Verdict
from jetson_deploy.spec import ContainerSpec

KEPT_REVISIONS = 10
KEPT_LINES = 100


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed it, and from where."""

    user: str
    """Login name; with sudo the one who called it."""
    source: str | None = None
    """Address of the SSH client; None: on the host itself."""
    command: str = msgspec.field(name="verb", default="")
    """`up`, `rollback`, `recover`, `watch` …"""
    version: str = ""
    """Of jetson-deploy."""


class HostMark(msgspec.Struct, frozen=True, kw_only=True):
    """The host on which a revision was proven; drift is found against it. None: unknown."""

    l4t: str | None = None
    power_mode: str | None = None
    engine_version: str | None = None


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered state of the deployment that was tried, and how it went."""

    number: int
    container: str
    """Name it has, or had, once committed."""
    outcome: Literal["proven", "failed"]
    image: str
    """Reference, with its digest where one is known."""
    image_id: str | None
    image_digest: str | None
    model: str
    model_digest: str | None
    """64 hex digits of the manifest."""
    store: str
    spec: ContainerSpec | None
    """None: read back from a container that does not say."""
    spec_hash: str
    gates: Gates | None
    context_tokens: int
    accept_cpu: bool
    simulated: str | None
    at: str
    """Wall clock, RFC 3339, for people only; empty: not on record."""
    seconds: float | None = None
    """Of the cutover until proven, monotonic."""
    verdicts: tuple[Verdict, ...] = ()
    tokens_per_second: float | None = None
    gpu_share: float | None = None
    reason: str = ""
    """Why it failed."""
    evidence: str | None = None
    """Directory with the log and more of a failed one."""
    by: Actor | None = None
    host: HostMark = HostMark()
    creation_differences: tuple[str, ...] = msgspec.field(name="born_with", default=())
    """Settings in which Docker created the container differently from its spec: these are no drift."""


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A cutover under way. Found without its run: the run died, and `recover` finishes or undoes it."""

    id: str
    command: str = msgspec.field(name="verb")
    revision: Revision
    """As it will be recorded when it is proven."""
    replaces: str | None
    """Container that made room."""
    proven: bool
    boot_id: str | None
    """Of the boot in which it began: tells a crash from a power cut."""
    at: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done to the deployment, for `history`."""

    at: str
    command: str = msgspec.field(name="verb")
    result: str
    """`done`, `rolled-back`, `undone`, `finished`, `failed`, `restarted`, `unloaded`, `stopped`, `needs-attention` …"""
    text: str
    revision: int | None = None
    by: Actor | None = None
    seconds: float | None = None
    boot_id: str | None = None


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is remembered beside the containers' labels, which are the ground truth."""

    deployment: str
    generation: int = 0
    """Counts the writes."""
    numbered: int = 0
    """Highest revision number that was ever given, also to one that is no longer on record."""
    current: int | None = None
    """Number of the revision that serves; None: nothing does."""
    previous: int | None = None
    intent: Intent | None = None
    attention: str | None = None
    """Why manual action is needed: rolling back failed too."""
    revisions: tuple[Revision, ...] = ()
    """Oldest first, at most KEPT_REVISIONS."""
    lines: tuple[Line, ...] = ()
    """Oldest first, at most KEPT_LINES."""

    def revision(self, number: int | None) -> Revision | None:
        return next((r for r in self.revisions if r.number == number), None)

    @property
    def last_number(self) -> int:
        """Numbers are not used twice, whatever became of the revision: an interrupted one is known from its line."""
        recorded = [line.revision or 0 for line in self.lines]
        intended = self.intent.revision.number if self.intent else 0
        return max(self.numbered, intended, *recorded, *(r.number for r in self.revisions), 0)

    def with_revision(self, revision: Revision) -> State:
        """Added, or in place of the one with its number; the oldest that is neither current nor previous goes."""
        rest = [r for r in self.revisions if r.number != revision.number]
        revisions = sorted([*rest, revision], key=lambda r: r.number)
        needed = {self.current, self.previous, revision.number}
        while len(revisions) > KEPT_REVISIONS:
            revisions.remove(next(r for r in revisions if r.number not in needed))
        return msgspec.structs.replace(self, revisions=tuple(revisions))

    def with_line(self, line: Line) -> State:
        return msgspec.structs.replace(self, lines=(*self.lines, line)[-KEPT_LINES:])
