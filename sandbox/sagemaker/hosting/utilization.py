"""CPU, memory and disk of an endpoint's variants, measured from their processes and folders once a minute.

Names and scales are SageMaker's ("Monitor SageMaker AI with CloudWatch"): a busy core is 100, so 4 cores come to 400;
memory and disk are shares of what the instance has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sandbox.metrics.store import Datum, one_value
from sandbox.sagemaker.measuring import disk_bytes, room_of, used

NAMESPACE = "/aws/sagemaker/Endpoints"
# SageMaker Developer Guide, "Host instance storage volumes": what an instance has unless its variant says otherwise.
VOLUME_GIB = 30.0


@dataclass(frozen=True)
class Running:
    """The processes of a variant, one an instance. ``instance_type`` is empty for a serverless one.

    ``folder``: where its instances have their model and whatever they write.
    """

    endpoint: str
    variant: str
    instance_type: str
    pids: tuple[int, ...]
    folder: Path | None = None


class Utilization:
    """Turns what the processes have used since the last look into metrics."""

    def __init__(self) -> None:
        # Seconds of computing of each process, and when that was.
        self._before: dict[int, tuple[float, float]] = {}

    def look(self, now: float, running: Iterable[Running]) -> list[tuple[str, dict[str, str], Datum]]:
        """The metrics at ``now``; a process that is seen for the first time has no CPU yet."""
        data: list[tuple[str, dict[str, str], Datum]] = []
        before, self._before = self._before, {}
        for variant in running:
            dimensions = {"EndpointName": variant.endpoint, "VariantName": variant.variant}
            room = room_of(variant.instance_type, VOLUME_GIB)
            for pid in variant.pids:
                if (found := used(pid)) is None:
                    continue
                computed, memory = found
                self._before[pid] = (now, computed)
                since, earlier = before.get(pid, (now, computed))
                # Less than before: another process has got its number.
                if now > since and computed >= earlier:
                    share = (computed - earlier) / (now - since) * 100
                    data.append(("CPUUtilization", dimensions, one_value(share, now, "Percent")))
                if room.memory:
                    data.append(
                        ("MemoryUtilization", dimensions, one_value(memory / room.memory * 100, now, "Percent"))
                    )
            if variant.folder is not None and variant.pids and variant.instance_type:
                share = disk_bytes(variant.folder) / room.disk * 100
                data.append(("DiskUtilization", dimensions, one_value(share, now, "Percent")))
        return data
