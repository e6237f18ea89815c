"""The stand-in image: the real Ollama under the tag that the plan picked, made by hand and pushed.

It is labelled arm64, as a Jetson's image is, although its binary is this machine's: the engine only warns.
Environment and CMD are those of a dustynv image, so that the product's overrides are really needed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from jetson_deploy.rehearsal.push import Bundle, Label

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
Program = Literal["ollama", "foreign", "exits"]
FALSE = Path("/bin/false")
ENVIRONMENT = [
    "PATH=/usr/local/bin:/usr/bin:/bin",
    "OLLAMA_HOST=0.0.0.0",
    "OLLAMA_MODELS=/data/models/ollama/models",
]
COMMAND = ["/bin/sh", "-c", "/start_ollama && /bin/bash"]
AARCH64_STUB = (
    bytes.fromhex("7f454c4602010100000000000000000002 00b70001000000".replace(" ", "")) + bytes(8) + bytes(32)
)
"""An ELF header for aarch64 and nothing else: what an image for another machine looks like to the kernel."""


def make_image(
    bundle: Path,
    binary: Path,
    label: Label,
    *,
    program: Program = "ollama",
    libraries: Mapping[str, Path] | None = None,
) -> tuple[str, int]:
    """Write the bundle. Returns the manifest's digest (`sha256:…`) and its compressed size in bytes.

    `libraries`: path in the image and file here of what the binary is linked with; None: what ldd names, which runs
    this machine's binaries alone.

    `program` decides what lies at ollama's place: the real one, one for another machine (it dies with `exec
    format error`), or one that exits at once and says nothing.
    """
    binary = FALSE if program == "exits" else binary
    if program == "foreign":  # without a shell the init would say `No such file`: it tries one for what is no program
        return pack_image(bundle, {"/usr/local/bin/ollama": AARCH64_STUB, "/bin/sh": AARCH64_STUB}, label)
    if libraries is None:
        libraries = {str(path): path for path in linked_with(binary)}
    files = {"/usr/local/bin/ollama": binary, **libraries}
    return pack_image(bundle, {inside: path.read_bytes() for inside, path in files.items()}, label)


def pack_image(bundle: Path, programs: Mapping[str, bytes], label: Label) -> tuple[str, int]:
    """As `make_image`, of programs and libraries by their paths in the image."""
    plain = _layer(programs)
    packed = gzip.compress(plain, compresslevel=1, mtime=0)
    parts = Bundle(bundle)
    layer, layer_size = parts.add(packed)
    config, config_size = parts.add(_config(plain))
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": config, "size": config_size},
        "layers": [{"mediaType": LAYER_TYPE, "digest": layer, "size": layer_size}],
    }
    digest = parts.finish(label, msgspec.json.encode(manifest))
    return f"sha256:{digest}", layer_size + config_size


def _config(layer: bytes) -> bytes:
    config: dict[str, Any] = {
        "architecture": "arm64",
        "variant": "v8",
        "os": "linux",
        "config": {"Env": ENVIRONMENT, "Cmd": COMMAND},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created_by": "jetson-deploy rehearse: the real Ollama of this machine, standing in"}],
    }
    return msgspec.json.encode(config)


def _layer(programs: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("tmp", "proc", "sys", "dev", "etc", "root", "usr", "usr/local", "usr/local/bin"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(entry)
        _add(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644)
        for inside, content in programs.items():
            _add(tar, inside.lstrip("/"), content, 0o755)
    return out.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def linked_with(binary: Path) -> list[Path]:
    """The loader and the libraries that ldd names, under the very paths where they are looked for."""
    listing = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=True).stdout
    return [Path(word) for line in listing.splitlines() for word in line.split() if word.startswith("/")]
