"""`detect`: facts of this host, or of a captured root."""

from __future__ import annotations

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import table
from jetson_deploy.cli.options import CommonOptions, checked_store, reading
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.facts import DiskFacts, EngineFacts, HostFacts
from jetson_deploy.units import size_text


@click.command("detect")
@reading
@click.option("--store", metavar="DIR", help="Model store to inspect.")
@click.option("--l4t", metavar="RELEASE", help="Assume this L4T, such as 36.4.3, on a system that hides it.")
def command(*, common: CommonOptions, store: str | None, l4t: str | None) -> int:
    """Show the facts of this host, or of a captured root. Unreadable values are `unknown`; a PC is no error."""
    from jetson_deploy.deploy.survey import survey
    from jetson_deploy.plan.given_l4t import with_given_l4t

    path = checked_store(store) if store is not None else None
    catalog = common.catalog()
    facts = survey(common.root, common.settings, catalog, store=path, deployment=common.name)
    facts = with_given_l4t(facts, l4t, catalog)
    simulated = common.settings.rehearsal
    head = f"simulated: {simulated}\n" if simulated else ""
    return finish(common, facts, lambda: head + render_facts(facts), simulated=simulated, also_as_line=True)


def render_facts(facts: HostFacts) -> str:
    """The facts as aligned text."""
    rows = [
        ("jetson", _jetson(facts)),
        ("board", _board(facts)),
        ("L4T", _l4t(facts)),
        ("JetPack", (facts.jetpack or "unknown") + (" (assumed)" if facts.jetpack_assumed else "")),
        ("CUDA", _cuda(facts)),
        ("system", facts.system.name or facts.system.id or "unknown"),
        ("kernel", f"{facts.kernel or 'unknown'}, {facts.architecture or 'unknown architecture'}"),
        ("memory", _memory(facts)),
        ("swap", _swap(facts)),
        ("power mode", _power(facts)),
        *(("disk", _disk(disk)) for disk in facts.disks),
        ("store", f"{facts.store.path} ({facts.store.why})" if facts.store else "unknown"),
        ("models", _models(facts)),
        ("docker", _engine(facts.engine)),
        *(("deployment", text) for text in _deployments(facts)),
        ("port", _port(facts)),
        ("native ollama", {True: "installed", False: "not installed", None: "unknown"}[facts.native_ollama]),
        ("clock", {True: "sane", False: "WRONG: TLS will fail", None: "unknown"}[facts.clock.sane]),
    ]
    notes = "".join(f"\nnote: {note}" for note in facts.notes)
    return table(rows) + notes


def _jetson(facts: HostFacts) -> str:
    if facts.system.drive:
        return "no: DRIVE OS, not a Jetson"
    return {True: "yes", False: "no: not a Jetson", None: "unknown"}[facts.is_jetson]


def _board(facts: HostFacts) -> str:
    board = facts.board
    if board.id is None:
        return f"unknown{f' ({board.model})' if board.model else ''}"
    parts = [board.name or board.id, board.part_number or "", "super" if board.super_mode else ""]
    text = ", ".join(p for p in parts if p)
    return text + (f" (assumed: {board.assumed_why})" if board.assumed else "")


def _l4t(facts: HostFacts) -> str:
    if facts.l4t is None:
        return "unknown"
    if facts.l4t_inferred or facts.l4t_given:
        return f"{facts.l4t} (assumed, from {facts.l4t_source})"
    assumed = f" (not listed, treated like {facts.l4t_assumed})" if facts.l4t_assumed else ""
    return f"{facts.l4t}{assumed}"


def _cuda(facts: HostFacts) -> str:
    driver = f"driver for CUDA {facts.cuda_driver}" if facts.cuda_driver else "driver unknown"
    return f"compute {facts.cuda_capability or 'unknown'}, {driver}"


def _memory(facts: HostFacts) -> str:
    memory = facts.memory
    desktop = f", desktop holds {size_text(memory.desktop_bytes)}" if memory.desktop_bytes else ""
    return f"{size_text(memory.total_bytes)}, {size_text(memory.available_bytes)} available{desktop}"


def _swap(facts: HostFacts) -> str:
    memory = facts.memory
    zram = f", {size_text(memory.zram_bytes)} of it zram" if memory.zram_bytes else ""
    return f"{size_text(memory.swap_total_bytes)}{zram}"


def _power(facts: HostFacts) -> str:
    power = facts.power
    if power.mode is None:
        return "unknown"
    return power.mode + (f" (ceiling: {power.ceiling})" if power.at_ceiling is False else "")


def _disk(disk: DiskFacts) -> str:
    read_only = ", read-only" if disk.read_only else ""
    medium = disk.medium or "unknown medium"
    kind = f"{disk.filesystem or 'unknown filesystem'} on {medium}{read_only}"
    return f"{disk.mount}: {kind}, {size_text(disk.free_bytes)} free of {size_text(disk.total_bytes)}"


def _models(facts: HostFacts) -> str:
    models = facts.store.models if facts.store else None
    if models is None:
        return "not asked"
    return ", ".join(m.name + ("" if m.complete else " (incomplete)") for m in models) or "none in the store"


def _engine(engine: EngineFacts | None) -> str:
    if engine is None:
        return "not asked"
    if not engine.reachable:
        return f"not reachable: {engine.problem}"
    extras = [word for word, on in (("snap", engine.snap), ("rootless", engine.rootless)) if on]
    moved = engine.image_root not in (None, engine.data_root)
    kept = " (containerd)" if engine.containerd else ""
    images = f", images in {engine.image_root}{kept}" if moved else ""
    return f"{engine.version}, runtimes {' '.join(engine.runtimes)}, data in {engine.data_root}{images}" + "".join(
        f", {e}" for e in extras
    )


def _deployments(facts: HostFacts) -> list[str]:
    from jetson_deploy.deployment.instance import deployment_names, find_serving

    found = [find_serving(facts.engine, name) for name in deployment_names(facts.engine)]
    return [
        f"{s.container} {s.state}: {s.record.model} at {local_endpoint(s.record.port).url}"
        + (", CPU accepted (--accept-cpu)" if s.record.accept_cpu else "")
        for s in found
        if s is not None
    ]


def _port(facts: HostFacts) -> str:
    port = facts.port
    if port is None or port.listening is None:
        return "not asked"
    return f"{port.port} taken by {port.process or 'unknown'}" if port.listening else f"{port.port} free"
