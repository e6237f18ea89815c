"""Look at the host: detect, the engine's answers and the store's content, as one set of facts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deployment.instance import find_serving, last_store
from jetson_deploy.detect.detect import detect_host
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.recorded import recorded_engine, with_recorded_store
from jetson_deploy.facts import EngineFacts, HostFacts, StoreFacts
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
    model: str | None = None,
) -> HostFacts:
    """The facts of the host under `root`; the deployment's own store and port are used unless others are given.

    `model`: that is asked for by name; its file's header is read, and that of the one which serves.
    """
    live = acts_here(root, settings)
    host = Host(root)
    engine = engine_now(runtime or _usual_runtime(settings, deployment)) if live else recorded_engine(host)
    serving = find_serving(engine, deployment)
    chosen, port = store_and_port(engine, settings, deployment, store)
    simulated = settings.rehearsal is not None
    facts = detect_host(host, catalog, engine=engine, store=chosen, port=port, live=live, simulated=simulated)
    place = _store_here(host, facts.store, store, live=live)
    if facts.store is None:
        return facts
    if place is None:
        return msgspec.structs.replace(facts, store=with_recorded_store(host, facts.store))
    names = [name for name in (model, serving.record.model if serving else None) if name]
    return msgspec.structs.replace(facts, store=_inspected(facts.store, place, catalog, names))


def store_and_port(
    engine: EngineFacts | None, settings: Settings, deployment: str, store: Path | None
) -> tuple[Path | None, int]:
    """Those that are looked at: asked for, else deployed, else usual. A store of None is chosen by the disks."""
    before, serving = last_store(engine, deployment), find_serving(engine, deployment)
    port = settings.port or (serving.record.port if serving else None) or OLLAMA_PORT
    return store or (Path(before) if before else _adopted(engine)), port


def _adopted(engine: EngineFacts | None) -> Path | None:
    """The store of the `ollama.service` whose place the native runtime takes: its models stay where they are."""
    native = engine.native if engine else None
    if native is None or not (native.asked or native.alone):
        return None
    place = Path(native.service_store) if native.service_store else None
    return place if place is not None and place.is_dir() else None


def _store_here(host: Host, store: StoreFacts | None, given: Path | None, *, live: bool) -> Path | None:
    """Where its files can be read. A captured board's store lies below its root; one that is given, else here."""
    if store is None:
        return None
    if live:
        return Path(store.path)
    below = host.root / store.path.lstrip("/")
    return below if below.is_dir() else given if given is not None and given.is_dir() else None


def _inspected(store: StoreFacts, place: Path, catalog: Catalog, names: list[str]) -> StoreFacts:
    from jetson_deploy.store.inventory import read_models
    from jetson_deploy.store.pinned import pinned_models

    seen = msgspec.structs.replace(store, models=read_models(place), pinned=pinned_models(place))
    short = unlisted(catalog, names)
    if not short:
        return seen
    from jetson_deploy.store.headers import with_headers
    from jetson_deploy.store.layout import StorePaths

    paths = StorePaths(place)
    models, pinned = (with_headers(paths, found or (), short) for found in (seen.models, seen.pinned))
    return msgspec.structs.replace(seen, models=models, pinned=pinned)


def unlisted(catalog: Catalog, names: Iterable[str]) -> list[str]:
    """Those of no catalog, whose headers say what they are."""
    from jetson_deploy.plan.wanted_model import known_model, parsed

    return [name.short for text in names if (name := parsed(text)) and known_model(catalog, text) is None]


def _usual_runtime(settings: Settings, deployment: str) -> Runtime:
    from jetson_deploy.deploy.opened import runtime_of  # a captured root has none

    return runtime_of(settings, deployment)


def engine_now(runtime: Runtime) -> EngineFacts:
    """What the engine says; nothing else of the host is looked at."""
    return runtime.facts()
