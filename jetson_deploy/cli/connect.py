"""`connect`: where the deployment listens, which APIs it has, and what a client types."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import table
from jetson_deploy.cli.options import CommonOptions, acting
from jetson_deploy.cli.reporters import recover_first

if TYPE_CHECKING:
    from pathlib import Path

    from jetson_deploy.deployment.instance import Instance
    from jetson_deploy.endpoint import Endpoint
    from jetson_deploy.expose.door import Exposed
    from jetson_deploy.server.apis import Api
    from jetson_deploy.server.port import Server

_QUESTION = "Say hi."
_MOST_TOKENS = 200
"""Without a bound a small model may go on until its context is full."""
_SAMPLING = {"deepseek-r1": {"temperature": 0.6, "top_p": 0.95}}
"""As its model card recommends against endless repetition. Where a request names none, Ollama's `/v1` takes 1.0,
whatever the model's parameters say (docs/ollama-behaviour.md)."""


@click.command("connect")
@acting
def command(*, common: CommonOptions) -> int:
    """Show the endpoint, the APIs that its server has, and lines for curl and Python that ask it."""
    from jetson_deploy.deploy.status import find_deployment
    from jetson_deploy.endpoint import local_endpoint
    from jetson_deploy.expose.door import DoorFiles
    from jetson_deploy.expose.record import load_record
    from jetson_deploy.server.apis import offered
    from jetson_deploy.server.opened import open_server

    recover_first(common)
    serving = find_deployment(common.root, common.settings, common.catalog(), common.name, "connect")
    record, server = serving.record, open_server(serving.record.server)
    endpoint = local_endpoint(record.port)
    url = endpoint.url
    version = _version(server, url)
    apis = offered(server.apis, version)
    snippets = {"curl": curl(url, record.model), "python": python(url, record.model)}
    files = DoorFiles(common.settings.state_dir, common.name)
    exposed = load_record(files)
    if exposed is not None:
        snippets["network"] = from_network(exposed, record.model)
    document = {
        "schema": "jetson-deploy.connect/1",
        "endpoint": url,
        "model": record.model,
        "context_tokens": record.context_tokens,
        "server": record.server,
        "version": version,
        "server_lacks": server.lacks,
        "apis": {api.path: said for api, said in apis.items()},
        "snippets": snippets,
        "exposed": exposed,
        "accept_cpu": record.accept_cpu,
    }
    text = _text(serving, endpoint, server, version, apis, snippets, _door_rows(exposed, files.ca))
    return finish(common, document, lambda: text, simulated=record.simulated)


def from_network(exposed: Exposed, model: str) -> str:
    """KEY is a client's own. A certificate by our CA is trusted with the board's ca.pem beside."""
    trusted = " --cacert ca.pem" if exposed.certificate.kind == "own" else ""
    return f"{curl(exposed.door.url, model)} -H 'Authorization: Bearer KEY'{trusted}"


def curl(url: str, model: str) -> str:
    messages = [{"role": "user", "content": _QUESTION}]
    body = json.dumps({"model": model, "messages": messages, "max_tokens": _MOST_TOKENS, **_sampling(model)})
    return f"curl {url}/v1/chat/completions -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def python(url: str, model: str) -> str:
    """Of the package `openai`."""
    sampling = "".join(f", {key}={value}" for key, value in _sampling(model).items())
    return "\n".join(
        (
            "from openai import OpenAI",
            f'client = OpenAI(base_url="{url}/v1", api_key="unused")',
            f'messages = [{{"role": "user", "content": "{_QUESTION}"}}]',
            "answer = client.chat.completions.create(",
            f"    model={json.dumps(model)}, messages=messages, max_tokens={_MOST_TOKENS}{sampling}",
            ")",
            "print(answer.choices[0].message.content)",
        )
    )


def _sampling(model: str) -> dict[str, float]:
    from jetson_deploy.names import parse_model_name

    return _SAMPLING.get(parse_model_name(model).model, {})


def _version(server: Server, url: str) -> str | None:
    """None: it does not answer now, or does not say."""
    from jetson_deploy.errors import JetsonDeployError

    try:
        return server.client(url).version()
    except JetsonDeployError:
        return None


def _text(
    serving: Instance,
    endpoint: Endpoint,
    server: Server,
    version: str | None,
    apis: dict[Api, bool | None],
    snippets: dict[str, str],
    door: list[tuple[str, str]],
) -> str:
    from jetson_deploy.endpoint import tunnel

    record = serving.record
    rows = [("simulated", record.simulated)] if record.simulated else []
    rows += [
        ("endpoint", f"{endpoint.url}, from this machine alone; from another: {tunnel(endpoint)}"),
        *door,
        ("model", f"{record.model}, context {record.context_tokens}, {record.parallel} at a time"),
        ("server", f"{server.title} {version or '(it does not say its version)'}"),
        *_said("has", apis, True),
        *_said("has not", apis, False),
        *_said("not known", apis, None),
        *([("to know", f"{server.title}: {server.lacks}")] if server.lacks else []),
    ]
    return "\n\n".join((table(rows), *snippets.values()))


def _door_rows(exposed: Exposed | None, ca: Path) -> list[tuple[str, str]]:
    if exposed is None:
        return []
    rows = [("network", f"{exposed.door.url}, with a key (sudo jetson-deploy key create NAME)")]
    if exposed.certificate.kind == "own":
        rows.append(("to trust", f"the CA in {ca}: copy it to the client as ca.pem"))
    return rows


def _said(word: str, apis: dict[Api, bool | None], wanted: bool | None) -> list[tuple[str, str]]:
    listed = [f"{api.title} ({api.path})" for api, said in apis.items() if said is wanted]
    return [(word, ", ".join(listed))] if listed else []
