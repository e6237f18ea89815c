"""An answer → the facts and the state that `plan` on the device itself would have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.deploy.survey import store_and_port
from jetson_deploy.deployment.revisions import State
from jetson_deploy.detect.detect import detect_host
from jetson_deploy.detect.recorded import recorded_engine
from jetson_deploy.facts import HostFacts, StoreFacts
from jetson_deploy.fleet.reading.answer import ReadingAnswer
from jetson_deploy.fleet.reading.memory_host import MemoryHost
from jetson_deploy.fleet.reading.stores import models, pinned
from jetson_deploy.settings import Settings
from jetson_deploy.state.directory import BACKUP, STATE
from jetson_deploy.state.state_file import decode_state

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog


def facts_of(
    answer: ReadingAnswer, settings: Settings, catalog: Catalog, *, deployment: str, store: Path | None = None
) -> HostFacts:
    """As `deploy/survey.py` looks at the host that it runs on. `settings`: the device's, not those of this machine."""
    host = MemoryHost(answer.files, answer.links, answer.directories)
    engine = recorded_engine(host)
    chosen, port = store_and_port(engine, settings, deployment, store)
    simulated = settings.rehearsal is not None
    facts = detect_host(host, catalog, engine=engine, store=chosen, port=port, live=False, simulated=simulated)
    return msgspec.structs.replace(facts, root="/", store=_looked_into(facts.store, answer))


def _looked_into(store: StoreFacts | None, answer: ReadingAnswer) -> StoreFacts | None:
    said = answer.stores.get(store.path) if store is not None else None
    if store is None or said is None:
        return store
    if not said.exists:  # a live host without it holds no model; of a captured one that is not known
        nothing = () if answer.live else None
        return msgspec.structs.replace(store, writable=said.writable, models=nothing, pinned=nothing)
    return msgspec.structs.replace(store, writable=said.writable, models=models(said), pinned=pinned(said))


def state_of(answer: ReadingAnswer, deployment: str) -> State | None:
    """What is on record there of a deployment; None: nothing that can be used.

    Raises PreflightError `state-newer`: a newer jetson-deploy wrote it.
    """
    for name in (STATE, BACKUP):
        text = answer.state.get(deployment, {}).get(name)
        if text is None:
            continue
        found = decode_state(text.encode("latin-1", errors="replace"), Path(name), deployment)
        if found.state is not None or found.old:
            return found.state
    return None
