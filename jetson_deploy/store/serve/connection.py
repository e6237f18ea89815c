"""One connection: request after request, each answered whole or the connection ended."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import socket
import sys
import termios
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus

from jetson_deploy import __version__
from jetson_deploy.store.rate import RateLimit
from jetson_deploy.store.serve.answers import Answer, Answers, FilePart, Lines, come_back_later, refused
from jetson_deploy.store.serve.request import BadRequest, Request, end_of_head, parse_head
from jetson_deploy.store.serve.served import BlobChanged
from jetson_deploy.store.serve.tally import Tally

_RECEIVE_BYTES = 4096
_COPY_BYTES = 256 << 10
_SHOWN = 200
_NO_SENDFILE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
"""A file system that cannot do it (sendfile(2))."""
_DISK = (errno.EIO, errno.ESTALE, errno.ENODEV)


class ClientGone(Exception):  # noqa: N818 - its right
    """It hung up, or took nothing for too long."""


class ConnectionHandler:
    """Uses the socket and leaves closing it to its owner. `hang_up` may be called from another thread."""

    def __init__(
        self, link: socket.socket, address: str, answers: Answers, rate: RateLimit, tally: Tally, patience: float
    ) -> None:
        self.link, self.address = link, address
        self._answers, self._rate, self._tally, self._patience = answers, rate, tally, patience
        self._received = bytearray()
        self._sent = 0
        self._poll = select.poll()
        self.idle_since: float | None = time.monotonic()
        """Since when nothing has come from it and nothing is to be sent; None: it is busy."""

    def hang_up(self) -> None:
        self.idle_since = None
        with contextlib.suppress(OSError):
            self.link.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        """Until the client has enough, asks for nonsense, or is too slow."""
        with contextlib.suppress(ClientGone):
            while self._exchange():
                self.idle_since = None if self._received else time.monotonic()

    def _exchange(self) -> bool:
        """One request and its answer; whether another may follow."""
        try:
            request = parse_head(self._head())
        except BadRequest as bad:
            self._send(refused(HTTPStatus(bad.status), "UNSUPPORTED", str(bad)), None)
            return False
        return self._send(self._answer(request), request)

    def _answer(self, request: Request) -> Answer:
        try:
            return self._answers.to(request)
        except OSError as error:
            self._tally.warn("disk", f"the store cannot be read: {error}")
            return come_back_later()

    def _head(self) -> bytes:
        """The next head. The whole of it has to come in time: a byte now and then is no progress."""
        deadline = time.monotonic() + self._patience
        while True:
            # Empty lines before a request are to be ignored (RFC 9112, 2.2).
            self._received = self._received.lstrip(b"\r\n")
            if (end := end_of_head(self._received)) is not None:
                head = bytes(self._received[:end])
                del self._received[:end]
                return head
            if not self._ready(select.POLLIN, deadline - time.monotonic()):
                raise ClientGone
            self._receive()

    def _receive(self) -> None:
        try:
            data = self.link.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise ClientGone from error
        if not data:
            raise ClientGone
        self._received += data
        self.idle_since = None

    def _send(self, answer: Answer, request: Request | None) -> bool:
        """Whether another request may follow."""
        began, self._sent, whole = time.monotonic(), 0, False
        try:
            with contextlib.closing(answer):
                self._write(_head_of(answer, request), more=bool(answer.length) and not _is_head(request))
                if not _is_head(request):
                    self._send_body(answer, request)
            whole = True
        except (BlobChanged, OSError) as error:
            self._tally.warn("cut", f"{_what(request)} was cut: {_why(error)}")
        finally:
            what = f"{_what(request)} {answer.status.value}{_part(answer)}{'' if whole else ' (cut)'}"
            self._tally.answered(self.address, what, self._sent, time.monotonic() - began)
        return whole and request is not None and request.keep_alive

    def _send_body(self, answer: Answer, request: Request | None) -> None:
        if isinstance(answer.body, FilePart):
            self._send_file(answer.body)
        elif isinstance(answer.body, Lines):
            self._send_lines(answer.body, chunked=_is_chunked(answer, request))
        elif answer.body:
            self._send_bytes(answer.body)

    def _send_file(self, body: FilePart) -> None:
        at, end = body.part
        while at < end:
            pause_at = min(at + self._rate.slice_bytes, end)
            self._rate.take(pause_at - at)
            while at < pause_at:
                sent = self._once_it_takes(transfer, self.link, body.blob.file.fileno(), at, pause_at - at)
                if sent == 0:
                    raise BlobChanged
                self._count(sent)
                at += sent

    def _send_lines(self, body: Lines, *, chunked: bool) -> None:
        for line in body.lines:
            self._send_bytes(b"%x\r\n%b\r\n" % (len(line), line) if chunked else line)
        if chunked:
            self._write(b"0\r\n\r\n")

    def _send_bytes(self, data: bytes) -> None:
        self._rate.take(len(data))
        self._write(data)
        self._count(len(data))

    def _write(self, data: bytes, *, more: bool = False) -> None:
        """`more`: follows at once, and may share a packet."""
        left = memoryview(data)
        while left:
            sent = self._once_it_takes(self.link.send, left, socket.MSG_MORE if more else 0)
            left = left[sent:]

    def _once_it_takes(self, send: Callable[..., int], *arguments: object) -> int:
        """Call `send`, as soon as the client takes something. Raises ClientGone, OSError of the disk."""
        while True:
            try:
                return send(*arguments)
            except BlockingIOError:
                self._wait_for_room()
            except OSError as error:
                if error.errno in _DISK:
                    raise
                raise ClientGone from error

    def _wait_for_room(self) -> None:
        """The kernel reports room in large steps; a slow client that acknowledges bytes between them is not gone."""
        before = _unacknowledged(self.link)
        while not self._ready(select.POLLOUT, self._patience):
            now = _unacknowledged(self.link)
            if now >= before:
                raise ClientGone
            before = now

    def _ready(self, event: int, seconds: float) -> bool:
        self._poll.register(self.link, event)
        return bool(self._poll.poll(max(0.0, seconds) * 1000))

    def _count(self, sent: int) -> None:
        self._sent += sent
        self._tally.sent(sent)


def transfer(link: socket.socket, descriptor: int, at: int, count: int) -> int:
    """From the file to the socket within the kernel, where the file system can. 0: the file ends there."""
    try:
        return os.sendfile(link.fileno(), descriptor, at, count)
    except OSError as error:
        if error.errno not in _NO_SENDFILE:
            raise
    return link.send(os.pread(descriptor, min(count, _COPY_BYTES), at))


def _unacknowledged(link: socket.socket) -> int:
    """Bytes that wait in the kernel until the client has them (SIOCOUTQ, tcp(7))."""
    return int.from_bytes(fcntl.ioctl(link, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def _head_of(answer: Answer, request: Request | None) -> bytes:
    lines = [f"HTTP/1.1 {answer.status.value} {answer.status.phrase}", f"Date: {formatdate(usegmt=True)}"]
    lines += [f"Server: jetson-deploy/{__version__}", "Docker-Distribution-Api-Version: registry/2.0"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if answer.length is not None:
        lines.append(f"Content-Length: {answer.length}")
    if _is_chunked(answer, request):
        lines.append("Transfer-Encoding: chunked")
    if request is None or not request.keep_alive:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _is_chunked(answer: Answer, request: Request | None) -> bool:
    """A body of unknown length. HTTP/1.0 knows no chunks: the end of the connection is the body's."""
    return isinstance(answer.body, Lines) and request is not None and request.version >= (1, 1)


def _is_head(request: Request | None) -> bool:
    return request is not None and request.method == "HEAD"


def _what(request: Request | None) -> str:
    return f"{request.method} {request.target[:_SHOWN]}" if request else "a malformed request"


def _part(answer: Answer) -> str:
    is_part = isinstance(answer.body, FilePart) and answer.length != answer.body.blob.size
    return f" from {answer.body.part.start}" if is_part and isinstance(answer.body, FilePart) else ""


def _why(error: Exception) -> str:
    return "the file became shorter meanwhile" if isinstance(error, BlobChanged) else str(error)
