"""What the hosts of jobs use, by the names and scales of SageMaker."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from sandbox.core.state import StateDir
from sandbox.metrics.store import Metrics
from sandbox.sagemaker.measuring import GIB, HostMeter, JobMeters, disk_bytes, room_of, used
from sandbox.wire.errors import AwsError


def test_a_host_has_what_its_type_and_volume_have() -> None:
    assert (room_of("ml.m5.large", 30).memory, room_of("ml.m5.large", 30).disk) == (8 * GIB, 30 * GIB)
    assert room_of("ml.unheard-of.large", 1).memory == room_of("", 1).memory == 0


def test_shares_are_of_a_core_of_the_memory_and_of_the_volume(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"x" * 1000)
    (tmp_path / "link").symlink_to(tmp_path)
    assert 1000 <= disk_bytes(tmp_path) < 2000 and disk_bytes(tmp_path / "absent") == 0
    meter = HostMeter("job/algo-1", tmp_path, room_of("ml.m5.large", 1))
    first = {name: datum.total for name, _, datum in meter.look(1000.0, (5.0, 4 * GIB))}
    assert set(first) == {"MemoryUtilization", "DiskUtilization"} and first["MemoryUtilization"] == 50.0
    # Nothing is known of the time before the first look, and the disk is looked at once a minute.
    second = [(name, where, datum.total, datum.unit) for name, where, datum in meter.look(1005.0, (20.0, 0))]
    assert second[0] == ("CPUUtilization", {"Host": "job/algo-1"}, 300.0, "Percent") and len(second) == 2
    # Less than before: whoever had counted is gone.
    assert [name for name, _, _ in meter.look(1010.0, (1.0, 0))] == ["MemoryUtilization"]
    assert [name for name, _, _ in meter.look(1070.0, (1.0, 0))][-1] == "DiskUtilization"


def test_a_process_counts_with_what_it_started_and_what_is_gone_is_not_zero() -> None:
    found = used(os.getpid())
    assert found is not None and found[0] > 0 and found[1] > 1_000_000
    assert used(2**22 + 1) is None


def test_running_jobs_are_measured_and_no_others(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    metrics = Metrics(state)
    running = [SimpleNamespace(pid=os.getpid(), mark=name, name=f"{name}/algo-1") for name in ("job", "gone")]

    def describe(service: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        if given != {"TrainingJobName": "job"}:
            raise AwsError("ValidationException", "Requested resource not found.")
        return {"ResourceConfig": {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}}

    context = SimpleNamespace(
        call=describe,
        state=state,
        processes=SimpleNamespace(running=lambda kind: running if kind == "training" else []),
        part=lambda kind: metrics,
    )
    meters = JobMeters(cast(Any, context))
    meters.close()
    now = time.time()
    meters._look(now)
    meters._look(now + 5)
    series = {(known.namespace, known.name, known.dimensions["Host"]) for known in metrics.series()}
    names = ("CPUUtilization", "DiskUtilization", "MemoryUtilization")
    assert series == {("/aws/sagemaker/TrainingJobs", name, "job/algo-1") for name in names}
    running.clear()
    meters._look(now + 10)
    assert meters._meters == {}
    state.close()
