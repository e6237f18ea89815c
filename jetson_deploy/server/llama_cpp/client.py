"""A llama-server's API, as far as a deployment needs it. It has one model, which is loaded when it is ready."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from jetson_deploy.errors import JetsonDeployError, UnhealthyError
from jetson_deploy.server.exchange import (
    ChatPiece,
    Done,
    Generation,
    ListedModel,
    Message,
    Probed,
    RunningModel,
    Stats,
    Think,
    Thinking,
)
from jetson_deploy.server.http import Dialect, HttpClient
from jetson_deploy.server.llama_cpp.refusals import (
    another_model,
    broken_answer,
    cut_answer,
    keeps_its_model,
    no_levels,
    said_no,
)
from jetson_deploy.server.llama_cpp.replies import Chat, Completion, Health, Listed, Models, Part, Props, Slot, counters
from jetson_deploy.server.llama_cpp.templates import THINK
from jetson_deploy.server.port import LOAD_TIMEOUT
from jetson_deploy.server.think import ThinkSplitter

TITLE = "llama.cpp"
_DIALECT = Dialect(title=TITLE, refusal_of=said_no)
_CHAT = "/v1/chat/completions"
_REASONS = {"limit": "length", "eos": "stop", "word": "stop"}


class LlamaClient:
    """`timeout` in seconds is for the short questions; generating has its own."""

    title = TITLE

    def __init__(self, base_url: str, *, timeout: float = 10.0) -> None:
        self._endpoint = HttpClient(base_url, timeout, _DIALECT)

    def alive(self) -> bool:
        """True once the model is loaded: the port is open before. `/` is no probe: with some builds it answers 415."""
        try:
            self.check_reachable()
        except JetsonDeployError:
            return False
        return True

    def check_reachable(self) -> None:
        self._endpoint.get("/health", Health)

    def version(self) -> str | None:
        """As the build says it, such as `b11434-7e4c0a9`. Shown, and never compared: builds of others count anew."""
        return self._endpoint.get("/props", Props).build_info or None

    def models(self) -> tuple[ListedModel, ...]:
        return tuple(
            ListedModel(name=one.id, digest=None, size=one.meta.size if one.meta else 0) for one in self._listed()
        )

    def running(self) -> tuple[RunningModel, ...]:
        return tuple(
            RunningModel(
                name=one.id,
                digest=None,
                size_bytes=one.meta.size if one.meta else 0,
                gpu_bytes=None,
                context_length=one.meta.n_ctx if one.meta else None,
                quantization=one.meta.ftype if one.meta else None,
            )
            for one in self._listed()
        )

    def generate(
        self, model: str, prompt: str, *, max_tokens: int, raw: bool = False, timeout: float = LOAD_TIMEOUT
    ) -> Generation:
        """Raises UnhealthyError: server-unreachable, server-timeout, server-stopped, server-busy, server-error,
        server-bad-answer, model-not-found, answer-broken; UsageError: prompt-too-long.
        """
        self._check_has(model)
        # A prompt that it has seen costs nothing, and would measure nothing.
        body = {"temperature": 0, "cache_prompt": False, "stream": False}
        if raw:
            return self._continued(prompt, {**body, "n_predict": max(1, max_tokens)}, timeout)
        messages = [Message(role="user", content=prompt)]
        wanted = {**body, "messages": messages, "max_tokens": max(1, max_tokens)}
        reply = self._endpoint.post(_CHAT, wanted, Chat, timeout=timeout)
        if reply.error is not None or not reply.choices:
            raise broken_answer(reply.error.message if reply.error else "no choice in it")
        choice = reply.choices[0]
        part = choice.message or Part()
        return Generation(
            text=part.content or "",
            thinking=part.reasoning_content or "",
            **_counted(reply, choice.finish_reason or ""),
        )

    def chat(
        self,
        model: str,
        messages: Sequence[Message],
        *,
        think: Think | None = None,
        max_tokens: int | None = None,
        timeout: float = LOAD_TIMEOUT,
    ) -> Generator[ChatPiece, None, None]:
        """`think` says whether the template opens a thinking part, where it can; it is separated as it comes."""
        if isinstance(think, str):
            raise no_levels()
        self._check_has(model)
        body: dict[str, Any] = {"messages": messages, "stream": True, "stream_options": {"include_usage": True}}
        if max_tokens is not None:
            body["max_tokens"] = max(1, max_tokens)
        if think is not None:
            body["chat_template_kwargs"] = {THINK: think}
        reason, last = "", Chat()
        splitter = ThinkSplitter()
        for event in self._events(body, timeout):
            if event.error is not None:
                raise said_no(event.error.message) or broken_answer(event.error.message)
            for choice in event.choices:
                reason = choice.finish_reason or reason
                yield from _pieces(choice.delta or Part(), splitter)
            last = event if event.usage or event.timings else last
        if not reason:
            raise cut_answer()
        yield from splitter.end()
        yield Done(Stats(**_counted(last, reason)))

    def probe(self, model: str, prompt: str, *, max_tokens: int, context: int | None, timeout: float) -> Probed:
        """Nothing is asked of the model without a prompt: that its loop goes round answers /slots, between batches."""
        if not prompt:
            self._endpoint.get("/slots", list[Slot])
            return Probed(problem="", tokens=0)
        answer = self.generate(model, prompt, max_tokens=max_tokens, timeout=timeout)
        return Probed(problem="", tokens=answer.tokens, text=answer.text, thinking=answer.thinking)

    def unload(self, model: str, *, timeout: float) -> None:
        raise keeps_its_model()

    def _continued(self, prompt: str, body: dict[str, Any], timeout: float) -> Generation:
        reply = self._endpoint.post("/completion", {**body, "prompt": prompt}, Completion, timeout=timeout)
        counted = counters(
            reply.tokens_predicted, reply.tokens_evaluated, reply.timings, _REASONS.get(reply.stop_type, "")
        )
        return Generation(text=reply.content, thinking="", **counted)

    def _events(self, body: dict[str, Any], timeout: float) -> Iterator[Chat]:
        begun = False
        try:
            for event in self._endpoint.post_events(_CHAT, body, Chat, timeout=timeout):
                begun = True
                yield event
        except UnhealthyError as error:
            if begun and error.code == "server-stopped":
                raise cut_answer() from error
            raise

    def _listed(self) -> list[Listed]:
        return self._endpoint.get("/v1/models", Models).data

    def _check_has(self, model: str) -> None:
        """It answers whatever model is named: the wrong one would answer for it."""
        names = [one.id for one in self._listed()]
        if model not in names:
            raise another_model(model, ", ".join(names) or "none")


def _counted(reply: Chat, reason: str) -> dict[str, Any]:
    usage = reply.usage
    tokens = usage.completion_tokens if usage else reply.timings.predicted_n if reply.timings else 0
    return counters(tokens, usage.prompt_tokens if usage else None, reply.timings, reason)


def _pieces(part: Part, splitter: ThinkSplitter) -> Iterator[ChatPiece]:
    """The templates that it is given do not open a thinking part: the model's own tags stay in the text."""
    if part.reasoning_content:
        yield Thinking(part.reasoning_content)
    if part.content:
        yield from splitter.feed(part.content)
