"""Sinks of alerts: a log, a webhook, a program. Listeners of the monitor."""

from __future__ import annotations

import shlex
import shutil
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from jetson_deploy.errors import NetworkError, UsageError
from jetson_deploy.monitor.alerts.command import Command
from jetson_deploy.monitor.alerts.delivery import BACK_OFF, Delivery, Sink, SinkError
from jetson_deploy.monitor.alerts.messages import Message, NotificationLog, trial_message
from jetson_deploy.monitor.alerts.webhook import SHAPES, Webhook
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.names import address_problem, shown

FORMS = "log, webhook:URL, slack:URL, discord:URL, command:PATH ARGS; URL may be @FILE that holds it"
Say = Callable[[str], None]
_LONGEST_FILE = 4096


class Log:
    """Every alert as a line, those of severity `info` too."""

    name = "log"

    def __init__(self, say: Say) -> None:
        self._say = say

    def deliver(self, message: Message) -> None:
        self._say(message.line)


class Sinks:
    """Sends what is worth a message: warnings and critical alerts; `info` goes to the log alone."""

    def __init__(self, sinks: Sequence[Sink], say: Say, *, back_off: Sequence[float] = BACK_OFF) -> None:
        self._logs = [sink for sink in sinks if isinstance(sink, Log)]
        self._deliveries = [Delivery(sink, say, back_off=back_off) for sink in sinks if not isinstance(sink, Log)]
        self._notifications = NotificationLog()

    def receive(self, latest: Latest) -> None:
        """Never waits: each sink has its own thread and its own queue."""
        for message in self._notifications.messages(latest):
            for log in self._logs:
                log.deliver(message)
            if message.alert.severity != "info":
                for delivery in self._deliveries:
                    delivery.put(message)

    @property
    def lost(self) -> int:
        return sum(delivery.lost for delivery in self._deliveries)

    def close(self) -> None:
        """Waits a few seconds for what is under way."""
        for delivery in self._deliveries:
            delivery.close()


def open_sinks(specs: Sequence[str], say: Say) -> Sinks:
    """`say` gets the log's lines, and one when a sink begins to fail. Raises UsageError for a wrong spec."""
    return Sinks([parse_sink(spec, say) for spec in specs], say)


def parse_sink(spec: str, say: Say) -> Sink:
    """Raises UsageError `bad-sink`; an address is never repeated: its path is a secret."""
    kind, colon, rest = spec.partition(":")
    if kind == "log" and not colon:
        return Log(say)
    if kind in SHAPES and colon:
        return Webhook(kind, _url(kind, rest.strip()))
    if kind != "command" or not colon:
        _refuse(f"there is no sink {shown(kind)}" + (" without an address" if not colon else ""))
    return Command(_argv(rest))


def send_trial(sink: Sink) -> None:
    """A marked message, now and once. Raises NetworkError (exit 4) when it does not arrive."""
    try:
        sink.deliver(trial_message(time.time(), socket.gethostname()))
    except SinkError as error:
        if isinstance(sink, Command):
            hint = "run it by hand: the alert comes as JSON on its standard input"
        else:
            hint = "check the address, and whether this machine may reach it"
        raise NetworkError(f"the test did not arrive at {sink.name}: {error}", hint=hint, code="sink-failed") from None


def _url(kind: str, text: str) -> str:
    url = _from_file(text[1:]) if text.startswith("@") else text
    problem = address_problem(url)
    if problem:
        _refuse(f"the address of {kind} {problem}")
    return url


def _from_file(name: str) -> str:
    try:
        with Path(name).open(encoding="ascii") as file:
            return file.read(_LONGEST_FILE).strip()
    except OSError as error:
        _refuse(f"{shown(name)} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        _refuse(f"{shown(name)} holds no address")


def _argv(text: str) -> list[str]:
    try:
        argv = shlex.split(text)
    except ValueError:
        _refuse(f"{shown(text)} has an open quote")
    if not argv:
        _refuse("command: names no program")
    found = shutil.which(argv[0])
    if found is None:
        _refuse(f"{shown(argv[0])} is no program that can be run here")
    return [str(Path(found).absolute()), *argv[1:]]


def _refuse(problem: str) -> NoReturn:
    raise UsageError(problem, hint=FORMS, code="bad-sink")
