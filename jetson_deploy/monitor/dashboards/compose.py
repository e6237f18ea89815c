"""A folder that brings up Prometheus and Grafana for a fleet: compose.yaml and what the two read."""

from __future__ import annotations

from typing import Any

from jetson_deploy.monitor.dashboards.yaml_text import yaml_text

PROMETHEUS_IMAGE = "prom/prometheus:v3.13.3"
"""3.13 is a long-term release, looked after until July 2027 (prometheus.io/docs/introduction/release-cycle)."""
GRAFANA_IMAGE = "grafana/grafana:12.4.4"
SCRAPE_SECONDS = 15
JOB = "jetson-deploy"
_PROMETHEUS_PORT, _GRAFANA_PORT = "${PROMETHEUS_PORT:-9090}", "${GRAFANA_PORT:-3000}"
_MADE = "Made by jetson-deploy monitor dashboards; made again it is written anew unless it was changed by hand."


def files(password: str) -> dict[str, str]:
    """Path in the folder → text. `password`: of Grafana's admin, for a folder that has none yet."""
    return {
        "compose.yaml": yaml_text(_compose(), _MADE),
        ".env": "# Read by docker compose. PROMETHEUS_PORT and GRAFANA_PORT may stand here too.\n"
        f"GRAFANA_PASSWORD={password}\n",
        "README.md": README,
        "prometheus/prometheus.yml": yaml_text(_prometheus(), _MADE),
        "grafana/provisioning/datasources/prometheus.yaml": yaml_text(_datasource(), _MADE),
        "grafana/provisioning/dashboards/jetson-deploy.yaml": yaml_text(_provider(), _MADE),
    }


def _compose() -> dict[str, Any]:
    # In the host's network, so that a monitor on this machine's loopback can be asked too.
    shared = {"restart": "unless-stopped", "network_mode": "host", "security_opt": ["no-new-privileges:true"]}
    return {
        "services": {
            "prometheus": {
                "image": PROMETHEUS_IMAGE,
                **shared,
                "cap_drop": ["ALL"],
                "command": [
                    "--config.file=/etc/prometheus/prometheus.yml",
                    "--storage.tsdb.path=/prometheus",
                    "--storage.tsdb.retention.time=90d",
                    "--storage.tsdb.retention.size=20GB",
                    f"--web.listen-address=127.0.0.1:{_PROMETHEUS_PORT}",
                ],
                "volumes": ["./prometheus:/etc/prometheus:ro", "prometheus-data:/prometheus"],
            },
            "grafana": {
                "image": GRAFANA_IMAGE,
                **shared,
                "cap_drop": ["ALL"],
                "depends_on": ["prometheus"],
                "environment": _grafana(),
                "volumes": [
                    "./grafana/provisioning:/etc/grafana/provisioning:ro",
                    "./grafana/dashboards:/etc/jetson-deploy/dashboards:ro",
                    "grafana-data:/var/lib/grafana",
                ],
            },
        },
        # Names of their own, so that a folder that is moved or renamed keeps its data. A name at the top of the file
        # would do the same, and docker-compose 1.29.2 (Debian 12's) refuses it.
        "volumes": {name: {"name": f"jetson-fleet_{name}"} for name in ("prometheus-data", "grafana-data")},
    }


def _grafana() -> dict[str, str]:
    return {
        "PROMETHEUS_PORT": _PROMETHEUS_PORT,
        "GF_SERVER_HTTP_ADDR": "127.0.0.1",
        "GF_SERVER_HTTP_PORT": _GRAFANA_PORT,
        "GF_SECURITY_ADMIN_PASSWORD": "${GRAFANA_PASSWORD:?must stand in .env}",
        # Whoever reaches the loopback address may look; changing needs the password.
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        # Nothing is reported to others, and nothing is fetched.
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        "GF_NEWS_NEWS_FEED_ENABLED": "false",
    }


def _prometheus() -> dict[str, Any]:
    every = f"{SCRAPE_SECONDS}s"
    return {
        "global": {"scrape_interval": every, "scrape_timeout": "10s", "evaluation_interval": every},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {"job_name": JOB, "file_sd_configs": [{"files": ["targets.json"], "refresh_interval": "30s"}]}
        ],
    }


def _datasource() -> dict[str, Any]:
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "Prometheus",
                "uid": "jetson-deploy-prometheus",
                "type": "prometheus",
                "access": "proxy",
                "url": "http://127.0.0.1:$PROMETHEUS_PORT",
                "isDefault": True,
                "editable": False,
                "jsonData": {"timeInterval": f"{SCRAPE_SECONDS}s", "httpMethod": "POST"},
            }
        ],
    }


def _provider() -> dict[str, Any]:
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "jetson-deploy",
                "type": "file",
                "allowUiUpdates": False,
                "options": {"path": "/etc/jetson-deploy/dashboards"},
            }
        ],
    }


README = """# Prometheus and Grafana for a fleet of Jetsons

Made by `jetson-deploy monitor dashboards`.

    docker compose up -d

Dashboard: http://127.0.0.1:3000/d/jetson-deploy (looking needs no login; to change it: admin, password in `.env`).
Prometheus and what fires: http://127.0.0.1:9090/alerts. Both listen on this machine's loopback address alone; from
elsewhere: `ssh -L 3000:127.0.0.1:3000 HOST`. Other ports: `PROMETHEUS_PORT` and `GRAFANA_PORT` in `.env`.

- `prometheus/targets.json`: the boards. Changed by hand or with `--host`, `--hosts`, it is read again by itself.
- `prometheus/rules.yml`: alerts and recording rules. After a change: `docker compose restart prometheus`.
- `grafana/dashboards/jetson-deploy.json`: can also be imported into your own Grafana; it asks for the data source.

On each board: `sudo jetson-deploy monitor install --listen ADDRESS:9735`, with an address of a network that you trust:
whoever reaches the address can read the metrics.
`docker compose` 2 and `docker-compose` 1.29.2 (Debian 12's) take the file. Debian's `podman-compose` 1.0.3 does not: it
asks podman for the host's network and for one of its own at once, nothing is started, and it still ends with exit 0.
In a Prometheus of your own the rules need 2.42 or newer (`keep_firing_for`).

To be notified of alerts, add an Alertmanager to `prometheus/prometheus.yml`, or use the board's own `--alert`.
"""
