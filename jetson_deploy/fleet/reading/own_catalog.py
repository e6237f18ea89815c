"""A device's own catalog overlays, as they were read there: laid over the built-in data, as the device itself does.

Their text is the device's: it is bounded, lies in a directory of its own while it is read, and is judged by the loader
that refuses whatever no catalog holds.
"""

from __future__ import annotations

import functools
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from jetson_deploy.fleet.failure import DeviceError

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog

MOST_BYTES = 256 << 10
"""Of all overlays of a device; what is shipped is 200 KiB."""
MOST_FILES = 400
_FILE = re.compile(r"(?:profiles|containers)(?:/[A-Za-z0-9_+][A-Za-z0-9._+-]{0,199}){1,2}/?")
"""A directory ends with the dash."""
Overlays: TypeAlias = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


def overlays_of(places: Iterable[str], catalogs: Mapping[str, Mapping[str, str] | None]) -> Overlays | None:
    """In the order in which they are laid over. None: not all of it was read."""
    found: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    for place in places:
        files = catalogs.get(place)
        if files is None or not all(_FILE.fullmatch(name) and not _is_two_things(name, files) for name in files):
            return None
        found.append((place, tuple(sorted(files.items()))))
    texts = [text for _, files in found for _, text in files]
    if len(texts) > MOST_FILES or sum(map(len, texts)) > MOST_BYTES:
        return None
    return tuple(found)


def _is_two_things(name: str, files: Mapping[str, str]) -> bool:
    """A file, and a directory too."""
    return f"{name}/" in files or name.rstrip("/").rpartition("/")[0] in files


@functools.lru_cache(maxsize=16)
def catalog_with(overlays: Overlays) -> Catalog:
    """Of this version, without this machine's own overlays. Raises DeviceError, as the tool there would refuse it."""
    from jetson_deploy.catalog.load import load_catalog
    from jetson_deploy.errors import CatalogError

    with tempfile.TemporaryDirectory(prefix="jd-catalog-") as held:
        folder = Path(held)
        places = {folder / str(number): place for number, (place, _) in enumerate(overlays)}
        for directory, (_, files) in zip(places, overlays, strict=True):
            _write(directory, files)
        try:
            return load_catalog(tuple(places), system_dir=folder / "none", user_dir=folder / "none")
        except CatalogError as error:
            message, hint = error.message, error.hint
            for directory, place in places.items():
                message, hint = (text.replace(str(directory), place) for text in (message, hint))
            raise DeviceError(message, hint=f"on the device: {hint}", code=error.code) from None


def _write(directory: Path, files: Iterable[tuple[str, str]]) -> None:
    for top in ("profiles", "containers"):
        (directory / top).mkdir(parents=True)
    for name, text in files:
        path = directory / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("latin-1", errors="replace"))
