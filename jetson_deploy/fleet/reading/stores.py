"""The models of a store, from what the device listed of it: as `store/inventory.py` and `pinned.py` read them there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import ModelFacts
from jetson_deploy.fleet.reading.answer import StoreAnswer
from jetson_deploy.store.inventory import name_of
from jetson_deploy.store.kept import HEX
from jetson_deploy.store.manifest import Blob, Manifest, manifest_digest, parse_manifest
from jetson_deploy.store.model_facts import model_facts


def models(store: StoreAnswer) -> tuple[ModelFacts, ...]:
    """Every model whose manifest can be read, by name."""
    return tuple(sorted(_readable(store, store.manifests), key=lambda model: model.name))


def pinned(store: StoreAnswer) -> tuple[ModelFacts, ...]:
    """Of the trees that are whole: every manifest in them has the digest that they are named by."""
    trees = sorted((digest, tree) for digest, tree in store.pinned.items() if HEX.fullmatch(digest) and tree)
    found = ((tree, tuple(_readable(store, tree, digest))) for digest, tree in trees)
    return tuple(model for tree, inside in found if len(inside) == len(tree) for model in inside)


def manifest_of(store: StoreAnswer, model: ModelFacts) -> Manifest | None:
    """Under its tag, or pinned."""
    for text in (*store.manifests.values(), *(text for tree in store.pinned.values() for text in tree.values())):
        raw = text.encode("latin-1", errors="replace") if text is not None else b""
        if raw and manifest_digest(raw) == model.manifest_digest:
            return parse_manifest(raw, model.name)
    return None


def _readable(
    store: StoreAnswer, manifests: Mapping[str, str | None], digest: str | None = None
) -> Iterator[ModelFacts]:
    """`digest`: that they must have."""
    for path, text in sorted(manifests.items()):
        model = _model(store, path, text)
        if model is not None and digest in (None, model.manifest_digest):
            yield model


def _model(store: StoreAnswer, path: str, text: str | None) -> ModelFacts | None:
    name = name_of(tuple(path.split("/")))
    if name is None or text is None:
        return None
    try:
        raw = text.encode("latin-1")
        manifest = parse_manifest(raw, name.short)
    except (JetsonDeployError, UnicodeEncodeError):
        return None
    return model_facts(
        name.short,
        manifest_digest(raw),
        manifest,
        complete=all(store.blobs.get(blob.file_name, (0, False))[1] for blob in manifest.blobs),
        missing_bytes=sum(blob.size for blob in manifest.blobs if _size(store, blob) != blob.size),
    )


def _size(store: StoreAnswer, blob: Blob) -> int | None:
    found = store.blobs.get(blob.file_name)
    return found[0] if found else None
