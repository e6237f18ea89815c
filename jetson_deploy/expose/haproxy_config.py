"""HAProxy's configuration, rendered from a Door. It runs on 2.2, 2.6 and 3.0.

What decides who may ask stands in `_FRONT`, in the order in which it is asked: framing, Host, Origin, key, path, size,
rate, queue. `http-request return` (2.2) and the converter `sha2` (2.1) set the lowest version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template

from jetson_deploy.errors import PreflightError
from jetson_deploy.expose.apis import MODEL_PATH, allowed
from jetson_deploy.expose.door import Door, DoorFiles, DoorVersion, bracketed

LOWEST = (2, 2)
USER = "haproxy"
"""Of Debian's and Ubuntu's package; the workers run as it, in EMPTY_ROOT."""
EMPTY_ROOT = "/var/lib/haproxy"
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+-]+")
_ANSWERED = {
    400: "the request could not be read",
    408: "the request was not sent in time",
    502: "the server ended before its answer did",
    503: "the model does not answer now",
    504: "the server was silent for too long",
}
"""Errors of HAProxy itself, in the form of the API."""
_REASONS = {400: "Bad Request", 408: "Request Timeout", 502: "Bad Gateway"}
_REASONS |= {503: "Service Unavailable", 504: "Gateway Timeout"}
_AGAIN = {502: 2, 503: 5}
"""Seconds after which the same request may succeed."""

_HEAD = Template("""\
# Written by jetson-deploy expose, which writes it again whole.
global
    log stdout format raw local0 info
    stats socket $socket mode 600 level admin expose-fd listeners
    user $user
    group $user
    chroot $chroot
    maxconn $connections
    nbthread 2
    hard-stop-after ${quiet}s
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20

defaults
    mode http
    log global
    option abortonclose
    option http-no-delay
    option http-server-close
    option dontlognull
    timeout http-request 10s
    timeout http-keep-alive 30s
    timeout client ${client}s
    timeout connect 5s
    timeout queue ${queue}s
    timeout server ${quiet}s
$errors
""")

_FRONT = Template("""\
frontend network
    bind $listens ssl crt $pem alpn http/1.1
    maxconn $connections
    # No query, no header, and the path only where it is one of the list: neither keys nor prompts are written.
    log-format "%ci %[var(txn.key)] %HM %[var(txn.path)] %ST waited=%Tw first=%Tr total=%Ta bytes=%B %tsc"
    tcp-request connection track-sc0 src table per_address
    tcp-request connection reject if { sc0_conn_cur gt $per_address }

    http-request return $not_plain unless { url -m beg / }
    http-request return $not_plain if { req.fhdr_cnt(host) gt 1 }
    http-request return $no_length if { req.fhdr_cnt(transfer-encoding) gt 0 }

    http-request set-var(txn.host) req.fhdr(host),lower,regsub(:[0-9]+$$,)
    http-request return $other_host unless { var(txn.host) -m str $hosts }
    http-request return $other_origin if { req.fhdr_cnt(origin) gt 0 }

    http-request set-var(txn.token) req.fhdr(x-api-key) if { req.fhdr_cnt(x-api-key) eq 1 }
    http-request set-var(txn.token) req.fhdr(authorization),bytes(7) if { req.fhdr_cnt(authorization) eq 1 } \
{ req.fhdr(authorization) -m beg -i "bearer " }
    http-request return $no_key unless { var(txn.token) -m reg ^jd_[A-Za-z0-9_-]{43}$$ }
    http-request set-var(txn.entry) var(txn.token),sha2(256),hex,map_str($keys)
    http-request unset-var(txn.token)
    http-request return $no_key unless { var(txn.entry) -m found }
    http-request set-var(txn.now) date
    http-request set-var(txn.left) var(txn.entry),field(1,:),sub(txn.now)
    http-request return $no_key unless { var(txn.left) -m int gt 0 }
    http-request set-var(txn.key) var(txn.entry),field(2,:)

    acl reads path -m str $reads
    acl reads path -m reg $model_path
    acl asks path -m str $asks
    acl generates path -m str $generates
    http-request return $not_allowed unless reads or asks or generates
    http-request set-var(txn.path) path
    http-request return $no_method if reads !{ method GET HEAD }
    http-request return $no_method if !reads !{ method POST }
    http-request return $too_large if { req.hdr_val(content-length) gt $body }

    http-request track-sc1 var(txn.key) table per_key
    http-request return $too_many if { sc1_conn_cur gt $concurrent }
    http-request return $too_often if { sc1_http_req_rate gt $per_minute }
    http-request return $full if generates { queue(model) ge $waiting }

    # No path of the list takes a query, and a key that a client puts there must not reach the server's log.
    http-request set-uri %[var(txn.path)]
    http-request set-header Host 127.0.0.1:$server_port
    http-request del-header Authorization
    http-request del-header X-Api-Key
    http-request del-header Upgrade
    http-response del-header Access-Control-Allow-Origin
    http-response del-header Access-Control-Allow-Methods
    http-response del-header Access-Control-Allow-Headers
    http-response del-header Access-Control-Allow-Credentials
    use_backend model if generates
    default_backend quick

# As many at a time as the server answers: the others wait here, where a client that leaves costs nothing.
backend model
    option http-buffer-request
    server server 127.0.0.1:$server_port maxconn $parallel

backend quick
    option http-buffer-request
    server server 127.0.0.1:$server_port maxconn 32

backend per_address
    stick-table type ipv6 size 10k expire 10m store conn_cur

backend per_key
    stick-table type string len 64 size 4k expire 24h \
store conn_cur,http_req_rate(1m),http_req_cnt,bytes_in_cnt,bytes_out_cnt
""")


def render(door: Door, files: DoorFiles, version: DoorVersion) -> str:
    """Raises PreflightError: `server-not-exposed`, `path-not-for-haproxy`."""
    limits, paths = door.limits, allowed(door.server)
    head = _HEAD.substitute(
        socket=_plain(files.socket),
        user=USER,
        chroot=EMPTY_ROOT,
        connections=limits.connections,
        client=limits.client_seconds,
        queue=limits.waiting_seconds,
        quiet=limits.quiet_seconds,
        errors="\n".join(f"    errorfile {code} {_plain(version.error_files)}/{code}.http" for code in _ANSWERED),
    )
    front = _FRONT.substitute(
        listens=door.listens,
        pem=_plain(version.pem),
        keys=_plain(files.keys),
        hosts=" ".join(bracketed(name) for name in door.names),
        reads=" ".join(paths.reads),
        model_path=MODEL_PATH,
        asks=" ".join(paths.asks),
        generates=" ".join(paths.generates),
        body=limits.body_bytes,
        concurrent=limits.concurrent,
        per_minute=limits.per_minute,
        waiting=limits.waiting,
        connections=limits.connections,
        per_address=limits.connections_per_address,
        server_port=door.server_port,
        parallel=door.parallel,
        **_returns(door),
    )
    return f"{head}\n{front}"


def error_files() -> Mapping[str, bytes]:
    """Name → whole answer, for what HAProxy itself has to say."""
    found = {}
    for code, text in _ANSWERED.items():
        body = _body(text, "door")
        again = f"Retry-After: {_AGAIN[code]}\r\n" if code in _AGAIN else ""
        head = f"HTTP/1.1 {code} {_REASONS[code]}\r\nContent-Type: application/json\r\nConnection: close\r\n{again}"
        found[f"{code}.http"] = f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    return found


def _returns(door: Door) -> dict[str, str]:
    limits = door.limits
    key = "a valid key is needed, as Authorization: Bearer KEY or as X-Api-Key: KEY"
    return {
        "not_plain": _answer(400, "the request line must begin with a path, and Host stand there once"),
        "no_length": _answer(411, "the body must have a Content-Length"),
        "other_host": _answer(421, "this host is not called that"),
        "other_origin": _answer(403, "pages of browsers are not let in"),
        "no_key": _answer(401, key, "WWW-Authenticate", "Bearer"),
        "not_allowed": _answer(403, "this path is not let through"),
        "no_method": _answer(405, "this path takes another method"),
        "too_large": _answer(413, f"the body may have {limits.body_bytes} bytes"),
        "too_many": _answer(429, f"this key may ask {limits.concurrent} at a time", "Retry-After", "5"),
        "too_often": _answer(429, f"this key may ask {limits.per_minute} times a minute", "Retry-After", "30"),
        "full": _answer(503, "too many wait for the model", "Retry-After", "10"),
    }


def _answer(code: int, text: str, header: str = "", value: str = "") -> str:
    """The words behind `http-request return`."""
    more = f" hdr {header} {value}" if header else ""
    return f"status {code} content-type application/json{more} string '{_body(text, 'refused')}'"


def _body(text: str, kind: str) -> str:
    """As OpenAI's API tells errors. Its texts have no apostrophe: it stands between two."""
    return json.dumps({"error": {"message": text, "type": kind}})


def _plain(path: Path) -> str:
    """Raises PreflightError where HAProxy would need quotes, which its socket reads otherwise than its file."""
    if not _PLAIN_PATH.fullmatch(str(path)):
        raise PreflightError(
            f"HAProxy cannot be given the path {ascii(str(path))[1:-1][:120]}",
            hint="set JETSON_DEPLOY_STATE_DIR to a directory of plain letters, digits and . _ + -",
            code="path-not-for-haproxy",
        )
    return str(path)
