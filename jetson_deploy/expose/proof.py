"""Requests through the door that stands: what must be let in is, and what must not be is not."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping

import msgspec

from jetson_deploy.events import Reporter, Verdict
from jetson_deploy.expose.apis import allowed, smallest_question
from jetson_deploy.expose.door import Door, bracketed

_QUICK = 15.0
_ANSWER = 300.0
"""For one token: the model may have to be loaded first."""
_LARGEST = 1 << 20
_SERVED = "jetson-deploy logs, and journalctl -u 'jetson-deploy-expose@*', tell more"


class Asked(msgspec.Struct, frozen=True):
    status: int | None
    """None: no answer."""
    text: str


def prove(door: Door, sha256: str, secret: str, model: str, report: Reporter) -> tuple[Verdict, ...]:
    """`sha256`: of the certificate that must be presented; `secret`: a key that is let in."""
    found = []
    for verdict in _questions(door, sha256, secret, model):
        report(verdict)
        found.append(verdict)
    return tuple(found)


def _questions(door: Door, sha256: str, secret: str, model: str) -> Iterator[Verdict]:
    key = {"Authorization": f"Bearer {secret}"}
    path, body = smallest_question(door.server, model)
    post = {"Content-Type": "application/json"}

    def ask(method: str, where: str, headers: Mapping[str, str], sent: object = None, seconds: float = _QUICK) -> Asked:
        return request(door, sha256, method, where, headers, sent, seconds)

    yield _judged("door-without-key", 401, lambda: ask("POST", path, post, body))
    yield _judged("door-with-key", 200, lambda: ask("POST", path, {**key, **post}, body, _ANSWER), _SERVED)
    refused = allowed(door.server).administration
    yield _judged("door-administration", 403, lambda: ask("POST", refused, {**key, **post}, {}))
    yield _judged("door-other-host", 421, lambda: ask("GET", "/v1/models", {**key, "Host": "other.invalid"}))


def _judged(check: str, wanted: int, asked: Callable[[], Asked], hint: str = "") -> Verdict:
    begun = time.monotonic()
    answer = asked()
    observed = f"HTTP {answer.status}" if answer.status else answer.text
    return Verdict(
        check=check,
        passed=answer.status == wanted,
        observed=observed if answer.status in (wanted, None) else f"{observed}: {answer.text[:200]}",
        expected=f"HTTP {wanted}",
        hint=hint,
        seconds=round(time.monotonic() - begun, 3),
    )


def request(
    door: Door, sha256: str, method: str, path: str, headers: Mapping[str, str], sent: object, seconds: float
) -> Asked:
    """Whatever the certificate's names and issuer: it is the very one that was installed, or nothing is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    link = http.client.HTTPSConnection(_reached(door.host), door.port, timeout=seconds, context=context)
    try:
        link.connect()
        shown = link.sock.getpeercert(binary_form=True)
        if hashlib.sha256(shown or b"").hexdigest() != sha256:
            return Asked(None, "another certificate is presented there")
        body = None if sent is None else json.dumps(sent).encode()
        link.request(method, path, body, {"Host": f"{bracketed(door.names[0])}:{door.port}", **headers})
        answer = link.getresponse()
        return Asked(answer.status, answer.read(_LARGEST).decode(errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        return Asked(None, f"no answer: {error or type(error).__name__}")
    finally:
        link.close()


def _reached(host: str) -> str:
    address = ipaddress.ip_address(host)
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"
