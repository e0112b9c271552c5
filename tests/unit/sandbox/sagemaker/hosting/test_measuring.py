"""Metrics of endpoints for scaling, and the account's rate of invocations."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sandbox.core.settings import WrongSetting, check_settings
from sandbox.metrics.store import Datum
from sandbox.sagemaker.hosting.metrics import InvocationMetrics, Serving, _periods
from sandbox.sagemaker.hosting.runtime import Rate
from sandbox.sagemaker.hosting.utilization import Running, Utilization


class Store:
    """CloudWatch, of which only what was put is looked at."""

    def __init__(self) -> None:
        self.data: list[tuple[str, dict[str, str], Datum]] = []

    def put_data(self, namespace: str, data: list[tuple[str, dict[str, str], Datum]]) -> None:
        self.data += data

    def named(self, name: str) -> list[Datum]:
        return [datum for known, _, datum in self.data if known == name]


def test_a_request_counts_for_its_share_of_the_instances() -> None:
    store = Store()
    metrics = InvocationMetrics(store)
    for instances in (1, 2, 4, 4):
        metrics.add("e", "v", 200, model_seconds=0.01, overhead_seconds=0.0, instances=instances)
    metrics.close()
    (datum,) = store.named("InvocationsPerInstance")
    assert datum.total == 2.0


def test_concurrency_is_of_one_instance_and_silence_is_a_zero() -> None:
    store = Store()
    metrics = InvocationMetrics(store, lambda: [Serving("e", "v", 2, 6), Serving("e", "starting", 0, 0)], 100.0)
    metrics.close()
    assert {datum.total / datum.count for datum in store.named("ConcurrentRequestsPerModel")} == {3.0}
    assert store.named("InvocationsPerInstance")[0].total == 0.0
    assert {dimensions["VariantName"] for _, dimensions, _ in store.data} == {"v"}


def test_no_period_is_without_a_value_and_a_long_pause_is_not_filled() -> None:
    assert _periods(59.0, 60.5, 60.0) == [60.5]
    assert _periods(60.5, 119.0, 60.0) == []
    assert _periods(60.5, 190.0, 60.0) == [150.0, 190.0]
    assert len(_periods(0.0, 1.0e6, 60.0)) == 4


def test_processors_and_memory_are_those_of_the_processes() -> None:
    used = Utilization()
    me = [Running("e", "v", "ml.m5.large", (os.getpid(),)), Running("e", "serverless", "", (os.getpid(),))]
    first = used.look(1000.0, me)
    assert [name for name, _, _ in first] == ["MemoryUtilization"] and 0 < first[0][2].total < 100
    start = time.process_time()
    while time.process_time() - start < 0.05:
        pass
    found = used.look(1001.0, me[:1])
    assert [name for name, _, _ in found] == ["CPUUtilization", "MemoryUtilization"]
    assert found[0][2].total > 3.9
    gone = Running("e", "v", "ml.m5.large", (2**22 + 1,))
    assert used.look(1002.0, [gone]) == []


def test_the_disk_of_a_variant_is_its_folder_of_the_instances_volume(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"x" * 3 * 1024**2)
    there = Running("e", "v", "ml.m5.large", (os.getpid(),), tmp_path)
    found = {name: datum.total for name, _, datum in Utilization().look(1000.0, [there])}
    assert found["DiskUtilization"] == pytest.approx(0.01, rel=0.05)
    ended = Running("e", "v", "ml.m5.large", (), tmp_path)
    assert Utilization().look(1000.0, [ended]) == []


def test_the_rate_lets_through_what_it_says() -> None:
    rate = Rate(10.0)
    assert sum(rate.take(100.0) for _ in range(50)) == 10
    assert not rate.take(100.05) and rate.take(100.11)
    assert sum(rate.take(200.0) for _ in range(50)) == 10
    assert all(Rate(None).take(0.0) for _ in range(1000))


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_a_rate_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SAGEDECK_INVOCATIONS_PER_SECOND", text)
    with pytest.raises(WrongSetting, match="SAGEDECK_INVOCATIONS_PER_SECOND"):
        check_settings()
