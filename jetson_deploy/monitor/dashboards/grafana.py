"""The dashboard as Grafana's JSON: imported by hand it asks for the data source, provisioned it takes the default."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jetson_deploy.monitor.dashboards.panels import ROWS, Panel, Query, Row
from jetson_deploy.monitor.metrics import AGE_METRIC, ALERT_METRIC, BY_NAME

UID = "jetson-deploy"
_SCHEMA = 39
"""Grafana 10.4's; newer ones bring it up to date when they load it."""
_SOURCE = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
_CHOSEN = 'instance=~"$instance"'
_UNITS = {
    "hertz": "hertz",
    "celsius": "celsius",
    "watts": "watt",
    "volts": "volt",
    "amperes": "amp",
    "joules": "joule",
    "bytes": "bytes",
    "ratio": "percentunit",
    "seconds": "s",
    "rpm": "rotrpm",
    "": "short",
}
"""The table's units in Grafana's words."""
_HELPS = {
    ALERT_METRIC: "1: this alert fires",
    AGE_METRIC: "Age of the last sample; it grows when a monitor hangs",
}
NAMES = re.compile(r"\bjetson_[a-z0-9_]+")


def dashboard() -> dict[str, Any]:
    """The same for the same version of the table and the panels."""
    return {
        "__inputs": [
            {
                "name": "DS_PROMETHEUS",
                "label": "Prometheus",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.4.0"},
            {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
        ],
        "uid": UID,
        "title": "Jetson: board and model",
        "description": "Made by jetson-deploy monitor dashboards",
        "tags": ["jetson", "jetson-deploy"],
        "schemaVersion": _SCHEMA,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": _variables()},
        "annotations": {"list": [_marks()]},
        "panels": list(_placed(ROWS)),
    }


def _variables() -> list[dict[str, Any]]:
    # A provisioned dashboard is asked nothing: there this variable stands for the input of the same name.
    return [
        {"name": "DS_PROMETHEUS", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0},
        {
            "name": "instance",
            "label": "Board",
            "type": "query",
            "datasource": _SOURCE,
            "query": {"query": f"label_values({AGE_METRIC}, instance)", "refId": "boards"},
            "definition": f"label_values({AGE_METRIC}, instance)",
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]},
        },
    ]


def _marks() -> dict[str, Any]:
    """Alerts as marks on every time axis."""
    return {
        "name": "Alerts",
        "datasource": _SOURCE,
        "enable": True,
        "expr": f'{ALERT_METRIC}{{{_CHOSEN},severity!="info"}}',
        "step": "60s",
        "iconColor": "orange",
        "tagKeys": "severity",
        "titleFormat": "{{alert}}",
        "textFormat": "{{instance}} {{subject}}",
    }


def _placed(rows: tuple[Row, ...]) -> Iterator[dict[str, Any]]:
    """Rows and panels from the left to the right and from the top down; 24 columns."""
    number, top = 0, 0
    for row in rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": top, "w": 24, "h": 1},
            "panels": [],
        }
        left, top, high = 0, top + 1, 0
        for panel in row.panels:
            if left + panel.width > 24:
                left, top, high = 0, top + high, 0
            number += 1
            yield _panel(number, panel, {"x": left, "y": top, "w": panel.width, "h": panel.height})
            left, high = left + panel.width, max(high, panel.height)
        top += high


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": description(panel),
        "datasource": _SOURCE,
        "gridPos": place,
        "targets": [_target(panel, query, _letter(n)) for n, query in enumerate(panel.queries)],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit or unit_of(panel),
                "custom": _CUSTOM[panel.kind],
                **(_BOUNDS if (panel.unit or unit_of(panel)) == "percentunit" else {}),
                **({"mappings": _YES_NO} if panel.kind == "state-timeline" else {}),
            },
            "overrides": [o for n, query in enumerate(panel.queries) for o in _overrides(panel, query, n)],
        },
        "options": _OPTIONS[panel.kind],
        **({"transformations": _joined(panel)} if panel.kind == "table" else {}),
    }


_CUSTOM: dict[str, dict[str, Any]] = {
    "timeseries": {"lineWidth": 1, "fillOpacity": 5, "showPoints": "never", "spanNulls": False},
    "stat": {},
    "table": {"align": "auto", "filterable": True},
    "state-timeline": {"fillOpacity": 70, "lineWidth": 0},
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "graphMode": "area"},
    "table": {"showHeader": True},
    "state-timeline": {"mergeValues": True, "showValue": "auto", "legend": {"displayMode": "list"}},
}
_BOUNDS = {"min": 0, "max": 1}
_YES_NO = [
    {
        "type": "value",
        "options": {
            "0": {"text": "no", "color": "#8e8e8e", "index": 0},
            "1": {"text": "yes", "color": "blue", "index": 1},
        },
    }
]


def unit_of(panel: Panel) -> str:
    """Grafana's unit for the first metric of the panel."""
    metric = BY_NAME.get(names_in(panel)[0])
    return _UNITS[metric.unit] if metric else "short"


def names_in(panel: Panel) -> list[str]:
    """Metrics of the table that the panel shows, each once, in order."""
    return list(dict.fromkeys(name for query in panel.queries for name in NAMES.findall(query.expr)))


def description(panel: Panel) -> str:
    helps = [f"`{n}`: {BY_NAME[n].help if n in BY_NAME else _HELPS[n]}" for n in names_in(panel)]
    return "\n\n".join([*([panel.note] if panel.note else []), *helps])


def _target(panel: Panel, query: Query, letter: str) -> dict[str, Any]:
    now = panel.kind in ("stat", "table")
    return {
        "refId": letter,
        "datasource": _SOURCE,
        "expr": query.expr.replace("@", _CHOSEN).replace("[R]", "[$__rate_interval]"),
        "legendFormat": query.legend,
        "instant": now,
        "range": not now,
        "format": "table" if panel.kind == "table" else "time_series",
    }


def _overrides(panel: Panel, query: Query, number: int) -> list[dict[str, Any]]:
    if query.unit is None:
        return []
    properties: list[dict[str, Any]] = [{"id": "unit", "value": query.unit}]
    if panel.kind == "table":
        return [{"matcher": {"id": "byName", "options": query.legend}, "properties": properties}]
    properties += [
        {"id": "custom.axisPlacement", "value": "right"},
        {"id": "min", "value": 0},
        {"id": "max", "value": None},
    ]
    return [{"matcher": {"id": "byFrameRefID", "options": _letter(number)}, "properties": properties}]


def _joined(panel: Panel) -> list[dict[str, Any]]:
    """One line for a board, one column for a query; an info's worth is in its labels, not in its 1."""
    several = len(panel.queries) > 1
    columns = {f"Value #{_letter(n)}" if several else "Value": query for n, query in enumerate(panel.queries)}
    infos = {column for column, query in columns.items() if "_info{" in query.expr}
    hidden = ["Time", *(f"Time {n}" for n in range(1, len(columns) + 1)), "__name__", "job", *sorted(infos)]
    return [
        *([{"id": "joinByField", "options": {"byField": "instance", "mode": "outer"}}] if several else []),
        {
            "id": "organize",
            "options": {
                "excludeByName": dict.fromkeys(hidden, True),
                "renameByName": {
                    **{column: query.legend for column, query in columns.items() if column not in infos},
                    "instance": "Board",
                    **({"name": "Power mode"} if several else {}),
                },
            },
        },
    ]


def _letter(number: int) -> str:
    return chr(ord("A") + number)
