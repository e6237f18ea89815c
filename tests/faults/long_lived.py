"""Cycles of `up` and `rollback` in one process, as `watch` lives: ROOT NUMBER. Prints its descriptors after each."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import msgspec

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deploy.opened import runtime_of
from jetson_deploy.deploy.rollback import roll_back
from jetson_deploy.deploy.up import Run, bring_up
from jetson_deploy.deployment.request import Request
from jetson_deploy.events import silent
from jetson_deploy.server.opened import open_server
from jetson_deploy.settings import Settings

CONTEXT = 2048
"""Not that of the deployment at the beginning, to which every rollback goes."""


def main() -> None:
    root, number = Path(sys.argv[1]), int(sys.argv[2])
    settings = Settings.from_environment()
    base = Request(
        registry=settings.registry,
        image_registry=settings.image_registry,
        simulated=settings.rehearsal,
        accept_cpu=True,
        stability_seconds=settings.stability_seconds,
    )
    run = Run(
        request=base,
        settings=settings,
        runtime=runtime_of(settings, base.name),
        servers=open_server,
        root=root,
        store=Path(os.environ["JD_STORE"]),
        catalog=load_catalog(settings.catalog_dirs),
        report=silent,
    )
    seen = []
    for cycle in range(number):
        if cycle % 2:
            roll_back(run, None)
        else:
            bring_up(msgspec.structs.replace(run, request=msgspec.structs.replace(base, context_tokens=CONTEXT)))
        seen.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208 - the count alone
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
