"""A model registry over HTTP: manifests and blobs of one model (Ollama's protocol, which is Docker's v2).

Single requests only; how often to try again is decided in `retry`, what to keep in `fetch`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from jetson_deploy.errors import NetworkError
from jetson_deploy.names import ModelName, check_registry_address
from jetson_deploy.store import trouble
from jetson_deploy.store.connections import CutOnStop, OpenSockets, new_session
from jetson_deploy.store.interrupt import check_stop
from jetson_deploy.store.manifest import MANIFEST_BYTES, Blob, manifest_digest
from jetson_deploy.store.trouble import WrongContent

CONNECT_SECONDS = 10.0
CHUNK_BYTES = 64 << 10
"""Large enough to hash at line speed, small enough that a slow line still shows progress."""
_ACCEPT = "application/vnd.docker.distribution.manifest.v2+json"


def registry_of(name: ModelName, registry: str) -> str:
    """Where to fetch `name`: at `registry`, unless the name itself names another host (then by https there)."""
    address = check_registry_address(registry)
    if name.registry is None or urlsplit(address).netloc == name.registry:
        return address
    return f"https://{name.registry}"


class Registry:
    """One model at one registry. Close it after use; while it is open, `stop` cuts its connections."""

    def __init__(self, name: ModelName, address: str, *, stall_seconds: float, stop: threading.Event) -> None:
        self.name, self.address = name, address
        self._stop = stop
        self._stall_seconds = stall_seconds
        self._sockets = OpenSockets()
        self._session = new_session(address, self._sockets)
        self._watch = CutOnStop(self._sockets, stop)

    def __enter__(self) -> Registry:
        self._watch.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.__exit__()
        self._session.close()
        # urllib3 closes a connection when its pool is collected; the traceback of a failure keeps the pool alive.
        self._sockets.cut()

    def manifest(self) -> bytes:
        """The manifest as served. Raises NetworkError, PassingTrouble, WrongContent."""
        with self._get(f"manifests/{self.name.tag}", {"Accept": _ACCEPT}, trouble.no_such_model) as response:
            self._refuse_downgrade(response)
            raw = b"".join(self._chunks(response, MANIFEST_BYTES))
            promised = response.headers.get("Docker-Content-Digest", "")
        if promised.startswith("sha256:") and promised[7:] != manifest_digest(raw):
            raise WrongContent(f"the registry promised {promised}, its bytes have sha256:{manifest_digest(raw)}")
        return raw

    @contextlib.contextmanager
    def blob(self, blob: Blob) -> Iterator[Iterator[bytes]]:
        """The blob's bytes in chunks, never more than its size. Raises like `manifest`; the hash is not compared."""
        with self._get(f"blobs/{blob.digest}", {}, trouble.no_such_blob) as response:
            length = response.headers.get("Content-Length")
            if length is not None and length != str(blob.size):
                raise WrongContent(f"the registry sends {length} bytes for {blob.digest}, not {blob.size}")
            yield self._chunks(response, blob.size)

    @contextlib.contextmanager
    def _get(self, path: str, headers: dict[str, str], missing: trouble.Missing) -> Iterator[requests.Response]:
        url = f"{self.address}/v2/{self.name.namespace}/{self.name.model}/{path}"
        with self._translated():
            response = self._session.get(
                url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, self._stall_seconds)
            )
        # Outside of _translated: an OSError of the caller's block is the disk's, not the network's.
        with response:
            if response.status_code != requests.codes.ok:
                redirected = bool(response.history)
                raise trouble.refusal(self.name, self.address, response.status_code, redirected, missing)
            yield response

    def _chunks(self, response: requests.Response, most: int) -> Iterator[bytes]:
        """The body as sent, never decoded. Raises WrongContent when it is longer than `most`."""
        left = most
        while True:
            with self._translated():
                chunk = response.raw.read(min(CHUNK_BYTES, left + 1), decode_content=False)
            if not chunk:
                return
            left -= len(chunk)
            if left < 0:
                raise WrongContent(f"the registry sends more than the {most} bytes that it may")
            yield chunk

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Library exceptions as ours; once `stop` is set, whatever came of it is the interruption."""
        try:
            check_stop(self._stop)
            yield
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            check_stop(self._stop)
            raise trouble.of_exception(self.address, error, self._stall_seconds) from error

    def _refuse_downgrade(self, response: requests.Response) -> None:
        """Blobs have a hash to hold them to; an unpinned manifest has only TLS."""
        if self.address.startswith("https://") and not response.url.startswith("https://"):
            raise NetworkError(
                f"{self.address} redirects the manifest of {self.name.short} to an address without TLS",
                hint="a captive portal or a proxy may be in the way; check with: curl -vI " + self.address,
                code="registry-untrusted",
            )
