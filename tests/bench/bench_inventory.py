"""How fast an account with 5,000 resources of 12 kinds is read, against plain boto3 that asks one list after another.

``python tests/bench/bench_inventory.py``: a sandbox is filled, then read in turns by our reader and by plain boto3 (the
same lists, page after page), five times each. Prints the medians in seconds, their ratio, and how many rows a second
reading touches: those whose cost so far grew by a tenth of a cent. Exit code 1 over the goal.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.helpers.backends import backend_of
from tests.helpers.functions import zipped
from tests.helpers.sandbox import SandboxProcess
from workers.inventory.kinds import Kind
from workers.inventory.service import InventoryService
from workers.services import Services

GOAL_SECONDS, ROUNDS, RESOURCES = 2.0, 5, 5000
OURS = {"Key": "sagedeck:created-by", "Value": "sagedeck"}
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.5-cpu-py311"
COUNTS: dict[Kind, int] = {
    "model": 950, "endpoint-config": 900, "log-group": 900, "volume": 700, "security-group": 500, "alarm": 500,
    "function": 250, "bucket": 100, "address": 100, "role": 60, "instance-profile": 60, "training-job": 8,
}  # fmt: skip
# (service, operation, key) as plain boto3 lists them, with pages as large as each service takes.
PLAIN: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    *(("sagemaker", f"list_{name}", key, {"PaginationConfig": {"PageSize": 100}}) for name, key in (
        ("endpoints", "Endpoints"), ("endpoint_configs", "EndpointConfigs"), ("models", "Models"),
        ("training_jobs", "TrainingJobSummaries"), ("processing_jobs", "ProcessingJobSummaries"),
        ("transform_jobs", "TransformJobSummaries"),
        ("hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries"))),
    ("ec2", "describe_instances", "Reservations", {}),
    ("ec2", "describe_volumes", "Volumes", {}),
    ("ec2", "describe_security_groups", "SecurityGroups", {}),
    ("lambda", "list_functions", "Functions", {}),
    ("application-autoscaling", "describe_scalable_targets", "ScalableTargets", {"ServiceNamespace": "sagemaker"}),
    ("cloudwatch", "describe_alarms", "MetricAlarms", {}),
    ("s3", "list_buckets", "Buckets", {}),
    ("logs", "describe_log_groups", "logGroups", {}),
    ("iam", "list_roles", "Roles", {}),
    ("iam", "list_instance_profiles", "InstanceProfiles", {}),
)  # fmt: skip


def fill(sandbox: SandboxProcess) -> None:
    client = sandbox.client
    sagemaker, ec2, iam, s3 = client("sagemaker"), client("ec2"), client("iam"), client("s3")
    logs, functions, cloudwatch = client("logs"), client("lambda"), client("cloudwatch")
    principal = {"Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"]}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    code = {"ZipFile": zipped("def handler(event, context): return 1\n")}
    s3.create_bucket(Bucket="bench-data")
    variant = {"VariantName": "A", "ModelName": "m-0", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}

    def job(at: int) -> None:
        name = f"j-{at}"
        sagemaker.create_training_job(
            TrainingJobName=name, RoleArn=role, ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1,
            "VolumeSizeInGB": 1}, StoppingCondition={"MaxRuntimeInSeconds": 60},
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File",
                                    "ContainerEntrypoint": ["true"]},
            OutputDataConfig={"S3OutputPath": "s3://bench-data/out"})  # fmt: skip

    makers: dict[Kind, Callable[[int], Any]] = {
        "model": lambda at: sagemaker.create_model(
            ModelName=f"m-{at}", ExecutionRoleArn=role, PrimaryContainer={"Image": IMAGE}),
        "endpoint-config": lambda at: sagemaker.create_endpoint_config(
            EndpointConfigName=f"c-{at}", ProductionVariants=[variant]),
        "log-group": lambda at: logs.create_log_group(logGroupName=f"/bench/{at}"),
        "volume": lambda at: ec2.create_volume(Size=1 + at % 100, VolumeType="gp3", AvailabilityZone="us-east-1a"),
        "security-group": lambda at: ec2.create_security_group(GroupName=f"g-{at}", Description="bench"),
        "alarm": lambda at: cloudwatch.put_metric_alarm(
            AlarmName=f"a-{at}", Namespace="AWS/SageMaker", MetricName="Invocations", Statistic="Sum", Period=60,
            EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold"),
        "function": lambda at: functions.create_function(
            FunctionName=f"f-{at}", Runtime="python3.12", Role=role, Handler="code.handler", Code=code),
        "bucket": lambda at: s3.create_bucket(Bucket=f"bench-{at}") if at else None,
        "address": lambda at: ec2.allocate_address(Domain="vpc"),
        "role": lambda at: iam.create_role(
            RoleName=f"SageDeckTraining-{at}", AssumeRolePolicyDocument=trust, Tags=[OURS]),
        "instance-profile": lambda at: iam.create_instance_profile(InstanceProfileName=f"SageDeckInstance-{at}"),
        "training-job": job,
    }  # fmt: skip
    sagemaker.create_model(ModelName="m-0", ExecutionRoleArn=role, PrimaryContainer={"Image": IMAGE})
    with ThreadPoolExecutor(8) as pool:
        for kind, count in COUNTS.items():
            first = 1 if kind == "model" else 0
            list(pool.map(makers[kind], range(first, count)))
    while (
        sagemaker.list_training_jobs(StatusEquals="Stopping")["TrainingJobSummaries"]
        or sagemaker.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]
    ):
        time.sleep(0.5)


def median(times: Iterable[float]) -> float:
    return statistics.median(times)


def plainly(clients: dict[str, Any]) -> int:
    """The number of items that plain boto3 finds, one list after another."""
    total = len(clients["ec2"].describe_addresses()["Addresses"])
    for service, operation, key, parameters in PLAIN:
        for page in clients[service].get_paginator(operation).paginate(**parameters):
            total += len(page[key])
    return total


async def ours(inventory: InventoryService) -> tuple[int, int]:
    """How many rows were found, and how many of them this reading changed."""
    touched = 0
    async for changes in inventory.refresh():
        touched += len(changes.added) + len(changes.changed) + len(changes.removed)
    return len(inventory.known.resources), touched


class Stopwatch:
    """Seconds by the clock, and seconds that this process and the sandbox computed: a busy machine leaves those."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        assert sandbox.process is not None
        self._both = (psutil.Process(), psutil.Process(sandbox.process.pid))
        self.wall: dict[str, list[float]] = {}
        self.cpu: dict[str, list[float]] = {}

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), self._cpu()
        yield
        self.wall.setdefault(what, []).append(time.perf_counter() - wall)
        self.cpu.setdefault(what, []).append(self._cpu() - cpu)

    def _cpu(self) -> float:
        return sum(times.user + times.system for times in (process.cpu_times() for process in self._both))

    def line(self, what: str) -> str:
        return f"{median(self.wall[what]):.2f} s, computing {median(self.cpu[what]):.2f} s"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, SandboxProcess(Path(folder) / "state") as sandbox:
        began = time.monotonic()
        fill(sandbox)
        print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
        clients = {name: sandbox.client(name) for name in {service for service, *_ in PLAIN} | {"ec2"}}
        services, watch = Services(backend_of(sandbox)), Stopwatch(sandbox)
        with asyncio.Runner() as runner:
            # Both have their connections and their models of the services before they are timed.
            runner.run(ours(services.inventory))
            count = plainly(clients)
            for _ in range(ROUNDS):
                fresh = InventoryService(
                    services.session, services.prices, services.endpoints, services.functions, services.parking
                )
                with watch.timed("first"):
                    found, touched = runner.run(ours(fresh))
                with watch.timed("again"):
                    _, changed = runner.run(ours(fresh))
                with watch.timed("plain"):
                    plainly(clients)
            kinds = {row.kind for row in fresh.known.resources}
            unread = [read.words for read in fresh.known.unread]
            services.close()
        ratio = median(watch.wall["plain"]) / median(watch.wall["first"])
        print(f"{found:,} resources of {len(kinds)} kinds; plain boto3 lists {count:,}; load {os.getloadavg()[0]:.1f}")
        print(f"ours, first reading   {watch.line('first')}, rows touched {touched:,}")
        print(f"ours, again           {watch.line('again')}, rows touched {changed:,}")
        print(f"plain, one by one     {watch.line('plain')}, ratio {ratio:.2f}")
        print(*unread, sep="\n")
        good = (
            found >= RESOURCES
            and len(kinds) >= 12
            and median(watch.wall["first"]) <= GOAL_SECONDS
            and changed <= found / 100
        )
        print("ok" if good else f"over the goal of {GOAL_SECONDS} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
