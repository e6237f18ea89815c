"""Asks the endpoint for one token again and again, as a client would: MODEL. One line per question: 1 for a good
answer, else 0, and when it came, on the monotonic clock. Run inside the rehearsal's namespace, ended by a signal.
"""

from __future__ import annotations

import http.client
import json
import sys
import time

PORT = 11434
PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 60.0


def answered(body: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", "/api/generate", body)
        answer = connection.getresponse()
        return answer.status == 200 and json.loads(answer.read()).get("eval_count", 0) >= 1
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def main() -> None:
    body = json.dumps({"model": sys.argv[1], "prompt": "Hi", "stream": False, "options": {"num_predict": 1}})
    while True:
        good = answered(body)
        print(int(good), time.monotonic(), flush=True)
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
