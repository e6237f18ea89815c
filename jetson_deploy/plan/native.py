"""The runtime that is taken, and for the native one the Ollama that it runs: in the place of an image."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.image_entries import ServerVersion
from jetson_deploy.catalog.version import parse_version
from jetson_deploy.deployment.finding import Finding
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.deployment.plan import ImageChoice
from jetson_deploy.deployment.request import DOCKER, NATIVE_RUNTIME, Wanted
from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.facts import EngineFacts, HostFacts, NativeFacts, NativeServer
from jetson_deploy.names import is_native, shown
from jetson_deploy.plan.image_fit import Needed
from jetson_deploy.plan.image_rank import advisories_of
from jetson_deploy.server_kinds import USUAL

_WAYS = (
    "name a file with it: --archive ollama-linux-arm64.tgz (or URL#sha256=DIGEST), or install it; "
    "or for a container: sudo apt-get install -y docker.io nvidia-container-toolkit"
)


def with_runtime(wanted: Wanted, engine: EngineFacts | None) -> Wanted:
    """Unsaid, it is Docker; the native one where there is no engine, and an Ollama to run. Raises UsageError."""
    if wanted.archive is not None and wanted.runtime == DOCKER:
        raise UsageError(
            "--archive names an Ollama to be run without a container, and --runtime docker asks for one",
            hint="leave one of them out",
            code="usage",
        )
    known = OPTIONS["runtime"].literals
    if wanted.runtime and wanted.runtime not in known:
        raise UsageError(
            f"runtime {shown(wanted.runtime)} is unknown", hint=f"one of {', '.join(known)}", code="bad-runtime"
        )
    if wanted.runtime:
        return wanted
    found = engine.native if engine is not None else None
    native = found is not None and found.alone and bool(found.servers) and wanted.server == USUAL
    return msgspec.structs.replace(wanted, runtime=NATIVE_RUNTIME if native else DOCKER)


def choose_program(
    catalog: Catalog, facts: HostFacts, wanted: Wanted, serving: Instance | None, needed: Needed
) -> ImageChoice:
    """Raises PreflightError `no-native-server`, `native-server-too-old`, `native-one-server`."""
    native = _native(facts)
    if needed.kind != USUAL:
        raise PreflightError(
            f"{needed.title} runs in a container only",
            hint="leave out --runtime native, or --server",
            code="native-one-server",
        )
    server, reason = _server(native, wanted, serving)
    if parse_version(server.version) < parse_version(needed.version):
        raise PreflightError(
            f"{server.source} is Ollama {server.version}, and {needed.version} or newer is needed",
            hint="upgrade it, or name the archive of a newer one with --archive FILE",
            code="native-server-too-old",
        )
    return ImageChoice(
        reference=server.reference,
        digest=server.digest,
        reason=reason,
        ollama_version=server.version,
        ollama_reported=server.version,
        generation=None,
        size_bytes=server.size_bytes,
        disk_bytes=server.size_bytes,
        advisories=advisories_of(catalog, USUAL, ServerVersion(version=server.version)),
        architecture="",
        jetson_jetpack=False,
        rejected=(),
    )


def _server(native: NativeFacts, wanted: Wanted, serving: Instance | None) -> tuple[NativeServer, str]:
    if wanted.archive is not None and native.servers:
        return native.servers[0], f"the Ollama in {native.servers[0].source}"
    deployed = serving.record.image if serving else ""
    kept = next((one for one in native.servers if one.reference == deployed), None)
    newer = (one for one in native.servers if kept and one.adopts and not kept.adopts and one.source == kept.source)
    if (upgraded := next(newer, None)) is not None:
        return upgraded, f"the Ollama installed as {upgraded.source}, another than is deployed"
    if kept is not None:
        return kept, "the Ollama that is deployed"
    if native.servers:
        found = native.servers[0]
        return found, f"the Ollama {'installed as' if found.adopts else 'kept from'} {found.source}"
    raise PreflightError(
        "no Ollama is installed here, and none was given as a file", hint=_WAYS, code="no-native-server"
    )


def taken_unasked(wanted: Wanted, serving: Instance | None, image: ImageChoice) -> Iterator[Finding]:
    """Which program it is that is run from here on, where the user named none."""
    if serving is None and is_native(image.reference) and not {"runtime", "archive"} & {*wanted.sources}:
        text = f"no Docker Engine is here: {image.reason} is run as a unit of systemd ({image.digest})"
        yield Finding(id="native-unasked", severity="note", evidence=text)


def looked_at_without_root(facts: HostFacts, image: ImageChoice) -> Iterator[Finding]:
    """What a plan leaves open then."""
    if is_native(image.reference) and _native(facts).unprivileged:
        text = "units are written by root alone, so up needs sudo"
        if facts.port is not None and facts.port.listening and facts.port.pid is None:
            text += f"; which process listens on port {facts.port.port} is not known without it"
        yield Finding(id="native-without-root", severity="note", evidence=text)


def native_findings(facts: HostFacts) -> Iterator[Finding]:
    """A host on which no unit can be written. Not asked (a captured board): nothing is found."""
    native = facts.engine.native if facts.engine else None
    if native is not None and native.problem:
        yield Finding(
            id="native-unusable",
            severity="block",
            evidence=f"the native runtime cannot be used: {native.problem}",
            fix="run it on a board that systemd runs, or take a container (--runtime docker)",
            exit_code=PreflightError.exit_code,
        )


def _native(facts: HostFacts) -> NativeFacts:
    return (facts.engine.native if facts.engine else None) or NativeFacts()
