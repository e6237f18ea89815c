"""A model registry over HTTP: manifests and blobs of one model (Ollama's protocol, which is Docker's v2).

Single requests only; how often to try again is decided in `retry` and `transfer`, what to keep in `bring`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import requests

from jetson_deploy.errors import NetworkError
from jetson_deploy.names import ModelName, check_registry_address
from jetson_deploy.store.manifest import MANIFEST_BYTES, MANIFEST_MEDIA, Blob, manifest_digest
from jetson_deploy.store.remote import errors
from jetson_deploy.store.remote.errors import PassingError, WrongContent
from jetson_deploy.store.remote.http_source import HttpSource
from jetson_deploy.store.transfer.chunksums import Chunksum, parse_chunksums

_ACCEPT = f"{MANIFEST_MEDIA[0]}, {MANIFEST_MEDIA[1]};q=0.9"


def registry_of(name: ModelName, registry: str) -> str:
    """Where to fetch `name`: at `registry`, unless the name itself names another host (then by https there)."""
    address = check_registry_address(registry)
    if name.registry is None or urlsplit(address).netloc == name.registry:
        return address
    return f"https://{name.registry}"


class Registry(HttpSource[ModelName]):
    """One model at one registry."""

    def manifest(self) -> bytes:
        """The manifest as served. Raises NetworkError, PassingError, WrongContent."""
        url = self._url(f"manifests/{self.name.tag}")
        with self._ask(url, {"Accept": _ACCEPT}) as response:
            self._check(response, errors.no_such_model)
            self._refuse_downgrade(response)
            raw = b"".join(self._pieces(response, MANIFEST_BYTES))
            promised = response.headers.get("Docker-Content-Digest", "")
        if promised.startswith("sha256:") and promised[7:] != manifest_digest(raw):
            raise WrongContent(f"the registry promised {promised}, its bytes have sha256:{manifest_digest(raw)}")
        return raw

    def chunksums(self, blob: Blob) -> tuple[Chunksum, ...]:
        """See `KnowsChunks`; most registries have none."""
        try:
            with self._ask(self._url(f"chunksums/{blob.digest}"), {}) as response:
                if response.status_code != requests.codes.ok:
                    return ()
                text = b"".join(self._pieces(response, MANIFEST_BYTES)).decode("ascii", errors="replace")
        except (PassingError, WrongContent, NetworkError):
            return ()
        return parse_chunksums(text, blob.size)

    def url_of(self, blob: Blob) -> str:
        return self._url(f"blobs/{blob.digest}")

    def missing(self) -> errors.Missing:
        return errors.no_such_blob

    def _url(self, path: str) -> str:
        return f"{self.address}/v2/{self.name.namespace}/{self.name.model}/{path}"

    def _refuse_downgrade(self, response: requests.Response) -> None:
        """Blobs have a hash to hold them to; an unpinned manifest has only TLS."""
        if self.address.startswith("https://") and not response.url.startswith("https://"):
            raise NetworkError(
                f"{self.address} redirects the manifest of {self.name.short} to an address without TLS",
                hint="a captive portal or a proxy may be in the way; check with: curl -vI " + self.address,
                code="registry-untrusted",
            )
