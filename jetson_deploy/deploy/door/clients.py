"""`key create`, `list` and `revoke`."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import msgspec

from jetson_deploy.deploy.door.put import keys_lock
from jetson_deploy.expose.door import DoorFiles
from jetson_deploy.expose.key_store import add_key, load_keys, remove_key
from jetson_deploy.expose.keys import NewKey, check_key_name, expiry, utc_now
from jetson_deploy.settings import Settings, check_acts_here


class Made(msgspec.Struct, frozen=True, kw_only=True):
    client: str
    secret: NewKey
    expires: str | None
    in_force: bool
    """A door runs, and lets it in."""


class ListedKey(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: str
    """`valid` or `expired`."""
    created: str
    expires: str | None


class Keys(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.key-list/1"):
    deployment: str
    keys: tuple[ListedKey, ...]


def create_key(root: Path, settings: Settings, deployment: str, client: str, lifetime: str) -> Made:
    """Raises JetsonDeployError."""
    check_acts_here(root, settings, "key create")
    now = utc_now()
    new = NewKey(check_key_name(client), expiry(lifetime, now), now)
    with keys_lock(settings, deployment):
        in_force = add_key(DoorFiles(settings.state_dir, deployment), new)
    return Made(client=client, secret=new, expires=_moment(new.key.expires), in_force=in_force)


def revoke_key(root: Path, settings: Settings, deployment: str, client: str) -> bool:
    """True: the door that runs refuses it now. Raises JetsonDeployError."""
    check_acts_here(root, settings, "key revoke")
    with keys_lock(settings, deployment):
        return remove_key(DoorFiles(settings.state_dir, deployment), client)


def list_keys(root: Path, settings: Settings, deployment: str) -> Keys:
    """Raises JetsonDeployError."""
    check_acts_here(root, settings, "key list")
    now = utc_now()
    return Keys(
        deployment=deployment,
        keys=tuple(
            ListedKey(
                name=key.name,
                state="expired" if key.has_expired(now) else "valid",
                created=key.created,
                expires=_moment(key.expires),
            )
            for key in load_keys(DoorFiles(settings.state_dir, deployment)).keys
        ),
    )


def _moment(unix: int | None) -> str | None:
    return None if unix is None else datetime.fromtimestamp(unix, timezone.utc).isoformat(timespec="seconds")
