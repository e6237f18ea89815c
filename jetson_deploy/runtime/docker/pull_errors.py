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

_AGAIN = "run the same command again: layers that are complete are kept"
_REACH = "check cable, DNS and proxy, or set JETSON_DEPLOY_IMAGE_REGISTRY to a mirror"

_RULES: tuple[tuple[str, type[JetsonDeployError], str, str, str], ...] = (
    (
        r"no space left on device",
        ResourceError,
        "no-space",
        "the disk of Docker's data root is full",
        "free space (`docker system df`), or move the data root to a larger disk",
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
        r"|repository name not known|failed to resolve reference .* not found|404",
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
        r"|network is unreachable|server misbehaving|awaiting headers|dial tcp|50[0-4] ",
        NetworkError,
        "registry-unreachable",
        "the registry cannot be reached",
        _REACH,
    ),
    (
        r"EOF|connection reset|broken pipe|context canceled|closed network connection",
        NetworkError,
        "pull-interrupted",
        "the connection to the registry was cut",
        _AGAIN,
    ),
)


def pull_error(reference: str, text: str) -> JetsonDeployError:
    """The error for what the engine said about pulling `reference`."""
    for pattern, kind, code, cause, hint in _RULES:
        if re.search(pattern, text, re.IGNORECASE):
            return kind(f"pulling {reference}: {cause} ({text})", hint=hint, code=code)
    return NetworkError(f"pulling {reference}: {text}", hint=_AGAIN, code="pull-failed")


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
