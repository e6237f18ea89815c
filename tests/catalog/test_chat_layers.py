"""What the catalog says of a model's small layers is what its manifest holds."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.digest import sha256_hex
from jetson_deploy.store.manifest import Manifest

PINNED = Path(__file__).parent.parent / "data" / "manifests"
SIZES = {tag: size for tag, size in load_catalog().models["deepseek-r1"].sizes.items() if size.chat is not None}
MANIFESTS = {sha256_hex(path.read_bytes()): path.read_bytes() for path in PINNED.glob("*.json")}


def test_every_size_that_is_chosen_by_itself_has_them() -> None:
    automatic = {tag for tag, size in load_catalog().models["deepseek-r1"].sizes.items() if size.automatic}
    assert automatic <= SIZES.keys()


@pytest.mark.parametrize("tag", SIZES)
def test_they_are_those_of_the_pinned_manifest(tag: str) -> None:
    size = SIZES[tag]
    assert size.chat is not None and size.chat.manifest == size.manifest_digest
    manifest = msgspec.json.decode(MANIFESTS[size.chat.manifest], type=Manifest)
    expected = (manifest.weights, manifest.template, manifest.parameters)
    assert (size.model_layer.digest, size.chat.template, size.chat.parameters) == expected
