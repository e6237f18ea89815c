"""One size of a model as a candidate: whether it is taken unasked, and with what context and cache."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import ModelSize
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.plan import ImageChoice
from jetson_deploy.deployment.request import NATIVE_RUNTIME, Wanted
from jetson_deploy.errors import PreflightError
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.budget import Budget, fitting_context, wanted_context
from jetson_deploy.plan.context import speeds, usable
from jetson_deploy.plan.image import choose_image
from jetson_deploy.plan.image_fit import needed
from jetson_deploy.plan.native import choose_program
from jetson_deploy.plan.room import Part, lacking
from jetson_deploy.plan.speed import Pace, pace_of
from jetson_deploy.server.port import Server
from jetson_deploy.units import size_text

HALF = 2
"""A size that keeps the usual context is preferred while it has at least this part of the parameters."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is chosen for."""

    catalog: Catalog
    facts: HostFacts
    request: Wanted
    serving: Instance | None
    server: Server
    images: dict[str, ImageChoice | PreflightError] = {}
    """By the version that is needed: each is looked for once."""

    def image(self, version: str) -> ImageChoice:
        """Raises PreflightError when none can serve."""
        if version not in self.images:
            try:
                self.images[version] = self._chosen(version)
            except PreflightError as error:
                self.images[version] = error
        found = self.images[version]
        if isinstance(found, PreflightError):
            raise found
        return found

    def _chosen(self, version: str) -> ImageChoice:
        lowest = needed(self.server, version)
        if self.request.runtime == NATIVE_RUNTIME:
            return choose_program(self.catalog, self.facts, self.request, self.serving, lowest)
        return choose_image(self.catalog, self.facts, self.request, lowest)

    @property
    def pace(self) -> Pace | None:
        board = self.catalog.boards.get(self.facts.board.id or "")
        return pace_of(board, self.facts.board.super_mode, self.facts.power, self.catalog.limits)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    context: int
    image: ImageChoice


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """Why a size is passed over."""

    reason: str
    otherwise: Found | None = None
    """It lacks room on a disk, and nothing else."""
    offered: str = ""
    """What to say of it beside the choice; empty: nothing."""


def judged(question: Question, budget: Budget, name: str, size: ModelSize) -> Found | Passed:
    try:
        image = question.image(question.server.least_version_for(size))
    except PreflightError as error:
        return Passed(reason=error.message)
    context = fitting_context(budget, size, image)
    if isinstance(context, str):
        return Passed(reason=context)
    part = Part(name=name, manifest_digest=size.manifest_digest, download_bytes=size.download_bytes)
    lack = next(iter(lacking(question.facts, image, part, budget.limits)), None)
    missing = f"{size_text(lack.missing_bytes)} on {lack.disk.mount}" if lack else ""
    _, full = speeds(budget, size, image, context, question.pace)
    if full is not None and not usable(budget, full):
        least = budget.limits["usable_tokens_per_second"].value
        text = f"fits, but is predicted to decode {full.low:g} to {full.high:g} tok/s"
        offered = f"{name} fits too, at {full.low:g} to {full.high:g} tok/s" if lack is None else ""
        return Passed(reason=f"{text}, the middle below a usable {least:g}; it is served when named", offered=offered)
    found = Found(context=context, image=image)
    if lack is None:
        return found
    reason = f"fits the memory, but lacks {missing} for {lack.what}"
    return Passed(reason=reason, otherwise=found, offered=f"{name} lacks {missing}")


def roomier(
    question: Question, budget: Budget, size: ModelSize, smaller: Sequence[tuple[str, ModelSize]]
) -> str | None:
    """The next smaller size that keeps the usual context, as long as it has half the parameters."""
    for name, other in smaller:
        if other.parameters * HALF < size.parameters:
            return None
        found = judged(question, budget, name, other)
        if isinstance(found, Found) and found.context >= wanted_context(budget):
            return name
    return None
