"""llama-server's own counters (Ollama from 0.30): /metrics where it was switched on, /slots as it comes."""

from __future__ import annotations

import re

import msgspec

from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.monitor.llm.ledger import Ledger
from jetson_deploy.server.http import Dialect, HttpClient

_ANSWER_SECONDS = 1.0
_PASSING = ("server-unreachable", "server-timeout", "server-stopped", "server-busy")
"""Not a refusal: llama-server is busy (503) while it loads."""
_DIALECT = Dialect(title="llama-server", refusal_of=lambda _text: None)
_TOTALS = ("tokens_predicted_total", "prompt_tokens_total")
"""They fall only where a server begins anew."""
_METRIC = re.compile(r"^llamacpp:(\w+) ([0-9.eE+-]+)$", re.MULTILINE)


class SlotSeen(msgspec.Struct, frozen=True, kw_only=True):
    slot: int
    task: int
    processing: bool
    decoded: int
    prompt_tokens: int
    """Once it answers, with what it has written."""


class LlamaSeen(msgspec.Struct, frozen=True, kw_only=True):
    processing: int | None = None
    deferred: int | None = None
    """Waiting; None: /metrics is switched off."""
    slots: tuple[SlotSeen, ...] = ()
    metrics: dict[str, float] = {}
    asleep: bool = False
    """It has let go of its memory, and is asked no more than that."""

    @property
    def decoding(self) -> bool:
        return any(one.processing and one.decoded > 0 for one in self.slots)

    @property
    def last_task(self) -> int:
        """It grows with each request, those for /slots and /metrics included; -1: none, or it does not tell."""
        return max((one.task for one in self.slots), default=-1)

    @property
    def context_used(self) -> int | None:
        """Of the running request; of the longest where there are several."""
        return max((max(one.prompt_tokens, one.decoded) for one in self.slots if one.processing), default=None)


class _Props(msgspec.Struct):
    is_sleeping: bool | None = None
    """None: it is older than its sleep."""


class _Next(msgspec.Struct):
    n_decoded: int = 0


class _Slot(msgspec.Struct):
    id: int
    is_processing: bool = False
    id_task: int = -1
    n_prompt_tokens: int = 0
    next_token: list[_Next] | _Next | None = None

    def seen(self) -> SlotSeen:
        following = self.next_token[0] if isinstance(self.next_token, list) and self.next_token else self.next_token
        return SlotSeen(
            slot=self.id,
            task=self.id_task,
            processing=self.is_processing,
            decoded=following.n_decoded if isinstance(following, _Next) else 0,
            prompt_tokens=self.n_prompt_tokens,
        )


class LlamaServer:
    """At a port of loopback. What it refused once is not asked for again."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._endpoint = HttpClient(local_endpoint(port).url, _ANSWER_SECONDS, _DIALECT)
        self._has_metrics = self._has_slots = self._tells_sleep = True

    def look(self) -> LlamaSeen | None:
        """None: it is not reachable from here, or gone."""
        if self._asleep():
            return LlamaSeen(processing=0, deferred=0, asleep=True)
        metrics = self._metrics()
        slots = self._slots()
        if metrics is None and slots is None:
            return None
        processing = None if slots is None else sum(one.processing for one in slots)
        if metrics and "requests_processing" in metrics:
            processing = int(metrics["requests_processing"])
        return LlamaSeen(
            processing=processing,
            deferred=int(metrics["requests_deferred"]) if metrics and "requests_deferred" in metrics else None,
            slots=tuple(slots or ()),
            metrics=metrics or {},
        )

    def _asleep(self) -> bool:
        """Asked first: a look at /slots, in b10434 at /metrics too, wakes it, and it loads its model again."""
        if not self._tells_sleep:
            return False
        try:
            sleeping = self._endpoint.get("/props", _Props).is_sleeping
        except JetsonDeployError as error:
            self._tells_sleep = error.code in _PASSING
            return False
        self._tells_sleep = sleeping is not None
        return bool(sleeping)

    def _metrics(self) -> dict[str, float] | None:
        if not self._has_metrics:
            return None
        try:
            with_text = self._endpoint.get_whole_text("/metrics")
        except JetsonDeployError as error:
            self._has_metrics = error.code in _PASSING
            return None
        return read_metrics(with_text)

    def _slots(self) -> list[SlotSeen] | None:
        if not self._has_slots:
            return None
        try:
            return [one.seen() for one in self._endpoint.get("/slots", list[_Slot])]
        except JetsonDeployError as error:
            self._has_slots = error.code in _PASSING
            return None


def read_metrics(text: str) -> dict[str, float]:
    """Without the prefix `llamacpp:`; what is no number is left out."""
    found = {}
    for name, number in _METRIC.findall(text):
        try:
            value = float(number)
        except ValueError:
            continue
        if 0 <= value < 1e18:
            found[name] = value
    return found


class LlamaCounting:
    """Differences of the counters → the ledger. They grow at a request's end; what runs is in /slots."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._before: tuple[int, LlamaSeen] | None = None
        self._began: dict[tuple[int, int], float] = {}

    def count(self, port: int, seen: LlamaSeen, model: str, now: float) -> bool:
        """False: it does not tell. `now`: monotonic seconds."""
        if "tokens_predicted_total" not in seen.metrics:
            return False
        if self._before is not None:
            self._since(*self._before, port, seen, model)
        self._before = port, seen
        self._run(seen, model, now)
        return True

    def _since(self, port_before: int, before: LlamaSeen, port: int, now: LlamaSeen, model: str) -> None:
        another = port_before != port
        anew = any(now.metrics.get(name, 0.0) < before.metrics.get(name, 0.0) for name in _TOTALS)
        # One that began anew and has passed the old counts since: the numbers of its tasks begin anew, too.
        anew |= 0 <= now.last_task < before.last_task
        if another or anew:
            self._ledger.drop_all()  # what ran there will not be in any counter
        if not another:
            self._add({} if anew else before.metrics, now.metrics, model)

    def _add(self, before: dict[str, float], now: dict[str, float], model: str) -> None:
        grown = {name: value - before.get(name, 0.0) for name, value in now.items()}
        if grown["tokens_predicted_total"] > 0:
            tokens = int(grown["tokens_predicted_total"])
            self._ledger.settle("metrics", model, tokens, grown.get("tokens_predicted_seconds_total"))
        if grown.get("prompt_tokens_total", 0) > 0:
            self._ledger.settle_prompt(model, int(grown["prompt_tokens_total"]), grown.get("prompt_seconds_total"))

    def _run(self, seen: LlamaSeen, model: str, now: float) -> None:
        self._ledger.forget_running()
        present = {(one.slot, one.task) for one in seen.slots}
        self._began = {key: at for key, at in self._began.items() if key in present}
        for one in seen.slots:
            key = (one.slot, one.task)
            if one.processing and one.decoded:
                began = self._began.setdefault(key, now)
                self._ledger.progress(key, model, one.decoded, now - began)
        if seen.context_used is not None:
            self._ledger.use_context(model, seen.context_used)
