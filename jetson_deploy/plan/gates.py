"""Gates of the proof, by the request or by the catalog, and where the request demands less."""

from __future__ import annotations

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deployment.plan import Gates, ImageChoice, ModelChoice
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.settings import STABILITY_SECONDS


def gates_of(wanted: Wanted, catalog: Catalog, model: ModelChoice, image: ImageChoice) -> Gates:
    share, floor = wanted.min_gpu_share, wanted.min_tokens_per_second
    return Gates(
        min_gpu_share=_usual_share(catalog) if share is None else share,
        accept_cpu=wanted.accept_cpu,
        floor_tokens_per_second=model.gpu_floor_tokens_per_second if floor is None else floor,
        expect_version=image.ollama_reported,
        expect_manifest_digest=model.manifest_digest,
        stability_seconds=wanted.stability_seconds,
    )


def weaker_gates(wanted: Wanted, catalog: Catalog, model: ModelChoice) -> list[str]:
    """One line for each gate that was asked to demand less than it would unasked."""
    compared = (
        ("min_gpu_share", wanted.min_gpu_share, _usual_share(catalog)),
        ("min_tokens_per_second", wanted.min_tokens_per_second, model.gpu_floor_tokens_per_second),
        ("stability_seconds", wanted.stability_seconds, STABILITY_SECONDS if not wanted.simulated else None),
    )
    return [
        f"the gate {name} is {asked:g}, weaker than the usual {usual:g}"
        for name, asked, usual in compared
        if asked is not None and usual is not None and asked < usual
    ]


def _usual_share(catalog: Catalog) -> float:
    return catalog.limits["gpu_share_gate"].value
