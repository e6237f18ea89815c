"""Before a server is started again: is the disk there that its model lies on?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from jetson_deploy.deployment.plan import AnyStep, StartContainer
from jetson_deploy.deployment.record import Record
from jetson_deploy.errors import PreflightError
from jetson_deploy.facts import ContainerFacts
from jetson_deploy.store.layout import missing_mount


def check_disks(steps: Sequence[AnyStep], containers: Iterable[ContainerFacts], fstab: Path) -> None:
    """A board with `nofail` in fstab boots without its disk, and nothing is lost by waiting for it: a step that fails
    half way would call for a person, and what was not undone yet is undone as well later.

    Raises PreflightError `store-not-mounted`.
    """
    started = {step.container for step in steps if isinstance(step, StartContainer)}
    for one in containers:
        store = Record.read(one.labels).store
        point = missing_mount(Path(store), fstab) if one.name in started and store else None
        if point is not None:
            raise PreflightError(
                f"{point} is listed in {fstab} but not mounted, and the model of {one.name} lies there",
                hint=f"sudo mount {point}, then jetson-deploy recover; watch does it by itself",
                code="store-not-mounted",
            )
