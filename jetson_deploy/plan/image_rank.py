"""Rank the images that can serve, each with its reason."""

from __future__ import annotations

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import SEVERITIES
from jetson_deploy.catalog.image_entries import Advisory, ServerVersion
from jetson_deploy.catalog.version import parse_version
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.image_fit import Candidate, applies


def order(catalog: Catalog, facts: HostFacts, request: Wanted, c: Candidate) -> tuple[object, ...]:
    exposed = len(advisories(catalog, c)) if request.image_policy == "secure" else 0
    newest = tuple(-part for part in parse_version(_known_version(c.tag.version) or "0"))
    return (
        exposed,
        c.repository.rank,
        len(_demotions(catalog, facts, c)),
        c.tag.moving,
        c.tag.digest is None,
        newest,
        -len(c.name),  # of two names for one digest the longer says more
    )


def behind(catalog: Catalog, facts: HostFacts, request: Wanted, best: Candidate, c: Candidate, title: str) -> str:
    if request.image_policy == "secure" and advisories(catalog, c) != advisories(catalog, best):
        return f"{len(advisories(catalog, c))} known advisories"
    if c.repository.rank != best.repository.rank:
        return f"{best.repository.repository} comes first"
    demotions = _demotions(catalog, facts, c)
    if demotions:
        return demotions[0]
    if c.tag.digest is not None and c.tag.digest == best.tag.digest:
        return "another name of the chosen digest"
    if c.tag.digest is None and best.tag.digest is not None:
        return "no digest on record to pin it by; name it with --image-policy to take it"
    if c.tag.moving:
        return "a tag that has been pushed again under the same name"
    return f"holds {title} {_known_version(c.tag.version)}, the chosen one {_known_version(best.tag.version)}"


def _demotions(catalog: Catalog, facts: HostFacts, c: Candidate) -> list[str]:
    reasons = [b.why for b in c.tag.bad if not b.rejects and applies(catalog, facts, b)]
    if c.tag.cuda and facts.cuda_driver and parse_version(c.tag.cuda) > parse_version(facts.cuda_driver):
        reasons.append(f"built with CUDA {c.tag.cuda}, newer than the host driver's {facts.cuda_driver}")
    return reasons


def _known_version(holds: ServerVersion) -> str | None:
    return holds.version or holds.at_least or holds.at_most


def advisories(catalog: Catalog, c: Candidate) -> tuple[str, ...]:
    return advisories_of(catalog, c.repository.server, c.tag.version)


def advisories_of(catalog: Catalog, kind: str, holds: ServerVersion) -> tuple[str, ...]:
    version = _known_version(holds)
    of_server = {k: a for k, a in catalog.advisories.items() if a.server == kind}
    found = {k: a for k, a in of_server.items() if version is None or _affected(a, version)}
    return tuple(sorted(found, key=lambda k: SEVERITIES.index(found[k].severity)))


def _affected(advisory: Advisory, version: str) -> bool:
    if advisory.severity == "by-design":
        return False
    if advisory.affects_from and parse_version(version) < parse_version(advisory.affects_from):
        return False
    if advisory.fixed_in:
        return parse_version(version) < parse_version(advisory.fixed_in)
    return advisory.affects_to is None or parse_version(version) <= parse_version(advisory.affects_to)
