"""Ollama as the server of a deployment. What asks and reads is imported when it is needed: a plan needs none of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jetson_deploy.server.footprint import Footprint, Load, Taken
from jetson_deploy.server.ollama.apis import APIS
from jetson_deploy.server.ollama.container import LEAST_VERSION, mounts, set_up
from jetson_deploy.server.ollama.flash import has_flash_attention
from jetson_deploy.server.ollama.log_lines import LOG_LINES
from jetson_deploy.server.ollama.prompts import BOUNDS, keeps_prompts
from jetson_deploy.server.port import Server, ServerClient
from jetson_deploy.server.server_log import CutPrompt, ServerLog
from jetson_deploy.server.workload import Layers, Setup, Workload
from jetson_deploy.server_kinds import OLLAMA
from jetson_deploy.spec import MountSpec

if TYPE_CHECKING:
    from jetson_deploy.catalog.entries import Constant, ModelSize

_LAST_ESTIMATING = (0, 12, 3)
"""Newer ones measure instead of estimating (docs/ollama-behaviour.md)."""
_OWN_LOG = (0, 30)
"""From this version on every model runs in llama-server, whose log tells tokens (ollama commit 9db4bdbad)."""


class OllamaServer:
    """See `server/port.py` for each method."""

    title = "Ollama"
    kind = OLLAMA
    lacks = ""
    kv_cache_types = ("f16", "q8_0", "q4_0")
    estimate_term = "ollama_estimate"
    speculations = ()
    not_identifying = BOUNDS
    apis = APIS
    log_lines = LOG_LINES
    is_llama_server = False

    def set_up(self, work: Workload) -> Setup:
        return set_up(work)

    def mounts(self, store: str, manifest_digest: str | None) -> tuple[MountSpec, ...]:
        return mounts(store, manifest_digest)

    def cannot_serve(self, layers: Layers) -> str | None:
        return None

    def leaves_out(self, layers: Layers) -> str:
        return ""

    def least_version_for(self, size: ModelSize) -> str:
        from jetson_deploy.catalog.version import parse_version

        return max(size.min_ollama, LEAST_VERSION, key=parse_version)

    def kv_cache_types_on(self, compute_capability: str | None) -> tuple[str, ...]:
        # A quantized V cache is read by flash attention alone: without it the load is refused.
        return self.kv_cache_types if has_flash_attention(compute_capability) else self.kv_cache_types[:1]

    def keeps_prompts(self, version: str | None) -> bool:
        return keeps_prompts(version)

    def reason_of(self, setting: str) -> str:
        from jetson_deploy.server.ollama.reasons import REASONS

        return REASONS.get(setting, "")

    def taken(self, model: Footprint, load: Load) -> Taken:
        from jetson_deploy.server.ollama.taken import taken

        return taken(model, load)

    def own_estimate(
        self, size: ModelSize, context: int, parallel: int, kv_cache_type: str, limits: Mapping[str, Constant]
    ) -> int | None:
        from jetson_deploy.server.ollama.estimate import ollama_estimate

        return ollama_estimate(size, context, parallel, kv_cache_type, limits)

    def estimates(self, version: str | None) -> bool:
        from jetson_deploy.catalog.version import parse_version

        return version is None or parse_version(version) <= _LAST_ESTIMATING

    def logs_tokens(self, version: str | None) -> bool:
        match = re.match(r"v?(\d{1,4})\.(\d{1,4})", version or "")
        return match is not None and (int(match[1]), int(match[2])) >= _OWN_LOG

    def tells_use(self, line: str) -> bool:
        from jetson_deploy.server.ollama.access import tells_use

        return tells_use(line)

    def client(self, url: str, *, timeout: float = 10.0) -> ServerClient:
        from jetson_deploy.server.ollama.client import OllamaClient

        return OllamaClient(url, timeout=timeout)

    def read_log(self, text: str) -> ServerLog:
        from jetson_deploy.server.ollama.log import read_server_log

        return read_server_log(text)

    def cut_prompt(self, log: str, read_tokens: int) -> CutPrompt | None:
        from jetson_deploy.server.ollama.cut_prompt import cut_prompt

        return cut_prompt(log, read_tokens)


SERVER: Server = OllamaServer()
