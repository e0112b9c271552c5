"""Metrics of instances: their pace, their values, the credits of T types."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.core.state import Database
from sandbox.ec2 import types
from sandbox.ec2.measuring import AGENT_NAMESPACE, Measuring, Meter, Point, Sample, sample
from sandbox.ec2.records import Instance, Instances
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

START = 1_700_000_100.0 - 1_700_000_100.0 % 300


def instance(kind: str = "t3.xlarge", **more: Any) -> Instance:
    facts: dict[str, Any] = {"id": "i-1", "reservation": "r-1", "launched": START, "image": "ami-1", "zone": "z"}
    facts |= {"subnet": "s", "vpc": "v", "groups": [], "private_ip": "10.0.0.4"}
    return Instance(type=kind, **{**facts, **more})


def spikes(meter: Meter, busy: list[float], *, detailed: bool, step: float = 5.0) -> list[Point]:
    """All points of ``busy`` shares of all processors, one for each ``step`` seconds."""
    points, computed = [], 0.0
    for number, share in enumerate([0.0, *busy]):
        computed += share * step * types.processors("t3.xlarge")
        points += meter.add(START + number * step, Sample(computed, 2**30), detailed)
    return points


def of(points: list[Point], name: str) -> list[Point]:
    return [point for point in points if point[1] == name]


@pytest.mark.parametrize(("detailed", "seconds"), [(True, 60.0), (False, 300.0)])
def test_a_value_every_minute_or_every_five(detailed: bool, seconds: float) -> None:
    # Ten minutes: the first half at full load, the second at rest.
    points = of(spikes(Meter(instance(), START), [1.0] * 60 + [0.0] * 61, detailed=detailed), "CPUUtilization")
    assert [datum.at for _, _, datum in points] == [START + n * seconds for n in range(int(600 // seconds))]
    averages = [datum.total / datum.count for _, _, datum in points]
    half = len(points) // 2
    assert averages[:half] == pytest.approx([100.0] * half, abs=2)
    assert averages[half + 1 :] == pytest.approx([0.0] * (half - 1), abs=2)


def test_bytes_count_once() -> None:
    meter = Meter(instance(), START)
    meter.exchanged(1000, 10)
    meter.exchanged(500, 5)
    points = spikes(meter, [0.0] * 30, detailed=True)
    assert [datum.total for _, _, datum in of(points, "NetworkIn")] == [1500.0, 0.0]
    assert [datum.total for _, _, datum in of(points, "NetworkOut")] == [15.0, 0.0]


def test_memory_is_the_agents_and_of_the_types_memory() -> None:
    found = of(spikes(Meter(instance(), START), [0.0] * 13, detailed=False), "mem_used_percent")
    assert [(name, datum.total) for name, _, datum in found] == [(AGENT_NAMESPACE, pytest.approx(100 / 16))]


def test_only_t_types_have_credits() -> None:
    assert of(spikes(Meter(instance("m5.large"), START), [1.0] * 70, detailed=True), "CPUCreditBalance") == []
    # 96 credits an hour less 4 vCPUs at full load for five minutes.
    meter = Meter(instance(credits=100.0), START)
    points = spikes(meter, [1.0] * 61, detailed=True)
    assert [datum.total for _, _, datum in of(points, "CPUCreditUsage")] == [pytest.approx(20, abs=0.5)]
    assert [datum.total for _, _, datum in of(points, "CPUCreditBalance")] == [pytest.approx(100 + 8 - 20, abs=0.5)]


def test_what_unlimited_borrows_is_shown() -> None:
    meter = Meter(instance(credits=0.0, credit_mode="unlimited"), START)
    points = spikes(meter, [1.0] * 61, detailed=True)
    assert of(points, "CPUCreditBalance")[0][2].total == 0.0
    assert of(points, "CPUSurplusCreditBalance")[0][2].total == pytest.approx(12, abs=0.5)


@given(st.lists(st.floats(0, 1.5), min_size=1, max_size=200), st.booleans())
def test_no_share_leaves_its_bounds(busy: list[float], detailed: bool) -> None:
    meter = Meter(instance(credits=10.0), START)
    for _, name, datum in spikes(meter, busy, detailed=detailed):
        assert datum.count >= 1 and datum.low <= datum.high
        if name == "CPUUtilization":
            assert datum.low >= 0 and datum.high <= 100
        if name == "CPUCreditBalance":
            assert 0 <= datum.total <= 2304


def test_processes_are_measured() -> None:
    found = sample([psutil.Process(os.getpid())])
    assert found.computed > 0 and found.memory > 1e6


class Parts:
    """The parts of a sandbox that measuring uses."""

    def __init__(self) -> None:
        self.on_exchange: list[Any] = []
        self.put: list[tuple[str, list[Any]]] = []
        self.state = self.access = self
        self.role_allowed = True

    def part(self, kind: type) -> Parts:
        return self

    def put_data(self, namespace: str, data: list[Any]) -> None:
        self.put.append((namespace, data))

    def call(self, service: str, operation: str, members: dict[str, Any]) -> dict[str, Any]:
        return {"InstanceProfile": {"Roles": [{"Arn": "arn:aws:iam::123456789012:role/r"}]}}

    def authorize_role(self, role: str, action: str, resource: str, context: dict[str, str]) -> None:
        if not self.role_allowed or context != {"cloudwatch:namespace": "CWAgent"}:
            raise AwsError("AccessDenied", "no")


def test_what_an_instances_keys_exchange_is_its_traffic_and_memory_needs_a_permission(tmp_path: Path) -> None:
    db = Database(tmp_path / "db")
    parts, instances = Parts(), Instances(db)
    host = instance(profile="p")
    instances.launch([host], {}, "", "")
    fleet = SimpleNamespace(on_up=[], on_down=[], machines=list)
    measuring = Measuring(cast("Any", parts), instances, cast("Any", fleet))
    measuring.close()
    fleet.on_up[0]("i-1")
    told = parts.on_exchange[0]
    told(Caller("arn:aws:sts::123456789012:assumed-role/r/i-1", "123456789012", "ASIA", "role"), 7, 1000)
    told(Caller("arn:aws:sts::123456789012:assumed-role/r/i-2", "123456789012", "ASIA", "role"), 70, 10_000)
    told(Caller("arn:aws:iam::123456789012:user/i-1", "123456789012", "AKIA"), 70, 10_000)
    meter = measuring._meters["i-1"]
    meter._cpu.since = meter._minute = START
    points = meter.add(START + 301, Sample(1.0, 2**30), False)
    values = {name: datum.total for _, name, datum in points}
    assert (values["NetworkIn"], values["NetworkOut"]) == (1000, 7)
    measuring._put(host, points)
    assert [namespace for namespace, _ in parts.put] == ["AWS/EC2", "CWAgent"]
    assert next(dimensions for _, dimensions, _ in parts.put[1][1]) == {"InstanceId": "i-1"}
    parts.put.clear()
    parts.role_allowed = False
    measuring._put(host, points)
    assert [namespace for namespace, _ in parts.put] == ["AWS/EC2"]
    db.close()
