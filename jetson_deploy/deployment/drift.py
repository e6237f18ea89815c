"""Drift of a container from its spec. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from jetson_deploy.deployment.record import own_labels
from jetson_deploy.runtime.port import ActualContainer
from jetson_deploy.spec import ContainerSpec, MountSpec

RESTART = "restart policy"
COMMITTED = "always"
NOT_SET = "not set"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    what: str
    """`environment OLLAMA_CONTEXT_LENGTH`, `restart policy` …"""
    deployed: str
    found: str


def container_drift(spec: ContainerSpec, actual: ActualContainer) -> tuple[Difference, ...]:
    """Field by field; what the engine or the image adds by itself is no difference, nor is a field it does not tell."""
    return tuple(
        Difference(what=what, deployed=deployed, found=found)
        for what, deployed, found in _pairs(spec, actual)
        if deployed != found
    )


def since_creation(differences: tuple[Difference, ...], creation_differences: Sequence[str]) -> tuple[Difference, ...]:
    """Without those that the engine made itself at the container's creation (`Revision.creation_differences`)."""
    return tuple(d for d in differences if creation_difference(d) not in creation_differences)


def creation_difference(difference: Difference) -> str:
    return f"{difference.what}: {difference.found}"


def policy_only(differences: tuple[Difference, ...]) -> bool:
    """Only the restart policy differs: it is set back, and the server goes on serving."""
    return bool(differences) and all(d.what == RESTART for d in differences)


def _pairs(spec: ContainerSpec, actual: ActualContainer) -> Iterator[tuple[str, str, str]]:
    # The spec among the labels is the candidate's, whose policy is `no` until the commit.
    yield RESTART, COMMITTED, actual.restart
    yield "entrypoint", _listed(spec.entrypoint), _listed(actual.entrypoint)
    yield "command", _listed(spec.command), _listed(actual.command)
    yield from _mapped("environment", spec.environment, _own_environment(spec, actual))
    yield from _mapped("mount", _mounts(spec.mounts), _mounts(actual.mounts))
    yield from _mapped("tmpfs", _options(spec.tmpfs), _options(actual.tmpfs))
    yield from _mapped("log option", spec.log_options, _own_log_options(spec, actual))
    yield from _mapped("limit", {}, actual.limits)
    yield from _mapped("line of its unit:", actual.unit_written, actual.unit_found)
    yield from _mapped("label", own_labels(spec.labels), own_labels(actual.labels))
    yield "capabilities dropped", _capabilities(spec.cap_drop), _capabilities(actual.cap_drop)
    yield "capabilities added", NOT_SET, _capabilities(actual.cap_add)
    yield "privileged", "no", "yes" if actual.privileged else "no"
    yield "user", NOT_SET, actual.user or NOT_SET
    yield "devices", NOT_SET, _listed(actual.devices)
    yield "security options", _security(spec.security_opt), _security(actual.security_opt)
    yield "health check", _health(spec), _health(actual)
    if actual.pids_limit is not None:  # an engine whose kernel has no limit of processes drops it (moby daemon_unix.go)
        yield "process limit", str(spec.pids_limit), str(actual.pids_limit)
    for what, deployed, found in (
        ("image reference", spec.image, actual.image),
        ("runtime", spec.runtime, actual.runtime),
        ("network mode", spec.network, actual.network),
        ("init", spec.init, actual.init),
        ("OOM score", spec.oom_score_adj, actual.oom_score_adj),
        ("log driver", spec.log_driver, actual.log_driver),
        ("seconds to stop", spec.stop_seconds, actual.stop_seconds),
    ):
        if deployed is not None:
            yield what, str(deployed), NOT_SET if found is None else str(found)


def _mapped(what: str, deployed: Mapping[str, str], found: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for key in sorted({*deployed, *found}):
        yield f"{what} {key}", deployed.get(key, NOT_SET), found.get(key, NOT_SET)


def _own_environment(spec: ContainerSpec, actual: ActualContainer) -> dict[str, str]:
    """Without what the image sets; of an image that is gone only what the spec names can be judged."""
    image = actual.image_environment
    return {
        key: value
        for key, value in actual.environment.items()
        if key in spec.environment or (image is not None and image.get(key) != value)
    }


def _own_log_options(spec: ContainerSpec, actual: ActualContainer) -> dict[str, str]:
    """The engine adds those of its daemon.json where that names the same driver."""
    return {key: value for key, value in actual.log_options.items() if key in spec.log_options}


def _mounts(mounts: tuple[MountSpec, ...]) -> dict[str, str]:
    """The engine cleans paths."""
    return {
        posixpath.normpath(m.target): f"{posixpath.normpath(m.source)}, {'read-only' if m.read_only else 'writable'}"
        for m in mounts
    }


def _options(tmpfs: Mapping[str, str]) -> dict[str, str]:
    return {target: ",".join(sorted(filter(None, options.split(",")))) for target, options in tmpfs.items()}


def _listed(words: tuple[str, ...]) -> str:
    return " ".join(words) or NOT_SET


def _capabilities(names: tuple[str, ...]) -> str:
    """Engines write NET_ADMIN or CAP_NET_ADMIN."""
    return _listed(tuple(sorted({n.upper().removeprefix("CAP_") for n in names})))


def _security(options: tuple[str, ...]) -> str:
    """`no-new-privileges`, `…:true` and `…=true` are one."""
    plain = {o.replace("=", ":", 1).removesuffix(":true") if o.startswith("no-new-") else o for o in options}
    return _listed(tuple(sorted(plain)))


def _health(of: ContainerSpec | ActualContainer) -> str:
    if of.health is None:
        return NOT_SET
    h = of.health
    return (
        f"{_listed(h.command)}, every {h.interval_seconds} s, timeout {h.timeout_seconds} s, "
        f"start period {h.start_period_seconds} s, {h.retries} tries"
    )
