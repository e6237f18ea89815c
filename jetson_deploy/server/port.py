"""The port to an LLM server: requests, and the answers. Sizes in bytes, times in seconds.

`Server` is a kind of server: what its container needs, how it counts memory, how its log reads. `ServerClient` is one
that runs, at an address. Ollama (`ollama/`) is the first implementation; another one is a folder beside it, whose
`server.py` has it as `SERVER`, and a row in `jetson_deploy/server_kinds.py`. Commands are given `Servers`: the record
of a deployment says which one it has.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from jetson_deploy.server.apis import Api, Offer
from jetson_deploy.server.exchange import ChatPiece, Generation, ListedModel, Message, Probed, RunningModel, Think
from jetson_deploy.server.footprint import Footprint, Load, Taken
from jetson_deploy.server.log_signs import LogLines
from jetson_deploy.server.server_log import CutPrompt, ServerLog
from jetson_deploy.server.workload import Layers, Setup, Workload
from jetson_deploy.spec import MountSpec

if TYPE_CHECKING:
    from jetson_deploy.catalog.entries import Constant, ModelSize

LOAD_TIMEOUT = 600.0
"""Loading 40 GB from a slow disk takes minutes, and a queued request gets no header before its turn."""


class ServerClient(Protocol):
    """A running server. Every method but `alive` raises JetsonDeployError, and nothing else."""

    @property
    def title(self) -> str:
        """The server's name for people."""

    def alive(self) -> bool:
        """True when a server of this kind answers. An open port is not enough: it may open before start-up ends."""

    def check_reachable(self) -> None:
        """Raises what is wrong when it does not answer its shortest question."""

    def version(self) -> str | None:
        """As the server says it; None: one that was built without a version, which it then does not know."""

    def models(self) -> tuple[ListedModel, ...]:
        """What it could serve."""

    def running(self) -> tuple[RunningModel, ...]:
        """What is in memory now."""

    def generate(
        self, model: str, prompt: str, *, max_tokens: int, raw: bool = False, timeout: float = LOAD_TIMEOUT
    ) -> Generation:
        """A whole answer of at most `max_tokens` (1 or more), without randomness.

        `raw`: the prompt is gone on with as it is, without the model's template: no thinking.
        """

    def chat(
        self,
        model: str,
        messages: Sequence[Message],
        *,
        think: Think | None = None,
        max_tokens: int | None = None,
        timeout: float = LOAD_TIMEOUT,
    ) -> Generator[ChatPiece, None, None]:
        """The answer as it comes, thinking apart, `Done` last. Closing the iterator stops the server's work.

        Raises UsageError `think-not-possible` for a level that it has not.
        """

    def probe(self, model: str, prompt: str, *, max_tokens: int, context: int | None, timeout: float) -> Probed:
        """Have the model loaded and its runner asked: for nothing at all where `prompt` is empty.

        `context`: what a client had the model loaded for; None: as the server loads it.
        """

    def unload(self, model: str, *, timeout: float) -> None:
        """Take the model out of memory."""


class Server(Protocol):
    """A kind of server. Nothing here asks a running one; `client` does."""

    @property
    def title(self) -> str:
        """Its name for people."""

    @property
    def kind(self) -> str:
        """Its word, as in `server_kinds.py`."""

    @property
    def lacks(self) -> str:
        """What clients of the usual server miss here, for people; empty: nothing."""

    @property
    def apis(self) -> Mapping[Api, Offer]:
        """What clients can ask it, by version."""

    @property
    def log_lines(self) -> LogLines:
        """How its log is told from other texts, and what it shows."""

    @property
    def is_llama_server(self) -> bool:
        """It answers /slots and /metrics as llama-server does: the monitor reads them."""

    def cannot_serve(self, layers: Layers) -> str | None:
        """Why it cannot serve a model made of these, or None."""

    def leaves_out(self, layers: Layers) -> str:
        """What it does not take of these, for people; empty: it takes all."""

    def least_version_for(self, size: ModelSize) -> str:
        """The first that serves the model right, and heeds all settings of `set_up`; 0: any."""

    @property
    def kv_cache_types(self) -> tuple[str, ...]:
        """The first is its default."""

    @property
    def speculations(self) -> tuple[str, ...]:
        """Ways to draft tokens ahead of the model, beside off."""

    @property
    def not_identifying(self) -> tuple[str, ...]:
        """Variables of `set_up` whose values follow the free memory, or what the proof measures: they make no other
        deployment."""

    def kv_cache_types_on(self, compute_capability: str | None) -> tuple[str, ...]:
        """Those of `kv_cache_types` that it takes on such a GPU; None: a GPU that is not known."""

    def keeps_prompts(self, version: str | None) -> bool:
        """Whether that version may keep prompts in memory that no request is using; None: a version not known."""

    @property
    def estimate_term(self) -> str:
        """Key of `own_estimate` among the memory terms of a plan."""

    def set_up(self, work: Workload) -> Setup:
        """What its container needs."""

    def mounts(self, store: str, manifest_digest: str | None) -> tuple[MountSpec, ...]:
        """Those of `set_up`."""

    def reason_of(self, setting: str) -> str:
        """Why `set_up` sets a variable, or no longer does; empty: it needs none."""

    def taken(self, model: Footprint, load: Load) -> Taken:
        """The memory that it takes for a model beside its file."""

    def own_estimate(
        self, size: ModelSize, context: int, parallel: int, kv_cache_type: str, limits: Mapping[str, Constant]
    ) -> int | None:
        """Bytes that the server by its own reckoning wants free before it puts every layer on the GPU.

        None: it has no such rule for this model.
        """

    def estimates(self, version: str | None) -> bool:
        """Whether that version goes by `own_estimate`; None: a version that is not known."""

    def logs_tokens(self, version: str | None) -> bool:
        """Whether that version's log tells the tokens of each request."""

    def tells_use(self, line: str) -> bool:
        """Whether a line of its log tells that a client's request for the model's work ended; ours do not count."""

    def client(self, url: str, *, timeout: float = 10.0) -> ServerClient:
        """`timeout` is for the short questions. Raises UsageError `bad-endpoint`, ValueError for an impossible port."""

    def read_log(self, text: str) -> ServerLog:
        """Of a log, or the end of one; when it holds several starts and loads, the last counts."""

    def cut_prompt(self, log: str, read_tokens: int) -> CutPrompt | None:
        """The prompt of an answer that read so many tokens, where the log says that it was cut; None: it does not."""


Servers: TypeAlias = Callable[[str], Server]
"""Kind, as in `server_kinds.py` → the server. Raises PreflightError `server-unknown` for one that is not known."""
