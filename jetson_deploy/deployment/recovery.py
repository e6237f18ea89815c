"""Recover an unfinished cutover: the containers alone decide, the state file only adds the intent.

A candidate with the restart policy `always` was proven: its commit is finished. Any other candidate is undone.
Nothing is ever rolled forward. The same decision undoes a cutover whose proof failed, in the run itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from jetson_deploy.deployment.instance import CANDIDATE, ours, read_instance, revision_of
from jetson_deploy.deployment.plan import (
    AnyStep,
    Collect,
    Gates,
    Prove,
    Remember,
    RemoveContainer,
    RenameContainer,
    SetRestart,
    StartContainer,
    StopContainer,
)
from jetson_deploy.deployment.record import described
from jetson_deploy.deployment.revisions import Intent, State
from jetson_deploy.facts import ContainerFacts, EngineFacts

OCCUPIES = ("running", "restarting", "paused")


class Recovery(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.recovery/1"):
    kind: Literal["nothing", "undo", "finish", "tidy"]
    why: str
    revision: int | None
    """Number of the revision that was being brought."""
    serves: str | None
    """Container that serves afterwards; None: none does."""
    steps: tuple[AnyStep, ...]


def recovery(
    containers: Sequence[ContainerFacts], intent: Intent | None, min_gpu_share: float, *, stopping: bool = False
) -> Recovery:
    """`containers`: all of one deployment, with their restart policies.

    `stopping`: the engine may still be carrying out the stop of the old one that a dead run asked for.
    `min_gpu_share` is for the proof of an old container whose labels do not hold its gates.
    """
    newest = sorted(containers, key=lambda c: -revision_of(c))
    candidates = [c for c in newest if c.name.endswith(CANDIDATE)]
    committed = [c for c in newest if not c.name.endswith(CANDIDATE)]
    proven = next((c for c in candidates if c.restart_policy == "always"), None)
    if proven is not None:
        return _finish(proven, [c for c in candidates if c is not proven], committed)
    if candidates:
        return _undo(candidates, committed, intent, min_gpu_share, stopping=stopping)
    if intent is not None:
        done = next((c for c in committed if revision_of(c) == intent.revision.number), None)
        if done is not None:
            return _finish(done, [], [c for c in committed if c is not done])
        return _undo([], committed, intent, min_gpu_share, stopping=stopping)
    return _tidy(committed)


def unfinished(engine: EngineFacts | None, state: State | None, deployment: str) -> bool:
    """Is there a trace of a run that did not end? Cheap: nothing is asked."""
    candidates = [c for c in ours(engine, deployment) if c.name.endswith(CANDIDATE)]
    return bool(candidates) or (state is not None and state.intent is not None)


def _finish(done: ContainerFacts, candidates: Sequence[ContainerFacts], others: Sequence[ContainerFacts]) -> Recovery:
    """Everything after the commit point, as far as it is not done yet."""
    final = done.name.removesuffix(CANDIDATE)
    steps: list[AnyStep] = [_removed(c) for c in candidates]
    steps += _let_go(others, final)
    if done.restart_policy != "always":
        steps.append(SetRestart(container=done.name, policy="always", why="proven"))
    if done.state != "running":
        if done.state in OCCUPIES:  # the engine's own next try may be a minute away
            steps.append(StopContainer(container=done.name, why="it is started again at once"))
        steps.append(StartContainer(container=done.name))
    if done.name != final:
        steps.append(RenameContainer(container=done.name, name=final))
    keep = (final, *(c.name for c in others[:1]))
    steps += [Remember(what="revision", container=final), Collect(keep=keep)]
    return Recovery(
        kind="finish",
        why=f"revision {revision_of(done)} was proven, its commit was cut off",
        revision=revision_of(done),
        serves=final,
        steps=tuple(steps),
    )


def _undo(
    candidates: Sequence[ContainerFacts],
    committed: Sequence[ContainerFacts],
    intent: Intent | None,
    min_gpu_share: float,
    *,
    stopping: bool,
) -> Recovery:
    steps: list[AnyStep] = [_removed(c) for c in candidates]
    old = committed[0] if committed else None
    if old is not None:
        steps += _let_go(committed[1:], old.name)
        if stopping and intent is not None and intent.replaces == old.name and old.state in OCCUPIES:
            # The engine goes on stopping it after the run died: asked again, it tells when that is over.
            steps.append(StopContainer(container=old.name, why="its stop may be under way"))
            old = msgspec.structs.replace(old, state="exited")
        steps += _serves_again(old, min_gpu_share)
    steps.append(Remember(what="undone", container=old.name if old else ""))
    number = revision_of(candidates[0]) if candidates else intent.revision.number if intent else None
    return Recovery(
        kind="undo",
        why=f"revision {number} was not proven when its run ended",
        revision=number,
        serves=old.name if old else None,
        steps=tuple(steps),
    )


def _serves_again(old: ContainerFacts, min_gpu_share: float) -> list[AnyStep]:
    steps: list[AnyStep] = []
    if old.restart_policy != "always":
        steps.append(SetRestart(container=old.name, policy="always", why="it is the serving one"))
    if old.state not in OCCUPIES:
        steps += [StartContainer(container=old.name), Prove(container=old.name, gates=gates_of(old, min_gpu_share))]
    return steps


def gates_of(container: ContainerFacts, min_gpu_share: float) -> Gates:
    """Those that it was proven by, by its labels."""
    _, gates = described(container.labels)
    serving = read_instance(container)
    return gates or Gates(
        min_gpu_share=min_gpu_share,
        accept_cpu=serving.record.accept_cpu,
        floor_tokens_per_second=None,
        expect_version=None,
        expect_manifest_digest=serving.record.manifest_digest,
    )


def _tidy(committed: Sequence[ContainerFacts]) -> Recovery:
    """Without any trace of a run: two that would both start, or one that serves and would not come back."""
    current = committed[0] if committed else None
    steps: list[AnyStep] = []
    if current is not None:
        if current.state in OCCUPIES and current.restart_policy != "always":
            steps.append(SetRestart(container=current.name, policy="always", why="it is the serving one"))
        steps += _let_go(committed[1:], current.name)
    why = "restart policies are not as they must be" if steps else "nothing was left unfinished"
    if current is not None and len(committed) > 2:
        why = why if steps else "more than the revision before was kept"
        steps.append(Collect(keep=(current.name, committed[1].name)))
    return Recovery(
        kind="tidy" if steps else "nothing",
        why=why,
        revision=None,
        serves=current.name if current else None,
        steps=tuple(steps),
    )


def _let_go(others: Sequence[ContainerFacts], successor: str) -> list[AnyStep]:
    steps: list[AnyStep] = []
    for other in others:
        if other.restart_policy != "no":
            steps.append(SetRestart(container=other.name, policy="no", why=f"replaced by {successor}"))
        if other.state in OCCUPIES:
            steps.append(StopContainer(container=other.name, why=f"replaced by {successor}"))
    return steps


def _removed(candidate: ContainerFacts) -> RemoveContainer:
    return RemoveContainer(container=candidate.name, why="it was not proven")
