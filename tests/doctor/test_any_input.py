"""Whatever the files of a host hold: our own errors at most, and each is read in less than a second of CPU.

2 000 inputs in `scripts/test`, 20 000 in `scripts/test faults`, 100 000 new ones in `scripts/test faults --full`.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from drawn import inputs
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import in_memory

from jetson_deploy.catalog.load import load_catalog, load_issues
from jetson_deploy.catalog.symptoms import fitting, of_kernel
from jetson_deploy.deploy.pasted.diagnosis import diagnosed
from jetson_deploy.deployment.file import read_deployment_file
from jetson_deploy.detect.detect import detect_host
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.power import power_facts
from jetson_deploy.detect.recorded import recorded_engine
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.prepare.json_text import BadJson, meaning, with_member
from jetson_deploy.state.state_file import decode_state

HOSTS = Path(__file__).parents[1] / "hosts"
CAUSES = Path(__file__).parents[1] / "data" / "causes"
CATALOG, ISSUES = load_catalog(), load_issues()
SECONDS = 1.0


@contextlib.contextmanager
def host_with(files: dict[str, bytes]) -> Iterator[Host]:
    with in_memory("jd-input-") as folder:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield Host(folder)


def release(content: bytes) -> None:
    with host_with({"etc/nv_tegra_release": content}) as host:
        detect_host(host, CATALOG, engine=None, store=None, port=11434, live=False)


def power_modes(content: bytes) -> None:
    with host_with({"etc/nvpmodel.conf": content, "var/lib/nvpmodel/status": b"pmode:0001 fmode:quiet\n"}) as host:
        power_facts(host)


def engine(content: bytes) -> None:
    with host_with({"recorded/engine.json": content}) as host:
        recorded_engine(host)


def daemon_json(content: bytes) -> None:
    text = content.decode(errors="replace")
    with contextlib.suppress(BadJson):
        meaning(text)
        with_member(text, ("runtimes", "nvidia"), "{}")


def state(content: bytes) -> None:
    decode_state(content, Path("state.json"), "default")


def config(content: bytes) -> None:
    read_deployment_file(Path("jetson-deploy.yaml"), content)


def kernel_log(content: bytes) -> None:
    list(fitting(content.decode(errors="replace"), of_kernel(ISSUES.values())))


def log_tail(content: bytes) -> None:
    import io

    diagnosed(io.BytesIO(content), "a log", ISSUES)


def first(pattern: str) -> bytes:
    return next(path for path in sorted(HOSTS.glob(pattern)) if path.stat().st_size).read_bytes()


ENGINE = json.dumps({"version": {"Version": "27.5.1"}, "info": {"Runtimes": {"runc": {}}, "Containers": 1}}).encode()
DAEMON = (
    b'{"runtimes": {"nvidia": {"args": [], "path": "nvidia-container-runtime"}}, "log-opts": {"max-size": "10m"}}\n'
)
STATE = b'{"schema": "jetson-deploy.state/1", "checksum": "00", "state": {"deployment": "default", "lines": {}}}'
READERS: dict[str, tuple[Callable[[bytes], None], bytes]] = {
    "a release file": (release, first("*/root/etc/nv_tegra_release")),
    "nvpmodel.conf": (power_modes, first("*/root/etc/nvpmodel.conf")),
    "the engine's answer": (engine, ENGINE),
    "daemon.json": (daemon_json, DAEMON),
    "state.json": (state, STATE),
    "jetson-deploy.yaml": (config, (HOSTS.parents[1] / "jetson-deploy.yaml").read_bytes()),
    "the kernel's log": (
        kernel_log,
        b"[  12.3] nvgpu: 17000000.gpu error\nOut of memory: Killed process 1 (ollama)\n" * 9,
    ),
    "a server's log": (log_tail, sorted((CAUSES / "log").glob("*.txt"))[0].read_bytes()[:20_000]),
}
PIECES = st.sampled_from(
    [
        b"\0",
        b"\xff\xfe",
        b"\n",
        b'"',
        b"{",
        b"[" * 300,
        b"9" * 400,
        b"-1",
        b"1e999",
        b": ",
        b"# R",
        b"&a *a",
        b"\xe2\x80\xae",
    ]
)
CUTS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), PIECES | st.binary(max_size=12)), max_size=4)
ANYTHING = st.binary(max_size=200) | st.text(max_size=120).map(lambda text: text.encode("utf-8", "surrogatepass"))


def damaged(whole: bytes, cuts: list[tuple[float, int, bytes]]) -> bytes:
    for place, length, instead in cuts:
        at = int(place * len(whole))
        whole = whole[:at] + instead + whole[at + length :]
    return whole


@pytest.mark.fault("F24")
@pytest.mark.parametrize("name", READERS)
def test_whatever_it_holds_it_is_read_or_refused_in_words_and_in_a_second(name: str) -> None:
    read, whole = READERS[name]
    with contextlib.suppress(JetsonDeployError):
        read(whole)  # what it imports is no input's

    @settings(max_examples=inputs() // len(READERS))
    @given(CUTS.map(lambda cuts: damaged(whole, cuts)) | ANYTHING)
    def reads(content: bytes) -> None:
        began = time.thread_time()
        try:
            read(content)
        except JetsonDeployError as error:
            assert error.message.isprintable() and error.hint
        assert time.thread_time() - began < SECONDS

    reads()


def test_as_it_is_each_is_read() -> None:
    """What is damaged above is what they read."""
    for name, (read, whole) in READERS.items():
        if name != "state.json":  # its checksum is not that of a file of ours
            read(whole)
