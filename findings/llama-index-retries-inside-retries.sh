#!/usr/bin/env bash
# llama-index-llms-openai-like 0.8.1: one call with the default `max_retries=3` asks a server that answers 503 12 times.
#
# Expected: three retries make four requests at most, with the pauses of one clock. Seen: twelve. The number goes to both
# layers: the class makes three attempts of its own, and the `openai` client inside makes four requests in each.
# `max_retries=0` turns both off: one request. A llama-server answers 503 to everything while it reads a model's weights,
# and none of the twelve, some 12 seconds in all, outlasts a load of 15 to 60 seconds.
#
# Runs against a server on loopback that counts; no model is needed. Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install \
  llama-index-llms-openai-like==0.8.1 llama-index-llms-openai==0.8.3 llama-index-core==0.14.25 openai==2.54.0
"$folder/venv/bin/python" - <<'PYTHON'
import http.server
import logging
import sys
import threading
import time

from llama_index.llms.openai_like import OpenAILike
from openai import InternalServerError

logging.disable(logging.WARNING)
asked = []


class Loading(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        asked.append(time.monotonic())
        body = b'{"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}'
        self.send_response(503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Loading)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
seen = {}
for name, given in (("nothing", {}), ("max_retries=1", {"max_retries": 1}), ("max_retries=0", {"max_retries": 0})):
    asked.clear()
    try:
        OpenAILike(model="deepseek-r1", api_base=url, api_key="k", is_chat_model=True, **given).complete("Is it?")
    except InternalServerError as error:
        seen[name] = len(asked)
        last = asked[-1] - asked[0]
        print(f"given {name}: {len(asked)} requests, the last {last:.1f} s after the first, then {error.status_code}")
expected = {"nothing": 12, "max_retries=1": 2, "max_retries=0": 1}
sys.exit(0 if seen == expected else f"changed: {seen}, expected {expected}")
PYTHON
