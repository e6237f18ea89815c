"""Look at the host: detect, the engine's answers and the store's content, as one set of facts."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.detect.detect import detect_host
from jetson_deploy.detect.engine import engine_facts
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.recorded import recorded_engine
from jetson_deploy.errors import UsageError
from jetson_deploy.facts import EngineFacts, HostFacts
from jetson_deploy.plan.serving import find_serving, last_store
from jetson_deploy.settings import OLLAMA_PORT, Settings, acts_here


def check_acts_here(root: Path, settings: Settings, verb: str) -> None:
    """Refuse to act on this machine when another one's captured root was named. Raises UsageError."""
    if not acts_here(root, settings):
        raise UsageError(
            f"{verb} is for this machine, it cannot act on the captured root {root}",
            hint=f"jetson-deploy plan --root {root} shows the plan; jetson-deploy rehearse runs it on real parts",
            code="root-is-captured",
        )


def survey(root: Path, settings: Settings, catalog: Catalog, *, store: Path | None, deployment: str) -> HostFacts:
    """The facts of the host under `root`; the deployment's own store and port are used unless others are given."""
    live = acts_here(root, settings)
    host = Host(root)
    engine = engine_now(settings) if live else recorded_engine(host)
    before, serving = last_store(engine, deployment), find_serving(engine, deployment)
    port = settings.port or (serving.port if serving else None) or OLLAMA_PORT
    chosen = store or (Path(before) if before else None)
    facts = detect_host(host, catalog, engine=engine, store=chosen, port=port, live=live)
    if not live or facts.store is None:
        return facts
    from jetson_deploy.store.inventory import read_models
    from jetson_deploy.store.pinned import pinned_models

    path = Path(facts.store.path)
    seen = msgspec.structs.replace(facts.store, models=read_models(path), pinned=pinned_models(path))
    return msgspec.structs.replace(facts, store=seen)


def engine_now(settings: Settings) -> EngineFacts:
    """What the engine says; nothing else of the host is looked at."""
    from jetson_deploy.engine.answers import ask

    return engine_facts(ask(settings.docker_host))
