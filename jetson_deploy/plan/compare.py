"""The servers side by side, each as `plan --server` would have it."""

from __future__ import annotations

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deployment.finding import Finding, blocking
from jetson_deploy.deployment.plan import Plan, Speed
from jetson_deploy.deployment.request import Request
from jetson_deploy.deployment.revisions import State
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.server.apis import offered
from jetson_deploy.server.opened import open_server
from jetson_deploy.server_kinds import KINDS


class Beside(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    server: str
    refused: str = ""
    """Why it cannot be deployed here; then nothing else is known."""
    code: str = ""
    model: str = ""
    context_tokens: int | None = None
    image: str = ""
    version: str | None = None
    predicted_tokens_per_second: Speed | None = None
    """By the memory's bandwidth, which is the same for each: how fast a server uses it is not in it."""
    need_bytes: int | None = None
    available_bytes: int | None = None
    apis: dict[str, bool | None] = {}
    """Path → whether it answers; None: not known of that version."""
    advisories: tuple[str, ...] | None = None
    """None: none were gathered for this server."""


def compared(
    facts: HostFacts, request: Request, catalog: Catalog, state: State | None, known: tuple[Finding, ...]
) -> tuple[Beside, ...]:
    return tuple(_beside(kind, facts, request, catalog, state, known) for kind in KINDS)


def _beside(
    kind: str, facts: HostFacts, request: Request, catalog: Catalog, state: State | None, known: tuple[Finding, ...]
) -> Beside:
    # Speculation, which one of them refuses, changes nothing that is compared.
    asked = msgspec.structs.replace(request, server=kind, speculate=None)
    draft = draft_plan(facts, asked, catalog, state, known=known)
    if draft.plan is None:
        first = blocking(draft.findings)[0]
        return Beside(server=kind, refused=first.evidence, code=first.id)
    return _planned(kind, draft.plan, catalog)


def _planned(kind: str, plan: Plan, catalog: Catalog) -> Beside:
    version = plan.image.ollama_version
    gathered = any(one.server == kind for one in catalog.advisories.values())
    return Beside(
        server=kind,
        model=plan.model.name,
        context_tokens=plan.model.context_tokens,
        image=plan.image.reference,
        version=version,
        predicted_tokens_per_second=plan.model.predicted_tokens_per_second,
        need_bytes=plan.model.need_bytes,
        available_bytes=plan.model.available_bytes,
        apis={api.path: said for api, said in offered(open_server(kind).apis, version).items()},
        advisories=plan.image.advisories if gathered else None,
    )
