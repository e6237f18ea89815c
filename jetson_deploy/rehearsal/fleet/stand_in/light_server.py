"""The process of a container on a light board: Ollama's answers over a real port, from the models of a real store.

    python -S -m jetson_deploy.rehearsal.fleet.stand_in.light_server VERSION MANIFESTS BEHAVIOUR

Its environment is the container's. BEHAVIOUR is a file that says how fast each model answers, and what is wrong with
the server: `rubbish`, `gpu_share`, `factor` of the speed, `seconds` before an answer; with `when` only in a container
whose environment has these values.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jetson_deploy.rehearsal.fleet.stand_in.light_http import Reply, Request, as_json, serve

TEXT = (
    "An edge computer is a small machine that works where the data is made , so that an answer needs no distant "
    "data centre and comes even when the network does not , which is why cameras , robots and ships carry one . "
)
LOG = """\
time=2026-01-01T00:00:00.000Z level=INFO source=routes.go:1288 msg="Listening on {address} (version {version})"
time=2026-01-01T00:00:00.100Z level=INFO source=types.go:130 msg="inference compute" id=GPU-0 library=cuda \
variant=jetpack6 compute=8.7 driver=12.6 name=Orin total="7.4 GiB" available="6.1 GiB"
"""
LOADED = """\
load_tensors: offloaded {layers}/{layers} layers to GPU
load_tensors:        {device} model buffer size =   934.70 MiB
llama_kv_cache_unified:      {device} KV buffer size =   128.00 MiB
"""


class Server:
    def __init__(self, version: str, manifests: Path, behaviour: Path) -> None:
        self.version, self.manifests, self._behaviour = version, manifests, behaviour
        self._loaded: str | None = None

    def log(self, text: str) -> None:
        os.write(2, text.encode())

    def answer(self, request: Request) -> Reply:
        if request.path == "/":
            return Reply(200, b"Ollama is running", "text/plain")
        document = request.document() if request.method == "POST" else {}
        answers: dict[str, Callable[[], dict[str, Any]]] = {
            "/api/version": lambda: {"version": self.version},
            "/api/tags": lambda: {"models": self.models()},
            "/api/ps": lambda: {"models": self._running()},
            "/api/show": lambda: {"details": {}, "model_info": {}},
            "/api/generate": lambda: self._generate(document),
            "/api/chat": lambda: self._generate(document),
        }
        found = answers.get(request.path)
        if found is None:
            return as_json({"error": "not found"}, 404)
        said = found()
        return as_json(said, 404 if "error" in said else 200)

    def models(self) -> list[dict[str, Any]]:
        """As the real one: a name for each manifest, its digest, and the sum of its layers."""
        found = []
        for path in sorted(self.manifests.glob("*/*/*/*")):
            raw = path.read_bytes()
            layers = json.loads(raw)["layers"]
            name = f"{path.parent.name}:{path.name}"
            size = sum(layer["size"] for layer in layers)
            digest = hashlib.sha256(raw).hexdigest()
            found.append({"name": name, "model": name, "digest": digest, "size": size})
        return found

    def _said(self) -> dict[str, Any]:
        try:
            found = json.loads(self._behaviour.read_text())
        except (OSError, ValueError):
            return {}
        wrong = all(os.environ.get(key) == value for key, value in found.get("when", {}).items())
        return found if wrong else {"tokens_per_second": found.get("tokens_per_second", {})}

    def _running(self) -> list[dict[str, Any]]:
        share = float(self._said().get("gpu_share", 1.0))
        context = int(os.environ.get("OLLAMA_CONTEXT_LENGTH", "0"))
        return [
            {**model, "size_vram": int(model["size"] * share), "context_length": context}
            for model in self.models()
            if model["name"] == self._loaded
        ]

    def _generate(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = str(asked.get("model"))
        if name not in {model["name"] for model in self.models()}:
            return {"error": f"model '{name}' not found"}
        said = self._said()
        self._load(name, said)
        options = asked.get("options") or {}
        tokens = int(options.get("num_predict", 32))
        rate = float(said.get("tokens_per_second", {}).get(name, 10.0)) * float(said.get("factor", 1.0))
        time.sleep(float(said.get("seconds", 0.0)))
        text = "@" * tokens * 4 if said.get("rubbish") else " ".join((TEXT.split() * 20)[:tokens])
        nanoseconds = int(tokens / rate * 1e9)
        return {
            "model": name,
            "response": text,
            "message": {"role": "assistant", "content": text},
            "done": True,
            "done_reason": "length",
            "eval_count": tokens,
            "eval_duration": nanoseconds,
            "prompt_eval_count": 10,
            "load_duration": 1_000_000,
            "total_duration": nanoseconds + 1_000_000,
        }

    def _load(self, name: str, said: dict[str, Any]) -> None:
        if self._loaded != name:
            device = "CUDA0" if float(said.get("gpu_share", 1.0)) > 0 else "CPU"
            self.log(LOADED.format(layers=29, device=device))
            self._loaded = name


def main(argv: list[str]) -> None:
    version, manifests, behaviour = argv
    address = os.environ["OLLAMA_HOST"]
    host, _, port = address.rpartition(":")
    listener = socket.create_server((host, int(port)), backlog=64)
    server = Server(version, Path(manifests), Path(behaviour))
    server.log(LOG.format(address=address, version=version))
    serve(listener, server.answer)


if __name__ == "__main__":
    main(sys.argv[1:])
