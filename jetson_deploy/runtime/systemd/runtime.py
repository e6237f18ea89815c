"""systemd as the runtime of a deployment: see `runtime/port.py` for each method."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter
from jetson_deploy.facts import ContainerFacts, EngineFacts, ImageFacts, NativeFacts, PortFacts
from jetson_deploy.runtime.port import ActualContainer, ContainerState, ListedContainer, PulledImage, Usage
from jetson_deploy.runtime.systemd import journal
from jetson_deploy.runtime.systemd.actual import as_actual
from jetson_deploy.runtime.systemd.archive_address import ArchiveAddress
from jetson_deploy.runtime.systemd.edited import changed_lines
from jetson_deploy.runtime.systemd.foreign import Service, port_in
from jetson_deploy.runtime.systemd.gpu_groups import gpu_groups
from jetson_deploy.runtime.systemd.instance import Instance, Instances, new_id, written
from jetson_deploy.runtime.systemd.kept import Kept, digest_of
from jetson_deploy.runtime.systemd.programs import Programs
from jetson_deploy.runtime.systemd.state import PROPERTIES, as_state, state_word
from jetson_deploy.runtime.systemd.unit import unit_text
from jetson_deploy.runtime.systemd.usage import usage_of
from jetson_deploy.runtime.systemd.wire import HostSystemctl, Systemctl
from jetson_deploy.spec import ContainerSpec

UNITS = Path("/etc/systemd/system")
_LOG_BYTES = 256 * 1024


class SystemdRuntime:
    """`programs`: directory of what instances run; `asked`: the user wants this runtime.

    `archive`: a file, or its address, that holds an Ollama, to be run from here on.
    """

    def __init__(
        self,
        programs: Path,
        *,
        units: Path = UNITS,
        systemctl: Systemctl | None = None,
        asked: bool = False,
        archive: Path | ArchiveAddress | None = None,
    ) -> None:
        self.asked = asked or archive is not None
        self._systemctl = systemctl or HostSystemctl()
        self._programs, self._instances = Programs(Kept(programs), archive), Instances(units)
        self.service = Service(units, self._systemctl)

    def check(self) -> None:
        self._systemctl.show("-.mount", ("LoadState",))

    def quick(self, seconds: float) -> SystemdRuntime:
        wire = HostSystemctl(seconds=seconds, goes_on=True)
        return SystemdRuntime(self._programs.kept.directory, units=self._instances.directory, systemctl=wire)

    def has(self, name: str) -> bool:
        return self._instances.find(name) is not None

    def facts(self) -> EngineFacts:
        return EngineFacts(
            reachable=True,
            containers=tuple(self._container(one) for one in self._instances.all()),
            images=tuple(
                ImageFacts(id=i.id, references=i.references, size_bytes=i.size_bytes) for i in self._programs.images()
            ),
        )

    def _container(self, one: Instance) -> ContainerFacts:
        state, policy = state_word(one, self._shown(one)), self._instances.policy(one)
        image, labels = one.spec.image, one.spec.labels
        return ContainerFacts(id=one.id, name=one.name, state=state, image=image, labels=labels, restart_policy=policy)

    def native(self) -> NativeFacts:
        """Raises PreflightError `native-archive-unusable`."""
        return self._programs.facts(self._systemctl, asked=self.asked)

    def create(self, name: str, spec: ContainerSpec) -> str:
        if self._instances.find(name) is not None:
            raise PreflightError(f"the name {name} is in use", hint="run up again", code="container-name-taken")
        about = self._programs.kept.checked(spec.image)
        for mount in spec.mounts:
            if not Path(mount.source).exists():
                raise PreflightError(f"{mount.source} is not there", hint="run up again", code="mount-source-missing")
        owner = Path(spec.mounts[0].source).stat()
        one = Instance(id=new_id(), name=name, spec=spec, image_id=about.digest, user=f"{owner.st_uid}:{owner.st_gid}")
        written(lambda: self._instances.write(one))
        self._write_unit(one, "no")
        self._systemctl.act("daemon-reload")
        return one.id

    def start(self, name: str) -> None:
        one = self._there(name)
        self.service.make_room(one.spec.environment)
        if not one.was_started:
            one = msgspec.structs.replace(one, was_started=True)
            written(lambda: self._instances.write(one))
        self._reload_where_needed(one)
        self._systemctl.act("start", one.unit)

    def stop(self, name: str, seconds: int) -> None:
        """After the unit's own grace, which is the spec's: systemd knows no other for one stop."""
        if (one := self._instances.find(name)) is not None:
            self._systemctl.act("stop", one.unit, more=seconds)

    def restart(self, name: str, seconds: int) -> None:
        one = self._there(name)
        self._reload_where_needed(one)
        self._systemctl.act("restart", one.unit, more=seconds)

    def unpause(self, name: str) -> None:
        self._systemctl.act("thaw", self._there(name).unit)

    def remove(self, name: str, *, force: bool = False, elsewhere: frozenset[int] = frozenset()) -> None:
        """`elsewhere`: ports of what another runtime has of ours."""
        if (one := self._instances.find(name)) is None:
            return
        state = state_word(one, self._shown(one))
        if state in ("running", "restarting", "paused"):
            if not force:
                raise PreflightError(f"{one.name} runs", hint="stop it first", code="systemctl-failed")
            with contextlib.suppress(PreflightError):  # of a group that is gone meanwhile
                self._systemctl.act("kill", "--signal=SIGKILL", one.unit)
            self._systemctl.act("stop", one.unit, more=one.spec.stop_seconds)
        written(lambda: self._instances.remove_unit(one))
        self._systemctl.act("daemon-reload")
        self.release(elsewhere, but=one.id)
        written(lambda: self._instances.forget(one))

    def release(self, elsewhere: frozenset[int], but: str = "") -> None:
        """An `ollama.service` on whose port nothing of ours is to listen any more is given back."""
        here = {port_in(one.spec.environment) for one in self._instances.all() if one.id != but}
        self.service.release(here | elsewhere)

    def rename(self, name: str, new_name: str) -> None:
        if self._instances.find(new_name) is not None:
            raise PreflightError(f"the name {new_name} is in use", hint="run up again", code="container-name-taken")
        one = msgspec.structs.replace(self._there(name), name=new_name)
        written(lambda: self._instances.write(one))

    def set_restart(self, name: str, policy: str) -> None:
        """The link is the commit: a unit that is written otherwise is only restarted otherwise."""
        one = self._there(name)
        if policy == "no":
            written(lambda: self._instances.set_boot(one, wanted=False))
        self._write_unit(one, policy)
        if policy != "no":
            written(lambda: self._instances.set_boot(one, wanted=True))
        self._systemctl.act("daemon-reload")

    def inspect(self, name: str) -> ContainerState | None:
        if (one := self._instances.find(name)) is None:
            return None
        return as_state(one, self._shown(one), self._instances.policy(one))

    def list_containers(self) -> tuple[ListedContainer, ...]:
        return tuple(
            ListedContainer(id=one.id, name=one.name, labels=one.spec.labels, image_id=one.image_id)
            for one in self._instances.all()
        )

    def labelled(self, label: str, value: str) -> tuple[ListedContainer, ...]:
        return tuple(one for one in self.list_containers() if (label, value) in one.labels.items())

    def details(self, name: str) -> ActualContainer | None:
        if (one := self._instances.find(name)) is None:
            return None
        policy = self._instances.policy(one)
        return as_actual(one, policy, changed_lines(self._text(one, policy), self._instances.unit_path(one)))

    def usage(self, name: str) -> Usage | None:
        one = self._instances.find(name)
        return usage_of(self._systemctl.show(one.unit, ("ControlGroup", "CPUUsageNSec"))) if one else None

    def listener(self, port: int) -> PortFacts:
        from jetson_deploy.detect.host import Host
        from jetson_deploy.detect.port import port_facts

        return port_facts(Host(Path("/")), port)

    def logs(self, name: str, tail: int = 400) -> str:
        return "".join(f"{line}\n" for _, line in self._lines(name, tail))[-_LOG_BYTES:]

    def follow_logs(self, name: str, tail: int = 100) -> Iterator[bytes]:
        log = self._follow(self._there(name), f"--lines={tail}")
        try:
            for _, line in log.lines():
                yield f"{line}\n".encode()
        finally:
            log.close()

    def stamped_logs(self, name: str, tail: int) -> list[str]:
        return [f"{stamp} {line}" for stamp, line in self._lines(name, tail)]

    def follow_from(self, name: str, mark: str | None) -> journal.UnitLog:
        return self._follow(self._there(name), "--lines=0" if mark is None else journal.since(mark))

    def find_image(self, reference: str) -> PulledImage | None:
        return self._programs.find(reference)

    def remove_image(self, reference: str) -> str | None:
        found = self.find_image(reference)
        if found is None:
            return None
        if any(one.image_id == found.id for one in self._instances.all()):
            return "another instance runs it"
        written(lambda: self._programs.remove(found.id))
        return None

    def pull_image(
        self, reference: str, *, report: Reporter, stop: threading.Event, stall_seconds: float
    ) -> PulledImage:
        return self._programs.bring(reference, report, stop, stall_seconds)

    def _follow(self, one: Instance, how: str) -> journal.UnitLog:
        pid = self._shown(one).get("MainPID", "0")
        process = self._systemctl.follow(how, *journal.of_unit(one.unit))
        return journal.UnitLog(process, lambda: pid != "0" and Path(f"/proc/{pid}").exists())

    def _lines(self, name: str, tail: int) -> list[tuple[str, str]]:
        one = self._there(name)
        return [*journal.entries(self._systemctl.journal(f"--lines={tail}", *journal.of_unit(one.unit)))]

    def _shown(self, one: Instance) -> dict[str, str]:
        return self._systemctl.show(one.unit, PROPERTIES)

    def _there(self, name: str) -> Instance:
        found = self._instances.find(name)
        if found is None:
            raise PreflightError(f"there is no instance {name}", hint="run up again", code="container-missing")
        return found

    def _write_unit(self, one: Instance, policy: str) -> None:
        text = self._text(one, policy)
        written(lambda: self._instances.write_unit(one, text))

    def _text(self, one: Instance, policy: str) -> str:
        program = self._programs.kept.program(digest_of(one.spec.image))
        return unit_text(one, str(program), policy, gpu_groups())

    def _reload_where_needed(self, one: Instance) -> None:
        """A run that died between a unit's file and its reload."""
        if self._shown(one).get("NeedDaemonReload") == "yes" or self._shown(one).get("LoadState") != "loaded":
            self._systemctl.act("daemon-reload")
