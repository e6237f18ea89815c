"""Keeps the model's side up to date in threads of its own; `read` tells the last state at once."""

from __future__ import annotations

import threading
import time
from urllib.parse import urlsplit

import msgspec

from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.expose.door import DoorFiles
from jetson_deploy.monitor.derived import NO_ANSWER_YET
from jetson_deploy.monitor.llm import door_look
from jetson_deploy.monitor.llm.deployed import Deployed, find_deployed, measured
from jetson_deploy.monitor.llm.ledger import Ledger
from jetson_deploy.monitor.llm.llama_server import LlamaCounting, LlamaSeen, LlamaServer
from jetson_deploy.monitor.llm.log_follower import LogFollower
from jetson_deploy.monitor.llm.log_reader import LogReader
from jetson_deploy.monitor.llm.server_look import ServerLook, ServerSeen, check_endpoint
from jetson_deploy.monitor.llm.state import Known, Tokens, TokensFrom, as_llm
from jetson_deploy.monitor.llm.tap import Tap
from jetson_deploy.monitor.model_parts import Llm
from jetson_deploy.monitor.sample import SourceFailure
from jetson_deploy.runtime.port import EngineAwayError, Runtime
from jetson_deploy.server.opened import open_server
from jetson_deploy.server_kinds import USUAL
from jetson_deploy.settings import OLLAMA_PORT

_DEFAULT_ENDPOINT = local_endpoint(OLLAMA_PORT).url
FIRST_SECONDS = 1.0
"""An engine that hangs must not hold up the first picture."""
_LLAMA_SECONDS = 1.0
"""Between two looks at llama-server while it works: one takes 1 to 6 ms (measured)."""
_SEVERAL = "several models"


class LlmWatch:
    """`runtime` None: one that cannot be asked again and again. `endpoint` None: what is deployed, else Ollama's
    default.

    Closes `tap`, which is to be started before it. Raises UsageError `bad-endpoint`.
    """

    def __init__(
        self,
        runtime: Runtime | None,
        deployment: str,
        endpoint: str | None,
        *,
        tap: Tap | None = None,
        door: DoorFiles | None = None,
        period: float = 5.0,
    ) -> None:
        if endpoint is not None:
            check_endpoint(endpoint)
        self._runtime, self._deployment, self._endpoint = runtime, deployment, endpoint
        self._tap, self._door, self._period = tap, door, period
        self._server = ServerLook()
        self._log_ledger, self._llama_ledger = Ledger(), Ledger()
        self._reader = LogReader(self._log_ledger, self._model_name)
        self._follower = LogFollower(runtime, self._reader) if runtime else None
        self._llama: LlamaServer | None = None
        self._counting = LlamaCounting(self._llama_ledger)
        self._known = Known()
        self._looked, self._stop = threading.Event(), threading.Event()
        self._tokens_before = 0
        self._thread = threading.Thread(target=self._run, name="monitor model", daemon=True)

    def start(self) -> None:
        """Waits a moment for the first look."""
        self._thread.start()
        if self._follower:
            self._follower.start()
        self._looked.wait(FIRST_SECONDS)

    def read(self) -> tuple[Llm, tuple[SourceFailure, ...]]:
        known = self._known
        if not self._looked.is_set():
            return Llm(), (SourceFailure(source="engine", why=NO_ANSWER_YET),)
        tokens = self._tokens(known)
        total = sum(one.decode_tokens for one in tokens.counts.values())
        grown, self._tokens_before = total > self._tokens_before, total
        return as_llm(known, tokens, grown=grown), self._failures(known)

    def close(self) -> None:
        self._stop.set()
        if self._follower:
            self._follower.close()
        if self._tap:
            self._tap.close()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _run(self) -> None:
        due = 0.0
        while not self._stop.is_set():
            now = time.monotonic()
            full = now >= due
            due = now + self._period if full else due
            try:
                self._turn(full=full)
            except Exception as bug:
                # An answer of an unknown shape must not end the monitor.
                problem = f"{type(bug).__name__}: {str(bug)[:200]}"
                self._known = msgspec.structs.replace(self._known, engine_problem=problem)
                self._looked.set()
            self._stop.wait(max(0.0, min(_LLAMA_SECONDS, due - time.monotonic())))

    def _turn(self, *, full: bool) -> None:
        if full:
            self._known = self._look(self._known)
            self._looked.set()
            self._measure()
        busy = self._known.llama is not None and (self._known.llama.processing or 0) > 0
        if full or busy or self._reader.busy:
            llama, counts = self._look_at_llama()
            self._known = msgspec.structs.replace(self._known, llama=llama, llama_counts=counts)

    def _measure(self) -> None:
        """After the look: it may take a second, and the first picture must not wait for it."""
        known = self._known
        if self._runtime and known.deployed and known.engine_problem is None:
            self._known = msgspec.structs.replace(known, deployed=measured(self._runtime, known.deployed))

    def _look(self, before: Known) -> Known:
        deployed, problem = before.deployed, None
        if self._runtime is None:
            problem = None if self._endpoint else "it is reached over TLS or SSH only: containers are not watched"
        else:
            try:
                deployed = find_deployed(self._runtime, self._deployment, before.deployed)
            except EngineAwayError as error:
                problem = error.message
        self._follow(deployed, reachable=problem is None)
        server = self._look_at_server(deployed, before)
        return msgspec.structs.replace(
            before,
            deployed=deployed,
            engine_problem=problem,
            server=server,
            loaded=_loaded(server, before),
            door=door_look.look(self._door) if self._door else None,
        )

    def _follow(self, deployed: Deployed | None, *, reachable: bool) -> None:
        if self._follower is None or not reachable:
            return
        self._follower.follow(deployed.container_id if deployed and deployed.running else None)

    def _look_at_server(self, deployed: Deployed | None, before: Known) -> ServerSeen | None:
        endpoint = self._endpoint or (deployed.endpoint if deployed else _DEFAULT_ENDPOINT)
        if self._tap and not self._endpoint:
            self._tap.point_at(endpoint)
        kind = deployed.server if deployed and endpoint == deployed.endpoint else USUAL
        if deployed and not self._endpoint and not deployed.running:
            return ServerSeen(endpoint=endpoint, up=False, kind=kind)
        seen = self._server.look(endpoint, deployed.container.started_at if deployed else None, kind)
        nobodys = not deployed and not self._endpoint and before.server is None
        return None if nobodys and not seen.up else seen

    def _look_at_llama(self) -> tuple[LlamaSeen | None, bool]:
        """What it tells, and whether its counters can be read (they could, while it is gone for a moment)."""
        port = self._llama_port()
        if port is None:
            self._llama = None
            return None, self._known.llama_counts
        if self._llama is None or self._llama.port != port:
            self._llama = LlamaServer(port)
        seen = self._llama.look()
        if seen is None or seen.asleep:
            return seen, self._known.llama_counts
        return seen, self._counting.count(port, seen, self._model_name(), time.monotonic())

    def _llama_port(self) -> int | None:
        """Of the server itself, or of the one that an Ollama has started."""
        server = self._known.server
        if server is not None and server.up and open_server(server.kind).is_llama_server:
            return urlsplit(server.endpoint).port
        return self._reader.runner_port

    def _model_name(self) -> str:
        """Of what llama-server works on: its lines do not say."""
        known = self._known
        deployed = known.deployed.deployment.model if known.deployed else None
        if len(known.loaded) > 1:
            return _SEVERAL
        return known.loaded[0] if known.loaded else deployed or "unknown"

    def _tokens(self, known: Known) -> Tokens:
        follows = self._follower is not None and self._follower.follows
        logs = self._reader.tells_tokens or (follows and known.server is not None and known.server.logs_tokens)
        if logs:
            return self._told("log", self._log_ledger)
        if known.llama_counts:
            return self._told("llama-server", self._llama_ledger)
        return self._told("tap", self._tap.ledger) if self._tap else self._told(None, Ledger())

    def _told(self, source: TokensFrom, ledger: Ledger) -> Tokens:
        """The access log knows all requests, the tap those that pass it."""
        log, tap = self._log_ledger.answered(), self._tap.ledger if self._tap else None
        answered = log if log.requests or tap is None else tap.answered()
        return Tokens(
            source=source,
            counts=ledger.models(),
            answered=answered,
            first=tap.first_tokens() if tap else None,
            log_busy=self._reader.busy if source == "log" and self._reader.tells_requests else None,
            tap_broken=tap.answers_broken if tap else None,
            tap_in_flight=self._tap.in_flight if self._tap else None,
            tap_decoding=self._tap.decoding if self._tap else None,
        )

    def _failures(self, known: Known) -> tuple[SourceFailure, ...]:
        found = {"engine": known.engine_problem}
        if known.server:
            found[known.server.kind] = known.server.problem
        if known.engine_problem is None and self._follower and known.deployed and known.deployed.running:
            found["log"] = self._follower.problem
        return tuple(SourceFailure(source=source, why=why) for source, why in found.items() if why)


def _loaded(server: ServerSeen | None, before: Known) -> tuple[str, ...]:
    """Names of the models in memory; the last one known where there is none now."""
    return tuple(one.name for one in server.models) if server and server.models else before.loaded[:1]
