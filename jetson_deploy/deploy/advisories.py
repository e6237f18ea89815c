"""Known holes of the server that serves, sorted by what an attacker needs for them, with what contains them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.image_entries import Advisory, Needs, ServerVersion
from jetson_deploy.deployment.finding import Finding
from jetson_deploy.deployment.record import Record
from jetson_deploy.plan.image_rank import advisories_of
from jetson_deploy.server.opened import open_server

_OLD = timedelta(days=90)
_BY_WHOM: Mapping[Needs, tuple[str, str, str]] = {
    "administration": (
        "by a request that changes the models",
        "anybody on this host can send it",
        "the door lets none through, anybody on this host can send it",
    ),
    "model-file": (
        "by a model file that was made for it",
        "the store is read-only for the server",
        "the store is read-only for the server",
    ),
    "registry": (
        "by a registry that the server pulls from",
        "it pulls when somebody on this host asks it to",
        "the door lets no pull through",
    ),
    "browser": (
        "by a page in a browser of this host",
        "the server checks the Host of no request",
        "the door checks Host and Origin, the server behind it does not",
    ),
    "request": (
        "by an ordinary request",
        "it listens on loopback alone",
        "whoever holds a key can send it",
    ),
}
"""What is needed → in words; what contains it on loopback; behind a door."""


def known_holes(catalog: Catalog, record: Record, today: date, *, exposed: bool) -> Iterator[Finding]:
    """Nothing where none were gathered for this server."""
    gathered = catalog.advisories_gathered.get(record.server)
    if gathered is None:
        return
    found = advisories_of(catalog, record.server, ServerVersion(version=record.version or None))
    if found:
        title = f"{open_server(record.server).title} {record.version or '(version not on record)'}"
        noun = "advisory" if len(found) == 1 else "advisories"
        reached = exposed and any(catalog.advisories[one].needs == "request" for one in found)
        yield Finding(
            id="server-advisories",
            severity="warning" if reached else "note",
            evidence=f"{title} has {len(found)} known {noun} (list of {gathered.date})",
            cause="; ".join(_sorted(catalog.advisories, found, exposed=exposed)),
            fix="jetson-deploy plan --image-policy secure shows the image with the fewest",
        )
    if (age := today - gathered.date) > _OLD:
        text = f"the list of advisories is {age.days} days old: later ones are not known here"
        yield Finding(id="advisories-old", severity="warning", evidence=text, fix="jetson-deploy self update FROM")


def _sorted(every: Mapping[str, Advisory], found: tuple[str, ...], *, exposed: bool) -> Iterator[str]:
    for needs, (how, here, behind) in _BY_WHOM.items():
        mine = [one for one in found if every[one].needs == needs]
        if mine:
            yield f"{how}: {', '.join(mine)}, and {behind if exposed else here}"
