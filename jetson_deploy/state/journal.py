"""The writes of one run into the state file: the intent, the proof, the commit, or the rollback."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from jetson_deploy.deployment.plan import Remember
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.deployment.revisions import Actor, Intent, Line, Revision, State
from jetson_deploy.errors import (
    InterruptedRunError,
    JetsonDeployError,
    NeedsAttentionError,
    PreflightError,
    ResourceError,
)
from jetson_deploy.events import Note, Reporter
from jetson_deploy.spec import ContainerSpec
from jetson_deploy.state.directory import StateDirectory

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Journal:
    """`draft`: the revision that the run brings, as far as it is known; None: it brings none.

    `why`: of a recovery, which finishes or undoes another run's work. `done`: what the history is to say of a success.
    """

    def __init__(
        self,
        state: StateDirectory,
        by: Actor,
        report: Reporter,
        *,
        draft: Revision | None,
        replaces: str | None = None,
        why: str = "",
        done: str = "",
        rebuilt: Callable[[], State] | None = None,
    ) -> None:
        self._state, self._by, self._report = state, by, report
        self._draft, self._replaces, self._rebuilt = draft, replaces, rebuilt
        self._why, self._done = why, done
        self._started = time.monotonic()
        self._cause: JetsonDeployError | None = None
        self._judged: Proof | None = None
        self.intent: Intent | None = None
        self.evidence: str | None = None
        """Directory with what is kept of the one that failed."""

    def remember(self, step: Remember, proof: Proof) -> None:
        """Raises what `StateDirectory.save` raises for an intent; later a full disk loses the record alone."""
        if step.what == "intent":
            self._intend()
            return
        change = {"proof": self._proven, "revision": self._committed, "undone": self._undone}[step.what]
        try:
            change(proof)
        except (ResourceError, PreflightError) as error:
            self._report(Note(level="warning", text=f"could not update state.json: {error.message}"))

    def settled_on(self, spec: ContainerSpec) -> None:
        """What the revision's container is now, where the plan left that to the proof."""
        if self._draft is not None:
            self._draft = msgspec.structs.replace(self._draft, spec=spec)

    def creation_differences(self, differences: tuple[str, ...]) -> None:
        """Record settings in which Docker created the container differently from the spec."""
        if self._draft is not None:
            self._draft = msgspec.structs.replace(self._draft, creation_differences=differences)
        for one in differences:
            self._report(Note(level="warning", text=f"Docker created the container with different settings: {one}"))

    def failed_by(self, cause: JetsonDeployError, judged: Proof | None) -> None:
        """Before undoing. `judged`: the failed proof; None: an action failed, no check did."""
        self._cause, self._judged = cause, judged

    def stuck(self, cause: JetsonDeployError, what: str, hint: str, *, again: bool = False) -> NeedsAttentionError:
        """Undoing failed too: recorded. `again`: the engine could not be asked, `recover` is to try it once more."""
        text = f"{cause.message}; {what}"

        def ended(state: State) -> State:
            after = self._ended(state, "needs-attention", text, attention=text)
            return msgspec.structs.replace(after, intent=state.intent) if again else after

        try:
            self._state.change(ended)
        except JetsonDeployError as error:
            self._report(Note(level="warning", text=f"could not update state.json: {error.message}"))
        return NeedsAttentionError(text, hint=hint, code="needs-attention", details=cause.details)

    def line(self, result: str, text: str, revision: int | None = None) -> Line:
        return Line(
            at=now(),
            command=self._by.command,
            result=result,
            text=text,
            revision=revision,
            by=self._by,
            seconds=self._seconds(),
            boot_id=boot_id(),
        )

    def _intend(self) -> None:
        if self._draft is None:
            return
        self.intent = Intent(
            id=secrets.token_hex(8),
            command=self._by.command,
            revision=self._draft,
            replaces=self._replaces,
            proven=False,
            boot_id=boot_id(),
            at=now(),
        )
        self._state.change(lambda s: msgspec.structs.replace(s, intent=self.intent))

    def _proven(self, proof: Proof) -> None:
        if self._draft is None:
            return
        self._draft = msgspec.structs.replace(
            self._draft,
            verdicts=proof.verdicts,
            tokens_per_second=proof.tokens_per_second,
            gpu_share=proof.gpu_share,
            seconds=self._seconds(),
            at=now(),
        )
        if self.intent is not None:
            self.intent = msgspec.structs.replace(self.intent, revision=self._draft, proven=True)
            self._state.change(lambda s: msgspec.structs.replace(s, intent=self.intent))

    def _committed(self, proof: Proof) -> None:
        draft = self._draft
        if draft is None:
            if self._rebuilt is not None:
                self._state.save(self._rebuilt())
            return

        def commit(state: State) -> State:
            before = state.current if state.current != draft.number else state.previous
            state = msgspec.structs.replace(
                state, current=draft.number, previous=before, intent=None, attention=None
            ).with_revision(draft)
            result = "finished" if self._why else "done"
            return state.with_line(self.line(result, self._why or self._done or f"{draft.model} serves", draft.number))

        self._state.change(commit)
        self.intent = None

    def _undone(self, proof: Proof) -> None:
        result = "undone" if self._cause is None or self._judged is None else "failed"
        if isinstance(self._cause, InterruptedRunError):
            result = "interrupted"
        text = self._cause.message if self._cause else self._why
        self._state.change(lambda s: self._ended(s, result, text))
        self.intent = None

    def _ended(self, state: State, result: str, text: str, *, attention: str | None = None) -> State:
        number = self._draft.number if self._draft else None
        state = msgspec.structs.replace(state, intent=None, attention=attention)
        if self._judged is not None and self._draft is not None:
            state = state.with_revision(self._as_failed(self._draft, self._judged))
        return state.with_line(self.line(result, text, number))

    def _as_failed(self, draft: Revision, judged: Proof) -> Revision:
        return msgspec.structs.replace(
            draft,
            outcome="failed",
            verdicts=judged.verdicts,
            tokens_per_second=judged.tokens_per_second,
            gpu_share=judged.gpu_share,
            reason=self._cause.message if self._cause else "",
            evidence=self.evidence,
            seconds=self._seconds(),
            at=now(),
        )

    def _seconds(self) -> float:
        return round(time.monotonic() - self._started, 2)


def now() -> str:
    """Wall clock, RFC 3339, for people only."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def boot_id() -> str | None:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return None
