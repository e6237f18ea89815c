"""From a request to its answer. No socket here: an answer is data, and the body's source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import TypeAlias

import msgspec

from jetson_deploy.store.serve.byte_range import ByteRange, NotSatisfiable, asked_range
from jetson_deploy.store.serve.chunksums import Chunksums
from jetson_deploy.store.serve.request import Request
from jetson_deploy.store.serve.served import ServedBlob, ServedStore

Headers: TypeAlias = tuple[tuple[str, str], ...]
_BYTES = "application/octet-stream"
_ETAG = re.compile(r'(W/)?("[!#-~]*")')


class FilePart(msgspec.Struct, frozen=True, kw_only=True):
    blob: ServedBlob
    part: ByteRange


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """A body whose length is not known before it was made."""

    blob: ServedBlob
    lines: Iterator[bytes]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`body` None: an answer that has none by definition (304). Close it when it was sent."""

    status: HTTPStatus
    headers: Headers = ()
    body: bytes | FilePart | Lines | None = b""

    @property
    def length(self) -> int | None:
        """Of the body; None: there is none, or it is unknown."""
        if isinstance(self.body, FilePart):
            return self.body.part.end - self.body.part.start
        return len(self.body) if isinstance(self.body, bytes) else None

    def close(self) -> None:
        if isinstance(self.body, (FilePart, Lines)):
            self.body.blob.file.close()


class Answers:
    """The registry's paths over one store."""

    def __init__(self, store: ServedStore) -> None:
        self._store = store
        self._chunksums = Chunksums()

    def to(self, request: Request) -> Answer:
        """HEAD gets the answer of GET, whose body the caller leaves out."""
        if request.method not in ("GET", "HEAD"):
            return refused(HTTPStatus.METHOD_NOT_ALLOWED, "UNSUPPORTED", "this registry is read-only")
        match request.segments:
            case ("v2", ""):
                return _json({})
            case ("v2", namespace, model, "manifests", reference):
                return self._manifest(request, namespace, model, reference)
            case ("v2", namespace, model, "blobs", digest):
                return self._blob(request, namespace, model, digest)
            case ("v2", namespace, model, "chunksums", digest):
                return self._sums(request, namespace, model, digest)
            case ("v2", namespace, model, "tags", "list"):
                return self._tags(namespace, model)
        return refused(HTTPStatus.NOT_FOUND, "UNSUPPORTED", "there is nothing at this path")

    def _manifest(self, request: Request, namespace: str, model: str, reference: str) -> Answer:
        served = self._store.manifest(namespace, model, reference)
        if served is None:
            return refused(HTTPStatus.NOT_FOUND, "MANIFEST_UNKNOWN", "the store has no such model")
        headers = (("Content-Type", served.manifest.mediaType), ("Docker-Content-Digest", served.digest))
        answer = _unless(request, served.digest)
        return answer or Answer(status=HTTPStatus.OK, headers=(*headers, _etag(served.digest)), body=served.raw)

    def _blob(self, request: Request, namespace: str, model: str, digest: str) -> Answer:
        blob = self._store.open_blob(namespace, model, digest)
        if blob is None:
            return _no_blob()
        if answer := _unless(request, digest):
            blob.file.close()
            return answer
        # Ollama since 0.3.10 asks for the blob's place, and takes no answer without a Location for one (contract).
        place = ("Location", f"/v2/{namespace}/{model}/blobs/{digest}")
        return _bytes_of(blob, request, (place, ("Docker-Content-Digest", digest), _etag(digest)))

    def _sums(self, request: Request, namespace: str, model: str, digest: str) -> Answer:
        blob = self._store.open_blob(namespace, model, digest)
        if blob is None:
            return _no_blob()
        # Absolute, as Ollama's client2 uses it as it is.
        host = request.headers.get("host")
        place = f"{f'http://{host}' if host else ''}/v2/{namespace}/{model}/blobs/{digest}"
        headers = (("Content-Type", "text/plain; charset=us-ascii"), ("Content-Location", place))
        return Answer(status=HTTPStatus.OK, headers=headers, body=Lines(blob=blob, lines=self._chunksums.lines(blob)))

    def _tags(self, namespace: str, model: str) -> Answer:
        tags = self._store.tags(namespace, model)
        if not tags:
            return refused(HTTPStatus.NOT_FOUND, "NAME_UNKNOWN", "the store has no such model")
        return _json({"name": f"{namespace}/{model}", "tags": tags})


def refused(status: HTTPStatus, code: str, message: str) -> Answer:
    """An error as registries say it (OCI distribution, error codes)."""
    allow = (("Allow", "GET, HEAD"),) if status is HTTPStatus.METHOD_NOT_ALLOWED else ()
    return _json({"errors": [{"code": code, "message": message, "detail": None}]}, status, allow)


def come_back_later() -> Answer:
    """Without a body: Ollama's downloader takes that of any status for the blob (server/download.go, 0.9.5)."""
    return Answer(status=HTTPStatus.SERVICE_UNAVAILABLE, headers=(("Retry-After", "5"),))


def _json(content: object, status: HTTPStatus = HTTPStatus.OK, headers: Headers = ()) -> Answer:
    kind = ("Content-Type", "application/json")
    return Answer(status=status, headers=(*headers, kind), body=msgspec.json.encode(content))


def _no_blob() -> Answer:
    return refused(HTTPStatus.NOT_FOUND, "BLOB_UNKNOWN", "no model of this name in the store has such a blob")


def _bytes_of(blob: ServedBlob, request: Request, headers: Headers) -> Answer:
    """The whole blob, or the part that was asked for. HEAD has no ranges (RFC 9110, 14.2)."""
    headers = (*headers, ("Content-Type", _BYTES), ("Accept-Ranges", "bytes"))
    unchanged = request.headers.get("if-range", _etag(blob.digest)[1]) == _etag(blob.digest)[1]
    wanted = request.headers.get("range") if request.method == "GET" and unchanged else None
    try:
        part = asked_range(wanted, blob.size)
    except NotSatisfiable:
        blob.file.close()
        where = (*headers, ("Content-Range", f"bytes */{blob.size}"))
        return Answer(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=where)
    if part is None:
        whole = FilePart(blob=blob, part=ByteRange(0, blob.size))
        return Answer(status=HTTPStatus.OK, headers=headers, body=whole)
    where = (*headers, ("Content-Range", f"bytes {part.start}-{part.end - 1}/{blob.size}"))
    return Answer(status=HTTPStatus.PARTIAL_CONTENT, headers=where, body=FilePart(blob=blob, part=part))


def _etag(digest: str) -> tuple[str, str]:
    return "ETag", f'"{digest}"'


def _unless(request: Request, digest: str) -> Answer | None:
    """The answer when a precondition says so (RFC 9110, 13); the content of a digest never changes."""
    tag = _etag(digest)
    wanted, known = request.headers.get("if-match"), request.headers.get("if-none-match")
    if wanted is not None and wanted != "*" and ("", tag[1]) not in _ETAG.findall(wanted):
        return Answer(status=HTTPStatus.PRECONDITION_FAILED, headers=(tag,))
    if known is not None and (known == "*" or tag[1] in [value for _, value in _ETAG.findall(known)]):
        return Answer(status=HTTPStatus.NOT_MODIFIED, headers=(tag,), body=None)
    return None
