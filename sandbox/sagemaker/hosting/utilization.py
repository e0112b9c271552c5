"""CPUUtilization and MemoryUtilization of an endpoint's variants, measured from their processes once a minute.

Names and scales are SageMaker's ("Monitor SageMaker AI with CloudWatch"): a busy core is 100, so 4 cores come to 400;
memory is a share of what the instance type has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from sandbox.ec2.types import memory_bytes
from sandbox.metrics.store import Datum, one_value
from sandbox.wire.errors import AwsError

NAMESPACE = "/aws/sagemaker/Endpoints"


@dataclass(frozen=True)
class Running:
    """The processes of a variant, one an instance. ``instance_type`` is empty for a serverless one."""

    endpoint: str
    variant: str
    instance_type: str
    pids: tuple[int, ...]


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
            for pid in variant.pids:
                try:
                    process = psutil.Process(pid)
                    with process.oneshot():
                        computed = sum(process.cpu_times()[:2])
                        memory = process.memory_info().rss
                except psutil.Error:
                    continue
                self._before[pid] = (now, computed)
                since, earlier = before.get(pid, (now, computed))
                # Less than before: another process has got its number.
                if now > since and computed >= earlier:
                    used = (computed - earlier) / (now - since) * 100
                    data.append(("CPUUtilization", dimensions, one_value(used, now, "Percent")))
                if has := _memory(variant.instance_type):
                    data.append(("MemoryUtilization", dimensions, one_value(memory / has * 100, now, "Percent")))
        return data


def _memory(instance_type: str) -> int:
    """Bytes that an instance type has; 0 where EC2 does not know it."""
    try:
        return memory_bytes(instance_type.removeprefix("ml.")) if instance_type else 0
    except AwsError:
        return 0
