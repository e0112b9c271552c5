"""What machines use over time: the value that ``workers/aws/machines.py`` makes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class MachineUse:
    """What machines use over time, in percent: ``cpu`` of one core, ``memory`` and ``disk`` of what there is.

    A line is empty where nobody has counted.
    """

    cpu: tuple[tuple[datetime, float], ...] = ()
    memory: tuple[tuple[datetime, float], ...] = ()
    disk: tuple[tuple[datetime, float], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.cpu or self.memory or self.disk)
