"""Makes the model generate while it is watched."""

from __future__ import annotations

import threading
import time

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.server.opened import open_server

TOKENS = 32
_PROMPT = "Count from one to one hundred in words."


class Asking:
    """Loads the model, then asks again and again, ~32 tokens each time, until `close`."""

    def __init__(self, kind: str, endpoint: str, model: str) -> None:
        """`kind`: of the server, as in `server_kinds.py`."""
        self._client, self._model = open_server(kind).client(endpoint), model
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="asking", daemon=True)
        self._tokens, self._seconds = 0, 0.0
        self.error: JetsonDeployError | None = None

    def load(self) -> None:
        """Minutes, from a slow disk. Raises as ServerClient.generate."""
        self._client.generate(self._model, _PROMPT, max_tokens=1)

    def start(self) -> None:
        self._thread.start()

    def close(self, patience: float) -> None:
        """Waits at most `patience` seconds for the answer that is being made."""
        self._stop.set()
        self._thread.join(patience)

    @property
    def rate(self) -> float | None:
        """Tokens per second of decoding; None: no answer was whole."""
        return self._tokens / self._seconds if self._tokens and self._seconds else None

    def _run(self) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                answer = self._client.generate(self._model, _PROMPT, max_tokens=TOKENS)
            except JetsonDeployError as error:
                self.error = error
                return
            if answer.tokens >= 2 and answer.eval_seconds:  # 0.24 leaves the time of one token out
                self._tokens += answer.tokens
                self._seconds += answer.eval_seconds
            if time.monotonic() - begun < 0.05:  # it answers nothing: do not storm it
                self._stop.wait(0.5)
