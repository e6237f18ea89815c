"""What `up` does in its staging, alone: `stage_driver.py together|apart ENGINE IMAGE MODEL REGISTRY STORE`."""

from __future__ import annotations

import sys
from pathlib import Path

from jetson_deploy.deploy.run.stage import stage
from jetson_deploy.deploy.run.step_hooks import StepHooks
from jetson_deploy.deployment.plan import AnyStep, StageImage, StageModel
from jetson_deploy.events import silent
from jetson_deploy.runtime.opened import runtime_at
from jetson_deploy.settings import Settings
from jetson_deploy.state.directory import StateDirectory


def main() -> None:
    how, host, image, model, registry, store = sys.argv[1:]
    steps: list[AnyStep] = [
        StageImage(reference=image, size_bytes=None),
        StageModel(name=model, registry=registry, store=store, manifest_digest=None, download_bytes=0),
    ]
    runtime = runtime_at(host)
    state = StateDirectory(Path(store).parent, "state")
    for some in [steps] if how == "together" else [steps[:1], steps[1:]]:
        stage(some, runtime, StepHooks(run="up", crash_at=None, report=silent), Settings(), state)


if __name__ == "__main__":
    main()
