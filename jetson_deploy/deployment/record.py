"""The record of a deployment, stored as the labels of its container: the only codec of their keys and texts.

A container that any version made must be found and read: what stands in the labels is never written otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.digest import sha256_hex
from jetson_deploy.server_kinds import USUAL
from jetson_deploy.settings import OLLAMA_PORT
from jetson_deploy.spec import ContainerSpec

if TYPE_CHECKING:
    from jetson_deploy.deployment.plan import Gates

LABEL = "io.jetson-deploy."
TRIED = LABEL + "tried"
"""Of a container that doctor starts for a moment: it is of no deployment."""
SCHEMA = "1"
_IDENTITY = (
    *("name", "image", "image-policy", "model", "model-digest", "context", "parallel", "kv-cache-type"),
    *("accept-cpu", "store", "port", "simulated", "server"),
)
"""Labels that the spec's hash covers, where they are there."""
_DESCRIBING = (LABEL + "spec", LABEL + "gates")
"""Labels that hold the spec itself."""
NOT_ASKED_FOR = frozenset(
    LABEL + key
    for key in (
        *("revision", "spec-hash", "need-bytes", "free-bytes", "spec", "gates", "schema"),
        *("name", "image", "model", "model-digest", "context", "accept-cpu", "store", "simulated"),
    )
)
"""Labels that differ between any two revisions, or say again what a revision's other fields say."""


_OWN = {
    "parallel": "parallel",
    "kv-cache-type": "kv_cache_type",
    "image-policy": "image_policy",
    "port": "port",
    "accept-cpu": "accept_cpu",
    "asked-gpu-share": "asked_gpu_share",
    "asked-floor": "asked_floor",
    "server": "server",
}
"""Label of an option → field that holds it."""
FURTHER = {row.option.label: row for row in OPTIONS.values() if row.option.label and row.option.label not in _OWN}
"""Options that are kept in a label and have no field of their own."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The labels of one deployment, typed. `read` never fails: what is missing or damaged has the value it had
    before there was such a label."""

    name: str
    """Deployment."""
    image: str
    image_policy: str
    model: str
    manifest_digest: str | None
    context_tokens: int
    parallel: int
    kv_cache_type: str
    accept_cpu: bool
    store: str
    port: int
    simulated: str | None
    asked_gpu_share: float | None
    """Gate that was asked for; None: the usual one."""
    asked_floor: float | None
    """As asked_gpu_share, in tokens per second."""
    schema: str = SCHEMA
    spec_hash: str = ""
    """Equal hashes: the same deployment. Written by `stamped`."""
    revision: int
    need_bytes: int
    free_bytes_before: int
    """MemAvailable before it was started."""
    version: str
    """Version of this tool that made it."""
    server: str = USUAL
    """Kind, as in `server_kinds.py`. The usual one has no label: containers that older versions made have none."""
    further: dict[str, Any] = {}
    """Label → value, of the options that have no field here."""

    @staticmethod
    def read(labels: Mapping[str, str], image: str = "") -> Record:
        """`image`: what the runtime calls the container's image, for labels that do not name one."""

        def text(key: str, missing: str = "") -> str:
            return labels.get(LABEL + key, missing)

        return Record(
            name=text("name"),
            image=text("image", image),
            image_policy=text("image-policy", "dustynv"),
            model=text("model"),
            manifest_digest=text("model-digest") or None,
            context_tokens=_number(text("context")),
            parallel=_number(text("parallel")),
            kv_cache_type=text("kv-cache-type", "f16"),
            accept_cpu=text("accept-cpu") == "true",
            store=text("store"),
            port=_number(text("port")),
            simulated=text("simulated") or None,
            asked_gpu_share=_gate(text("asked-gpu-share")),
            asked_floor=_gate(text("asked-floor")),
            schema=text("schema"),
            spec_hash=text("spec-hash"),
            revision=_number(text("revision")),
            need_bytes=_number(text("need-bytes")),
            free_bytes_before=_number(text("free-bytes")),
            version=text("version"),
            server=text("server") or USUAL,
            further={key: value for key in FURTHER if (value := _option(key, text(key))) is not None},
        )

    def kept(self, label: str) -> Any:
        """Value of the option that has this label; None: none is known."""
        if label not in _OWN:
            return self.further.get(label)
        value = getattr(self, _OWN[label])
        return None if type(value) is int and value == 0 else value  # 0: the label was missing or damaged

    def labels(self) -> dict[str, str]:
        texts = {
            "name": self.name,
            "image": self.image,
            "image-policy": self.image_policy,
            "model": self.model,
            "model-digest": self.manifest_digest or "",
            "context": str(self.context_tokens),
            "parallel": str(self.parallel),
            "kv-cache-type": self.kv_cache_type,
            "accept-cpu": "true" if self.accept_cpu else "false",
            "store": self.store,
            "port": str(self.port),
            "simulated": self.simulated or "",
            "asked-gpu-share": _shown(self.asked_gpu_share),
            "asked-floor": _shown(self.asked_floor),
            "schema": self.schema,
            "spec-hash": self.spec_hash,
            "revision": str(self.revision),
            "need-bytes": str(self.need_bytes),
            "free-bytes": str(self.free_bytes_before),
            "version": self.version,
            **({"server": self.server} if self.server != USUAL else {}),
            **{key: _text(value) for key, value in self.further.items()},
        }
        return {LABEL + key: text for key, text in texts.items()}


def deployment_of(labels: Mapping[str, str]) -> str | None:
    """Deployment that a container belongs to; None: it is none of ours."""
    return labels.get(LABEL + "name")


def port_of(labels: Mapping[str, str]) -> int | None:
    """On which a container of ours listens; None: it is another's."""
    return (Record.read(labels).port or OLLAMA_PORT) if deployment_of(labels) is not None else None


def label_of(deployment: str) -> tuple[str, str]:
    """Label and value that a runtime lists the containers of a deployment by."""
    return LABEL + "name", deployment


def same_wishes(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether the labels of two containers say the same of all that a user can ask for."""
    return all(one.get(LABEL + key) == other.get(LABEL + key) for key in _IDENTITY)


def own_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Ours alone, without those that hold the spec itself: images and other tools bring labels of their own."""
    return {key: text for key, text in labels.items() if key.startswith(LABEL) and key not in _DESCRIBING}


def stamped(spec: ContainerSpec, record: Record, estimated: Collection[str] = ()) -> ContainerSpec:
    """The spec with the record's labels and the hash of both, which revision, version and memory do not change.

    `estimated`: variables whose values follow the free memory: that they are set counts, not to what.
    """
    labels = record.labels()
    identity = {key: labels[LABEL + key] for key in _IDENTITY if LABEL + key in labels}
    environment = {key: "" if key in estimated else value for key, value in spec.environment.items()}
    hashed = msgspec.structs.replace(spec, labels={}, environment=environment)
    content: Any = [msgspec.to_builtins(hashed), identity]
    digest = sha256_hex(msgspec.json.encode(content, order="sorted"))[:16]
    return msgspec.structs.replace(spec, labels={**labels, LABEL + "spec-hash": digest})


def renumbered(spec: ContainerSpec, revision: int) -> ContainerSpec:
    """The same spec for another revision. Its other labels stay as they are: an older version wrote them."""
    return msgspec.structs.replace(spec, labels={**spec.labels, LABEL + "revision": str(revision)})


def self_describing(spec: ContainerSpec, gates: Gates) -> ContainerSpec:
    """With itself and its gates among the labels: a lost state file is rebuilt from the containers alone."""
    # As it is once it is proven; until then the candidate's own policy is `no`.
    bare = msgspec.json.encode(msgspec.structs.replace(spec, labels={}, restart="always")).decode()
    labels = {**spec.labels, LABEL + "spec": bare, LABEL + "gates": msgspec.json.encode(gates).decode()}
    return msgspec.structs.replace(spec, labels=labels)


def described(labels: Mapping[str, str]) -> tuple[ContainerSpec | None, Gates | None]:
    """What `self_describing` wrote, None where it is missing or damaged."""
    from jetson_deploy.deployment.plan import Gates  # the monitor reads records, and has no use for plans

    try:
        spec = msgspec.json.decode(labels[LABEL + "spec"], type=ContainerSpec)
        gates = msgspec.json.decode(labels[LABEL + "gates"], type=Gates)
    except (KeyError, msgspec.MsgspecError):
        return None, None
    return msgspec.structs.replace(spec, labels=own_labels(labels)), gates


def _shown(asked: float | None) -> str:
    """Empty: no other gate than the usual one was asked for."""
    return "" if asked is None else repr(float(asked))


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _option(label: str, text: str) -> Any:
    try:
        return msgspec.convert(text, FURTHER[label].kind, strict=False) if text else None
    except msgspec.ValidationError:
        return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _gate(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
