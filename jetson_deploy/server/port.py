"""The port to an LLM server: requests, and the answers. Sizes in bytes, times in seconds.

`Server` is a kind of server: what its container needs, how it counts memory, how its log reads. `ServerClient` is one
that runs, at an address. Ollama (`ollama/`) is the first implementation; another one is a folder beside it, a word in
`kinds.py`, and a line in `opened.py`. Commands are given `Servers`: the record of a deployment says which one it has.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import msgspec

from jetson_deploy.endpoint import Endpoint
from jetson_deploy.server.exchange import ChatPiece, Generation, ListedModel, Message, Probed, RunningModel, Think
from jetson_deploy.server.footprint import Footprint, Load, Taken
from jetson_deploy.server.kinds import NO_SPECULATION
from jetson_deploy.server.log_signs import LogSigns
from jetson_deploy.spec import HealthCheck, MountSpec

if TYPE_CHECKING:
    from jetson_deploy.catalog.entries import Constant, Issue, ModelSize

LOAD_TIMEOUT = 600.0
"""Loading 40 GB from a slow disk takes minutes, and a queued request gets no header before its turn."""


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """What a server is to serve, and where."""

    endpoint: Endpoint
    store: str
    """Directory of the models on the host."""
    model: str = ""
    """Its name, as clients ask for it."""
    weights: str | None = None
    """`sha256:…` of the file of its weights; None: not known before it is staged."""
    template: str | None = None
    """`sha256:…` of its chat template; None: not known."""
    parameters: str = ""
    """`sha256:…` of its stop words and sampling; empty: it has none."""
    prefill_tokens_per_second: float | None = None
    """Predicted; None: not known."""
    manifest_digest: str | None
    """Of the one model; None: not known yet."""
    context_tokens: int
    """Of one request."""
    parallel: int
    kv_cache_type: str
    version: str | None = None
    """Of the server in the image; None: not known."""
    compute_capability: str | None = None
    """Of the GPU, as `8.7`."""
    prompt_cache_bytes: int = 0
    """What the plan leaves for prompts that a server keeps beside those at work."""
    speculation: str = NO_SPECULATION
    """What was asked for: one of `Server.speculations`, or off."""
    speculating: bool = False
    """Whether that is on. First it is off, then on: what the proof finds slower is turned off again."""
    reserve_bytes: int = 0
    """What the plan keeps free for the host."""
    options: dict[str, Any] = {}
    """By key, those that the server alone reads: the rows of `deployment/options.py` that say `of_server`."""


class Layers(msgspec.Struct, frozen=True, kw_only=True):
    """Files of a model by their digests, `sha256:…`; None: not known, the model is not here."""

    weights: str | None = None
    template: str | None = None
    """Empty: it has none."""
    parameters: str = ""
    """Stop words and sampling; empty: it has none."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a server's container needs, whatever the host."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    home: str
    """A directory that the server may write to; it is in memory, and empty at each start."""
    environment: dict[str, str]
    mounts: tuple[MountSpec, ...]
    health: HealthCheck


class ServerLog(msgspec.Struct, frozen=True, kw_only=True):
    """What a log says. None: it does not say."""

    library: str | None = None
    """cuda, cpu, or another name as the server writes it, in lower case. Of the last model load where one
    was logged, else of the start."""
    offloaded_layers: tuple[int, int] | None = None
    """(on the GPU, all) of the last load, as the server counts them: no proof of a GPU."""
    computes_on: Literal["gpu", "cpu", "both"] | None = None
    """Where the last load put weights and KV cache; gpu: every layer's, by the names of the buffers."""
    gpu_name: str | None = None
    gpu_total_bytes: int | None = None
    gpu_available_bytes: int | None = None
    """Memory that the server saw free at its start."""
    compute_capability: str | None = None
    listening: str | None = None
    """address:port of the last start."""
    version: str | None = None


class CutPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt that was longer than the context."""

    tokens: int
    """As it was sent."""
    read_tokens: int


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """A known issue that explains a failure."""

    id: str
    """Of the catalog's issue."""
    title: str
    hint: str
    """First remedy; the issue holds all."""
    evidence: str
    """The log line that shows it, or the state that the engine reported."""


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
        """Its word, as in `kinds.py`."""

    @property
    def lacks(self) -> str:
        """What clients of the usual server miss here, for people; empty: nothing."""

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

    def signs(self, log: str) -> LogSigns:
        """Of a log, or of any text."""

    def causes(
        self, log: str, *, exit_code: int | None, oom_killed: bool, issues: Mapping[str, Issue]
    ) -> Iterator[Cause]:
        """The known issues that the log and the container's end show, the most believable first.

        `issues` by id. `oom_killed`: by the engine or the kernel's count.
        """


Servers: TypeAlias = Callable[[str], Server]
"""Kind, as in `kinds.py` → the server. Raises PreflightError `server-unknown` for one that is not known."""
