"""Facts from the raw answers of a Docker Engine. A pure parse: nothing is asked here."""

from __future__ import annotations

from typing import Any

from jetson_deploy.facts import ContainerFacts, EngineAnswers, EngineFacts, ImageFacts

_SNAP_ROOT = "/var/snap/"
_SNAPSHOTTER = "io.containerd.snapshotter.v1"
_SYSTEM_CONTAINERD = "/run/containerd/containerd.sock"
_NO_REFERENCE = "<none>"


def engine_facts(answers: EngineAnswers) -> EngineFacts:
    """Every container is kept with its labels; whose it is, is the plan's question. Missing keys are None."""
    info, version = answers.info or {}, answers.version or {}
    if answers.problem is not None or not (info or version):
        return EngineFacts(reachable=False, problem=answers.problem or "no answer")
    root = _text(info, "DockerRootDir")
    return EngineFacts(
        reachable=True,
        version=_text(version, "Version") or _text(info, "ServerVersion"),
        runtimes=tuple(sorted(str(name) for name in _table(info, "Runtimes"))),
        data_root=root,
        containerd=_containerd(info),
        cgroup_driver=_text(info, "CgroupDriver"),
        cgroup_version=_text(info, "CgroupVersion"),
        storage_driver=_text(info, "Driver"),
        podman=_is_podman(version),
        rootless=_is_rootless(info),
        snap=None if root is None else root.startswith(_SNAP_ROOT),
        architecture=_text(info, "Architecture") or _text(version, "Arch"),
        containers=tuple(_container(c) for c in answers.containers or [] if _text(c, "Id")),
        images=tuple(_image(i) for i in answers.images or [] if _text(i, "Id")),
    )


def _containerd(info: dict[str, Any]) -> str | None:
    """Docker 29's own way, and older ones' with `containerd-snapshotter`: `Driver` alone does not tell."""
    pairs = info.get("DriverStatus")
    if not isinstance(pairs, list) or ["driver-type", _SNAPSHOTTER] not in pairs:
        return None
    return _text(_table(info, "Containerd"), "Address") or _SYSTEM_CONTAINERD


def _is_podman(version: dict[str, Any]) -> bool:
    parts = version.get("Components")
    return isinstance(parts, list) and any(isinstance(x, dict) and x.get("Name") == "Podman Engine" for x in parts)


def _is_rootless(info: dict[str, Any]) -> bool | None:
    """`SecurityOptions` holds `name=rootless` (podman's compatible API says the same)."""
    options = info.get("SecurityOptions")
    if not isinstance(options, list):
        return None
    return any("name=rootless" in str(option).split(",") for option in options)


def _container(raw: dict[str, Any]) -> ContainerFacts:
    names = _texts(raw, "Names")
    return ContainerFacts(
        id=_text(raw, "Id") or "",
        name=_own_name(names),
        state=_text(raw, "State") or "unknown",
        image=_text(raw, "Image") or "",
        labels={k: v for k, v in _table(raw, "Labels").items() if isinstance(v, str)},
        restart_policy=_text(_table(_table(raw, "HostConfig"), "RestartPolicy"), "Name"),
    )


def _own_name(names: tuple[str, ...]) -> str:
    """The engine writes `/name`, and `/other/alias` for each legacy link to it."""
    own = [n.removeprefix("/") for n in names if n.count("/") <= 1]
    return next(iter(own), "")


def _image(raw: dict[str, Any]) -> ImageFacts:
    references = _texts(raw, "RepoTags") + _texts(raw, "RepoDigests")
    size = raw.get("Size")
    return ImageFacts(
        id=_text(raw, "Id") or "",
        references=tuple(r for r in references if _NO_REFERENCE not in r),
        size_bytes=size if isinstance(size, int) and size >= 0 else None,
    )


def _text(raw: dict[str, Any], key: str) -> str | None:
    value = raw.get(key)
    return value if isinstance(value, str) and value else None


def _texts(raw: dict[str, Any], key: str) -> tuple[str, ...]:
    value = raw.get(key)
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def _table(raw: dict[str, Any], key: str) -> dict[str, Any]:
    value = raw.get(key)
    return value if isinstance(value, dict) else {}
