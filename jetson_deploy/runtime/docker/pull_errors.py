"""Docker's failures of a pull as our errors.

The texts are those of Docker 20.10 to 28 and of registries; most arrive inside a stream whose HTTP
status is 200.
"""

from __future__ import annotations

import re

from jetson_deploy.errors import (
    IntegrityError,
    JetsonDeployError,
    NetworkError,
    PreflightError,
    ResourceError,
)
from jetson_deploy.runtime.docker.errors import flat_text, one_line
from jetson_deploy.runtime.docker.known import known_issue

_AGAIN = "run the same command again: layers that are complete are kept"
_REACH = "check cable, DNS and proxy, or set JETSON_DEPLOY_IMAGE_REGISTRY to a mirror"

_LOCAL = r"(?:failed to register layer|ApplyLayer exit|Error processing tar file|failed to extract layer)"
"""Docker's data root is at work: the network has done its part."""

_RULES: tuple[tuple[str, type[JetsonDeployError], str, str, str], ...] = (
    (
        r"no space left on device",
        ResourceError,
        "no-space",
        "the disk of Docker's data root is full",
        "free space (`docker system df`), or move the data root to a larger disk",
    ),
    (
        rf"{_LOCAL}.*invalid tar header|unsupported media type \S*\+zstd",
        PreflightError,
        "image-too-new-for-engine",
        "this engine cannot unpack the image's layers: Docker before 23.0 knows no zstd",
        "upgrade Docker to 23.0 or newer, or name another image with --image-policy REF",
    ),
    (
        rf"{_LOCAL}.*(?:read-only file system|input/output error|structure needs cleaning)"
        r"|(?:open|mkdir|write|rename|sync|chmod|lchown|mount) /\S+: (?:read-only file system|input/output error)",
        PreflightError,
        "data-root-failing",
        "the disk of Docker's data root fails, or was made read-only",
        "trying again cannot help: sudo dmesg shows the disk's errors; replace it, or move the data root to another",
    ),
    (
        rf"{_LOCAL}.*(?:permission denied|operation not permitted)",
        PreflightError,
        "layer-refused",
        "the engine may not unpack the image on this host",
        "see sudo dmesg and the disk of `docker info`'s Docker Root Dir: ext4 or xfs, and the host's own engine",
    ),
    (
        _LOCAL,
        PreflightError,
        "layer-not-unpacked",
        "the engine could not unpack a layer on its own disk",
        "see sudo dmesg and `journalctl -u docker -n 50`: the disk of Docker's data root may be failing",
    ),
    (
        r"layer verification failed|failed size validation|manifest verification failed|digest mismatch"
        r"|unexpected commit digest",
        IntegrityError,
        "image-corrupt",
        "a layer does not match its digest",
        "the registry or a proxy on the way damages data: try again, or use another registry",
    ),
    (
        r"no matching manifest for|does not match the specified platform",
        PreflightError,
        "image-wrong-architecture",
        "the image does not exist for this processor",
        "name another image with --image-policy REF; `jetson-deploy plan -v` lists the candidates",
    ),
    (
        r"toomanyrequests|pull rate limit|429 too many requests",
        NetworkError,
        "registry-rate-limited",
        "the registry's pull limit is reached",
        "wait, log in with `docker login`, or set JETSON_DEPLOY_IMAGE_REGISTRY to a mirror",
    ),
    (
        r"manifest unknown|manifest for .* not found|unknown blob|blob unknown|repository does not exist"
        r"|repository name not known|failed to resolve reference .* not found|\b404 not found|status(?: code)?:? 404\b",
        NetworkError,
        "image-not-found",
        "the registry does not have the image",
        "check the reference; `jetson-deploy plan -v` lists the known images",
    ),
    (
        r"unauthorized|authentication required|access denied|denied:|403 forbidden|no basic auth",
        NetworkError,
        "registry-refused",
        "the registry refuses access",
        "log in with `docker login`, or check the reference",
    ),
    (
        r"x509:|certificate|server gave HTTP response to HTTPS",
        NetworkError,
        "registry-untrusted",
        "the registry's TLS cannot be trusted",
        "check the host's clock and certificates, or the engine's insecure-registries setting",
    ),
    (
        r"connection refused|no such host|i/o timeout|handshake timeout|no route to host"
        r"|network is unreachable|server misbehaving|awaiting (?:response )?headers|dial tcp"
        r"|\b50[0-4] (?:internal|not implemented|bad|service|gateway)|status(?: code)?:? 50[0-4]\b",
        NetworkError,
        "registry-unreachable",
        "the registry cannot be reached",
        _REACH,
    ),
    (
        r"EOF|connection reset|broken pipe|context canceled|closed network connection|server closed idle connection"
        r"|transport connection broken|client connection lost|closed the connection|connection timed out|stream error"
        r"|malformed (?:HTTP|MIME|chunked)|in chunk length|chunked (?:line|body|encoding)|http2: |bad record MAC"
        r"|request canceled|closed (?:response )?body|deadline exceeded|unexpected end of JSON input",
        NetworkError,
        "pull-interrupted",
        "the connection to the registry was cut",
        _AGAIN,
    ),
)


def pull_error(reference: str, text: str) -> JetsonDeployError:
    """The error for what the engine said about pulling `reference`: all of it, in whatever lines."""
    text = flat_text(text)
    for pattern, kind, code, cause, hint in _RULES:
        if re.search(pattern, text, re.IGNORECASE):
            return kind(f"pulling {reference}: {cause} ({one_line(text)})", hint=hint, code=code)
    return _by_the_catalog(reference, text)


def _by_the_catalog(reference: str, text: str) -> JetsonDeployError:
    fit = known_issue(text, "pull", "engine")
    if fit is None:
        return NetworkError(f"pulling {reference}: {one_line(text)}", hint=_AGAIN, code="pull-failed")
    message = f"pulling {reference}: {fit.issue.title} ({one_line(text)})"
    if fit.issue.phase in ("pull", "fleet"):
        return NetworkError(message, hint=fit.advice, code="pull-failed")
    return PreflightError(message, hint=fit.advice, code=fit.issue.id)


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
