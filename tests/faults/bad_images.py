"""Images whose server fails in one way each: the real Ollama behind a script that spoils it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

from fault_bed import Bed

from jetson_deploy.events import silent
from jetson_deploy.rehearsal.image import LAYER_TYPE, MANIFEST_TYPE, make_image
from jetson_deploy.rehearsal.ollama_binary import ollama_binary
from jetson_deploy.rehearsal.push import Bundle, Label

REPOSITORY = "faulty/ollama"
_BUSYBOX = Path("/bin/busybox")
_SCRIPT = """\
#!/bin/busybox sh
[ "$1" = serve ] || exec /usr/local/bin/ollama.real "$@"
{body}
"""
SCRIPTS = {
    "exits": "echo 'the server ends at once' >&2; exit 3",
    "crashes": "/usr/local/bin/ollama.real serve & /bin/busybox sleep 4; kill -9 $!; exit 1",
    # The runner of the model is stopped as soon as it is there: the server lives and never answers a generate.
    "hangs": "/usr/local/bin/ollama.real serve & while :; do /bin/busybox ps -o pid,args |"
    " /bin/busybox grep '[o]llama.real runner' | while read pid rest; do kill -STOP $pid; done;"
    " /bin/busybox sleep 0.05; done",
}
"""What the program at ollama's place does. `crashes` is proven first and ends in its stability window."""


def push_bad_image(bed: Bed, kind: str) -> str:
    """Build it, push it, and return the reference for --image-policy."""
    work = bed.session.directory / f"image-{kind}"
    label = Label(repository=REPOSITORY, tag=kind, media_type=MANIFEST_TYPE)
    make_image(work, ollama_binary(silent), label)
    manifest = json.loads((work / "manifest.json").read_bytes())
    config_file = work / manifest["config"]["digest"].removeprefix("sha256:")
    config = json.loads(config_file.read_bytes())
    plain = _script_layer(SCRIPTS[kind], _binary_of(work, manifest))
    parts = Bundle(work)
    layer, size = parts.add(gzip.compress(plain, compresslevel=1, mtime=0))
    config["rootfs"]["diff_ids"].append(f"sha256:{hashlib.sha256(plain).hexdigest()}")
    config["history"].append({"created_by": f"tests/faults: {kind}"})
    config_file.unlink()
    digest, config_size = parts.add(json.dumps(config).encode())
    manifest["config"].update(digest=digest, size=config_size)
    manifest["layers"].append({"mediaType": LAYER_TYPE, "digest": layer, "size": size})
    parts.finish(label, json.dumps(manifest).encode())
    bed.session.registry.push(work)
    shutil.rmtree(work)
    return f"{REPOSITORY}:{kind}"


def _binary_of(work: Path, manifest: dict[str, list[dict[str, str]]]) -> bytes:
    """The real program, taken out of the layer below."""
    packed = (work / manifest["layers"][0]["digest"].removeprefix("sha256:")).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        file = tar.extractfile("usr/local/bin/ollama")
        assert file is not None
        return file.read()


def _script_layer(body: str, binary: bytes) -> bytes:
    out = io.BytesIO()
    files = {
        "bin/busybox": _BUSYBOX.read_bytes(),
        "usr/local/bin/ollama.real": binary,
        "usr/local/bin/ollama": _SCRIPT.format(body=body).encode(),
    }
    with tarfile.open(fileobj=out, mode="w") as tar:
        folder = tarfile.TarInfo("bin")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()
