"""Where the models lie that `up` fetched: moved to a fast disk while servers go on, with a link in the old place."""

from __future__ import annotations

from jetson_deploy.deployment.record import Record
from jetson_deploy.detect.store import DEFAULT_STORE, store_on
from jetson_deploy.errors import PreflightError
from jetson_deploy.facts import DiskFacts
from jetson_deploy.prepare.host_step import Checked, HostStep, Look, ready, to_do
from jetson_deploy.prepare.moving.linked import CopyStore, LinkStore, UseStore, serving_from
from jetson_deploy.prepare.moving.place import check_disk, wanted_disk
from jetson_deploy.prepare.steps.engine_data import disk_text, mounted, planned

STEP = "model-store"


def _model_store(look: Look) -> Checked:
    stores = _stores(look)
    if not stores:
        return ready("no model was fetched yet: the fastest disk will take them")
    wanted = {path: wanted_disk(look, f"/{path}") for path in stores}
    moving = {path: disk for path, disk in wanted.items() if isinstance(disk, DiskFacts)}
    if not moving:
        return ready(str(wanted[stores[0]]))
    if len(moving) > 1:
        raise PreflightError(
            f"{len(moving)} stores could move: {', '.join(f'/{one}' for one in moving)}",
            hint="deploy with the one that stays: jetson-deploy up --store DIR",
            code="several-stores",
        )
    (source, disk), *_ = moving.items()
    check_disk(look.machine, disk)
    target = store_on(disk, look.facts.disks).lstrip("/")
    move = planned(look, source, target)
    waits = mounted(look, STEP, f"/{target}") if disk.mount != "/" else []
    serving = serving_from(look.machine, source)
    changes = (CopyStore(move=move), *waits, LinkStore(move=move), UseStore(move=move, serving=serving))
    return to_do(f"/{source} lies on {disk_text(look, f'/{source}')}", *changes)


def _stores(look: Look) -> list[str]:
    """Of this host, below its root, links followed: the usual one, and those of its deployments."""
    engine, host = look.facts.engine, look.machine.host
    named = [Record.read(one.labels).store for one in (engine.containers if engine else ())]
    real = [host.real(path.lstrip("/")) for path in (DEFAULT_STORE, *filter(None, named))]
    return [one for one in dict.fromkeys(real) if one is not None and host.is_directory(one)]


STORE_STEP = HostStep(id=STEP, title="Models on a fast disk", look=_model_store)
