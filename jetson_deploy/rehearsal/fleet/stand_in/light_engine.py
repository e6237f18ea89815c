"""Docker Engine's answers on /run/docker.sock, as far as this tool asks for them.

python -S -m jetson_deploy.rehearsal.fleet.stand_in.light_engine SOCKET DIRECTORY
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jetson_deploy.rehearsal.fleet.stand_in.containers import Containers
from jetson_deploy.rehearsal.fleet.stand_in.described import listed
from jetson_deploy.rehearsal.fleet.stand_in.light_http import Reply, Request, as_json, serve

VERSION = {"Version": "27.5.1", "ApiVersion": "1.47", "MinAPIVersion": "1.24", "Arch": "arm64", "Os": "linux"}
INFO = {
    "ServerVersion": "27.5.1",
    "Runtimes": {"nvidia": {"path": "nvidia"}, "runc": {"path": "runc"}},
    "DockerRootDir": "/var/lib/docker",
    "CgroupDriver": "systemd",
    "CgroupVersion": "2",
    "Driver": "overlay2",
    "SecurityOptions": ["name=seccomp,profile=builtin", "name=cgroupns"],
    "Architecture": "aarch64",
    "OSType": "linux",
}
_CONTAINER = re.compile(r"/containers/([^/]+)(?:/([a-z]+))?")
_SECONDS = len("2026-01-01T00:00:00")
_IMAGE = re.compile(r"/images/(.+?)(?:/(json))?")


class Engine:
    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def answer(self, request: Request) -> Reply:
        path = re.sub(r"^/v1\.\d+", "", request.path)
        if path == "/containers/json":
            return as_json([listed(found) for found in self._filtered(request)])
        if path == "/images/json":
            return as_json(list(self._containers.images.values()))
        if path == "/images/create":
            return self._pull(request)
        if path == "/containers/create":
            return self._create(request)
        if match := _CONTAINER.fullmatch(path):
            return self._container(request, match[1], match[2])
        if match := _IMAGE.fullmatch(path):
            return self._image(request, match[1])
        fixed: dict[str, Any] = {"/version": VERSION, "/info": INFO, "/_ping": "OK"}
        return as_json(fixed[path]) if path in fixed else as_json({"message": f"page not found: {path}"}, 404)

    def _filtered(self, request: Request) -> list[dict[str, Any]]:
        wanted = json.loads(request.query.get("filters") or "{}").get("label") or ()
        pairs = [label.partition("=")[::2] for label in wanted]
        return [
            found
            for found in self._containers.every.values()
            if all((found["Config"].get("Labels") or {}).get(key) == value for key, value in pairs)
        ]

    def _pull(self, request: Request) -> Reply:
        name, tag = request.query.get("fromImage", ""), request.query.get("tag", "")
        full = f"{name}@{tag}" if tag.startswith("sha256:") else f"{name}:{tag}" if tag else name
        with self._containers.lock:
            self._containers.pulled(full)
        lines = ({"status": "Pulling from", "id": tag}, {"status": f"Status: Downloaded newer image for {full}"})
        return Reply(200, (json.dumps(line).encode() + b"\r\n" for line in lines))

    def _create(self, request: Request) -> Reply:
        name, asked = request.query.get("name", ""), request.document()
        with self._containers.lock:
            if self._containers.find(name) is not None:
                return as_json({"message": f'Conflict. The container name "/{name}" is already in use'}, 409)
            for mount in (asked.get("HostConfig") or {}).get("Mounts") or ():
                if not Path(mount["Source"]).exists():
                    text = f"invalid mount config: bind source path does not exist: {mount['Source']}"
                    return as_json({"message": text}, 400)
            return as_json({"Id": self._containers.create(name, asked)["Id"], "Warnings": []}, 201)

    def _container(self, request: Request, name: str, act: str | None) -> Reply:
        with self._containers.lock:
            found = self._containers.find(name)
            if found is None:
                return as_json({"message": f"No such container: {name}"}, 404)
            if act == "logs":
                return self._logs(request, found)
            return self._act(request, found, act)

    def _act(self, request: Request, found: dict[str, Any], act: str | None) -> Reply:
        if request.method == "DELETE":
            if found["State"]["Status"] == "running" and request.query.get("force") != "1":
                return as_json({"message": "You cannot remove a running container"}, 409)
            self._containers.remove(found)
        elif act == "json":
            return as_json(found)
        elif act == "stats":
            return as_json({"memory_stats": {"usage": 1 << 30}, "cpu_stats": {"cpu_usage": {"total_usage": 10**9}}})
        elif act == "rename":
            found["Name"] = f"/{request.query['name']}"
        elif act == "update":
            found["HostConfig"]["RestartPolicy"] = request.document()["RestartPolicy"]
        else:
            return self._run(found, act)
        self._containers.keep()
        return as_json({"Warnings": []}) if act == "update" else Reply(204)

    def _run(self, found: dict[str, Any], act: str | None) -> Reply:
        if act in ("stop", "restart", "kill"):
            self._containers.stop(found)
        if act in ("start", "restart"):
            self._containers.start(found)
        known = act in ("start", "stop", "restart", "kill", "unpause")
        return Reply(204) if known else as_json({"message": f"not in a rehearsal: {act}"}, 501)

    def _logs(self, request: Request, found: dict[str, Any]) -> Reply:
        """A line's stamp stays the same whenever it is asked for: by it a reader goes on behind the last one."""
        path = self._containers.log(found)
        since = found["State"]["StartedAt"][:_SECONDS] if request.query.get("timestamps") == "1" else None
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        tail = request.query.get("tail", "all")
        first = max(0, len(lines) - int(tail)) if tail.isdigit() else 0
        whole = b"".join(_framed(line, number, since) for number, line in enumerate(lines) if number >= first)
        kind = "application/vnd.docker.multiplexed-stream"
        if request.query.get("follow") != "1":
            return Reply(200, whole, kind)
        return Reply(200, _followed(path, whole, sum(map(len, lines)), len(lines), since), kind)

    def _image(self, request: Request, name: str) -> Reply:
        with self._containers.lock:
            every = self._containers.images.values()
            found = next((one for one in every if name in (one["Id"], *one["RepoTags"], *one["RepoDigests"])), None)
            if found is None:
                return as_json({"message": f"No such image: {name}"}, 404)
            if request.method == "DELETE":
                kept = {key: one for key, one in self._containers.images.items() if one is not found}
                self._containers.images = kept
                self._containers.keep()
                return as_json([])
            return as_json(found)


def _framed(line: bytes, number: int, since: str | None) -> bytes:
    stamped = line if since is None else f"{since}.{number:09d}Z ".encode() + line
    return struct.pack(">BxxxL", 2, len(stamped)) + stamped


def _followed(path: Path, first: bytes, place: int, number: int, since: str | None) -> Iterator[bytes]:
    yield first
    while path.exists():
        with path.open("rb") as file:
            file.seek(place)
            for line in file:
                yield _framed(line, number, since)
                place, number = place + len(line), number + 1
        time.sleep(0.2)


def main(argv: list[str]) -> None:
    address, directory = Path(argv[0]), Path(argv[1])
    with contextlib.suppress(FileNotFoundError):
        address.unlink()
    containers = Containers(directory)
    signal.signal(signal.SIGTERM, lambda *_: containers.shut_down())
    containers.boot()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        address.chmod(0o660)
        listener.listen(64)
        serve(listener, Engine(containers).answer)


if __name__ == "__main__":
    main(sys.argv[1:])
