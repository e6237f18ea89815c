"""What the light engine says of a container and an image, in the shape of Docker Engine 20.10. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

NEVER = "0001-01-01T00:00:00Z"
IMAGE_ENVIRONMENT = [
    "PATH=/usr/local/bin:/usr/bin:/bin",
    "OLLAMA_HOST=0.0.0.0",
    "OLLAMA_MODELS=/data/models/ollama/models",
]
"""As dustynv's images have it, so that the product's own is really needed."""


def image(name: str) -> dict[str, Any]:
    """Of any name: `repository@sha256:…` or `repository:tag`."""
    repository, _, digest = name.partition("@")
    digest = digest or f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"
    return {
        "Id": f"sha256:{hashlib.sha256(digest.encode()).hexdigest()}",
        "RepoTags": [] if "@" in name else [name],
        "RepoDigests": [f"{_without_tag(repository)}@{digest}"],
        "Architecture": "arm64",
        "Os": "linux",
        "Size": 1 << 20,
        "Config": {"Env": IMAGE_ENVIRONMENT, "Cmd": ["/bin/sh"], "Volumes": None, "User": ""},
    }


def _without_tag(repository: str) -> str:
    head, _, last = repository.rpartition("/")
    return f"{head}/{last.partition(':')[0]}" if head else last.partition(":")[0]


def container(id_: str, name: str, asked: dict[str, Any], created: str) -> dict[str, Any]:
    """Of the request that made it."""
    host = dict(asked.get("HostConfig") or {})
    host.setdefault("RestartPolicy", {"Name": "no", "MaximumRetryCount": 0})
    config = {key: value for key, value in asked.items() if key not in ("HostConfig", "NetworkingConfig")}
    given = {line.partition("=")[0] for line in config.get("Env") or ()}
    added = [line for line in IMAGE_ENVIRONMENT if line.partition("=")[0] not in given]
    return {
        "Id": id_,
        "Created": created,
        "Name": f"/{name}",
        "Image": image(_lookup(str(asked.get("Image"))))["Id"],
        "RestartCount": 0,
        "State": state("created"),
        "HostConfig": host,
        "Config": {**config, "Env": [*(config.get("Env") or ()), *added]},
        "Mounts": [
            {
                "Type": mount["Type"],
                "Source": mount["Source"],
                "Destination": mount["Target"],
                "RW": not mount.get("ReadOnly", False),
            }
            for mount in host.get("Mounts") or ()
        ],
    }


def _lookup(reference: str) -> str:
    name, _, digest = reference.partition("@")
    return f"{_without_tag(name)}@{digest}" if digest else name


def state(status: str, *, pid: int = 0, code: int = 0, started: str = NEVER, error: str = "") -> dict[str, Any]:
    return {
        "Status": status,
        "Running": status == "running",
        "Paused": False,
        "Restarting": False,
        "OOMKilled": False,
        "Dead": False,
        "Pid": pid,
        "ExitCode": code,
        "Error": error,
        "StartedAt": started,
        "FinishedAt": NEVER,
    }


def listed(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "Id": found["Id"],
        "Names": [found["Name"]],
        "Image": found["Config"].get("Image"),
        "ImageID": found["Image"],
        "Labels": found["Config"].get("Labels") or {},
        "State": found["State"]["Status"],
        "Status": found["State"]["Status"],
        "HostConfig": {"NetworkMode": found["HostConfig"].get("NetworkMode", "default")},
    }
