"""Docker's failures of a pull as our errors.

The texts are those of Docker 20.10 to 28 and of registries; most arrive inside a stream whose HTTP
status is 200.
"""

from __future__ import annotations

from jetson_deploy.errors import (
    IntegrityError,
    JetsonDeployError,
    NetworkError,
    PreflightError,
    ResourceError,
)
from jetson_deploy.runtime.docker.errors import flat_text, one_line
from jetson_deploy.runtime.docker.known import Coded, known_issue

_AGAIN = "run the same command again: layers that are complete are kept"
_REACH = "check cable, DNS and proxy, or set JETSON_DEPLOY_IMAGE_REGISTRY to a mirror"

_LOCAL = r"(?:failed to register layer|ApplyLayer exit|Error processing tar file|failed to extract layer)"
"""Docker's data root is at work: the network has done its part."""

_ROWS = (
    Coded("disk-full", ResourceError, "no-space"),
    Coded("layer-zstd", PreflightError, "image-too-new-for-engine"),
    Coded("layer-refused", PreflightError, "layer-refused"),
    Coded(
        "data-root-failing",
        PreflightError,
        "data-root-failing",
        r"(?:open|mkdir|write|rename|sync|chmod|lchown|mount) /\S+: (?:read-only file system|input/output error)",
    ),
    Coded("layer-not-unpacked", PreflightError, "layer-not-unpacked", _LOCAL),
    Coded("image-corrupt", IntegrityError, "image-corrupt"),
    Coded("wrong-arch", PreflightError, "image-wrong-architecture", r"does not match the specified platform"),
    Coded("docker-hub-rate-limit", NetworkError, "registry-rate-limited"),
    Coded("tag-not-published", NetworkError, "image-not-found"),
    Coded(
        "registry-refused",
        NetworkError,
        "image-not-found",
        r"manifest unknown|manifest for .* not found|unknown blob|blob unknown|repository does not exist"
        r"|repository name not known|failed to resolve reference .* not found|\b404 not found|status(?: code)?:? 404\b",
    ),
    Coded("registry-refused", NetworkError, "registry-refused", r"unauthorized|access denied|denied:"),
    Coded("clock-wrong", NetworkError, "registry-untrusted"),
    Coded("registry-untrusted", NetworkError, "registry-untrusted", r"certificate"),
    Coded("dns-failure", NetworkError, "registry-unreachable", r"no such host|server misbehaving"),
    Coded(
        "registry-unreachable",
        NetworkError,
        "registry-unreachable",
        r"connection refused|i/o timeout|handshake timeout|no route to host|network is unreachable"
        r"|awaiting (?:response )?headers|dial tcp"
        r"|\b50[0-4] (?:internal|not implemented|bad|service|gateway)|status(?: code)?:? 50[0-4]\b",
    ),
    Coded("pull-stall", NetworkError, "pull-interrupted"),
    Coded(
        "pull-interrupted",
        NetworkError,
        "pull-interrupted",
        r"EOF|connection reset|broken pipe|context canceled|closed network connection|server closed idle connection"
        r"|transport connection broken|client connection lost|closed the connection|connection timed out|stream error"
        r"|malformed (?:HTTP|MIME|chunked)|in chunk length|chunked (?:line|body|encoding)|http2: |bad record MAC"
        r"|request canceled|closed (?:response )?body|deadline exceeded|unexpected end of JSON input",
    ),
)
"""More telling texts come first: where no issue fits, the first that matches is it."""


def pull_error(reference: str, text: str) -> JetsonDeployError:
    """The error for what the engine said about pulling `reference`: all of it, in whatever lines."""
    text = flat_text(text)
    known = known_issue(text, _ROWS, "pull", "engine")
    if known is None:
        return NetworkError(f"pulling {reference}: {one_line(text)}", hint=_AGAIN, code="pull-failed")
    message = f"pulling {reference}: {known.issue.title} ({one_line(text)})"
    if known.coded is not None:
        return known.coded.kind(message, hint=known.advice, code=known.coded.code)
    if known.issue.phase in ("pull", "fleet"):
        return NetworkError(message, hint=known.advice, code="pull-failed")
    return PreflightError(message, hint=known.advice, code=known.issue.id)


def stalled(reference: str, seconds: float) -> NetworkError:
    return NetworkError(
        f"pulling {reference}: nothing arrived for {seconds:g} s",
        hint=f"{_REACH}; JETSON_DEPLOY_STALL_SECONDS sets the patience",
        code="registry-stalled",
    )


def silent_engine(reference: str, seconds: float) -> PreflightError:
    return PreflightError(
        f"pulling {reference}: no progress from Docker for {seconds:g} s (verifying or extracting)",
        hint="the disk of Docker's data root may be failing: see `dmesg` and `journalctl -u docker -n 50`",
        code="engine-hung",
    )


def digest_differs(reference: str, found: str) -> IntegrityError:
    return IntegrityError(
        f"pulling {reference}: the engine holds {found} instead",
        hint="remove that image and try again; if it stays, do not trust the registry",
        code="image-digest-mismatch",
    )
