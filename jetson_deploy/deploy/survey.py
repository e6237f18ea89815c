"""Look at the host: detect, the engine's answers and the store's content, as one set of facts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deployment.instance import find_serving, last_store
from jetson_deploy.detect.detect import detect_host
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.recorded import recorded_engine
from jetson_deploy.facts import EngineFacts, HostFacts
from jetson_deploy.settings import OLLAMA_PORT, Settings, acts_here

if TYPE_CHECKING:
    from jetson_deploy.runtime.port import Runtime


def survey(
    root: Path,
    settings: Settings,
    catalog: Catalog,
    *,
    store: Path | None,
    deployment: str,
    runtime: Runtime | None = None,
) -> HostFacts:
    """The facts of the host under `root`; the deployment's own store and port are used unless others are given."""
    live = acts_here(root, settings)
    host = Host(root)
    engine = engine_now(runtime or _usual_runtime(settings)) if live else recorded_engine(host)
    before, serving = last_store(engine, deployment), find_serving(engine, deployment)
    port = settings.port or (serving.record.port if serving else None) or OLLAMA_PORT
    chosen = store or (Path(before) if before else None)
    facts = detect_host(host, catalog, engine=engine, store=chosen, port=port, live=live)
    if not live or facts.store is None:
        return facts
    from jetson_deploy.store.inventory import read_models
    from jetson_deploy.store.pinned import pinned_models

    path = Path(facts.store.path)
    seen = msgspec.structs.replace(facts.store, models=read_models(path), pinned=pinned_models(path))
    return msgspec.structs.replace(facts, store=seen)


def _usual_runtime(settings: Settings) -> Runtime:
    from jetson_deploy.runtime.opened import open_runtime  # a captured root has none

    return open_runtime(settings)


def engine_now(runtime: Runtime) -> EngineFacts:
    """What the engine says; nothing else of the host is looked at."""
    return runtime.facts()
