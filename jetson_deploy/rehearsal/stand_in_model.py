"""The stand-in model: small real weights under the planned name, with DeepSeek-R1's own small layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from jetson_deploy.catalog.entries import ModelSize
from jetson_deploy.rehearsal.push import Bundle, Label
from jetson_deploy.store.manifest import CONFIG_MEDIA, LAYER_MEDIA, MANIFEST_MEDIA

TEMPLATE = "sha256-c5ad996bda6eed4df6e3b605a9869647624851ac248209d22fd5e2c0cc1121d3"
LICENSE = "sha256-6e4c38e1172f42fdbff13edf9a7a017679fb82b0fde415a3e8b3c31c6ed4a4e4"
PARAMETERS = "sha256-f4d24e9138dd4603380add165d2b0d970bef471fac194b436ebd50e6147c6588"
PARAMETERS_0528 = "sha256-ed8474dc73db8ca0d85c1958c91c3a444e13a469c2efb10cd777ca9baeaddcb7"


class StandIn(msgspec.Struct, frozen=True, kw_only=True):
    manifest_digest: str
    """64 hex digits."""
    weights_digest: str
    """`sha256:…` of the model layer."""
    template_digest: str
    parameters_digest: str

    @property
    def entry(self) -> dict[str, object]:
        """What a catalog says of it that it does not say of the real one. The size stays that of the real one."""
        chat = {"template": self.template_digest, "parameters": self.parameters_digest}
        return {
            "manifest_digest": self.manifest_digest,
            "model_layer": {"digest": self.weights_digest},
            "chat": {"manifest": self.manifest_digest, **chat},
        }


def make_model(bundle: Path, weights: Path, blobs: Path, name: str, size: ModelSize) -> StandIn:
    """Write the bundle of `name` (`deepseek-r1:7b`) from `weights` and the real small layers in `blobs`."""
    model, tag = name.split(":")
    parts = Bundle(bundle)
    parameters = msgspec.json.decode(
        (blobs / (PARAMETERS_0528 if size.architecture == "qwen3" else PARAMETERS)).read_bytes()
    )
    # The real server spins on a busy small machine with its default of two threads.
    parameters["num_thread"] = 1
    weights_layer = _described("model", parts.add_file(weights))
    layers = [
        weights_layer,
        _described("template", parts.add((blobs / TEMPLATE).read_bytes())),
        _described("license", parts.add((blobs / LICENSE).read_bytes())),
        _described("params", parts.add(msgspec.json.encode(parameters))),
    ]
    config, config_size = parts.add(_config(size, layers))
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_MEDIA[0],
        "config": {"mediaType": CONFIG_MEDIA, "digest": config, "size": config_size},
        "layers": layers,
    }
    label = Label(repository=f"library/{model}", tag=tag, media_type=MANIFEST_MEDIA[0])
    digest = parts.finish(label, msgspec.json.encode(manifest))
    template, _, parameters_layer = layers[1:]
    return StandIn(
        manifest_digest=digest,
        weights_digest=str(weights_layer["digest"]),
        template_digest=str(template["digest"]),
        parameters_digest=str(parameters_layer["digest"]),
    )


def _described(kind: str, blob: tuple[str, int]) -> dict[str, Any]:
    return {"mediaType": LAYER_MEDIA + kind, "digest": blob[0], "size": blob[1]}


def _config(size: ModelSize, layers: list[dict[str, Any]]) -> bytes:
    return msgspec.json.encode(
        {
            "model_format": "gguf",
            "model_family": size.architecture,
            "model_families": [size.architecture],
            "model_type": f"{size.parameters / 1e9:.1f}B",
            "file_type": size.quantization,
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
        }
    )
