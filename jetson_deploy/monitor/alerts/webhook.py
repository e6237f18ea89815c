"""Alerts over HTTP: our own JSON, or as Slack and Discord want it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

import msgspec

from jetson_deploy.monitor.alerts.delivery import SinkError
from jetson_deploy.monitor.alerts.messages import Message

SECONDS = 10.0
"""For each of: connect, send, answer."""
_LONGEST_DISCORD = 2000
_LONGEST_SLACK = 4000
_LATER = (408, 425, 429)
"""Refusals that a later try may not meet; of the others only 5xx."""


def _slack(message: Message) -> bytes:
    """https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""
    text = _paragraph(message)
    for sign, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, safe)
    return msgspec.json.encode({"text": text[:_LONGEST_SLACK]})


def _discord(message: Message) -> bytes:
    """https://docs.discord.com/developers/resources/webhook#execute-webhook; a name in a text pings no user."""
    return msgspec.json.encode({"content": _paragraph(message)[:_LONGEST_DISCORD], "allowed_mentions": {"parse": []}})


def _paragraph(message: Message) -> str:
    return "\n".join(part for part in (message.headline, message.alert.cause, message.alert.fix) if part)


SHAPES: Mapping[str, Callable[[Message], bytes]] = {
    "webhook": lambda message: message.json,
    "slack": _slack,
    "discord": _discord,
}


class Webhook:
    """`url` is checked. Its path is a secret: only the host is ever shown."""

    def __init__(self, shape: str, url: str, *, seconds: float = SECONDS) -> None:
        self._url: SplitResult = urlsplit(url)
        self._body, self._seconds = SHAPES[shape], seconds
        self.name = f"{shape} {self._url.hostname}"

    def deliver(self, message: Message) -> None:
        import http.client  # only who has such a sink pays for it

        url = self._url
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.hostname or "", url.port, timeout=self._seconds)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        headers = {"Content-Type": "application/json", "User-Agent": "jetson-deploy-monitor"}
        try:
            connection.request("POST", target, self._body(message), headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise SinkError(_why(error)) from None
        finally:
            with contextlib.suppress(OSError):
                connection.close()
        if not 200 <= status < 300:
            raise SinkError(f"it answered {status}", again=status >= 500 or status in _LATER)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
