"""What was deployed, as the labels of its container tell it."""

from __future__ import annotations

import msgspec

from jetson_deploy.deployment.instance import LABEL
from jetson_deploy.deployment.plan import Gates
from jetson_deploy.spec import ContainerSpec


def self_describing(spec: ContainerSpec, gates: Gates) -> ContainerSpec:
    """With itself and its gates among the labels: a lost state file is rebuilt from the containers alone."""
    # As it is once it is proven; until then the candidate's own policy is `no`.
    bare = msgspec.json.encode(msgspec.structs.replace(spec, labels={}, restart="always")).decode()
    labels = {**spec.labels, LABEL + "spec": bare, LABEL + "gates": msgspec.json.encode(gates).decode()}
    return msgspec.structs.replace(spec, labels=labels)


def described(labels: dict[str, str]) -> tuple[ContainerSpec | None, Gates | None]:
    """What `self_describing` wrote, None where it is missing or damaged."""
    own = {k: v for k, v in labels.items() if k.startswith(LABEL) and k not in (LABEL + "spec", LABEL + "gates")}
    try:
        spec = msgspec.json.decode(labels[LABEL + "spec"], type=ContainerSpec)
        return msgspec.structs.replace(spec, labels=own), msgspec.json.decode(labels[LABEL + "gates"], type=Gates)
    except (KeyError, msgspec.MsgspecError):
        return None, None
