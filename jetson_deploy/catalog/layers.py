"""Directories of catalog files: built-in data, then /etc/jetson-deploy, then the user's configuration directory, then
the directories that the caller names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jetson_deploy.catalog.wording import catalog_error, suggestion
from jetson_deploy.errors import CatalogError

SYSTEM_DIR = Path("/etc/jetson-deploy")
LAYOUT = {
    "profiles": ("boards", "l4t", "models", "issues", "alerts", "architectures.yaml", "limits.yaml"),
    "containers": ("images", "generations.yaml", "advisories.yaml", "not-real.yaml"),
}


class Layer(NamedTuple):
    directory: Path
    built_in: bool = False


def built_in_dir() -> Path:
    """The package's data when installed from a wheel, else the repository that the package lies in."""
    package = Path(__file__).resolve().parent.parent
    packaged = package / "_data"
    return packaged if packaged.is_dir() else package.parent


def user_config_dir(environ: Mapping[str, str] | None = None) -> Path | None:
    """$XDG_CONFIG_HOME/jetson-deploy, else ~/.config/jetson-deploy. A relative value is ignored, as XDG says."""
    env = os.environ if environ is None else environ
    base = env.get("XDG_CONFIG_HOME", "")
    if base.startswith("/"):
        return Path(base, "jetson-deploy")
    home = env.get("HOME", "")
    return Path(home, ".config", "jetson-deploy") if home.startswith("/") else None


def all_layers(overlays: Sequence[Path], built_in: Path | None, system: Path, user: Path | None) -> tuple[Layer, ...]:
    """Lowest first. Raises CatalogError for a named overlay that is none, and for stray names in a layer."""
    found = [d for d in (system, user) if d is not None and _is_overlay(d)]
    for directory in overlays:
        if not _is_overlay(directory):
            raise catalog_error(
                directory,
                "",
                "is no catalog overlay: it must be a directory that holds profiles/ or containers/",
                hint="correct the path (JETSON_DEPLOY_CATALOG, or the argument), or create it",
                code="catalog-overlay-missing",
            )
        found.append(directory)
    for directory in found:
        _check_layout(directory)
    own = built_in or built_in_dir()
    _check_complete(own)
    return (Layer(own, built_in=True), *(Layer(d) for d in found))


def _check_complete(own: Path) -> None:
    for top, names in LAYOUT.items():
        for name in names:
            if not (own / top / name).exists():
                hint = "reinstall jetson-deploy: its own data is incomplete"
                raise catalog_error(own / top / name, "", "is missing", hint=hint, code="catalog-file")


def _is_overlay(directory: Path) -> bool:
    try:
        return any((directory / top).is_dir() for top in LAYOUT)
    except OSError as error:
        raise _unreadable(directory, error) from None


def _check_layout(directory: Path) -> None:
    """A misspelt file name must not be a silently ignored one."""
    for top, valid in LAYOUT.items():
        for entry in listing(directory / top):
            looks_meant = entry.suffix in (".yaml", ".yml") or entry.is_dir()
            if entry.name not in valid and looks_meant and not entry.name.startswith("."):
                hint = suggestion(entry.name, valid)
                raise catalog_error(entry, "", "is not read by anything", hint=hint, code="catalog-unknown-file")


def listing(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(directory, error) from None


def _unreadable(path: Path, error: OSError) -> CatalogError:
    reason = error.strerror or "cannot be read"
    return catalog_error(path, "", reason, hint="make it readable, or run with sudo", code="catalog-file")


def image_file(repository: str) -> str:
    """Name of an image repository's file: its path with dashes, the registry cut at its first dot or colon."""
    first, _, rest = repository.partition("/")
    return "-".join([re.split(r"[.:]", first)[0], *rest.split("/")] if rest else [first])
