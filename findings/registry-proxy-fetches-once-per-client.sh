#!/usr/bin/env bash
# distribution (the registry of Docker) v3.0.0: as a pull-through cache it fetches a new blob once for each client that asks
# while it is being fetched.
#
# Expected: one fetch. The documentation of the pull-through cache said of concurrent requests that they "do not pull
# duplicate data" (distribution/distribution#4664 asks to correct it). Seen: four clients that ask at once for one blob of
# 8 MiB make the cache send four requests to its origin and read 32 MiB; a fifth client, later, none. Forty boards that
# pull one image of 5 GB from a fresh cache read it up to forty times over the site's link: one board first, then the others.
#
# Needs Go. The origin is a server on loopback that counts; it sends nothing before all have asked, or 10 s have passed,
# so that the clients are concurrent on any machine. Fails when the behaviour changes.
set -euo pipefail
version=${REGISTRY:-v3.0.0}
folder=$(mktemp -d)
# Go's module cache is read-only: it is made writable to be removed.
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
export GOBIN=$folder/bin GOPATH=$folder/go GOCACHE=$folder/cache
go install "github.com/distribution/distribution/v3/cmd/registry@$version" 2>"$folder/go.log" ||
  { cat "$folder/go.log" >&2 && exit 1; }
OTEL_TRACES_EXPORTER=none python3 - "$folder" <<'PYTHON'
import hashlib
import http.server
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CLIENTS = 4
folder = Path(sys.argv[1])
blob = bytes(range(256)) * (8 << 12)
digest = "sha256:" + hashlib.sha256(blob).hexdigest()
lock, asked, sent = threading.Lock(), [], []
all_have_asked = threading.Event()


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def head(self, content):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Docker-Content-Digest", digest)
        self.end_headers()

    def do_HEAD(self):
        self.head(blob)

    def do_GET(self):
        if not self.path.endswith(digest):
            self.head(b"{}")
            self.wfile.write(b"{}")
            return
        with lock:
            asked.append(self.path)
            if len(asked) >= CLIENTS:
                all_have_asked.set()
        all_have_asked.wait(10)
        with lock:
            sent.append(len(blob))
        self.head(blob)
        self.wfile.write(blob)


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # the cache resets connections that it needs no more


origin = Server(("127.0.0.1", 0), Origin)
threading.Thread(target=origin.serve_forever, daemon=True).start()
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
(folder / "config.yml").write_text(f"""version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/store}}}}
http: {{addr: "127.0.0.1:{port}"}}
proxy: {{remoteurl: "http://127.0.0.1:{origin.server_port}"}}
""")
cache = f"http://127.0.0.1:{port}/v2/"


def pull(_=None):
    with urllib.request.urlopen(f"{cache}some/image/blobs/{digest}", timeout=60) as answer:
        return answer.read() == blob


registry = subprocess.Popen(
    [folder / "bin/registry", "serve", folder / "config.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
)
try:
    for _ in range(300):
        try:
            urllib.request.urlopen(cache).close()
            break
        except OSError:
            time.sleep(0.1)
    with ThreadPoolExecutor(CLIENTS) as pool:
        whole = all(pool.map(pull, range(CLIENTS)))
    together = len(asked), sum(sent) >> 20
    print(f"{CLIENTS} clients at once: {together[0]} fetches of the blob, {together[1]} MiB read; whole: {whole}")
    time.sleep(2)  # the cache writes its copy
    whole = pull() and whole
    later = len(asked) - together[0]
    print(f"one client later: {later} fetches")
finally:
    registry.terminate()
    registry.wait()
seen = (whole, together, later)
expected = (True, (CLIENTS, 8 * CLIENTS), 0)
sys.exit(0 if seen == expected else f"changed: {seen}, expected {expected}")
PYTHON
