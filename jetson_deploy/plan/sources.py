"""Where each wish comes from: said (flag, variable, file), deployed, chosen or the default."""

from __future__ import annotations

from jetson_deploy.plan.plan import ModelChoice
from jetson_deploy.plan.request import Wanted
from jetson_deploy.plan.serving import Serving

DEPLOYED = "deployed"
DEFAULT = "default"
CHOSEN = "chosen"
STICKY = ("kv_cache_type", "parallel", "image_policy", "accept_cpu", "port")
"""Kept from what is deployed until somebody says otherwise."""
DEFAULTED = (
    *("name", "registry", "mirrors", "limit_rate"),
    *("min_gpu_share", "min_tokens_per_second", "stability_seconds"),
)


def sources(wanted: Wanted, serving: Serving | None, model: ModelChoice, store: str) -> dict[str, str]:
    """Key → place, for every key of the deployment file that this plan depends on."""
    kept = serving is not None
    keeps_context = serving is not None and serving.same_model(model.name, wanted)
    unsaid = {
        "model": DEPLOYED if serving is not None and serving.model == model.name else CHOSEN,
        "context": DEPLOYED if keeps_context else CHOSEN,
        **dict.fromkeys(STICKY, DEPLOYED if kept else DEFAULT),
        "store": DEPLOYED if serving is not None and serving.store == store else CHOSEN,
        **dict.fromkeys(DEFAULTED, DEFAULT),
    }
    return {**unsaid, **wanted.sources}
