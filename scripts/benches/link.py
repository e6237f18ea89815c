"""Long lines to the bed: a second namespace, joined to the registry's by `wire.py` and a token bucket."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from benches import wire
from benches.bed import PORT, Bed, Side, namespace
from jetson_deploy.rehearsal.namespace import Namespace

_SERVER, _CLIENT = "10.77.5.1", "10.77.5.2"
_BURST, _QUEUE = "16kb", "50ms"
CONGESTION_CONTROL = "cubic"
"""Linux's own default; said, because what loss costs depends on the sender's choice."""
PAYLOAD_SHARE = 1448 / 1500
"""Of an IP packet's bytes, those that TCP carries (20 IP, 20 TCP, 12 time stamps)."""


class Line(NamedTuple):
    """`megabits` a second of IP packets towards the client, `delay` in seconds each way, `loss` each way."""

    megabits: int
    delay: float = 0.010
    loss: float = 0.0

    @property
    def payload_bytes_per_second(self) -> float:
        """At best."""
        return self.megabits * 1e6 / 8 * PAYLOAD_SHARE


class Linked(NamedTuple):
    side: Side
    round_trip: float
    """Seconds, measured with TCP's handshake before anything else ran."""
    end: Callable[[], dict[str, int]]
    """Ends the line; packets that `passed` and that were `lost`."""


@contextlib.contextmanager
def linked(bed: Bed, line: Line) -> Iterator[Linked]:
    """A namespace whose only way to the registry is this line."""
    server = bed.direct.namespace
    with namespace("client") as client, _wire(server, client, line) as process:
        _configure(server, _SERVER, _CLIENT)
        _configure(client, _CLIENT, _SERVER)
        rate = ["rate", f"{line.megabits}mbit", "burst", _BURST, "latency", _QUEUE]
        _inside(server, "tc", "qdisc", "add", "dev", wire.DEVICE, "root", "tbf", *rate)
        side = Side(client, _SERVER)

        def end() -> dict[str, int]:
            said, _ = process.communicate()
            counts: dict[str, int] = json.loads(said)
            return counts

        yield Linked(side, _round_trip(side), end)


@contextlib.contextmanager
def _wire(server: Namespace, client: Namespace, line: Line) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, wire.__file__, server.name, client.name, str(line.delay), str(line.loss)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise SystemExit("wire.py did not start; it said why above")
        yield process
    finally:
        process.kill()
        process.communicate()


def _configure(where: Namespace, own: str, other: str) -> None:
    # Else a transfer would start as slow as the last one ended.
    _inside(where, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/tcp_no_metrics_save")
    _inside(where, "ip", "address", "add", own, "dev", wire.DEVICE)
    _inside(where, "ip", "link", "set", wire.DEVICE, "up")
    # By the route: a namespace's default may only be what the machine's administrator has allowed.
    _inside(where, "ip", "route", "add", other, "dev", wire.DEVICE, "src", own, "congctl", CONGESTION_CONTROL)


def _inside(where: Namespace, *command: str) -> str:
    done = subprocess.run([*where.enter(), *command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def _round_trip(side: Side) -> float:
    ask = ["curl", "-sSf", "-o", "/dev/null", "-w", "%{time_connect}", f"http://{side.host}:{PORT}/v2/"]
    return statistics.median(float(_inside(side.namespace, *ask)) for _ in range(5))
