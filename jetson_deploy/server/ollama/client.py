"""The Ollama server's API, as far as a deployment needs it.

`num_ctx` is not sent, but where a client has set it: a request with another context restarts the runner (measured),
so the context is the server's own setting.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from jetson_deploy.errors import JetsonDeployError, UnhealthyError
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
    Thinking,
)
from jetson_deploy.server.http import Dialect, HttpClient
from jetson_deploy.server.ollama.access import GENERATE
from jetson_deploy.server.ollama.refusals import NoThinkingError, blob_missing, broken_answer, cut_answer, said_no
from jetson_deploy.server.ollama.replies import NO_VERSION, PsReply, StreamReply, TagsReply, VersionReply
from jetson_deploy.server.port import LOAD_TIMEOUT
from jetson_deploy.server.think import ThinkSplitter

TITLE = "Ollama"
_BANNER = "Ollama is running"
_DIALECT = Dialect(title=TITLE, refusal_of=said_no)


class OllamaClient:
    """`timeout` in seconds is for the short questions; loading and generating have their own."""

    title = TITLE

    def __init__(self, base_url: str, *, timeout: float = 10.0) -> None:
        self._endpoint = HttpClient(base_url, timeout, _DIALECT)

    def alive(self) -> bool:
        """True when an Ollama server answers. An open port is not enough: it opens before start-up ends."""
        try:
            return _BANNER in self._endpoint.get_text("/")
        except UnhealthyError:
            return False

    def check_reachable(self) -> None:
        self._endpoint.get_text("/")

    def version(self) -> str | None:
        version = self._endpoint.get("/api/version", VersionReply).version
        return None if version == NO_VERSION else version

    def models(self) -> tuple[ListedModel, ...]:
        return self._endpoint.get("/api/tags", TagsReply).listed()

    def running(self) -> tuple[RunningModel, ...]:
        return self._endpoint.get("/api/ps", PsReply).running()

    def generate(
        self, model: str, prompt: str, *, max_tokens: int, raw: bool = False, timeout: float = LOAD_TIMEOUT
    ) -> Generation:
        """A whole answer of at most `max_tokens` (1 or more), without randomness.

        Raises UnhealthyError: server-unreachable, server-timeout, server-stopped, server-busy,
        server-error, server-bad-answer, model-not-found, model-blob-missing, model-load-failed,
        answer-broken; ResourceError: model-memory.
        """
        options = {"num_predict": max(1, max_tokens), "temperature": 0}  # 0 means endless up to 0.6.8
        body = {"model": model, "prompt": prompt, "stream": False, "options": options}
        reply = self._generated(model, {**body, "raw": True} if raw else body, timeout)
        return Generation(text=reply.response, thinking=reply.thinking, **reply.counters())

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

        Works with the three generations: thinking separated by the server (asked or not), raw tags in
        the text, and models that refuse `think`, which are asked again without. Without `max_tokens` a model
        that never ends its answer goes on. `timeout` in seconds is for the wait between two pieces.
        Errors as of `generate`, and answer-cut.
        """
        body: dict[str, Any] = {"model": model, "messages": messages, "stream": True}
        if max_tokens is not None:
            body["options"] = {"num_predict": max(1, max_tokens)}
        try:
            yield from self._pieces(model, body if think is None else {**body, "think": think}, timeout)
        except NoThinkingError:  # comes before the first piece: a 400
            if isinstance(think, str):
                raise
            yield from self._pieces(model, body, timeout)

    def probe(self, model: str, prompt: str, *, max_tokens: int, context: int | None, timeout: float) -> Probed:
        """The empty prompt only makes the scheduler load the model and ping its runner.

        Asking without the `context` of a client would load the model anew, and the client's next request once more
        (docs/ollama-behaviour.md: h3).
        """
        options: dict[str, Any] = {"num_predict": max_tokens, "temperature": 0} if prompt else {}
        if context is not None:
            options["num_ctx"] = context
        body = {"model": model, "prompt": prompt, "stream": False, "options": options}
        reply = self._endpoint.post(GENERATE, body, StreamReply, timeout=timeout)
        return Probed(problem=reply.error or "", tokens=reply.eval_count, text=reply.response, thinking=reply.thinking)

    def unload(self, model: str, *, timeout: float) -> None:
        body = {"model": model, "keep_alive": 0, "stream": False}
        self._endpoint.post(GENERATE, body, StreamReply, timeout=timeout)

    def _pieces(self, model: str, body: dict[str, Any], timeout: float) -> Iterator[ChatPiece]:
        splitter: ThinkSplitter | None = ThinkSplitter()
        for reply in self._chat_lines(model, body, timeout):
            if reply.error is not None:
                raise said_no(reply.error) or broken_answer(reply.error)
            message = reply.message or Message()
            if message.thinking:
                splitter = None  # the server separates: a tag in the text is then text
                yield Thinking(message.thinking)
            if message.content:
                yield from splitter.feed(message.content) if splitter else (Answer(message.content),)
            if reply.done:
                yield from splitter.end() if splitter else ()
                yield Done(Stats(**reply.counters()))
                return
        raise cut_answer()

    def _chat_lines(self, model: str, body: dict[str, Any], timeout: float) -> Iterator[StreamReply]:
        begun = False
        try:
            for reply in self._endpoint.post_lines("/api/chat", body, StreamReply, timeout=timeout):
                begun = True
                yield reply
        except UnhealthyError as error:
            cut = begun and error.code == "server-stopped"
            raise cut_answer() if cut else self._distinguished(model, error) from error

    def _generated(self, model: str, body: dict[str, Any], timeout: float) -> StreamReply:
        try:
            reply = self._endpoint.post(GENERATE, body, StreamReply, timeout=timeout)
        except UnhealthyError as error:
            raise self._distinguished(model, error) from error
        if reply.error is not None:
            raise said_no(reply.error) or broken_answer(reply.error)
        if not reply.done:
            raise cut_answer()
        return reply

    def _distinguished(self, model: str, error: UnhealthyError) -> JetsonDeployError:
        """Not found although listed: a template, licence or parameter file is missing (measured)."""
        if error.code != "model-not-found":
            return error
        full = model if ":" in model else f"{model}:latest"
        try:
            listed = any(one.name.lower() == full.lower() for one in self.models())
        except UnhealthyError:
            return error
        return blob_missing(error.message) if listed else error
