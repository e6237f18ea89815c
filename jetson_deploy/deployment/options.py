"""The options of a deployment, a row each: the only place that knows an option's key, flag, bounds, default and label.

The flags of `plan` and `up`, the schema of jetson-deploy.yaml, what comes before what, the sources that `plan` shows,
the labels that keep a value, and docs/reference/config.md are made from these rows. A new option is a row here, a line
in jetson-deploy.yaml, and its use (most often `plan/container.py`).
"""
# No `from __future__ import annotations` here: the rows are read from the annotations, as objects.

from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from jetson_deploy.deployment import option_checks as checks
from jetson_deploy.deployment.option import RATE, Option, rows_of
from jetson_deploy.server_kinds import NO_SPECULATION, USUAL
from jetson_deploy.settings import LOWEST_PORT, OLLAMA_PORT, STABILITY_SECONDS

Unsaid = TypeVar("Unsaid")
"""None in a `Request`; nothing in `Wanted`, where the gaps are filled."""
_UNSAID: Any = None
_FRACTION, _SPEED, _SECONDS = Meta(ge=0, le=1), Meta(ge=0, le=100_000), Meta(ge=0, le=3600)
_GATE = "gates"


class DeployOptions(msgspec.Struct, Generic[Unsaid], frozen=True, kw_only=True):
    """`| Unsaid`: kept from what is deployed until another value is said, else the row's default.
    `| None`: the plan chooses where nothing is said, or does without. Otherwise: the default of the field."""

    name: Annotated[str, Option(flag="--name", shared=True, check=checks.deployment_name)] = "default"
    model: Annotated[
        str | None,
        Option(
            flag="--model",
            argument=True,
            metavar="MODEL",
            help="The same as the argument MODEL.",
            completes="sizes",
            check=checks.model_name,
            unsaid="chosen",
        ),
    ] = None
    """Ollama model name, e.g. `deepseek-r1:7b`; `7b` alone is understood."""
    context_tokens: Annotated[
        int | None,
        Option(
            key="context",
            flag="--context",
            metavar="TOKENS",
            help="Context size; never reduced.",
            bounds=Meta(ge=256, le=1 << 20),
            planned=True,
            unsaid="chosen",
        ),
    ] = None
    parallel: Annotated[
        int | Unsaid,
        Option(
            flag="--parallel",
            metavar="N",
            help="Requests served at the same time.",
            bounds=Meta(ge=1, le=64),
            planned=True,
            default=1,
            label="parallel",
        ),
    ] = _UNSAID
    kv_cache_type: Annotated[
        str | Unsaid,
        Option(
            flag="--kv-cache-type",
            metavar="TYPE",
            help="f16, q8_0 or q4_0.",
            in_file=Literal["f16", "q8_0", "q4_0"],
            default="f16",
            label="kv-cache-type",
        ),
    ] = _UNSAID
    server: Annotated[
        str | Unsaid,
        Option(
            flag="--server",
            metavar="SERVER",
            help="ollama or llama.cpp.",
            in_file=Literal["ollama", "llama.cpp"],
            variable=True,
            default=USUAL,
            label="server",
        ),
    ] = _UNSAID
    """Kind, as in `server_kinds.py`."""
    speculate: Annotated[
        str | Unsaid,
        Option(
            flag="--speculate",
            metavar="HOW",
            help="off or ngram: draft tokens from text that was seen, where the proof measures that it pays.",
            in_file=Literal["off", "ngram"],
            default=NO_SPECULATION,
            label="speculate",
        ),
    ] = _UNSAID
    """One of what the server has (`Server.speculations`)."""
    runtime: Annotated[
        str | None,
        Option(
            flag="--runtime",
            metavar="RUNTIME",
            help="docker, or native: a unit of systemd runs an Ollama of this host.",
            in_file=Literal["docker", "native"],
            unsaid="",
        ),
    ] = None
    archive: Annotated[
        str | None,
        Option(
            flag="--archive",
            metavar="FILE",
            help="Upstream's archive of Ollama, to be run natively: a file, or its URL#sha256=DIGEST.",
            check=checks.archive,
            unsaid="",
        ),
    ] = None
    image_policy: Annotated[
        str | Unsaid,
        Option(
            flag="--image-policy",
            metavar="POLICY",
            help="dustynv, secure, or an image reference.",
            check=checks.image_policy,
            default="dustynv",
            label="image-policy",
        ),
    ] = _UNSAID
    l4t: Annotated[
        str | None,
        Option(
            flag="--l4t",
            metavar="RELEASE",
            help="Assume this L4T, such as 36.4.3, on a system that hides it.",
            bounds=Meta(pattern=r"^[0-9]{1,2}\.[0-9]{1,2}(\.[0-9]{1,2})?\Z"),
            label="given-l4t",
            unsaid="",
        ),
    ] = None
    store: Annotated[
        str | None,
        Option(
            flag="--store", metavar="DIR", help="Model store on the host.", check=checks.absolute_path, unsaid="chosen"
        ),
    ] = None
    port: Annotated[
        int | Unsaid,
        Option(
            flag="--port",
            bounds=Meta(ge=LOWEST_PORT, le=65535),
            metavar="PORT",
            help="Loopback port of the endpoint.",
            variable=True,
            default=OLLAMA_PORT,
            label="port",
        ),
    ] = _UNSAID
    registry: Annotated[
        str,
        Option(
            flag="--registry",
            metavar="URL",
            help="Model registry (Ollama protocol).",
            variable=True,
            check=checks.registry_address,
        ),
    ] = "https://registry.ollama.ai"
    mirrors: Annotated[tuple[str, ...], Option(variable=True, check=checks.registry_address)] = ()
    limit_rate: Annotated[str | None, Option(variable=True, in_file=RATE)] = None
    expose: Annotated[str, Option(check=checks.loopback, unsaid="")] = "loopback"
    accept_cpu: Annotated[
        bool | Unsaid,
        Option(
            section=_GATE,
            flag="--accept-cpu/--refuse-cpu",
            help="Serve on the CPU when the GPU is not used. Recorded, and shown by every command.",
            default=False,
            label="accept-cpu",
        ),
    ] = _UNSAID
    min_gpu_share: Annotated[float | None, Option(section=_GATE, bounds=_FRACTION, label="asked-gpu-share")] = None
    """None: the catalog's."""
    min_tokens_per_second: Annotated[float | None, Option(section=_GATE, bounds=_SPEED, label="asked-floor")] = None
    """None: what the prediction demands."""
    stability_seconds: Annotated[float, Option(section=_GATE, bounds=_SECONDS, variable=True)] = STABILITY_SECONDS
    """A proven server is observed for so long before the old one is stopped."""


OPTIONS = rows_of(DeployOptions)
