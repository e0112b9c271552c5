"""Service quotas: which there are, what they allow now, and how they are raised.

Names are AWS's own ("ml.m5.2xlarge for training job usage"). SageMaker's codes are the sandbox's: on AWS each has
another one, so look a quota up by its name, as one does there. EC2's codes are AWS's. The values are those of an
account in use, not of a new one.
Source: Service Quotas API Reference and User Guide.

A raise is recorded, PENDING for three seconds, then APPROVED and in force, up to 20 (192 vCPUs); what is above stays
CASE_OPENED, for there is no AWS Support that could decide.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import StringShape

from sandbox.core.account import arn as make_arn
from sandbox.core.settings import account_concurrency
from sandbox.core.state import Database
from sandbox.s3.store import MOST_BUCKETS
from sandbox.wire.errors import AwsError
from sandbox.wire.models import operation_model

SERVICE_CODE = "sagemaker"
# Every service that the sandbox serves, by AWS's code; of most nothing is limited here, so they have no quotas.
SERVICES = {
    SERVICE_CODE: "Amazon SageMaker",
    "ec2": "Amazon Elastic Compute Cloud (Amazon EC2)",
    "lambda": "AWS Lambda",
    "s3": "Amazon Simple Storage Service (Amazon S3)",
    "application-autoscaling": "Application Auto Scaling",
    "budgets": "AWS Budgets",
    "ce": "AWS Cost Explorer",
    "cloudtrail": "AWS CloudTrail",
    "iam": "AWS Identity and Access Management (IAM)",
    "logs": "Amazon CloudWatch Logs",
    "monitoring": "Amazon CloudWatch",
    "ssm": "AWS Systems Manager",
    "sts": "AWS Security Token Service (STS)",
}
# AWS's code for Lambda's concurrency, which a setting of the sandbox says.
_CONCURRENCY = "L-B99A9384"
TRAINING, SPOT, ENDPOINT = "training job usage", "spot training job usage", "endpoint usage"
PROCESSING, TRANSFORM = "processing job usage", "transform job usage"
HOSTS_OF_A_JOB = "Maximum number of instances per training job"
# Long enough that the window shows a request as pending.
APPROVAL_SECONDS = 3.0
# Instances, and processors of EC2, up to which a request is approved at once; beyond, AWS opens a case.
MOST_APPROVED = 20.0
_MOST_VCPUS = 192.0
# Processors that a new account may run of each family.
_ORDINARY = 8.0
_SCHEMA = """CREATE TABLE IF NOT EXISTS quota_requests (
    id TEXT PRIMARY KEY, code TEXT NOT NULL, desired REAL NOT NULL, requester TEXT NOT NULL, created REAL NOT NULL)"""


@dataclass(frozen=True)
class Quota:
    """One quota with AWS's default ``value``. ``known_code``: the code that it has on AWS."""

    name: str
    value: float
    adjustable: bool = True
    service: str = SERVICE_CODE
    known_code: str = ""

    @property
    def code(self) -> str:
        """QuotaCode."""
        return self.known_code or f"L-{hashlib.sha256(self.name.encode()).hexdigest()[:8].upper()}"

    @property
    def arn(self) -> str:
        """QuotaArn."""
        return make_arn("servicequotas", f"{self.service}/{self.code}")


@dataclass(frozen=True)
class Raise:
    """A request for a higher value, as it stands now."""

    id: str
    quota: Quota
    desired: float
    requester: str
    created: float
    status: str
    updated: float


class Quotas:
    """The quotas of the account, in the sandbox's database."""

    def __init__(self, db: Database) -> None:
        self._db = db
        db.execute(_SCHEMA)

    def limit(self, quota: Quota) -> float:
        """What the quota allows now: the latest approved raise, else the default."""
        if quota.code == _CONCURRENCY:
            return float(account_concurrency())
        approved = [request.desired for request in self.raises(quota.code) if request.status == "APPROVED"]
        return approved[0] if approved else quota.value

    def require(self, usage: str, wanted: Mapping[str, int], used: Mapping[str, int]) -> None:
        """Raise ResourceLimitExceeded when ``wanted`` instances, by type, do not fit beside the ``used`` ones."""
        for instance_type, delta in wanted.items():
            name = f"{instance_type} for {usage}"
            quota = catalogue().get(name)
            if quota is not None:
                self._fit(quota, delta, used.get(instance_type, 0))

    def vcpus(self, bucket: str) -> float:
        """How many vCPUs of On-Demand instances may run at once in a bucket of types ("Standard", "P", …)."""
        return self.limit(_vcpu_quotas()[bucket])

    def require_hosts(self, count: int) -> None:
        """Raise ResourceLimitExceeded for a job with more hosts than any job may have."""
        self._fit(catalogue()[HOSTS_OF_A_JOB], count, 0)

    def _fit(self, quota: Quota, delta: int, used: int) -> None:
        limit = self.limit(quota)
        if delta > 0 and used + delta > limit:
            raise AwsError(
                "ResourceLimitExceeded",
                f"The account-level service limit '{quota.name}' is {limit:.0f} Instances, with current utilization of "
                f"{used} Instances and a request delta of {delta} Instances. Please use AWS Service Quotas to request "
                "an increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an "
                "increase for this quota.",
            )

    def raises(self, code: str | None = None) -> list[Raise]:
        """All requests (for one quota), the latest first."""
        sql, args = "SELECT * FROM quota_requests", []
        if code is not None:
            sql, args = f"{sql} WHERE code=?", [code]
        now = time.time()
        return [_raise(row, now) for row in self._db.query(f"{sql} ORDER BY created DESC, id", args)]

    def request(self, quota: Quota, desired: float, requester: str) -> Raise:
        """Record a request for ``desired``. Refused as on AWS: no raise, a fixed quota, one that is still open."""
        if not quota.adjustable:
            raise AwsError("IllegalArgumentException", f"The quota {quota.name} is not adjustable.")
        with self._db.transaction():
            if desired <= self.limit(quota):
                raise AwsError(
                    "IllegalArgumentException",
                    "You must provide a quota value greater than the current quota value.",
                )
            if any(request.status in ("PENDING", "CASE_OPENED") for request in self.raises(quota.code)):
                raise AwsError(
                    "ResourceAlreadyExistsException",
                    "Only one open service quota increase request is allowed per quota.",
                )
            identifier = secrets.token_hex(16)
            row = (identifier, quota.code, desired, requester, time.time())
            self._db.execute("INSERT INTO quota_requests VALUES (?,?,?,?,?)", row)
        return next(request for request in self.raises(quota.code) if request.id == identifier)


def quota_of(code: str) -> Quota | None:
    """The quota with this code."""
    return _by_code().get(code)


@functools.cache
def catalogue() -> dict[str, Quota]:
    """All quotas by name: one for each use of each instance type that SageMaker's own model names, the hosts, EC2's
    vCPUs."""
    training = _types("CreateTrainingJob", ("ResourceConfig", "InstanceType"))
    uses = {
        TRAINING: training,
        SPOT: training,
        ENDPOINT: _types("CreateEndpointConfig", ("ProductionVariants", "InstanceType")),
        PROCESSING: _types("CreateProcessingJob", ("ProcessingResources", "ClusterConfig", "InstanceType")),
        TRANSFORM: _types("CreateTransformJob", ("TransformResources", "InstanceType")),
    }
    quotas = [Quota(HOSTS_OF_A_JOB, MOST_APPROVED, adjustable=False)]
    quotas += [
        Quota(f"{instance_type} for {usage}", _default(instance_type))
        for usage, types in uses.items()
        for instance_type in types
    ]
    quotas += _vcpu_quotas().values()
    # Lambda quotas and S3 quotas (AWS General Reference).
    quotas.append(Quota("Concurrent executions", 1000.0, False, "lambda", _CONCURRENCY))
    quotas.append(Quota("General purpose buckets", float(MOST_BUCKETS), False, "s3", "L-DC2B2D3D"))
    return {quota.name: quota for quota in sorted(quotas, key=lambda quota: quota.name)}


@functools.cache
def _vcpu_quotas() -> dict[str, Quota]:
    """EC2's quotas of vCPUs by bucket of instance types. Accelerators are given on request only."""
    return {
        bucket: Quota(f"Running On-Demand {types} instances", value, service="ec2", known_code=code)
        for bucket, types, value, code in (
            ("Standard", "Standard (A, C, D, H, I, M, R, T, Z)", 64.0, "L-1216C47A"),
            ("G and VT", "G and VT", 8.0, "L-DB2E81BA"),
            ("P", "P", 0.0, "L-417A185B"),
            ("X", "X", 0.0, "L-7295265B"),
            ("F", "F", 0.0, "L-74FC7D96"),
            ("Inf", "Inf", 0.0, "L-1945791B"),
            ("Trn", "Trn", 0.0, "L-2C3B7624"),
            ("DL", "DL", 0.0, "L-6E869C2A"),
        )
    }


@functools.cache
def _by_code() -> dict[str, Quota]:
    return {quota.code: quota for quota in catalogue().values()}


def _default(instance_type: str) -> float:
    """AWS gives accelerators on request only, and of the small ones few."""
    family = instance_type.split(".")[1]
    if family.startswith(("p", "trn", "inf", "dl")):
        return 0.0
    return 1.0 if family.startswith("g") else _ORDINARY


def _types(operation: str, path: Iterable[str]) -> tuple[str, ...]:
    shape: Any = operation_model("sagemaker", operation).input_shape
    for member in path:
        shape = shape.members[member]
        shape = getattr(shape, "member", shape)
    assert isinstance(shape, StringShape)
    return tuple(instance_type for instance_type in shape.enum if instance_type.startswith("ml."))


def _raise(row: Any, now: float) -> Raise:
    quota = _by_code()[row["code"]]
    decided = row["created"] + APPROVAL_SECONDS
    most = _MOST_VCPUS if quota.service == "ec2" else MOST_APPROVED
    status = "PENDING" if now < decided else "APPROVED" if row["desired"] <= most else "CASE_OPENED"
    return Raise(
        id=row["id"],
        quota=quota,
        desired=row["desired"],
        requester=row["requester"],
        created=row["created"],
        status=status,
        updated=min(now, decided),
    )
