"""Cost Explorer's answers from what ran: measured by the hour, priced, grouped and filtered as AWS does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sandbox.billing.explorer import CostExplorerService
from sandbox.billing.meter import COMPUTE, OTHER, SAGEMAKER, Meter, price
from sandbox.core.state import Database
from sandbox.wire.errors import AwsError
from tests.helpers.calls import ask

DAY = 1_800_000_000.0 - 1_800_000_000.0 % 86_400  # 2027-01-15


class Account:
    """Which rows the lists of an account have; ``now`` is its clock."""

    def __init__(self, db: Database) -> None:
        self.now = DAY + 1000
        self.state = SimpleNamespace(db=db)
        self.hosts, self.instances, self.notebooks = 2, ["running", "stopped"], ["InService", "Stopped"]
        self.jobs: list[dict[str, Any]] = []
        # What DescribeProcessingJob and DescribeTransformJob say, by the word in their names.
        self.others: dict[str, dict[str, Any]] = {}

    def call(self, service: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        match operation:
            case "ListEndpoints":
                return {"Endpoints": [{"EndpointName": "e"}]}
            case "DescribeEndpoint":
                variants = [{"VariantName": "v", "CurrentInstanceCount": self.hosts}]
                return {"EndpointConfigName": "c", "ProductionVariants": variants}
            case "DescribeEndpointConfig":
                return {"ProductionVariants": [{"VariantName": "v", "InstanceType": "ml.t2.medium"}]}
            case "ListNotebookInstances":
                return {"NotebookInstances": [{"NotebookInstanceStatus": word, "InstanceType": "ml.t2.medium"}
                                              for word in self.notebooks]}  # fmt: skip
            case "DescribeInstances":
                rows = [{"InstanceType": "t3.micro", "State": {"Name": word}} for word in self.instances]
                return {"Reservations": [{"Instances": rows}]}
            case "DescribeVolumes":
                return {"Volumes": [{"Size": 730, "VolumeType": "gp3"}]}
            case "ListTrainingJobs":
                return {"TrainingJobSummaries": [{"TrainingJobName": str(n)} for n in range(len(self.jobs))]}
            case "ListProcessingJobs" | "ListTransformJobs":
                word = operation.removeprefix("List").removesuffix("Jobs")
                return {f"{word}JobSummaries": [{f"{word}JobName": "j"}] if word in self.others else []}
            case "DescribeProcessingJob" | "DescribeTransformJob":
                return self.others[operation.removeprefix("Describe").removesuffix("Job")]
            case _:
                return self.jobs[int(given["TrainingJobName"])]


@pytest.fixture(autouse=True)
def ec2_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.billing.meter.ec2_was_used", lambda: True)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    db = Database(tmp_path / "usage.db")
    yield Account(db)
    db.close()


@pytest.fixture
def explorer(account: Account) -> CostExplorerService:
    service = CostExplorerService()
    meter = Meter(cast(Any, account), lambda: account.now)
    service.start(cast(Any, account))
    service.stop()
    service._meter = meter
    return service


def asked(service: CostExplorerService, **more: Any) -> list[dict[str, Any]]:
    members = {
        "TimePeriod": {"Start": "2027-01-15", "End": "2027-01-17"},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost", "UsageQuantity"],
    }
    results: list[dict[str, Any]] = ask(service, "GetCostAndUsage", members | more)["ResultsByTime"]
    return results


def test_hours_are_measured_and_priced_day_by_day(account: Account, explorer: CostExplorerService) -> None:
    account.now += 360
    groups = [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "DIMENSION", "Key": "USAGE_TYPE"}]
    first, second = asked(explorer, GroupBy=groups)
    found = {tuple(group["Keys"]): group["Metrics"] for group in first["Groups"]}
    assert found.keys() == {
        (SAGEMAKER, "USE1-Host:ml.t2.medium"),
        (SAGEMAKER, "USE1-Notebk:ml.t2.medium"),
        (COMPUTE, "BoxUsage:t3.micro"),
        (OTHER, "EBS:VolumeUsage.gp3"),
    }
    host = found[SAGEMAKER, "USE1-Host:ml.t2.medium"]
    assert float(host["UsageQuantity"]["Amount"]) == pytest.approx(0.2)
    assert float(host["UnblendedCost"]["Amount"]) == pytest.approx(0.2 * price("USE1-Host:ml.t2.medium"))
    assert price("USE1-Notebk:ml.t2.medium") == pytest.approx(0.0464) and price("USE1-Host:ml.none") == 0
    assert (price("EBS:VolumeUsage"), price("EBS:VolumeUsage.piops")) == (0.05, 0.125)
    # 730 GB for an hour are a GB-month.
    assert float(found[OTHER, "EBS:VolumeUsage.gp3"]["UsageQuantity"]["Amount"]) == pytest.approx(0.1)
    assert second["Groups"] == [] and second["TimePeriod"] == {"Start": "2027-01-16", "End": "2027-01-17"}


def test_a_training_job_bills_what_it_says_and_a_sleeping_computer_bills_nothing(
    account: Account, explorer: CostExplorerService
) -> None:
    account.hosts, account.instances, account.notebooks = 0, [], []
    job = {"TrainingStartTime": DAY + 5, "BillableTimeInSeconds": 7200}
    account.jobs = [{**job, "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2}}]
    account.now += 3 * 86_400
    only = {"Dimensions": {"Key": "INSTANCE_TYPE", "Values": ["ml.m5.large"]}}
    first, _ = asked(explorer, Filter=only)
    assert float(first["Total"]["UsageQuantity"]["Amount"]) == pytest.approx(4)
    assert float(first["Total"]["UnblendedCost"]["Amount"]) == pytest.approx(4 * price("USE1-Train:ml.m5.large"))
    volumes = sum(row.quantity for row in explorer._meter.used("2027-01-15", "2027-01-20") if row.service == OTHER)
    assert volumes == pytest.approx(1 / 6)


def test_processing_and_transform_jobs_bill_their_hours_at_the_price_of_training(
    account: Account, explorer: CostExplorerService
) -> None:
    account.hosts, account.instances, account.notebooks = 0, [], []
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 2}
    account.others = {
        "Processing": {
            "ProcessingStartTime": DAY + 5,
            "ProcessingEndTime": DAY + 3605,
            "ProcessingResources": {"ClusterConfig": cluster},
        },
        # Still running.
        "Transform": {"TransformStartTime": DAY + 5, "TransformResources": cluster},
    }
    account.now = DAY + 1805
    used = {row.usage: row.quantity for row in explorer._meter.used("2027-01-15", "2027-01-20")}
    assert used["USE1-Processing:ml.m5.large"] == pytest.approx(2)
    assert used["USE1-Tsform:ml.m5.large"] == pytest.approx(1)
    prices = {price(f"USE1-{kind}:ml.m5.large") for kind in ("Processing", "Tsform", "Train")}
    assert len(prices) == 1 and prices.pop() > 0


@pytest.mark.parametrize(
    "given",
    [
        {"TimePeriod": {"Start": "2027-01-17", "End": "2027-01-15"}},
        {"TimePeriod": {"Start": "soon", "End": "2027-01-15"}},
        {"TimePeriod": {"Start": "2020-01-01", "End": "2027-01-15"}},
        {"Granularity": "HOURLY"},
        {"Metrics": ["NormalizedUsageAmount"]},
        {"GroupBy": [{"Type": "TAG", "Key": "owner"}]},
        {"Filter": {"Dimensions": {"Key": "AZ", "Values": ["a"]}}},
        {"Filter": {"Tags": {"Key": "owner", "Values": ["mary"]}}},
    ],
)
def test_what_is_not_known_is_refused(account: Account, explorer: CostExplorerService, given: dict[str, Any]) -> None:
    account.now += 60
    with pytest.raises(AwsError) as caught:
        asked(explorer, **given)
    assert caught.value.code == "ValidationException"


def test_what_ran_in_the_last_minute_is_written_at_the_end(account: Account) -> None:
    meter = Meter(cast(Any, account), lambda: account.now)
    meter.start()
    account.now += 36
    meter.close()
    rows = account.state.db.query("SELECT usage, quantity FROM usage_days WHERE service=?", (COMPUTE,))
    assert [(row["usage"], row["quantity"]) for row in rows] == [("BoxUsage:t3.micro", pytest.approx(0.01))]


def test_volumes_are_not_looked_for_where_nothing_of_ec2_was_made(
    account: Account, explorer: CostExplorerService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.billing.meter.ec2_was_used", lambda: False)
    account.now += 360
    assert [row for row in explorer._meter.used("2027-01-15", "2027-01-20") if row.service == OTHER] == []
