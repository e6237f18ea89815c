"""Choose the image: constraints over the catalog, every candidate with its reason (ARCHITECTURE decision 5)."""

from __future__ import annotations

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.version import parse_version
from jetson_deploy.deployment.plan import ImageChoice, RejectedImage
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.facts import HostFacts
from jetson_deploy.names import ImageReference, check_image_reference, mirrored, shown
from jetson_deploy.plan.image_fit import Candidate, Needed, refusal, wrong_chip
from jetson_deploy.plan.image_rank import advisories, behind, order
from jetson_deploy.plan.image_unlisted import assumed_bytes, unlisted
from jetson_deploy.plan.system_advice import release_advice
from jetson_deploy.server_kinds import USUAL

_OLDEST_JETPACK = 5
"""The first whose CUDA Ollama was built for."""


def choose_image(catalog: Catalog, facts: HostFacts, request: Wanted, needed: Needed) -> ImageChoice:
    """The best image that holds what is needed.

    Raises PreflightError `no-image-fits` when no candidate passes, UsageError for an image that is
    known not to exist.
    """
    if request.image_policy not in ("dustynv", "secure"):
        return _chosen_by_user(catalog, facts, request, needed)
    rejected: list[RejectedImage] = []
    passed: list[Candidate] = []
    for candidate in _candidates(catalog, needed.kind):
        reason = refusal(catalog, facts, candidate, needed)
        if reason:
            rejected.append(RejectedImage(reference=candidate.text, reason=reason))
        else:
            passed.append(candidate)
    if not passed:
        raise _nothing_fits(catalog, facts, rejected, needed)
    passed.sort(key=lambda c: order(catalog, facts, request, c))
    best = passed[0]
    rejected += [
        RejectedImage(
            reference=c.text, reason=f"fits, ranked behind: {behind(catalog, facts, request, best, c, needed.title)}"
        )
        for c in passed[1:]
    ]
    return _choice(catalog, request, best, _why(facts, best, request, needed.title), rejected)


def newest_version(catalog: Catalog, facts: HostFacts, needed: Needed) -> str | None:
    """Of that server, among the images that this host can run; None: there is none."""
    able = (c.tag.version for c in _candidates(catalog, needed.kind) if refusal(catalog, facts, c, needed) is None)
    versions = [version for one in able if (version := one.version or one.at_least) is not None]
    return max(versions, key=parse_version, default=None)


def _candidates(catalog: Catalog, kind: str) -> list[Candidate]:
    return [c for c in _listed(catalog) if c.repository.server == kind]


def _listed(catalog: Catalog) -> list[Candidate]:
    repositories = sorted(catalog.images.values(), key=lambda r: r.rank)
    return [Candidate(repository=r, name=n, tag=t) for r in repositories for n, t in r.tags.items()]


def _why(facts: HostFacts, best: Candidate, request: Wanted, title: str) -> str:
    holds = best.tag.version
    version = holds.version or (f"{holds.at_least} or newer" if holds.at_least else "unknown")
    order = "fewest known advisories first" if request.image_policy == "secure" else "first in order that can serve"
    return f"{order}: made for L4T {facts.l4t}, holds {title} {version}"


def _choice(
    catalog: Catalog, request: Wanted, best: Candidate, reason: str, rejected: list[RejectedImage]
) -> ImageChoice:
    reference = best.text + (f"@{best.tag.digest}" if best.tag.digest else "")
    holds = best.tag.version
    return ImageChoice(
        reference=_placed(check_image_reference(reference), request).text,
        digest=best.tag.digest,
        reason=reason,
        ollama_version=holds.version,
        ollama_reported=holds.reported or holds.version,
        generation=best.tag.generation,
        size_bytes=best.tag.size_bytes,
        disk_bytes=best.tag.disk_bytes,
        advisories=advisories(catalog, best),
        architecture=best.repository.architecture,
        jetson_jetpack=best.repository.jetson_jetpack,
        rejected=tuple(rejected),
        assumed_bytes=assumed_bytes(catalog, best.repository) if best.tag.size_bytes is None else None,
    )


def _placed(reference: ImageReference, request: Wanted) -> ImageReference:
    return mirrored(reference, request.image_registry) if request.image_registry else reference


def _chosen_by_user(catalog: Catalog, facts: HostFacts, request: Wanted, needed: Needed) -> ImageChoice:
    if not set("/:@") & set(request.image_policy):
        raise UsageError(
            f"{shown(request.image_policy)} is neither an image policy nor an image",
            hint="dustynv, secure, or a reference such as dustynv/ollama:r36.4.0",
            code="bad-image-policy",
        )
    wanted = check_image_reference(request.image_policy)  # docker.io/x is x
    unreal = catalog.why_not_real(f"{wanted.name}:{wanted.tag or 'latest'}")
    if unreal is not None and unreal.confidence != "inferred":
        raise UsageError(
            f"image {request.image_policy} does not exist: {unreal.why}",
            hint="jetson-deploy plan shows the images that do",
            code="image-not-real",
        )
    for c in _listed(catalog):
        if _is_meant(c, wanted):
            return _listed_by_user(catalog, facts, request, c, wanted, needed)
    return unlisted(catalog, wanted, _placed(wanted, request).text, needed)


def _is_meant(c: Candidate, wanted: ImageReference) -> bool:
    """By its digest, or by its tag, which is `latest` where neither is given."""
    if c.repository.repository != wanted.name:
        return False
    if wanted.digest is not None and (c.tag.digest == wanted.digest or wanted.tag is None):
        return c.tag.digest == wanted.digest
    return c.name == (wanted.tag or "latest")


def _listed_by_user(
    catalog: Catalog, facts: HostFacts, request: Wanted, c: Candidate, wanted: ImageReference, needed: Needed
) -> ImageChoice:
    reason = refusal(catalog, facts, c, needed)
    if reason:
        raise PreflightError(
            f"image {c.text} cannot serve here: {reason}",
            hint="leave --image-policy out to let the tool choose, or name another image",
            code="image-does-not-fit",
        )
    choice = _choice(catalog, request, c, "named by the user", [])
    if wanted.digest and wanted.digest != c.tag.digest:
        return msgspec.structs.replace(choice, reference=_placed(wanted, request).text, digest=wanted.digest)
    return choice


def _newer_jetpack(catalog: Catalog, facts: HostFacts) -> str:
    board = catalog.boards.get(facts.board.id or "")
    newer = [_named(jetpack) for jetpack in board.jetpack if int(jetpack[0]) >= _OLDEST_JETPACK] if board else []
    if board is not None and newer:
        return f"no Ollama has GPU code for it; {board.name} runs JetPack {' and '.join(newer)} too: flash that"
    return "no Ollama has GPU code for JetPack 4 and older; a board that runs JetPack 5.1 or newer is needed"


def _named(jetpack: str) -> str:
    """JetPack 5 began with developer previews (L4T 34), for which there is nothing either."""
    return "5.1 (L4T 35)" if jetpack == "5" else jetpack


def _nothing_fits(catalog: Catalog, facts: HostFacts, rejected: list[RejectedImage], needed: Needed) -> PreflightError:
    if facts.l4t is None:
        return PreflightError(
            "the L4T release of this host is unknown, so no image can be chosen",
            hint=release_advice(facts),
            code="l4t-unknown",
        )
    close = next((r for r in rejected if "made for L4T" not in r.reason), None)
    if wrong := wrong_chip(catalog, facts):
        hint = f"{wrong}: release file and device tree disagree; finish the upgrade, or flash the board again"
    elif parse_version(facts.l4t)[0] < 35:
        hint = _newer_jetpack(catalog, facts)
    elif needed.kind != USUAL:
        hint = "leave --server out: Ollama has images for more releases; --image-policy REF names one of your own"
    elif close:
        hint = f"nearest was {close.reference}: {close.reason}; --image-policy REF names an image of your own"
    else:
        hint = "update jetson-deploy, add the image to a catalog overlay, or name one with --image-policy REF"
    return PreflightError(
        f"no image can serve on L4T {facts.l4t} ({needed.wanted}, {len(rejected)} candidates)",
        hint=hint,
        code="no-image-fits",
        details=tuple(f"{r.reference}: {r.reason}" for r in rejected),
    )
