"""What the header of a model's file says, as facts; read for the few models that a plan is about."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import ModelFacts
from jetson_deploy.names import parse_model_name
from jetson_deploy.store.gguf.header import GgufHeader
from jetson_deploy.store.kept import manifest_here
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.maintenance.describe import describe
from jetson_deploy.store.manifest import Manifest, parse_manifest


def with_headers(paths: StorePaths, models: tuple[ModelFacts, ...], names: Collection[str]) -> tuple[ModelFacts, ...]:
    """`names`: of the models whose headers are read, in any case. Never raises."""
    wanted = {name.lower() for name in names}
    return tuple(_with_header(paths, one) if one.name.lower() in wanted else one for one in models)


def _with_header(paths: StorePaths, model: ModelFacts) -> ModelFacts:
    try:
        raw = manifest_here(paths, parse_model_name(model.name), model.manifest_digest)
        manifest = parse_manifest(raw or b"", model.name)
    except (OSError, JetsonDeployError) as error:
        return msgspec.structs.replace(model, header_problem=str(error))
    kind = describe(paths, manifest)
    if kind.header is None:
        problem = kind.problem or ("its model file is no GGUF" if kind.file else "it has no model file")
        return msgspec.structs.replace(model, header_problem=problem)
    return said(model, kind.header, manifest)


def said(model: ModelFacts, header: GgufHeader, manifest: Manifest) -> ModelFacts:
    """The model with what its header says."""
    fields = {key: value for key, value in msgspec.structs.asdict(header).items() if key != "chat_template"}
    return msgspec.structs.replace(model, header=fields, loaded_bytes=loaded_bytes(manifest))


def loaded_bytes(manifest: Manifest) -> int:
    return sum({layer.digest: layer.size for layer in manifest.loaded}.values())
