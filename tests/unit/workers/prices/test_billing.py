"""What bills, by every state that AWS knows: the states themselves are read from botocore's service model."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore import session as botocore_session

from workers.functions.costs import function_per_hour
from workers.functions.types import Function
from workers.prices.billing import ENDPOINT_STATES, billed_environments, billed_fleets, bills_now
from workers.prices.table import PriceTable
from workers.types import Endpoint, Fleet, TrainingJob

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
TABLE = PriceTable.load()
MODEL = botocore_session.get_session().get_service_model("sagemaker")
LARGE = 0.115


def endpoint(status: str, *, current: int = 1, desired: int = 1, fleets: tuple[Fleet, ...] = ()) -> Endpoint:
    return Endpoint(
        "dogs", status, START, instance_type="ml.m5.large", instance_count=current, desired_count=desired,
        fleets=fleets,
    )  # fmt: skip


# State, instances reported and wanted ("None": AWS reports no variants), instances that are charged for.
ENDPOINTS = [
    ("Creating", None, 1),
    ("Creating", (0, 2), 2),
    ("InService", (2, 2), 2),
    ("InService", (0, 0), 0),
    ("Updating", (1, 3), 3),
    ("Updating", (3, 1), 3),
    ("SystemUpdating", (2, 2), 2),
    ("RollingBack", (2, 1), 2),
    ("UpdateRollbackFailed", (2, 2), 2),
    ("OutOfService", None, 0),
    ("OutOfService", (1, 2), 1),
    ("Failed", None, 0),
    ("Failed", (0, 2), 0),
    ("Failed", (1, 2), 1),
    ("Deleting", None, 0),
    ("Deleting", (2, 2), 2),
]


def test_every_state_of_an_endpoint_has_a_line() -> None:
    known = set(MODEL.shape_for("EndpointStatus").enum)
    assert known == ENDPOINT_STATES == {state for state, _, _ in ENDPOINTS}


@pytest.mark.parametrize(("state", "reported", "billed"), ENDPOINTS)
def test_what_an_endpoint_costs_in_each_state(state: str, reported: tuple[int, int] | None, billed: int) -> None:
    fleets = (Fleet("ml.m5.large", *reported),) if reported is not None else ()
    endpoint_now = endpoint(state, current=reported[0] if reported else 0, fleets=fleets)
    assert sum(fleet.current for fleet in billed_fleets(endpoint_now)) == billed
    assert TABLE.endpoint_per_hour(endpoint_now, "us-east-1") == pytest.approx(billed * LARGE)
    assert TABLE.hourly_total([], [endpoint_now], "us-east-1").hosting == pytest.approx(billed * LARGE)


def test_variants_on_other_instances_and_those_that_come_up_are_charged_at_their_own_price() -> None:
    fleets = (Fleet("ml.m5.large", 1, 1), Fleet("ml.m5.xlarge", 2, 2), Fleet("", 0, 0))
    price = TABLE.per_hour("ml.m5.xlarge", "hosting", "us-east-1")
    assert price is not None
    assert TABLE.endpoint_per_hour(endpoint("Updating", fleets=fleets), "us-east-1") == pytest.approx(LARGE + 2 * price)


def test_what_is_not_known_has_no_price() -> None:
    assert TABLE.endpoint_per_hour(Endpoint("dogs", "InService", START), "us-east-1") is None
    strange = endpoint("InService", fleets=(Fleet("ml.new.type", 1, 1),))
    assert TABLE.endpoint_per_hour(strange, "us-east-1") is None
    assert TABLE.hourly_total([], [strange], "us-east-1").unpriced == ("ml.new.type",)


# SecondaryStatus, whether TrainingStartTime is set, whether it is charged for while the job is InProgress.
JOBS = [
    ("Pending", False, False),
    ("Starting", False, False),
    ("LaunchingMLInstances", False, False),
    ("PreparingTrainingStack", True, True),
    ("Downloading", True, True),
    ("DownloadingTrainingImage", True, True),
    ("Training", True, True),
    ("Uploading", True, True),
    ("Restarting", True, True),
    ("Updating", True, True),
    ("Stopping", True, True),
    ("Interrupted", True, False),
    ("Completed", True, True),
    ("Failed", True, True),
    ("Stopped", True, True),
    ("MaxRuntimeExceeded", True, True),
    ("MaxWaitTimeExceeded", True, True),
]


def test_every_phase_of_a_job_has_a_line() -> None:
    assert set(MODEL.shape_for("SecondaryStatus").enum) <= {phase for phase, _, _ in JOBS}


@pytest.mark.parametrize(("phase", "started", "billed"), JOBS)
@pytest.mark.parametrize("status", sorted(MODEL.shape_for("TrainingJobStatus").enum))
def test_what_a_job_costs_an_hour_in_each_phase(status: str, phase: str, started: bool, billed: bool) -> None:
    job = TrainingJob(
        "dogs", status, START, started=START if started else None, secondary_status=phase,
        instance_type="ml.m5.xlarge", instance_count=2,
    )  # type: ignore[arg-type]  # fmt: skip
    billed = billed and status in ("InProgress", "Stopping")
    assert bills_now(job) is billed
    assert TABLE.hourly_total([job], [], "us-east-1").training == pytest.approx(0.46 if billed else 0)


@pytest.mark.parametrize(
    ("status", "asked", "there", "billed"), [("IN_PROGRESS", 10, 3, 10), ("READY", 10, 10, 10), ("FAILED", 10, 0, 0)]
)
def test_provisioned_concurrency_is_charged_from_the_moment_of_asking(
    status: str, asked: int, there: int, billed: int
) -> None:
    assert set(botocore_session.get_session().get_service_model("lambda").shape_for(
        "ProvisionedConcurrencyStatusEnum").enum) == {"IN_PROGRESS", "READY", "FAILED"}  # fmt: skip
    config = {
        "Status": status,
        "RequestedProvisionedConcurrentExecutions": asked,
        "AllocatedProvisionedConcurrentExecutions": there,
    }
    assert billed_environments(config) == billed


def test_what_is_kept_ready_is_charged_for_although_its_use_is_not_known() -> None:
    ready = Function("ask", "arn", "python3.12", 1024, 30, "role", None, provisioned=10)
    assert function_per_hour(TABLE, ready, "us-east-1") == pytest.approx(10 * 3600 * 0.0000041667)
