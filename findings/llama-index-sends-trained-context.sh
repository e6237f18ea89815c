#!/usr/bin/env bash
# llama-index-llms-ollama 0.11.0 sends the context that a model was TRAINED for as `num_ctx`.
#
# Expected: a client that is given no context leaves `options.num_ctx` out, as Ollama's own client does, so that the
# server's setting holds. Seen: it asks /api/show, reads `<architecture>.context_length` (131072 for DeepSeek-R1 7b) and
# sends that with every request. A real Ollama loads the model anew for it, with a KV cache of 131072 tokens.
# With `context_window=` it asks nothing and sends that value.
#
# Runs against a server on loopback that writes down what it is asked; no model and no Ollama is needed.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install llama-index-llms-ollama==0.11.0 llama-index-core==0.14.25 ollama==0.6.3
"$folder/venv/bin/python" - <<'PYTHON'
import http.server
import json
import sys
import threading
from importlib.metadata import version

from llama_index.llms.ollama import Ollama

asked = []


class Server(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked.append((self.path, (question.get("options") or {}).get("num_ctx")))
        if self.path == "/api/show":
            info = {"general.architecture": "qwen2", "qwen2.context_length": 131072}
            answer = {"details": {"family": "qwen2"}, "model_info": info, "capabilities": ["completion"]}
        else:
            message = {"role": "assistant", "content": "yes"}
            answer = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": True}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
seen = {}
for name, given in (("nothing", {}), ("context_window=4096", {"context_window": 4096})):
    asked.clear()
    Ollama(model="deepseek-r1:7b", base_url=url, **given).complete("Is it?")
    seen[name] = list(asked)
    print(f"given {name}: {seen[name]}")
expected = {
    "nothing": [("/api/show", None), ("/api/chat", 131072)],
    "context_window=4096": [("/api/chat", 4096)],
}
print("llama-index-llms-ollama", version("llama-index-llms-ollama"))
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PYTHON
