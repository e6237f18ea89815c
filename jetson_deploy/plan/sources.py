"""Source of each option: given (flag, variable, file), deployed, chosen or the default."""

from __future__ import annotations

from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.option import Row
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.deployment.plan import ModelChoice
from jetson_deploy.deployment.request import Wanted

DEPLOYED = "deployed"


def sources(wanted: Wanted, serving: Instance | None, model: ModelChoice, store: str) -> dict[str, str]:
    """Key → place, for every key of the deployment file that this plan depends on."""
    same = _kept_choices(wanted, serving, model, store) if serving else set()
    listed = [row for row in OPTIONS.values() if row.option.unsaid]
    unsaid = {row.key: DEPLOYED if row.key in same or _kept(row, serving) else row.option.unsaid for row in listed}
    said = {key: place for key, place in wanted.sources.items() if key in unsaid or key not in OPTIONS}
    return {**unsaid, **said}


def _kept(row: Row, serving: Instance | None) -> bool:
    return serving is not None and bool(row.option.label) and serving.record.kept(row.option.label) is not None


def _kept_choices(wanted: Wanted, serving: Instance, model: ModelChoice, store: str) -> set[str]:
    """What the plan chose and what is deployed alike."""
    alike = {
        "model": serving.record.model == model.name,
        "context": serving.same_model(model.name, wanted),
        "store": serving.record.store == store,
    }
    return {key for key, same in alike.items() if same}
