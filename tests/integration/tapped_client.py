"""Run inside a rehearsal's namespace: a client streams an answer through the tap and counts for itself.

Prints one document: what the client counted, what the monitor tells, and the two answers' forms.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from jetson_deploy.monitor.llm.deployed import find_deployed
from jetson_deploy.monitor.llm.tap import Tap
from jetson_deploy.monitor.llm.watch import LlmWatch
from jetson_deploy.monitor.model_parts import Llm
from jetson_deploy.runtime.opened import runtime_at

TOKENS = 60
PAGE, TAPPED = "127.0.0.1:9735", "127.0.0.1:11500"
SHORT = 8
STORY = "Once upon a time there was a little"
"""Which goes on for longer than that."""


def asked(port: int, model: str, tokens: int) -> dict[str, Any]:
    """One streamed answer: its words, its lines' forms, the tokens counted, and their rate from first to last."""
    options = {"num_predict": tokens, "temperature": 0, "seed": 1, "num_thread": 1}
    body = {"model": model, "prompt": STORY, "raw": True, "options": options}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/api/generate", json.dumps(body))
    response = connection.getresponse()
    times, words, forms, last = [], [], [], {}
    while line := response.readline():
        times.append(time.monotonic())
        last = json.loads(line)
        words.append(last["response"])
        forms.append(list(last))
    headers = sorted(name for name, _ in response.getheaders())
    connection.close()
    made = len(words) - 1
    return {
        "status": response.status,
        "headers": headers,
        "words": words,
        "forms": [forms[0], forms[-2], forms[-1]],
        "tokens": made,
        "rate": (made - 1) / (times[-2] - times[0]) if made > 1 else None,
        "told_tokens": last.get("eval_count"),
    }


def served(model: str, root: str) -> dict[str, Any]:
    """The same through `monitor serve --tap`: what the client counted, and what the page is given."""
    verb = ["monitor", "serve", "--listen", PAGE, "--tap", TAPPED, "--root", root]
    process = subprocess.Popen(
        [sys.executable, "-m", "jetson_deploy", *verb], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        ends = time.monotonic() + 120
        while got("/healthz") is None:
            assert process.poll() is None and time.monotonic() < ends, process.stderr and process.stderr.read()
            time.sleep(0.1)
        client = asked(int(TAPPED.rpartition(":")[2]), model, TOKENS)
        time.sleep(2.5)  # two more samples
        return {"client": client, "page": json.loads(got("/api/sample") or "null")}
    finally:
        process.terminate()
        process.communicate(timeout=120)


def got(path: str) -> bytes | None:
    """None: it does not answer, or not with 200."""
    connection = http.client.HTTPConnection(PAGE, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.read() if response.status == 200 else None
    except OSError:
        return None
    finally:
        connection.close()


def settled(watch: LlmWatch) -> tuple[Llm, Any]:
    """What the watch says once the tap has let the answered request go: the client has its last bytes before that."""
    return read_until(watch, lambda llm: llm.server is None or not llm.server.in_flight)


def read_until(watch: LlmWatch, fits: Callable[[Llm], bool]) -> tuple[Llm, Any]:
    """What it says then, or after a minute."""
    for _ in range(600):
        llm, troubles = watch.read()
        if fits(llm):
            break
        time.sleep(0.1)
    return llm, troubles


def answered(llm: Llm) -> bool:
    """The server has logged both requests: it does so at their ends, and the log is followed."""
    return llm.server is not None and sum(one.count for one in llm.server.requests) >= 2 and not llm.server.decoding


def main(deployment: str, root: str) -> None:
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -15)  # what is measured is when tokens come, not when others leave a core
    runtime = runtime_at(os.environ["DOCKER_HOST"]).quick(10.0)
    deployed = find_deployed(runtime, deployment)
    assert deployed is not None
    model = str(deployed.deployment.model)
    port = int(deployed.endpoint.rpartition(":")[2])
    logged = runtime.logs(deployed.container.name).count("/api/generate")
    asked(port, model, 2)  # the model is loaded with these options
    while runtime.logs(deployed.container.name).count("/api/generate") == logged:
        time.sleep(0.1)  # a moment later, and it is none of those to be counted
    tap = Tap(("127.0.0.1", 0), deployed.endpoint)
    tap.start()
    watch = LlmWatch(runtime, deployment, None, tap=tap, period=1.0)
    watch.start()
    live: list[tuple[int, bool | None, int | None]] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            llm, _ = watch.read()
            made = sum(one.decode_tokens for one in llm.models)
            live.append(
                (made, llm.server.decoding if llm.server else None, llm.server.in_flight if llm.server else None)
            )

    looking = threading.Thread(target=look)
    looking.start()
    tapped = asked(tap.port, model, TOKENS)
    over.set()
    looking.join()
    llm, troubles = settled(watch)
    direct = asked(port, model, SHORT)
    later, _ = read_until(watch, answered)
    watch.close()
    page = served(model, root)
    seen = {"served": page, "tapped": tapped, "direct": direct, "live": live}
    document = {**seen, "llm": llm, "later": later, "troubles": troubles}
    sys.stdout.buffer.write(msgspec.json.encode(document))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
