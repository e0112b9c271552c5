"""What is left after the tour, by programs that know nothing of SageDeck: the AWS CLI's own listings, one by one."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workers.types import Backend

# What bills, or may: (command of the AWS CLI, what of its answer is there).
LISTINGS: tuple[tuple[str, str], ...] = (
    ("sagemaker list-endpoints", "Endpoints[].EndpointName"),
    ("sagemaker list-training-jobs --status-equals InProgress", "TrainingJobSummaries[].TrainingJobName"),
    ("sagemaker list-training-jobs --status-equals Stopping", "TrainingJobSummaries[].TrainingJobName"),
    ("sagemaker list-processing-jobs --status-equals InProgress", "ProcessingJobSummaries[].ProcessingJobName"),
    ("sagemaker list-transform-jobs --status-equals InProgress", "TransformJobSummaries[].TransformJobName"),
    (
        "sagemaker list-hyper-parameter-tuning-jobs --status-equals InProgress",
        "HyperParameterTuningJobSummaries[].HyperParameterTuningJobName",
    ),
    ("sagemaker list-notebook-instances", "NotebookInstances[].NotebookInstanceName"),
    ("ec2 describe-instances", "Reservations[].Instances[?State.Name!='terminated'][].InstanceId"),
    ("ec2 describe-volumes", "Volumes[].VolumeId"),
    ("ec2 describe-snapshots --owner-ids self", "Snapshots[].SnapshotId"),
    ("ec2 describe-addresses", "Addresses[].PublicIp"),
    ("ec2 describe-nat-gateways", "NatGateways[].NatGatewayId"),
    ("ec2 describe-vpc-endpoints", "VpcEndpoints[].VpcEndpointId"),
    ("elbv2 describe-load-balancers", "LoadBalancers[].LoadBalancerArn"),
    ("ecr describe-repositories", "repositories[].repositoryName"),
    ("lambda list-functions", "Functions[].FunctionName"),
    ("cloudwatch describe-alarms", "MetricAlarms[].AlarmName"),
    ("logs describe-log-groups", "logGroups[].logGroupName"),
    ("s3api list-buckets", "Buckets[].Name"),
)
# A program that starts takes a second of a processor.
AT_ONCE = 3
LISTING_SECONDS = 120.0


@dataclass(frozen=True)
class Left:
    """What one listing of the AWS CLI says is there; ``error`` when it could not be had."""

    command: str
    found: tuple[str, ...] = ()
    error: str = ""


async def what_is_left(backend: Backend, listings: Sequence[tuple[str, str]] = LISTINGS) -> list[Left]:
    """These listings of an account, in their order. Empty when there is no AWS CLI beside this program."""
    if importlib.util.find_spec("awscli") is None:
        return []
    gate = asyncio.Semaphore(AT_ONCE)

    async def listed(command: str, query: str) -> Left:
        async with gate:
            return await _asked(command, query, _environ(backend))

    return list(await asyncio.gather(*(listed(*listing) for listing in listings)))


def told(left: list[Left]) -> dict[str, Any]:
    """For the tour's report: whether nothing is left that bills, and each listing's answer."""
    return {
        "by": "the AWS CLI's own listings" if left else "nobody: the AWS CLI is not installed beside SageDeck",
        "nothing_bills": not any(listing.found or listing.error for listing in left) if left else None,
        "listings": [asdict(listing) for listing in left],
    }


async def _asked(command: str, query: str, environ: Mapping[str, str]) -> Left:
    argv = [sys.executable, "-m", "awscli", *command.split(), "--query", query, "--output", "json"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*argv, env=dict(environ), stdout=pipe, stderr=pipe)
    try:
        out, err = await asyncio.wait_for(process.communicate(), LISTING_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        return Left(command, error=f"no answer within {LISTING_SECONDS:.0f} seconds")
    if process.returncode:
        return Left(command, error=err.decode("utf-8", "replace").strip() or f"it ended with {process.returncode}")
    return Left(command, tuple(json.loads(out or b"[]") or ()))


def _environ(backend: Backend) -> dict[str, str]:
    """Nothing of the person's own AWS settings: the account of the tour alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL": backend.endpoint_url or "",
        "AWS_ACCESS_KEY_ID": backend.access_key_id or "",
        "AWS_SECRET_ACCESS_KEY": backend.secret_access_key or "",
        "AWS_DEFAULT_REGION": backend.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_PAGER": "",
    }
