"""`--l4t RELEASE`: the L4T of a host that hides it, as its owner says. Pure."""

from __future__ import annotations

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.version import parse_version
from jetson_deploy.detect.detect import UNKNOWN
from jetson_deploy.detect.l4t import look_up
from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.facts import HostFacts
from jetson_deploy.names import shown

GIVEN = "--l4t"
EXAMPLE = f"{GIVEN} 36.4.3"


def with_given_l4t(facts: HostFacts, asked: str | None, catalog: Catalog, kept: str | None = None) -> HostFacts:
    """`asked`: now; `kept`: with the revision that serves, which counts only as long as the host hides its release.

    Raises UsageError: `l4t-not-listed`, `l4t-of-another-board`; PreflightError: `l4t-shown`, `l4t-contradicts`.
    """
    if asked is None:
        hidden = facts.l4t is None and not facts.system.drive
        return facts if kept is None or not hidden else _with(facts, kept, catalog)
    release = _checked(asked, facts, catalog)
    if facts.l4t_given:
        return facts
    if facts.l4t is not None and not facts.l4t_inferred:
        raise PreflightError(
            f"this host shows its L4T, {facts.l4t} (from {facts.l4t_source}): {GIVEN} is for one that hides it",
            hint=f"leave {GIVEN} out",
            code="l4t-shown",
        )
    if facts.l4t is not None and parse_version(facts.l4t)[:2] != parse_version(release)[:2]:
        raise PreflightError(
            f"{GIVEN} {release} contradicts the {facts.l4t_source}, which says {facts.l4t}",
            hint=f"leave {GIVEN} out, or name a release of that line",
            code="l4t-contradicts",
        )
    return _with(facts, release, catalog)


def _checked(asked: str, facts: HostFacts, catalog: Catalog) -> str:
    """As x.y.z."""
    try:
        release = ".".join(map(str, parse_version(asked)))
        line = catalog.line_of(release)
    except ValueError:
        line = None
    if line is None:
        listed = ", ".join(str(major) for major in sorted(catalog.l4t))
        raise UsageError(
            f"{GIVEN} {shown(asked)} is no release of a listed L4T",
            hint=f"write it as {EXAMPLE}; listed are L4T {listed}",
            code="l4t-not-listed",
        )
    if catalog.not_made_for(release, facts.board.soc):
        fitting = ", ".join(str(major) for major, one in sorted(catalog.l4t.items()) if facts.board.soc in one.socs)
        raise UsageError(
            f"L4T {release} is not made for this board's {facts.board.soc}",
            hint=f"for it there is L4T {fitting}",
            code="l4t-of-another-board",
        )
    return release


def _with(facts: HostFacts, release: str, catalog: Catalog) -> HostFacts:
    found = look_up(release, catalog)
    return msgspec.structs.replace(
        facts,
        l4t=release,
        l4t_assumed=found.l4t_assumed,
        l4t_source=GIVEN,
        l4t_inferred=False,
        l4t_given=True,
        jetpack=found.jetpack,
        jetpack_assumed=found.jetpack is not None,
        cuda_driver=found.cuda_driver,
        notes=(*(note for note in facts.notes if not note.startswith(UNKNOWN)), *found.notes),
    )
