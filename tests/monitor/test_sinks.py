"""What arrives where, and what happens when nothing does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from alert_receiver import HOT, Receiver, message

from jetson_deploy.errors import NetworkError, UsageError
from jetson_deploy.monitor.alerts.delivery import Delivery, SinkError
from jetson_deploy.monitor.alerts.firing import Change, Firing
from jetson_deploy.monitor.alerts.messages import Message
from jetson_deploy.monitor.alerts.sinks import Sinks, open_sinks, parse_sink, send_trial
from jetson_deploy.monitor.alerts.webhook import Webhook
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.monitor.sample import Identity, Sample

SAMPLE = Sample(at=1000.0, monotonic=1.0, identity=Identity(hostname="kitchen", board="orin-nano-8gb"))
NOTE = msgspec.structs.replace(HOT, id="oc3-rate", severity="info", title="short over-current events")


def firing(*alerts: Firing) -> Latest:
    changes = tuple(Change(at=SAMPLE.at, state="firing", alert=alert) for alert in alerts)
    return Latest(sample=SAMPLE, firing=alerts, changes=changes)


def resolved(alert: Firing) -> Latest:
    ended = msgspec.structs.replace(alert, cause="It is over.", fix="")
    return Latest(sample=SAMPLE, changes=(Change(at=SAMPLE.at, state="resolved", alert=ended),))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.01,))
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def sinks(said: list[str]) -> Iterator[Callable[..., Sinks]]:
    opened: list[Sinks] = []

    def make(*specs: str) -> Sinks:
        opened.append(Sinks([parse_sink(spec, said.append) for spec in specs], said.append, back_off=(0.0, 0.0)))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def test_a_webhook_gets_the_alert_its_host_and_its_end(receiver: Receiver, sinks: Callable[..., Sinks]) -> None:
    sink = sinks(f"webhook:{receiver.url}")
    sink.receive(firing(HOT))
    sink.receive(Latest(sample=SAMPLE, firing=(HOT,)))
    sink.receive(resolved(HOT))
    first, second = receiver.wait(2)
    assert first == {
        "schema": "jetson-deploy.alert/1",
        "state": "firing",
        "at": 1000.0,
        "host": "kitchen",
        "board": "orin-nano-8gb",
        "simulated": None,
        "alert": msgspec.to_builtins(HOT),
    }
    assert (second["state"], second["alert"]["cause"]) == ("resolved", "It is over.")


def test_slack_gets_its_shape_with_its_signs_escaped(receiver: Receiver, sinks: Callable[..., Sinks]) -> None:
    sinks(f"slack:{receiver.url}").receive(firing(HOT))
    text = "[critical] kitchen: thermal throttling\ntj is at 99 °C &lt;&amp;&gt; more.\nClean the heat sink."
    assert receiver.wait() == [{"text": text}]


def test_discord_gets_its_shape_within_its_length(receiver: Receiver, sinks: Callable[..., Sinks]) -> None:
    long = msgspec.structs.replace(HOT, cause="x" * 5000)
    sinks(f"discord:{receiver.url}").receive(firing(long))
    (body,) = receiver.wait()
    assert body["allowed_mentions"] == {"parse": []}
    assert body["content"].startswith("[critical] kitchen: thermal throttling\nxxx")
    assert len(body["content"]) == 2000


def test_a_simulated_board_is_marked_in_every_message(receiver: Receiver, sinks: Callable[..., Sinks]) -> None:
    simulated = msgspec.structs.replace(SAMPLE, simulated="a rehearsal")
    sinks(f"slack:{receiver.url}").receive(Latest(sample=simulated, firing=(HOT,)))
    assert "(simulated)" in receiver.wait()[0]["text"]


def test_the_log_gets_one_line_for_each_change_and_information_too(
    said: list[str], sinks: Callable[..., Sinks]
) -> None:
    log = sinks("log")
    log.receive(firing(HOT, NOTE))
    log.receive(resolved(HOT))
    starts = ["[critical] kitchen: thermal", "[info] kitchen: short", "[resolved] kitchen: thermal"]
    assert [line.startswith(start) for line, start in zip(said, starts, strict=True)] == [True] * 3


def test_information_is_not_sent(receiver: Receiver, sinks: Callable[..., Sinks]) -> None:
    sink = sinks(f"webhook:{receiver.url}")
    sink.receive(firing(NOTE))
    sink.receive(firing(HOT))
    sink.close()
    assert [body["alert"]["id"] for body in receiver.bodies] == ["thermal-throttle"]


def test_a_silenced_alert_is_sent_when_its_silence_runs_out(said: list[str], sinks: Callable[..., Sinks]) -> None:
    log = sinks("log")
    quiet = msgspec.structs.replace(HOT, silenced=True)
    log.receive(firing(quiet))
    assert said == []
    log.receive(Latest(sample=SAMPLE, firing=(HOT,)))
    assert len(said) == 1


def test_the_end_of_an_alert_that_was_never_sent_is_not_sent(said: list[str], sinks: Callable[..., Sinks]) -> None:
    log = sinks("log")
    quiet = msgspec.structs.replace(HOT, silenced=True)
    log.receive(firing(quiet))
    log.receive(resolved(quiet))
    assert said == []


def test_a_refusal_for_now_is_tried_again(receiver: Receiver, said: list[str], sinks: Callable[..., Sinks]) -> None:
    receiver.codes = [503, 429, 200]
    sink = sinks(f"webhook:{receiver.url}")
    sink.receive(firing(HOT))
    receiver.wait(3)
    sink.close()
    assert (said, sink.lost) == ([], 0)


def test_a_failing_sink_is_told_once_and_its_return_too(
    receiver: Receiver, said: list[str], sinks: Callable[..., Sinks]
) -> None:
    receiver.codes = [404, 404, 200]
    sink = sinks(f"webhook:{receiver.url}")
    for number in range(3):
        sink.receive(firing(msgspec.structs.replace(HOT, id=f"alert-{number}")))
    receiver.wait(3)
    sink.close()
    assert said == [
        "alerts cannot be sent to webhook 127.0.0.1: it answered 404",
        "alerts are sent to webhook 127.0.0.1 again; 2 were lost",
    ]
    assert "secret" not in "".join(said)


class Stuck:
    """A sink that is busy until it is let go."""

    name = "stuck"

    def __init__(self) -> None:
        self.free = threading.Event()
        self.entered = threading.Event()
        self.got: list[str] = []

    def deliver(self, message: Message) -> None:
        self.entered.set()
        assert self.free.wait(10)
        self.got.append(message.alert.id)


def test_a_sink_that_hangs_holds_up_nobody_and_keeps_the_newest(said: list[str]) -> None:
    stuck = Stuck()
    delivery = Delivery(stuck, said.append, capacity=3)
    delivery.put(message(0))
    assert stuck.entered.wait(10)
    for number in range(1, 7):
        delivery.put(message(number))
    stuck.free.set()
    delivery.close()
    assert stuck.got == ["a0", "a4", "a5", "a6"]
    assert delivery.lost == 3


def test_the_end_does_not_wait_for_the_next_try(said: list[str]) -> None:
    class Failing:
        name = "failing"
        tried = threading.Event()

        def deliver(self, message: Message) -> None:
            self.tried.set()
            raise SinkError("no route")

    failing = Failing()
    delivery = Delivery(failing, said.append, back_off=(3600.0,))
    delivery.put(message(0))
    assert failing.tried.wait(10)
    delivery.close()
    assert said == ["alerts cannot be sent to failing: no route"]


def test_a_fault_in_a_sink_costs_one_message_and_not_those_behind_it(said: list[str]) -> None:
    class Faulty:
        name = "faulty"

        def __init__(self) -> None:
            self.got: list[str] = []

        def deliver(self, message: Message) -> None:
            if message.alert.id == "a0":
                raise ZeroDivisionError("oh")
            self.got.append(message.alert.id)

    faulty = Faulty()
    delivery = Delivery(faulty, said.append)
    delivery.put(message(0))
    delivery.put(message(1))
    delivery.close()
    assert (faulty.got, delivery.lost) == (["a1"], 1)
    assert "ZeroDivisionError" in said[0] and "again; 1 were lost" in said[1]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "there is no sink ''"),
        ("webhok:http://x", "there is no sink 'webhok'"),
        ("webhook", "without an address"),
        ("log:x", "there is no sink 'log'"),
        ("webhook:ftp://x/", "neither http:// nor https://"),
        ("slack:http://", "names no host"),
        ("discord:http://u:p@host/", "credentials"),
        ("webhook:http://host:99999/", "cannot be read"),
        ("webhook:http://ho st/", "characters"),
        ("webhook:@/no/such/file", "cannot be read"),
        ("command:", "names no program"),
        ("command:/no/such/program", "no program that can be run"),
        ("command:'open", "open quote"),
    ],
)
def test_a_wrong_sink_is_refused_with_the_forms_there_are(spec: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_sinks([spec], print)
    assert words in caught.value.message
    assert "webhook:URL" in caught.value.hint


def test_an_address_may_stand_in_a_file(receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "address"
    file.write_text(f"{receiver.url}\n")
    send_trial(parse_sink(f"webhook:@{file}", print))
    (body,) = receiver.wait()
    assert (body["state"], body["alert"]["title"]) == ("test", "a test of this sink")


def test_a_test_that_does_not_arrive_is_an_error(receiver: Receiver) -> None:
    receiver.codes = [500]
    with pytest.raises(NetworkError, match="it answered 500") as caught:
        send_trial(Webhook("webhook", receiver.url))
    assert caught.value.exit_code == 4
    assert "secret" not in caught.value.message
