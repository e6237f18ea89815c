"""An LLM server in memory: no port, no process. What it answers is scripted; what it is asked stands in `asked`.

server = FakeServer()
server.models = (ListedModel(name="deepseek-r1:8b", digest="…", size=1),)
server.start("http://127.0.0.1:11434", Behaviour(rate=20.0))        # it answers there from now on
server.at("http://127.0.0.1:11434").hung = "no answer within 5 s"   # the one that runs hangs from now on
server.asked                                                        # ["generate deepseek-r1:8b 32", …]
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Any, Literal

from jetson_deploy.catalog.entries import Constant, ModelSize
from jetson_deploy.errors import UnhealthyError
from jetson_deploy.server.apis import CHAT, Api, Offer
from jetson_deploy.server.exchange import (
    Answer,
    ChatPiece,
    Done,
    Generation,
    ListedModel,
    Message,
    Probed,
    RunningModel,
    Stats,
    Think,
)
from jetson_deploy.server.footprint import Footprint, Load, Taken
from jetson_deploy.server.log_signs import LogLines
from jetson_deploy.server.server_log import CutPrompt, ServerLog
from jetson_deploy.server.workload import Layers, Setup, Workload
from jetson_deploy.spec import HealthCheck, MountSpec

MODEL_BYTES = 5_000_000_000
SENTENCE = ("An", "edge", "computer", "works", "close", "to", "where", "its", "data", "is", "made")


@dataclass
class Behaviour:
    """How one started server behaves. `hung`: why no question is answered; `broken`: why nothing is generated."""

    version: str = "0.6.8"
    rate: float = 12.0
    """Tokens per second."""
    tokens: int | None = None
    """Of each answer; None: as many as are asked for."""
    piece: str = ""
    """Each token of its answers; empty: words of a sentence."""
    gpu_share: float = 1.0
    library: str = "cuda"
    layers: tuple[int, int] = (29, 29)
    """(on the GPU, all)"""
    ready: bool = True
    hung: str = ""
    broken: str = ""
    exit_code: int | None = None
    """It ends with that as soon as it is started; for whoever starts it."""
    prompt_tokens: int | None = 10
    """As it counts each prompt."""
    speculation: tuple[float, float] | None = None
    """How many times as fast it continues a text that quotes itself, and any other; None: it drafts nothing."""
    interrupted: bool = False
    """Ctrl-C comes after the first piece of an answer."""
    says: tuple[str, ...] = ()
    """More lines of its log."""
    loaded: set[str] = field(default_factory=set)

    @property
    def log(self) -> tuple[str, ...]:
        """Lines of its start, as `FakeServer.read_log` reads them."""
        loading = f"offloaded {self.layers[0]}/{self.layers[1]} {self.library}"
        return (f"fake server {self.version}", *self.says, loading)


class FakeServer:
    """See `server/port.py` for each method."""

    title = "FakeLLM"
    lacks = ""
    kv_cache_types = ("f16", "q8_0", "q4_0")
    estimate_term = "fake_estimate"
    not_identifying = ("FAKE_PROMPTS", "FAKE_SPECULATION")
    apis: Mapping[Api, Offer] = {CHAT: True}
    log_lines = LogLines(own="^fake server ", start="^fake server ", answer="^asked by a client", failure="^broken")
    is_llama_server = False

    def __init__(self, kind: str = "ollama") -> None:
        """`kind`: whose images it is served from."""
        self.kind = kind
        self.speculations = () if kind == "ollama" else ("ngram",)
        self.models: tuple[ListedModel, ...] = ()
        self.asked: list[str] = []
        self._running: dict[str, Behaviour] = {}

    def of(self, kind: str) -> FakeServer:
        """As `Servers`: whatever kind a record names."""
        return self

    def start(self, url: str, behaves: Behaviour) -> Behaviour:
        """Returns that of this very run: what is changed in it changes how the server behaves from then on."""
        started = self._running[url] = replace(behaves, loaded=set())
        return started

    def stop(self, url: str) -> None:
        self._running.pop(url, None)

    def at(self, url: str) -> Behaviour:
        """The one that runs there. Raises UnhealthyError."""
        found = self._running.get(url)
        if found is None:
            raise UnhealthyError(f"nothing answers at {url}", hint="start it", code="server-unreachable")
        return found

    def set_up(self, work: Workload) -> Setup:
        return Setup(
            entrypoint=("fake-llm",),
            command=("--serve",),
            home="/home/fake",
            environment={
                "FAKE_ADDRESS": work.endpoint.address,
                "FAKE_CONTEXT": str(work.context_tokens),
                "FAKE_PARALLEL": str(work.parallel),
                "FAKE_KV": work.kv_cache_type,
                **({} if work.speculation == "off" else {"FAKE_SPECULATION": "on" if work.speculating else "off"}),
            },
            mounts=self.mounts(work.store, work.manifest_digest),
            health=HealthCheck(
                command=("fake-llm", "--ping"),
                interval_seconds=60,
                timeout_seconds=20,
                start_period_seconds=120,
                retries=3,
            ),
        )

    def mounts(self, store: str, manifest_digest: str | None) -> tuple[MountSpec, ...]:
        return (MountSpec(source=store, target=f"/fake/{manifest_digest or 'any'}", read_only=True),)

    def cannot_serve(self, layers: Layers) -> str | None:
        return None

    def leaves_out(self, layers: Layers) -> str:
        return ""

    def least_version_for(self, size: ModelSize) -> str:
        return size.min_ollama if self.kind == "ollama" else "0"

    def kv_cache_types_on(self, compute_capability: str | None) -> tuple[str, ...]:
        return self.kv_cache_types

    def keeps_prompts(self, version: str | None) -> bool:
        return False

    def reason_of(self, setting: str) -> str:
        return ""

    def taken(self, model: Footprint, load: Load) -> Taken:
        return Taken(kv_cache=load.tokens * model.kv_bytes_per_token_f16, graph=256 << 20)

    def own_estimate(
        self, size: ModelSize, context: int, parallel: int, kv_cache_type: str, limits: Mapping[str, Constant]
    ) -> int | None:
        return None

    def estimates(self, version: str | None) -> bool:
        return False

    def logs_tokens(self, version: str | None) -> bool:
        return False

    def tells_use(self, line: str) -> bool:
        return line.startswith("asked by a client")

    def client(self, url: str, *, timeout: float = 10.0) -> FakeClient:
        return FakeClient(self, url)

    def read_log(self, text: str) -> ServerLog:
        found = ServerLog()
        for line in text.splitlines():
            word, *rest = line.split()
            if word == "offloaded":
                here, _, total = rest[0].partition("/")
                place: Literal["gpu", "cpu", "both"] = "cpu" if here == "0" else "gpu" if here == total else "both"
                found = ServerLog(library=rest[1], offloaded_layers=(int(here), int(total)), computes_on=place)
        return found

    def cut_prompt(self, log: str, read_tokens: int) -> CutPrompt | None:
        """Of a line `cut TOKENS to READ`."""
        for line in log.splitlines():
            match line.split():
                case ["cut", tokens, "to", read] if int(read) == read_tokens:
                    return CutPrompt(tokens=int(tokens), read_tokens=read_tokens)
        return None


class FakeClient:
    title = FakeServer.title

    def __init__(self, server: FakeServer, url: str) -> None:
        self._server, self._url = server, url

    def alive(self) -> bool:
        try:
            return self._there("alive").ready
        except UnhealthyError:
            return False

    def check_reachable(self) -> None:
        self._there("check-reachable")

    def version(self) -> str | None:
        return self._there("version").version

    def models(self) -> tuple[ListedModel, ...]:
        self._there("models")
        return self._server.models

    def running(self) -> tuple[RunningModel, ...]:
        there = self._there("running")
        return tuple(
            RunningModel(
                name=model.name,
                digest=model.digest,
                size_bytes=MODEL_BYTES,
                gpu_bytes=round(MODEL_BYTES * there.gpu_share),
                context_length=None,
            )
            for model in self._server.models
            if model.name in there.loaded
        )

    def generate(
        self, model: str, prompt: str, *, max_tokens: int, raw: bool = False, timeout: float = 0.0
    ) -> Generation:
        there = self._there(f"generate {model} {max_tokens}" + " raw" * raw)
        self._load(there, model)
        tokens = max_tokens if there.tokens is None else there.tokens
        return Generation(**_speculated(there, prompt, tokens), text=_text(there, tokens), thinking="")

    def chat(
        self,
        model: str,
        messages: Sequence[Message],
        *,
        think: Think | None = None,
        max_tokens: int | None = None,
        timeout: float = 0.0,
    ) -> Generator[ChatPiece, None, None]:
        there = self._there(f"chat {model}")
        self._load(there, model)
        tokens = (max_tokens or 8) if there.tokens is None else there.tokens
        for _ in range(tokens):
            yield Answer("word ")
            if there.interrupted:
                raise KeyboardInterrupt
        yield Done(Stats(**{**_counters(tokens, there.rate), "prompt_tokens": there.prompt_tokens}))

    def probe(self, model: str, prompt: str, *, max_tokens: int, context: int | None, timeout: float) -> Probed:
        asked = max_tokens if prompt else 0
        there = self._there(f"probe {model} {asked}")
        if there.broken:
            return Probed(problem=there.broken, tokens=0)
        self._load(there, model)
        tokens = asked if there.tokens is None else there.tokens
        return Probed(problem="", tokens=tokens, text=_text(there, tokens))

    def unload(self, model: str, *, timeout: float) -> None:
        self._there(f"unload {model}").loaded.discard(model)

    def _there(self, question: str) -> Behaviour:
        self._server.asked.append(question)
        there = self._server.at(self._url)
        if there.hung:
            raise UnhealthyError(there.hung, hint="restart it", code="server-timeout")
        return there

    def _load(self, there: Behaviour, model: str) -> None:
        if there.broken:
            raise UnhealthyError(there.broken, hint="read its log", code="server-error")
        if model not in {one.name for one in self._server.models}:
            raise UnhealthyError(f"model {model!r} not found", hint="stage it", code="model-not-found")
        there.loaded.add(model)


def _text(there: Behaviour, tokens: int) -> str:
    return there.piece * tokens or " ".join(islice(cycle(SENTENCE), tokens))


def _speculated(there: Behaviour, prompt: str, tokens: int) -> dict[str, Any]:
    if there.speculation is None:
        return _counters(tokens, there.rate)
    quotes = prompt[:40] in prompt[40:]
    drafted = {"drafted_tokens": tokens, "accepted_tokens": tokens} if quotes else {}
    return {**_counters(tokens, there.rate * there.speculation[0 if quotes else 1]), **drafted}


def _counters(tokens: int, rate: float) -> dict[str, Any]:
    return {
        "tokens": tokens,
        "prompt_tokens": 10,
        "eval_seconds": tokens / rate,
        "load_seconds": 1.0,
        "total_seconds": 1.0 + tokens / rate,
        "done_reason": "length",
    }
