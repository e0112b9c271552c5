"""CloudWatch metrics of instances, measured from their processes.

Names, units and pace are EC2's ("EC2 User Guide, CloudWatch metrics"): a value every 5 minutes, every minute with
detailed monitoring, CPU credits always every 5 minutes. The share of the processors is that of the processors that the
instance has here (``types.processors``). Memory is what the CloudWatch agent would report (CWAgent), so only where the
role may put it; what the network carried is what the instance exchanged with the account.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import psutil

from sandbox.context import SandboxContext
from sandbox.core.diagnostics import tell_exception
from sandbox.dispatch import Dispatcher
from sandbox.ec2 import types
from sandbox.ec2.fleet import Fleet
from sandbox.ec2.metadata import role_of
from sandbox.ec2.records import Instance, Instances
from sandbox.metrics.store import Datum, Metrics, one_value
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

NAMESPACE, AGENT_NAMESPACE = "AWS/EC2", "CWAgent"
# Twelve samples for each value of detailed monitoring, so that its maximum differs from its average.
SAMPLE_SECONDS = 5.0
DETAILED_SECONDS, BASIC_SECONDS = 60.0, 300.0
_CHECKS = ("StatusCheckFailed", "StatusCheckFailed_Instance", "StatusCheckFailed_System")

Point = tuple[str, str, Datum]


@dataclass(frozen=True)
class Sample:
    """What is known of an instance at a moment: seconds of computing since its boot, bytes of memory in use now."""

    computed: float
    memory: float


def sample(processes: Iterable[psutil.Process]) -> Sample:
    """Add up what runs now, and what has run below it."""
    computed = memory = 0.0
    for process in processes:
        try:
            with process.oneshot():
                computed += sum(process.cpu_times()[:4])
                memory += _memory(process)
        except psutil.Error:
            continue
    return Sample(computed, memory)


def _memory(process: psutil.Process) -> float:
    try:
        # Memory that several processes share is counted once.
        return float(process.memory_full_info().pss)
    except (AttributeError, psutil.AccessDenied):
        return float(process.memory_info().rss)


@dataclass
class _Period:
    """Samples of one metric since a moment."""

    since: float
    values: list[float] = field(default_factory=list)

    def ended(self, now: float, seconds: float) -> bool:
        return math.floor(now / seconds) > math.floor(self.since / seconds)

    def datum(self, unit: str, seconds: float) -> Datum:
        at = math.floor(self.since / seconds) * seconds
        values = self.values
        return Datum(at, float(len(values)), math.fsum(values), min(values), max(values), unit)


class Meter:
    """Turns the samples of one instance into metrics. Times are epoch seconds."""

    def __init__(self, instance: Instance, now: float) -> None:
        self._type = instance.type
        self._cpu = _Period(now)
        self._slow = now
        self._minute = now
        self._last: tuple[float, float] | None = None
        self._used = 0.0
        self._received = self._sent = 0
        self.credits = instance.credits
        self.surplus = 0.0
        self._unlimited = instance.credit_mode == "unlimited"
        self.memory = 0.0

    def exchanged(self, received: int, sent: int) -> None:
        """Count bytes that went into the instance and out of it."""
        self._received += received
        self._sent += sent

    def add(self, now: float, found: Sample, detailed: bool) -> list[Point]:
        """Take a sample; returns what is to be put now: (namespace, name, datum)."""
        points = self._finished(now, BASIC_SECONDS if not detailed else DETAILED_SECONDS)
        if self._last is not None and now > self._last[0]:
            before, computed = self._last
            # Less than before: a process that had counted is gone, and nobody counts it any more.
            share = max(0.0, found.computed - computed) / (now - before) / types.processors(self._type)
            self._cpu.values.append(min(100.0, 100.0 * share))
            self._spend(now - before, min(1.0, share))
        self._last = now, found.computed
        self.memory = found.memory
        return points

    def _finished(self, now: float, seconds: float) -> list[Point]:
        points: list[Point] = []
        if self._cpu.ended(now, seconds):
            if self._cpu.values:
                points.append((NAMESPACE, "CPUUtilization", self._cpu.datum("Percent", seconds)))
            at = math.floor(self._cpu.since / seconds) * seconds
            points.append((NAMESPACE, "NetworkIn", one_value(self._received, at, "Bytes")))
            points.append((NAMESPACE, "NetworkOut", one_value(self._sent, at, "Bytes")))
            self._received = self._sent = 0
            self._cpu = _Period(now)
        if math.floor(now / DETAILED_SECONDS) > math.floor(self._minute / DETAILED_SECONDS):
            at = math.floor(self._minute / DETAILED_SECONDS) * DETAILED_SECONDS
            points += [(NAMESPACE, name, one_value(0.0, at, "Count")) for name in _CHECKS]
            percent = 100.0 * self.memory / types.memory_bytes(self._type)
            points.append((AGENT_NAMESPACE, "mem_used_percent", one_value(percent, at, "Percent")))
            self._minute = now
        if math.floor(now / BASIC_SECONDS) > math.floor(self._slow / BASIC_SECONDS):
            points += self._credit_points(math.floor(self._slow / BASIC_SECONDS) * BASIC_SECONDS)
            self._slow = now
        return points

    def _credit_points(self, at: float) -> list[Point]:
        if self.credits is None:
            return []
        used, self._used = self._used, 0.0
        values = {"CPUCreditUsage": used, "CPUCreditBalance": self.credits}
        if self._unlimited:
            values["CPUSurplusCreditBalance"] = self.surplus
        return [(NAMESPACE, name, one_value(value, at, "Count")) for name, value in values.items()]

    def _spend(self, seconds: float, share: float) -> None:
        """One credit is a processor at full load for a minute."""
        earned = types.credits(self._type)
        if earned is None or self.credits is None:
            return
        spent = share * types.vcpus(self._type) * seconds / 60
        self._used += spent
        balance = self.credits - self.surplus + earned.per_hour * seconds / 3600 - spent
        self.credits = min(max(balance, 0.0), earned.most)
        self.surplus = max(-balance, 0.0) if self._unlimited else 0.0


class Measuring:
    """One thread that samples all running instances."""

    def __init__(self, ctx: SandboxContext, instances: Instances, fleet: Fleet) -> None:
        self._ctx, self._instances, self._fleet = ctx, instances, fleet
        self._metrics = ctx.part(Metrics)
        self._lock = threading.Lock()
        self._meters: dict[str, Meter] = {}
        self._closed = threading.Event()
        ctx.part(Dispatcher).on_exchange.append(self._exchanged)
        fleet.on_up.append(self._up)
        fleet.on_down.append(self._down)
        threading.Thread(target=self._run, name="instance metrics", daemon=True).start()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def _exchanged(self, caller: Caller, asked: int, answered: int) -> None:
        """A request was answered; those with the keys of an instance are its traffic."""
        if caller.role_arn is None:
            return
        with self._lock:
            # EC2 calls the session of an instance's role by the instance's id.
            meter = self._meters.get(caller.arn.rpartition("/")[2])
            if meter is not None:
                meter.exchanged(answered, asked)

    def _up(self, instance_id: str) -> None:
        instance = self._instances.find(instance_id)
        if instance is not None:
            with self._lock:
                self._meters[instance_id] = Meter(instance, time.time())

    def _down(self, instance_id: str) -> None:
        with self._lock:
            meter = self._meters.pop(instance_id, None)
        if meter is not None and self._instances.find(instance_id) is not None:
            # Credits of a T2 are lost with the stop, those of its successors are kept for a week.
            lost = self._instances.get(instance_id).type.startswith("t2.")
            kept = None if meter.credits is None else 0.0 if lost else meter.credits
            self._instances.change(instance_id, lambda instance: setattr(instance, "credits", kept))

    def _run(self) -> None:
        while not self._closed.wait(SAMPLE_SECONDS):
            for machine in self._fleet.machines():
                try:
                    self._measure(machine.id, sample(machine.tree()))
                except Exception as exc:
                    tell_exception(exc)

    def _measure(self, instance_id: str, found: Sample) -> None:
        instance = self._instances.find(instance_id)
        if instance is None:
            return
        with self._lock:
            meter = self._meters.get(instance_id)
            points = meter.add(time.time(), found, instance.detailed) if meter is not None else []
        self._put(instance, points)

    def _put(self, instance: Instance, points: list[Point]) -> None:
        own = {"InstanceId": instance.id}
        data = [(name, own, datum) for namespace, name, datum in points if namespace == NAMESPACE]
        if data:
            self._metrics.put_data(NAMESPACE, data)
        told = [(name, datum) for namespace, name, datum in points if namespace == AGENT_NAMESPACE]
        if told and self._may_put(instance):
            wide = {**own, "ImageId": instance.image, "InstanceType": instance.type}
            pairs = [(name, dimensions, datum) for name, datum in told for dimensions in (own, wide)]
            self._metrics.put_data(AGENT_NAMESPACE, pairs)

    def _may_put(self, instance: Instance) -> bool:
        role = role_of(self._ctx, instance.profile) if instance.profile else ""
        if not role:
            return False
        context = {"cloudwatch:namespace": AGENT_NAMESPACE}
        try:
            self._ctx.access.authorize_role(role, "cloudwatch:PutMetricData", "*", context)
        except AwsError:
            return False
        return True
