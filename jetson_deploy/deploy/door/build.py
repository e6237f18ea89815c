"""`expose`: write a version, start or reload HAProxy, prove the door, commit it; or put back what was there."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deploy.door.planned import Planned, Wishes, changes, plan_door
from jetson_deploy.deploy.door.put import (
    disk_errors,
    keys_lock,
    let_haproxy_read,
    settle,
    settle_interrupted,
    write_version,
)
from jetson_deploy.deploy.door.remembered import remember
from jetson_deploy.deploy.run.step_hooks import StepHooks
from jetson_deploy.errors import JetsonDeployError, NeedsAttentionError, PreflightError, RolledBackError, UnhealthyError
from jetson_deploy.events import Reporter, Verdict
from jetson_deploy.expose import unit
from jetson_deploy.expose.certificates import described, new_ca, new_certificate
from jetson_deploy.expose.door import Certificate, DoorFiles, Exposed, unit_of
from jetson_deploy.expose.key_store import let_in, let_out, write_map
from jetson_deploy.expose.keys import PROOF, NewKey, utc_now
from jetson_deploy.expose.proof import prove
from jetson_deploy.expose.versions import commit, remove_others
from jetson_deploy.interrupts import shielded
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.settings import Settings
from jetson_deploy.state.lock import deployment_lock
from jetson_deploy.store.whole_file import PRIVATE_MODE, replace_whole

_PROOF_KEY_LASTS = timedelta(minutes=15)
"""A run that is killed leaves it in HAProxy's map, and no process knows it any more."""


class Exposure(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.expose/1"):
    deployment: str
    result: str
    """`planned`, `done` or `no-changes`."""
    url: str
    listens: str
    names: tuple[str, ...]
    changes: tuple[str, ...]
    certificate: Certificate | None = None
    """None: it is not made yet."""
    ca: str | None = None
    """File that clients trust. None: not ours."""
    keys: str = ""
    """Names of those that are let in."""
    verdicts: tuple[Verdict, ...] = ()


def described_plan(plan: Planned, settings: Settings) -> Exposure:
    files = DoorFiles(settings.state_dir, plan.door.deployment)
    return _exposure(plan, files, "no-changes" if plan.nothing_to_do else "planned", plan.kept, ())


def open_door(
    root: Path,
    settings: Settings,
    catalog: Catalog,
    name: str,
    wishes: Wishes,
    report: Reporter,
    *,
    wait: bool = False,
    runtime: Runtime | None = None,
) -> Exposure:
    """Raises JetsonDeployError; the door is then as it was before, or there is none."""
    check_is_root()
    with deployment_lock(settings.lock_dir, name, command="expose", wait=wait, report=report):
        settle_interrupted(settings, name, report)
        plan = plan_door(root, settings, catalog, name, wishes, runtime=runtime)
        files = DoorFiles(settings.state_dir, name)
        hooks = StepHooks(run="expose", crash_at=settings.crash_at, report=report)
        key = NewKey(PROOF, int((utc_now() + _PROOF_KEY_LASTS).timestamp()), utc_now())
        if plan.nothing_to_do:
            return _exposure(plan, files, "no-changes", plan.kept, _proven_as_it_stands(plan, files, key, hooks))
        with _taken_back(settings, files, report):
            certificate, verdicts = _put(plan, settings, files, key, hooks)
        remember(settings, name, "expose", f"listens at {plan.door.listens}", report)
        return _exposure(plan, files, "done", certificate, verdicts)


def check_is_root() -> None:
    """Raises PreflightError `not-root`."""
    if os.geteuid() != 0:
        raise PreflightError("the door is a unit of systemd with files of root", hint="run with sudo", code="not-root")


def _exposure(
    plan: Planned, files: DoorFiles, result: str, certificate: Certificate | None, verdicts: tuple[Verdict, ...]
) -> Exposure:
    own = plan.given is None and (certificate is None or certificate.kind == "own")
    return Exposure(
        deployment=plan.door.deployment,
        result=result,
        url=plan.door.url,
        listens=plan.door.listens,
        names=plan.door.names,
        changes=changes(plan, files),
        certificate=certificate,
        ca=str(files.ca) if own else None,
        keys=plan.key_names,
        verdicts=verdicts,
    )


def _put(
    plan: Planned, settings: Settings, files: DoorFiles, key: NewKey, hooks: StepHooks
) -> tuple[Certificate, tuple[Verdict, ...]]:
    name, program = plan.door.deployment, plan.program
    with hooks.around(1, "write-door", f"writing HAProxy's configuration, checked by haproxy {program.version}"):
        pem = _pem(plan, files)
        certificate = described(pem, given=plan.gives)
        exposed = Exposed(door=plan.door, certificate=certificate, haproxy=program.version)
        version = write_version(files, exposed, pem, program)
        unit.write(program.path, files, hooks.report)
    with hooks.around(2, "start-door", f"HAProxy of {name} reads it"):
        let_haproxy_read(settings, files, version, key.key)
    with hooks.around(3, "prove-door", f"proving the door at {plan.door.listens}"):
        verdicts = _proven(plan, certificate, key, hooks)
        with keys_lock(settings, name):
            write_map(files)
            let_out(files, key)
    with hooks.around(4, "commit-door", "this door is the one that stands after a reboot"), disk_errors(files):
        commit(files, version)
    with hooks.around(5, "enable-door", f"{unit_of(name)} starts at boot"):
        unit.enable(name)
    with hooks.around(6, "tidy-door", "removing the version before"), disk_errors(files):
        remove_others(files, version)
    return certificate, verdicts


def _pem(plan: Planned, files: DoorFiles) -> bytes:
    """The certificate that is served, with its key: as it stands, the user's, or one by our CA."""
    if plan.given is not None:
        return plan.given
    if plan.kept_pem is not None:
        return plan.kept_pem
    now = utc_now()
    with disk_errors(files):
        if not (files.ca.exists() and files.ca_key.exists()):
            public, private = new_ca(plan.door.deployment, socket.gethostname(), now)
            replace_whole(files.ca_key, private, mode=PRIVATE_MODE)
            replace_whole(files.ca, public)
        return new_certificate(files.ca.read_bytes(), files.ca_key.read_bytes(), plan.door.names, now)


def _proven_as_it_stands(plan: Planned, files: DoorFiles, key: NewKey, hooks: StepHooks) -> tuple[Verdict, ...]:
    """Nothing is written, nothing reloaded. Raises UnhealthyError."""
    with hooks.around(1, "prove-door", f"proving the door at {plan.door.listens}"):
        let_in(files, key)
        try:
            return _proven(plan, plan.kept, key, hooks)
        finally:
            let_out(files, key)


def _proven(plan: Planned, certificate: Certificate | None, key: NewKey, hooks: StepHooks) -> tuple[Verdict, ...]:
    """Raises UnhealthyError with the first that failed."""
    sha256 = certificate.sha256 if certificate else ""
    verdicts = prove(plan.door, sha256, key.reveal(), plan.model, hooks.report)
    failed = next((one for one in verdicts if one.passed is False), None)
    if failed is not None:
        raise UnhealthyError(
            f"check `{failed.check}` failed: {failed.observed} (expected: {failed.expected})",
            hint=failed.hint or "journalctl -u 'jetson-deploy-expose@*' tells more",
            code=f"check-{failed.check}-failed",
        )
    return verdicts


@contextlib.contextmanager
def _taken_back(settings: Settings, files: DoorFiles, report: Reporter) -> Iterator[None]:
    """Where it fails, the door that was proven stands again. The CA and the clients' keys stay as they are."""
    before = files.current.is_symlink()
    try:
        yield
    except BaseException as cause:
        with shielded():
            try:
                settle(settings, files, report)
            except JetsonDeployError as error:
                raise NeedsAttentionError(
                    f"{_said(cause)}; taking it back failed too: {error.message}",
                    hint=f"sudo jetson-deploy unexpose --name {files.deployment} closes the door",
                    code="needs-attention",
                ) from cause
        if not isinstance(cause, JetsonDeployError):
            raise
        if before:
            text = f"{cause.message}; rolled back, the door before stands"
            raise RolledBackError(text, hint=cause.hint, code=cause.code, details=cause.details) from cause
        raise cause.with_context(message=f"{cause.message}; taken back, nothing is exposed") from cause


def _said(cause: BaseException) -> str:
    return cause.message if isinstance(cause, JetsonDeployError) else (str(cause) or type(cause).__name__)
