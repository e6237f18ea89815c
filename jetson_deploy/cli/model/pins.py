"""The digest that a name must have: the catalog's for names in the catalog, else the one in the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jetson_deploy.names import ModelName

if TYPE_CHECKING:
    from jetson_deploy.cli.options import CommonOptions


def pin_of(name: ModelName, common: CommonOptions) -> str | None:
    """The catalog's manifest digest (64 hex digits); None for a name without one there."""
    from jetson_deploy.plan.fits import size_by_name

    size = size_by_name(common.catalog(), name)
    return size.manifest_digest if size is not None else None


def expected_digest(name: ModelName, store: Path, common: CommonOptions) -> str | None:
    """As `pin_of`, else the digest of the manifest that the store has: a tag that moved is not taken unasked."""
    from jetson_deploy.store.inventory import read_manifest
    from jetson_deploy.store.layout import StorePaths
    from jetson_deploy.store.manifest import manifest_digest

    here = read_manifest(StorePaths(store), name)
    return pin_of(name, common) or (manifest_digest(here) if here is not None else None)
