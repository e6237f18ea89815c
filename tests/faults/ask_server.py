"""Ask the endpoint of this namespace for one token, again and again until it comes: MODEL SECONDS. Exit 0: it came."""

from __future__ import annotations

import http.client
import json
import sys
import time

PORT = 11434


def one_token(model: str, timeout: float) -> bool:
    body = json.dumps({"model": model, "prompt": "Hi", "stream": False, "options": {"num_predict": 1}})
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=timeout)
    try:
        connection.request("POST", "/api/generate", body)
        answer = connection.getresponse()
        return answer.status == 200 and json.loads(answer.read()).get("eval_count", 0) >= 1
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def main() -> int:
    model, seconds = sys.argv[1], float(sys.argv[2])
    deadline = time.monotonic() + seconds
    while not one_token(model, seconds):
        if time.monotonic() > deadline:
            return 1
        time.sleep(0.05)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
