"""The differences of a rehearsal, as a user's catalog overlay: digests and sizes of the stand-ins, nothing else.

The memory need, the speed and the choice stay those of the real image and the real model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from jetson_deploy.catalog.layers import image_file
from jetson_deploy.names import check_image_reference


def write_overlay(
    directory: Path,
    *,
    image: str,
    image_digest: str,
    image_bytes: int,
    ollama: str,
    model: str,
    entry: Mapping[str, object],
) -> None:
    """`image` is the repository:tag that the plan picked, `model` its family:tag, `entry` what differs of that."""
    reference = check_image_reference(image)
    _write(
        directory / "containers" / "images" / f"{image_file(reference.name)}.yaml",
        {
            "repository": reference.name,
            "tags": {
                str(reference.tag): {
                    "digest": image_digest,
                    "size_bytes": image_bytes,
                    "disk_bytes": None,
                    "ollama": {"version": ollama, "reported": None, "why": "the rehearsal's stand-in"},
                }
            },
        },
    )
    write_model_overlay(directory, model, entry)


def write_model_overlay(directory: Path, model: str, entry: Mapping[str, object]) -> None:
    """Of a further model of a family, beside those that are there."""
    family, size = model.split(":")
    path = directory / "profiles" / "models" / f"{family}.yaml"
    sizes = msgspec.json.decode(path.read_bytes())["sizes"] if path.exists() else {}
    _write(path, {"family": family, "sizes": {**sizes, size: entry}})


def _write(path: Path, content: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # JSON is YAML, and quotes what YAML would read as a number.
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
