"""What `expose` would do: decided and checked, with nothing changed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deploy.status import find_deployment
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.errors import UsageError
from jetson_deploy.expose.addresses import check_free, check_names, names_of, parse_listen
from jetson_deploy.expose.apis import allowed
from jetson_deploy.expose.certificates import (
    check_clock,
    check_library,
    described,
    is_good_for,
    names_of_given,
    read_given,
)
from jetson_deploy.expose.door import Certificate, Door, DoorFiles, DoorVersion, Exposed, Limits, unit_of
from jetson_deploy.expose.haproxy_config import render
from jetson_deploy.expose.key_store import load_keys, named
from jetson_deploy.expose.keys import utc_now
from jetson_deploy.expose.program import Program, find_program
from jetson_deploy.expose.record import load_record
from jetson_deploy.expose.unit import WITHOUT, is_active, is_enabled
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.settings import Settings
from jetson_deploy.systemd.units import check_systemd
from jetson_deploy.units import size_text


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """None: as it stands, else the usual."""

    listen: str | None = None
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    certificate_key: Path | None = None
    concurrent: int | None = None
    per_minute: int | None = None
    waiting: int | None = None


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    door: Door
    model: str
    simulated: str | None
    program: Program
    given: bytes | None
    """Of the user's certificate: what is installed. None: one by our own CA."""
    kept: Certificate | None
    """The certificate that stays. None: another is installed."""
    kept_pem: bytes | None
    """With its key."""
    nothing_to_do: bool
    key_names: str

    @property
    def gives(self) -> bool:
        """The certificate is the user's."""
        return self.given is not None or (self.kept is not None and self.kept.kind == "given")


def plan_door(
    root: Path,
    settings: Settings,
    catalog: Catalog,
    name: str,
    wishes: Wishes,
    *,
    runtime: Runtime | None = None,
) -> Planned:
    """Raises JetsonDeployError: what keeps it from being done."""
    if settings.rehearsal:
        raise UsageError(
            "expose is not rehearsed: it would put this very machine on the network",
            hint="on a board that is deployed to: jetson-deploy expose",
            code="expose-not-rehearsed",
        )
    serving = find_deployment(root, settings, catalog, name, "expose", runtime=runtime)
    files, now = DoorFiles(settings.state_dir, name), utc_now()
    before = load_record(files)
    check_systemd(WITHOUT)
    program = find_program()
    check_library()
    check_clock(now)
    given = _given(wishes, now)
    door = _door(serving, name, wishes, before, given)
    allowed(door.server)
    if before is None or before.door.port != door.port or not is_active(files):
        check_free(door.host, door.port)
    version = DoorVersion(files.current)
    kept, kept_pem = (None, None) if given is not None or before is None else _kept(version, before, door, now)
    stands = kept is not None and before is not None and before.door == door and is_active(files) and is_enabled(files)
    return Planned(
        door=door,
        model=serving.record.model,
        simulated=serving.record.simulated,
        program=program,
        given=given,
        kept=kept,
        kept_pem=kept_pem,
        nothing_to_do=stands and _config(version) == render(door, files, version.resolved()),
        key_names=named(load_keys(files).keys),
    )


def _door(serving: Instance, name: str, wishes: Wishes, before: Exposed | None, given: bytes | None) -> Door:
    """Raises UsageError: `listen-missing`, `bad-host-name`, `bad-certificate`."""
    old = before.door if before else None
    if wishes.listen is not None:
        host, port = parse_listen(wishes.listen)
    elif old is not None:
        host, port = old.host, old.port
    else:
        hint = "--listen 192.168.1.20, one address of this host, or --listen 0.0.0.0, all of them"
        raise UsageError("where shall it listen?", hint=hint, code="listen-missing")
    asked = check_names(wishes.names)
    if given is not None:
        asked = names_of_given(given, asked)
    elif not asked and old is not None:
        asked = old.asked_names
    return Door(
        deployment=name,
        host=host,
        port=port,
        names=names_of(host, asked),
        asked_names=asked,
        server=serving.record.server,
        server_port=serving.record.port,
        parallel=max(1, serving.record.parallel),
        limits=_limits(wishes, old.limits if old else Limits()),
    )


def _limits(wishes: Wishes, old: Limits) -> Limits:
    said = {"concurrent": wishes.concurrent, "per_minute": wishes.per_minute, "waiting": wishes.waiting}
    return msgspec.structs.replace(old, **{key: value for key, value in said.items() if value is not None})


def _given(wishes: Wishes, now: datetime) -> bytes | None:
    """Raises UsageError `bad-certificate`."""
    if wishes.certificate is None and wishes.certificate_key is None:
        return None
    if wishes.certificate is None or wishes.certificate_key is None:
        hint = "--certificate FILE --certificate-key FILE, both PEM"
        raise UsageError("a certificate is given with its key", hint=hint, code="bad-certificate")
    return read_given(wishes.certificate, wishes.certificate_key, now)


def _kept(
    version: DoorVersion, before: Exposed, door: Door, now: datetime
) -> tuple[Certificate, bytes] | tuple[None, None]:
    """A given one stays until another is given; ours, while it is good for these names."""
    given = before.certificate.kind == "given"
    try:
        pem = version.pem.read_bytes()
        if given or is_good_for(pem, door.names, now):
            return described(pem, given=given), pem
    except (OSError, ValueError):
        return None, None  # lost, or not root's run: another is made
    return None, None


def _config(version: DoorVersion) -> str | None:
    try:
        return version.config.read_text()
    except OSError:
        return None


def changes(plan: Planned, files: DoorFiles) -> tuple[str, ...]:
    """For people, before anything is done: what will be true, and of which files."""
    door, limits, paths = plan.door, plan.door.limits, allowed(plan.door.server)
    certificate = "your certificate" if plan.given is not None else "a certificate by this deployment's own CA"
    if plan.kept is not None:
        certificate = f"the certificate that stands, until {plan.kept.not_after[:10]}"
    return (
        f"haproxy {plan.program.version} ({plan.program.path}) listens at {door.listens}, as {', '.join(door.names)}",
        f"TLS 1.2 or newer with {certificate}; without a valid key, or under another name, nothing is answered",
        f"let through: GET {' '.join((*paths.reads, '/v1/models/NAME'))}",
        f"let through: POST {' '.join((*paths.asks, *paths.generates))}",
        "refused: everything else (pull, push, create, copy, delete, blobs, metrics …), and pages of browsers",
        f"a key: {limits.concurrent} requests at a time, {limits.per_minute} a minute; "
        f"{limits.waiting} wait for the model, {limits.waiting_seconds} s at most; "
        f"{size_text(limits.body_bytes)} a request",
        f"keys: {plan.key_names or 'none yet (jetson-deploy key create NAME makes one)'}",
        f"files in {files.folder}; unit {unit_of(door.deployment)}, also after a reboot",
    )
