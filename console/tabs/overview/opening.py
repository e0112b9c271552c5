"""Where a resource is opened: its tab, and what that tab is told to choose. The tabs know nothing of this one."""

from __future__ import annotations

from collections.abc import Mapping

from console.context import AppContext
from workers.inventory.types import Kind, Resource

# What each tab calls the thing that it is to choose.
_PAYLOADS: Mapping[Kind, str] = {
    "endpoint": "endpoint",
    "training-job": "job",
    "tuning-job": "tuning",
    "instance": "instance",
    "function": "function",
    "parked-endpoint": "endpoint",
    "bucket": "bucket",
}


def payload_of(resource: Resource) -> dict[str, str]:
    """What the resource's tab is handed to choose it."""
    target = resource.place.target
    if resource.kind == "scalable-target":
        return {"function" if resource.id.startswith("function:") else "endpoint": target}
    return {_PAYLOADS[resource.kind]: target} if resource.kind in _PAYLOADS else {}


def open_resource(ctx: AppContext, resource: Resource) -> bool:
    """Show a resource in its tab; False when no tab has it."""
    if not resource.place.tab:
        return False
    ctx.navigate(resource.place.tab, payload_of(resource))
    return True
