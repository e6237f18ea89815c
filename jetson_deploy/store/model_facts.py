"""What `detect` tells of one model: from a store here, from a pinned tree, and from a device's answer."""

from __future__ import annotations

from jetson_deploy.facts import ModelFacts
from jetson_deploy.store.manifest import Manifest


def model_facts(name: str, digest: str, manifest: Manifest, *, complete: bool, missing_bytes: int) -> ModelFacts:
    """`complete`: every blob was verified. Its header is not read here."""
    return ModelFacts(
        name=name,
        manifest_digest=digest,
        complete=complete,
        missing_bytes=missing_bytes,
        size_bytes=manifest.total_bytes,
        weights=manifest.weights,
        template=manifest.template,
        parameters=manifest.parameters,
    )
