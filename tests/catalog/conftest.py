from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.load import load_catalog

Load = Callable[..., Catalog]


@pytest.fixture(scope="session")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that does not exist: this machine's own overlays must not reach the tests."""
    return tmp_path_factory.mktemp("none") / "absent"


@pytest.fixture(scope="session")
def load(nowhere: Path) -> Load:
    def load_with(*overlays: Path, system: Path = nowhere, user: Path = nowhere) -> Catalog:
        return load_catalog(overlays, system_dir=system, user_dir=user)

    return load_with


@pytest.fixture(scope="session")
def built_in(load: Load) -> Catalog:
    return load()


@pytest.fixture
def overlay(tmp_path: Path) -> Callable[..., Path]:
    """Write files below a new overlay directory: `overlay({"profiles/limits.yaml": text})`."""

    def write(files: dict[str, str], name: str = "overlay") -> Path:
        for relative, text in files.items():
            path = tmp_path / name / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path / name

    return write
