"""A request whose gaps the running deployment and the defaults fill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.deployment.request import NATIVE_RUNTIME, Request, Wanted, runtime_of_image

if TYPE_CHECKING:
    from jetson_deploy.deployment.instance import Instance


def settle(request: Request, serving: Instance | None) -> Wanted:
    """Flag, else what is deployed, else the default. Zero is an answer too: a wrong one, to be refused."""
    values: dict[str, Any] = {field: getattr(request, field) for field in Wanted.__struct_fields__}
    for row in OPTIONS.values():
        if row.option.label and values[row.field] in (None, ""):
            kept = serving.record.kept(row.option.label) if serving else None
            values[row.field] = row.option.default if kept is None else kept
    if request.archive is not None:
        values["runtime"] = request.runtime or NATIVE_RUNTIME
    elif request.runtime is None and serving is not None:
        values["runtime"] = runtime_of_image(serving.record.image)
    if serving is not None and values["server"] != serving.record.server and request.image_policy is None:
        values["image_policy"] = OPTIONS["image_policy"].option.default  # an image of the other server
    if serving is not None and values["server"] != serving.record.server and request.speculate is None:
        values["speculate"] = OPTIONS["speculate"].option.default  # the other server's way
    return Wanted(**values)
