"""llama.cpp as the server of a deployment. What asks and reads is imported when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jetson_deploy.server.footprint import Footprint, Load, Taken
from jetson_deploy.server.llama_cpp.apis import APIS
from jetson_deploy.server.llama_cpp.batch import batch_tokens
from jetson_deploy.server.llama_cpp.command import BOUNDS, SPECULATION, SPECULATIONS, mounts, set_up
from jetson_deploy.server.llama_cpp.log_lines import LOG_LINES
from jetson_deploy.server.port import Server, ServerClient
from jetson_deploy.server.server_log import CutPrompt, ServerLog
from jetson_deploy.server.workload import Layers, Setup, Workload
from jetson_deploy.server_kinds import LLAMA_CPP
from jetson_deploy.spec import MountSpec

if TYPE_CHECKING:
    from jetson_deploy.catalog.entries import Constant, ModelSize

_REASONS = {
    "LLAMA_ARG_CACHE_RAM": "llama-server keeps up to 8 GiB of earlier prompts in memory unless it is bounded",
    "LLAMA_ARG_CTX_CHECKPOINTS": "its copies of a context, beside those prompts",
    SPECULATION: "off at first; turned on for the proof, and left on where it pays",
}
_TELLS_USE = ("print_timing:", "eval time =", "tokens per second")


class LlamaCppServer:
    """See `server/port.py` for each method."""

    kind = LLAMA_CPP
    title = "llama.cpp"
    lacks = "no build that was asked has Ollama's API (/api/* answers 404): clients use /v1 (OpenAI)"
    kv_cache_types = ("f16", "q8_0", "q4_0")
    estimate_term = "llama_cpp_estimate"
    speculations = tuple(SPECULATIONS)
    not_identifying = (*BOUNDS, SPECULATION)
    apis = APIS
    log_lines = LOG_LINES
    is_llama_server = True

    def set_up(self, work: Workload) -> Setup:
        return set_up(work)

    def mounts(self, store: str, manifest_digest: str | None) -> tuple[MountSpec, ...]:
        return mounts(store)

    def cannot_serve(self, layers: Layers) -> str | None:
        from jetson_deploy.server.llama_cpp.templates import why_not

        return why_not(layers)

    def leaves_out(self, layers: Layers) -> str:
        from jetson_deploy.server.llama_cpp.parameters import left_out

        return left_out(layers)

    def least_version_for(self, size: ModelSize) -> str:
        return "0"  # its images move, and none says what it holds: the proof decides

    def kv_cache_types_on(self, compute_capability: str | None) -> tuple[str, ...]:
        return self.kv_cache_types

    def keeps_prompts(self, version: str | None) -> bool:
        return True

    def reason_of(self, setting: str) -> str:
        return _REASONS.get(setting, "")

    def taken(self, model: Footprint, load: Load) -> Taken:
        from jetson_deploy.server.llama_cpp.taken import taken

        return taken(model, load, batch_tokens(None))

    def own_estimate(
        self, size: ModelSize, context: int, parallel: int, kv_cache_type: str, limits: Mapping[str, Constant]
    ) -> int | None:
        return None  # `--fit off`: it puts every layer on the GPU, or ends

    def estimates(self, version: str | None) -> bool:
        return False

    def logs_tokens(self, version: str | None) -> bool:
        return True

    def tells_use(self, line: str) -> bool:
        """Any request that ended: its log does not tell ours from a client's, so that ours count too."""
        return all(word in line for word in _TELLS_USE) and "prompt eval" not in line

    def client(self, url: str, *, timeout: float = 10.0) -> ServerClient:
        from jetson_deploy.server.llama_cpp.client import LlamaClient

        return LlamaClient(url, timeout=timeout)

    def read_log(self, text: str) -> ServerLog:
        from jetson_deploy.server.llama_cpp.log import read_server_log

        return read_server_log(text)

    def cut_prompt(self, log: str, read_tokens: int) -> CutPrompt | None:
        return None  # it refuses what is too long


SERVER: Server = LlamaCppServer()
