"""Where each wish comes from: said (flag, variable, file), deployed, chosen or the default."""

from __future__ import annotations

from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.plan import ModelChoice
from jetson_deploy.deployment.request import Wanted

DEPLOYED = "deployed"
DEFAULT = "default"
CHOSEN = "chosen"
STICKY = ("kv_cache_type", "parallel", "image_policy", "accept_cpu", "port")
"""Kept from what is deployed until somebody says otherwise."""
DEFAULTED = (
    *("name", "registry", "mirrors", "limit_rate"),
    *("min_gpu_share", "min_tokens_per_second", "stability_seconds"),
)


def _kept_gates(serving: Instance | None) -> dict[str, str]:
    kept = {
        "min_gpu_share": serving.record.asked_gpu_share if serving else None,
        "min_tokens_per_second": serving.record.asked_floor if serving else None,
    }
    return {key: DEPLOYED for key, value in kept.items() if value is not None}


def sources(wanted: Wanted, serving: Instance | None, model: ModelChoice, store: str) -> dict[str, str]:
    """Key → place, for every key of the deployment file that this plan depends on."""
    kept = serving is not None
    keeps_context = serving is not None and serving.same_model(model.name, wanted)
    unsaid = {
        "model": DEPLOYED if serving is not None and serving.record.model == model.name else CHOSEN,
        "context": DEPLOYED if keeps_context else CHOSEN,
        **dict.fromkeys(STICKY, DEPLOYED if kept else DEFAULT),
        "store": DEPLOYED if serving is not None and serving.record.store == store else CHOSEN,
        **dict.fromkeys(DEFAULTED, DEFAULT),
        **_kept_gates(serving),
    }
    return {**unsaid, **wanted.sources}
