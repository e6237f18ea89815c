"""The other pages of docs/reference/: file, environment, exit codes, events, metrics, alerts."""

from __future__ import annotations

import re

from docs_pages.commands import escaped
from docs_pages.documented import PACKAGE, Documented, Field, classes
from docs_pages.markdown import fenced, page, table
from docs_pages.shipped import shipped_alerts
from jetson_deploy import errors
from jetson_deploy.catalog.alert_rules import AlertRule
from jetson_deploy.deployment.file import ROWS
from jetson_deploy.deployment.option import Row
from jetson_deploy.fleet.inventory.ansible_hosts import USED
from jetson_deploy.fleet.inventory.checked import PROXIES, known_variables
from jetson_deploy.monitor.metrics import METRICS
from jetson_deploy.rehearsal.ollama_binary import VARIABLE as OLLAMA_VARIABLE
from jetson_deploy.settings import Settings

VARIABLE = re.compile(r"((?:JETSON_DEPLOY_|DOCKER_)\w+): (.*)", re.DOTALL)
REHEARSAL_OLLAMA = Field(
    "", "", "None", f"{OLLAMA_VARIABLE}: Ollama binary for rehearsals; default: built once with Go"
)
TREE_LINE = re.compile(r"(\w+Error)\s+(\d+)\s+(.+)")


def config_page() -> str:
    example = (PACKAGE.parent / "jetson-deploy.yaml").read_text(encoding="utf-8")
    return page(
        "The deployment file",
        "jetson-deploy.yaml and jetson_deploy/deployment/options.py",
        "`jetson-deploy plan --example` prints this file. Pass it with `-f`. It is the schema: an unknown key ends the "
        "command with exit 2, the line and the nearest valid key.",
        fenced(example, "yaml"),
        "## Flags and variables",
        "A flag comes before a variable, a variable before the file. *Kept*: until another value is given, later runs "
        "use the value that is deployed.",
        table(("key", "flag", "variable", "kept", "default"), map(_option, ROWS)),
    )


def fleet_file_page() -> str:
    return page(
        "The fleet's inventory",
        "fleet.example.yaml and jetson_deploy/fleet/inventory/entries.py",
        "`jetson-deploy fleet inventory --example` prints this file; `fleet` reads it from the working directory, or as"
        " `-i FILE`. It is the schema: an unknown key ends the command with exit 2, the line and the nearest key.",
        fenced((PACKAGE.parent / "fleet.example.yaml").read_text(encoding="utf-8"), "yaml"),
        "## Environment of a device",
        "What `environment:` may hold: " + ", ".join(f"`{name}`" for name in (*known_variables(), *PROXIES)) + ".",
        "## Inventories of Ansible",
        "What is used of a host's variables: " + ", ".join(f"`{name}`" for name in sorted(USED)) + ". "
        "`jetson_deploy` is a map with the keys of jetson-deploy.yaml, `jetson_deploy_environment` one as above,"
        " `jetson_deploy_rollout`, the same for all hosts, what `rollout:` is in a fleet.yaml.",
    )


def _option(row: Row) -> tuple[str, ...]:
    of_watch = " of `watch`" if row.option.section == "watch" else ""
    flag = f"`{row.option.flag}`{of_watch}" if row.option.flag else ""
    kept = "yes" if row.option.label else ""
    return f"`{'.'.join(row.path)}`", flag, f"`{row.variable}`" if row.variable else "", kept, _default(row)


def _default(row: Row) -> str:
    value = row.option.default if row.default is None else row.default
    return "" if value in (None, ()) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def environment_page() -> str:
    fields = [*classes("settings.py")["Settings"].fields, REHEARSAL_OLLAMA]
    rows = [row for field in fields if (row := _variable(field))]
    further = [row for row in ROWS if row.variable and row.key not in Settings.__struct_fields__]
    rows += [(f"`{row.variable}`", escaped(row.option.help), _default(row)) for row in further]
    return page(
        "Environment",
        "jetson_deploy/settings.py",
        "A flag comes before a variable, a variable before the file, the file before what is deployed, that before the "
        "default.",
        table(("variable", "meaning", "default"), rows),
    )


def _variable(field: Field) -> tuple[str, str, str] | None:
    found = VARIABLE.fullmatch(field.text)
    if found is None:
        return None
    default = re.sub(r"^Path\((.*)\)$", r"\1", field.default).strip("'\"")
    return f"`{found[1]}`", escaped(found[2]), "" if default in ("None", "()") else f"`{_named(default)}`"


def _named(default: str) -> str:
    """A constant of the module by its value."""
    found = re.search(rf"^{re.escape(default)} = (.+)$", (PACKAGE / "settings.py").read_text("utf-8"), re.MULTILINE)
    return found[1] if found else default


def exit_codes_page() -> str:
    rows: dict[int, list[tuple[str, str]]] = {0: [("", "done, healthy, or nothing to do")]}
    for name, code, meaning in TREE_LINE.findall(errors.__doc__ or ""):
        rows.setdefault(int(code), []).append((name, meaning))
    return page(
        "Exit codes",
        "jetson_deploy/errors.py",
        table(
            ("exit code", "meaning", "error"),
            [
                (str(c), escaped("; ".join(m for _, m in told)), ", ".join(f"`{n}`" for n, _ in told if n))
                for c, told in sorted(rows.items())
            ],
        ),
        "A terminal shows `error: ` with the cause and `hint: ` with the fix. With `--json` and `--events` its "
        "`code` is a stable name for programs.",
    )


def events_page() -> str:
    parts = []
    for event in classes("events.py").values():
        if event.tag:
            parts += [f"## {event.tag}", *([escaped(event.text)] if event.text else [])]
            parts.append(_keys(event))
    parts += ["## Of many devices", OF_A_FLEET, "### device-ended"]
    parts += ["One device's answer or end, as soon as it is there; each device once.", _keys(_device_result())]
    return page(
        "Events",
        "jetson_deploy/events.py",
        "With `--events` a command writes one JSON object per line to stdout. Each has `event`, the heading below, and "
        "that event's keys. The last line is always `finished`.",
        *parts,
    )


OF_A_FLEET = (
    "Under `fleet` each event of a device has its name as `device`. Verbs that only ask (`hosts`, `plan`, `status`, "
    "`drift`, `alerts`, `run`, `top --once`, `trust`, `add`) give a `device-ended` for each, in the order of the "
    "answers, then `finished` with all of them in the order of the selection. `up`, `resume`, `rollback` and `down` "
    "give what happens on the devices as well, and `fleet-note` with a `text` of the rollout itself. `logs` gives "
    "`log`; `top` without `--once` gives `sample`, a line of `monitor --jsonl`; what goes on without end gives "
    "`device-lost` with `code` and `reason` when a device is asked again. `inventory`, `history` and `show` ask no "
    "device: `finished` alone."
)


def _device_result() -> Documented:
    return classes("fleet/end_state.py")["DeviceResult"]


def _keys(described: Documented) -> str:
    return table(("key", "type", "default", "meaning"), [_key(field) for field in described.fields])


def _key(field: Field) -> tuple[str, str, str, str]:
    return f"`{field.name}`", f"`{field.kind}`", f"`{field.default}`" if field.default else "", escaped(field.text)


def metrics_page() -> str:
    rows = [
        (
            f"`{m.name}`",
            m.kind,
            m.unit,
            ", ".join(f"`{label}`" for label in m.labels),
            "yes" if m.history else "",
            m.help,
        )
        for m in METRICS
    ]
    return page(
        "Metrics",
        "METRICS in jetson_deploy/monitor/metrics.py",
        "`jetson-deploy monitor serve` exports these at `/metrics`. A value that cannot be read has no series. "
        "*recorded*: `monitor record` keeps it, and `history` and `plot` offer it.",
        table(("metric", "kind", "unit", "labels", "recorded", "meaning"), [tuple(map(escaped, row)) for row in rows]),
    )


def alerts_page() -> str:
    rules = sorted(shipped_alerts().values(), key=lambda rule: rule.id)
    return page(
        "Alerts",
        "profiles/alerts",
        f"The {len(rules)} rules of `jetson-deploy monitor`. An overlay's `profiles/alerts/ID.yaml` or `--threshold` "
        "changes a limit. Words in braces are measured values.",
        *(part for rule in rules for part in _alert(rule)),
    )


def _alert(rule: AlertRule) -> tuple[str, ...]:
    side = "above" if rule.above is not None else "below"
    holds = f"`{rule.signal}` {side} {rule.limit:g} for {rule.hold_seconds:g} s"
    return (
        f"## {rule.id}",
        f"{rule.severity}: {escaped(rule.title)}",
        f"- Holds while: {holds}\n- Cause: {escaped(rule.cause)}\n- Fix: {escaped(' '.join(rule.fix.split()))}",
    )
