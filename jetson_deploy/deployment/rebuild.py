"""The state of a deployment read back from its containers, when its file is lost. Pure.

Times, verdicts and failed revisions are gone with the file; nothing is invented in their place.
"""

from __future__ import annotations

from collections.abc import Sequence

from jetson_deploy.deployment.instance import CANDIDATE, read_instance, revision_of
from jetson_deploy.deployment.record import deployment_of, described
from jetson_deploy.deployment.revisions import KEPT_REVISIONS, Actor, Line, Revision, State
from jetson_deploy.facts import ContainerFacts


def rebuilt(deployment: str, containers: Sequence[ContainerFacts], by: Actor | None = None) -> State:
    """`containers`: any; those of other deployments are passed over. A candidate only counts its number.

    Current is the newest committed one, previous the one before: as `find_serving` finds what serves.
    """
    mine = [c for c in containers if deployment_of(c.labels) == deployment]
    numbers = [revision_of(c) for c in mine]
    committed = {revision_of(c): c for c in mine if not c.name.endswith(CANDIDATE) and revision_of(c) > 0}
    newest = sorted(committed, reverse=True)[:KEPT_REVISIONS]
    current, previous = (*newest[:2], None, None)[:2]
    state = State(
        deployment=deployment,
        numbered=max(numbers, default=0),
        current=current,
        previous=previous,
        revisions=tuple(_revision(committed[number]) for number in sorted(newest)),
    )
    return state.with_line(_line([committed[number].name for number in newest], current, by))


def _revision(container: ContainerFacts) -> Revision:
    spec, gates = described(container.labels)
    serving = read_instance(container)
    return Revision(
        number=serving.record.revision,
        container=container.name,
        outcome="proven",  # only a proven one is renamed from candidate
        image=serving.record.image,
        image_id=None,
        image_digest=serving.record.image.partition("@")[2] or None,
        model=serving.record.model,
        model_digest=serving.record.manifest_digest,
        store=serving.record.store,
        spec=spec,
        spec_hash=serving.record.spec_hash,
        gates=gates,
        context_tokens=serving.record.context_tokens,
        accept_cpu=serving.record.accept_cpu,
        simulated=serving.record.simulated,
        at="",
    )


def _line(names: list[str], current: int | None, by: Actor | None) -> Line:
    what = f"rebuilt from {', '.join(names)}" if names else "no container is there to rebuild it from"
    return Line(
        at="",
        command=by.command if by else "",
        result="rebuilt",
        text=f"the record was lost: {what}",
        revision=current,
        by=by,
    )
