"""The header of a model that no catalog lists: read on the device, without its vocabulary, and parsed here."""

from __future__ import annotations

import re
import tempfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from jetson_deploy.deploy.survey import unlisted
from jetson_deploy.deployment.instance import find_serving
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import HostFacts, ModelFacts
from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.reading.answer import ReadingAnswer, StoreAnswer
from jetson_deploy.fleet.reading.asked import Asked
from jetson_deploy.fleet.reading.script import header_command, header_script
from jetson_deploy.fleet.reading.stores import manifest_of
from jetson_deploy.fleet.said import last_line
from jetson_deploy.store.gguf.header import GgufHeader, read_gguf
from jetson_deploy.store.headers import said
from jetson_deploy.store.manifest import LAYER_MEDIA, MODEL_BYTES

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog

SECONDS = 75.0
_MOST_PACKED = 1 << 20
_MOST_BYTES = 64 << 20
_PIECE = 1 << 20
_HEAD = re.compile(rb"(?:^|\n)jetson-deploy-header/1 ([0-9]{1,15}) ([0-9]{1,9})\n")


def headless(facts: HostFacts, asked: Asked, catalog: Catalog) -> list[str]:
    """Names of the models that the plan is about, that are in the store, and in no catalog."""
    serving = find_serving(facts.engine, asked.name)
    names = [name for name in (asked.request.model, serving.record.model if serving else None) if name]
    held = {model.name.lower() for model in _models(facts)}
    return [name for name in unlisted(catalog, names) if name.lower() in held]


def _models(facts: HostFacts) -> tuple[ModelFacts, ...]:
    return ((facts.store.models or ()) + (facts.store.pinned or ())) if facts.store else ()


async def with_headers(
    connection: Connection, answer: ReadingAnswer, facts: HostFacts, names: Collection[str]
) -> HostFacts:
    """As `store/headers.py` on the device. Raises DeviceError."""
    store = facts.store
    if store is None or (listed := answer.stores.get(store.path)) is None:
        return facts
    wanted = {name.lower() for name in names}
    known: dict[str, ModelFacts] = {}
    for model in _models(facts):
        if model.name.lower() in wanted and model.manifest_digest not in known:
            known[model.manifest_digest] = await _with_header(connection, store.path, listed, model)

    def one(model: ModelFacts) -> ModelFacts:
        found = known.get(model.manifest_digest) if model.name.lower() in wanted else None
        kept = {key: getattr(found, key) for key in ("header", "header_problem", "loaded_bytes")} if found else {}
        return msgspec.structs.replace(model, **kept)

    models, pinned = (tuple(map(one, some or ())) for some in (store.models, store.pinned))
    return msgspec.structs.replace(facts, store=msgspec.structs.replace(store, models=models, pinned=pinned))


async def _with_header(connection: Connection, store: str, listed: StoreAnswer, model: ModelFacts) -> ModelFacts:
    manifest = manifest_of(listed, model)
    layers = manifest.layers if manifest else ()
    file = next((layer for layer in layers if layer.mediaType == LAYER_MEDIA + "model"), None)
    if manifest is None or file is None:
        return msgspec.structs.replace(model, header_problem="it has no model file")
    header = await _asked(connection, f"{store}/blobs/{file.file_name}")
    if isinstance(header, str):
        return msgspec.structs.replace(model, header_problem=header)
    return said(model, header, manifest)


async def _asked(connection: Connection, path: str) -> GgufHeader | str:
    """Or why there is none."""
    done = await connection.run(
        header_command(path), seconds=SECONDS, stdin=header_script(), root=True, limit=_MOST_PACKED
    )
    if done.exit_status != 0 or done.cut:
        return last_line(done.stderr) or f"reading it ended with {done.exit_status}"
    return parsed(done.stdout)


def parsed(output: bytes) -> GgufHeader | str:
    """By way of a file of the model's own size that holds the header alone: the reader checks one by the other."""
    head = _HEAD.search(output)
    if head is None or int(head[1]) > MODEL_BYTES:
        return "it gave no header"
    with tempfile.TemporaryFile() as file:
        try:
            _inflate(output[head.end() : head.end() + int(head[2])], file)
            file.truncate(int(head[1]))
            header = read_gguf(Path(f"/proc/self/fd/{file.fileno()}"))
        except (zlib.error, ValueError, OSError) as error:
            return f"its header cannot be used: {ascii(str(error))[1:-1][:200]}"
        except JetsonDeployError as error:
            return error.message.partition(" is not a usable GGUF file: ")[2] or error.message
    return "its model file is no GGUF" if header is None else header


def _inflate(packed: bytes, file: IO[bytes]) -> None:
    unpacker, count = zlib.decompressobj(), 0
    while packed and not unpacker.eof:
        piece = unpacker.decompress(packed, _PIECE)
        packed = unpacker.unconsumed_tail
        count += len(piece)
        if count > _MOST_BYTES:
            raise ValueError(f"it is longer than {_MOST_BYTES >> 20} MiB")
        file.write(piece)
    file.flush()
