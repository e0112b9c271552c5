"""What a caller of parking sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workers.parking.memory import Memory
from workers.types import Endpoint

# parked: there is no endpoint; deleting: not yet; interrupted: parking stopped half-way, and the endpoint is there;
# resuming: it is coming back, and what scales it is not there yet; changed: another endpoint has its name.
ParkedState = Literal["parked", "deleting", "interrupted", "resuming", "changed"]


@dataclass(frozen=True)
class Parked:
    """An endpoint that is remembered. ``memory`` None: it cannot be read, and ``problem`` says why."""

    name: str
    config: str
    config_arn: str
    state: ParkedState
    memory: Memory | None
    problem: str = ""

    @property
    def instances(self) -> str:
        """What it comes back with: ``1 × ml.m5.large``; "" when that is not known."""
        if self.memory is None:
            return ""
        parts = [f"{kept.count} × {kept.instance_type}" for kept in self.memory.variants if kept.count is not None]
        return ", ".join(parts)


@dataclass(frozen=True)
class ParkPlan:
    """What parking an endpoint does. Entries are ``(kind, name, why)``.

    ``refused``: permissions that are missing; ``None``: it could not be found out.
    """

    endpoint: Endpoint
    memory: Memory
    goes: tuple[tuple[str, str, str], ...]
    kept: tuple[tuple[str, str, str], ...]
    stops_working: tuple[tuple[str, str, str], ...]
    saves_per_hour: float | None
    refused: tuple[str, ...] | None = ()
