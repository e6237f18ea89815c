"""NVIDIA's own tegrastats, as the last resort: one long-lived child process, read line by line in a thread."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence

from jetson_deploy.monitor.sample import Board
from jetson_deploy.monitor.sources.followed import INTERVAL, FollowedSource
from jetson_deploy.monitor.sources.source import Source, SourceError
from jetson_deploy.monitor.sources.tegrastats_line import parse_tegrastats

__all__ = ["TegrastatsFeed", "open_tegrastats", "parse_tegrastats"]

_LONGEST_LINE = 16384
"""Bytes; the longest seen has 900."""
_END_SECONDS = 1.0


def open_tegrastats(command: Sequence[str] = ("tegrastats",)) -> Source:
    """Raises SourceError when there is no such program."""
    if shutil.which(command[0]) is None:
        raise SourceError(f"there is no program {command[0]}: it belongs to NVIDIA's Jetson Linux")
    source = FollowedSource("tegrastats", TegrastatsFeed(command))
    source.start()
    return source


class TegrastatsFeed:
    """Starts the program at each `boards`, and ends the very process it started."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def boards(self) -> Iterator[Board]:
        process = self._process = self._started()
        try:
            if self._stopped:  # between the start and here
                return
            for line in _lines(process):
                board = parse_tegrastats(line)
                if board != Board():
                    yield board
        finally:
            _end(process)
        if not self._stopped:
            raise SourceError(f"{self._command[0]} {_how(process.returncode)}; it is started again")

    def stop(self) -> None:
        self._stopped = True
        process = self._process
        if process is not None and process.poll() is None:
            with contextlib.suppress(OSError):
                process.terminate()

    def _started(self) -> subprocess.Popen[bytes]:
        milliseconds = str(round(INTERVAL * 1000))
        try:
            return subprocess.Popen(
                [*self._command, "--interval", milliseconds],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise SourceError(f"{self._command[0]} cannot be started: {error.strerror or error}") from error


def _how(status: int) -> str:
    return f"was ended by signal {-status}" if status < 0 else f"ended with exit status {status}"


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Whole lines alone: one that ends without its newline may be cut in the middle of a number."""
    whole = True
    while process.stdout is not None and (line := process.stdout.readline(_LONGEST_LINE)):
        begins, whole = whole, line.endswith(b"\n")
        if begins and whole:
            yield line.decode("utf-8", "replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
