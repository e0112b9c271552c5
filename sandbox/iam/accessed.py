"""Last-accessed data: which services a user, group, role or policy may use, and which of them were really used."""

from __future__ import annotations

import fnmatch
import json
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.audit.usage import Usage, Use
from sandbox.iam.principals import Principals
from sandbox.moto_host.bridge import MotoBridge
from sandbox.policy.text import as_list
from sandbox.service import Operation
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

if TYPE_CHECKING:
    from mypy_boto3_iam.type_defs import (
        GenerateServiceLastAccessedDetailsRequestTypeDef,
        GetServiceLastAccessedDetailsRequestTypeDef,
    )

# The prefixes of actions and how AWS names their services; others than these are never called here.
_NAMES = {
    "application-autoscaling": "AWS Application Auto Scaling",
    "budgets": "AWS Budget Service",
    "ce": "AWS Cost Explorer Service",
    "cloudtrail": "AWS CloudTrail",
    "cloudwatch": "Amazon CloudWatch",
    "ec2": "Amazon EC2",
    "events": "Amazon EventBridge",
    "iam": "AWS Identity and Access Management",
    "lambda": "AWS Lambda",
    "logs": "Amazon CloudWatch Logs",
    "pricing": "AWS Price List",
    "s3": "Amazon S3",
    "sagemaker": "Amazon SageMaker",
    "servicequotas": "Service Quotas",
    "ssm": "AWS Systems Manager",
    "sts": "AWS Security Token Service",
    "tag": "Amazon Resource Group Tagging API",
}
# The sandbox makes the answer at once; so many of them are remembered.
_JOBS = 200
_PAGE = 100


class LastAccessed:
    """GenerateServiceLastAccessedDetails and what reads its answer."""

    def __init__(self, bridge: MotoBridge, principals: Principals, usage: Usage) -> None:
        self._bridge, self._principals, self._usage = bridge, principals, usage
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.operations: dict[str, Operation] = {
            "GenerateServiceLastAccessedDetails": self._generate,
            "GetServiceLastAccessedDetails": self._get,
        }

    def _generate(self, given: GenerateServiceLastAccessedDetailsRequestTypeDef, caller: Caller) -> dict[str, Any]:
        arn, fine = given["Arn"], given.get("Granularity") == "ACTION_LEVEL"
        documents, entities = self._of(arn)
        now, job = time.time(), str(uuid.uuid4())
        used = self._usage.of(entities) if entities else []
        services = [_service(prefix, _of_service(used, prefix), fine) for prefix in _granted(documents)]
        record = {
            "JobStatus": "COMPLETED",
            "JobType": "ACTION_LEVEL" if fine else "SERVICE_LEVEL",
            "JobCreationDate": datetime.fromtimestamp(now, UTC),
            "JobCompletionDate": datetime.fromtimestamp(now, UTC),
            "ServicesLastAccessed": services,
        }
        with self._lock:
            self._jobs[job] = record
            while len(self._jobs) > _JOBS:
                self._jobs.popitem(last=False)
        return {"JobId": job}

    def _get(self, given: GetServiceLastAccessedDetailsRequestTypeDef, caller: Caller) -> dict[str, Any]:
        with self._lock:
            record = self._jobs.get(given["JobId"])
        if record is None:
            raise AwsError("NoSuchEntity", f"Job {given['JobId']} not found.", 404)
        services = record["ServicesLastAccessed"]
        start = given.get("Marker", "0")
        if not start.isdecimal() or int(start) > len(services):
            raise AwsError("ValidationError", "Invalid Marker.")
        end = int(start) + given.get("MaxItems", _PAGE)
        page = {"ServicesLastAccessed": services[int(start) : end], "IsTruncated": end < len(services)}
        return {**record, **page, **({"Marker": str(end)} if end < len(services) else {})}

    def _of(self, arn: str) -> tuple[list[Any], list[str]]:
        """The policies that decide, and the users and roles whose calls count."""
        kind = arn.rpartition(":")[2].partition("/")[0]
        missing = AwsError("NoSuchEntity", f"ARN {arn} is not found.", 404)
        if kind in ("role", "user", "group"):
            principal = self._principals.find(arn)
            if principal is None:
                raise missing
            return principal.identity, self._members(arn) if kind == "group" else [arn]
        with self._bridge.iam() as backend:
            policy = backend.managed_policies.get(arn)
            if kind != "policy" or policy is None:
                raise missing
            holders = [*backend.users.values(), *backend.get_roles()]
            groups = [group for group in backend.groups.values() if arn in group.managed_policies]
            entities = [str(holder.arn) for holder in holders if arn in holder.managed_policies]
            entities += [str(user.arn) for group in groups for user in group.users]
        return [self._document(arn)], list(dict.fromkeys(entities))

    def _members(self, arn: str) -> list[str]:
        with self._bridge.iam() as backend:
            return [str(user.arn) for group in backend.groups.values() if group.arn == arn for user in group.users]

    def _document(self, arn: str) -> Any:
        with self._bridge.iam() as backend:
            policy = backend.managed_policies[arn]
            found = next(version for version in policy.versions if version.version_id == policy.default_version_id)
            return json.loads(found.document) if isinstance(found.document, str) else found.document


def _granted(documents: Iterable[Any]) -> list[str]:
    """The services, of those that are here, of which the policies allow something."""
    found: set[str] = set()
    for document in documents:
        for statement in as_list(document.get("Statement", [])):
            if statement.get("Effect") != "Allow":
                continue
            if "NotAction" in statement:
                found |= _NAMES.keys()
            for action in as_list(statement.get("Action", [])):
                pattern = str(action).partition(":")[0].lower()
                found |= {prefix for prefix in _NAMES if fnmatch.fnmatchcase(prefix, pattern)}
    return sorted(found)


def _of_service(used: Iterable[Use], prefix: str) -> list[Use]:
    return [use for use in used if use.service == prefix]


def _service(prefix: str, used: list[Use], fine: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ServiceName": _NAMES[prefix],
        "ServiceNamespace": prefix,
        "TotalAuthenticatedEntities": len({use.principal for use in used}),
    }
    if used:
        found |= {
            "LastAuthenticated": datetime.fromtimestamp(used[0].at, UTC),
            "LastAuthenticatedEntity": used[0].principal,
            "LastAuthenticatedRegion": used[0].region,
        }
    if fine:
        latest = {use.action: use for use in reversed(used)}
        found["TrackedActionsLastAccessed"] = [
            {
                "ActionName": name,
                "LastAccessedEntity": use.principal,
                "LastAccessedTime": datetime.fromtimestamp(use.at, UTC),
                "LastAccessedRegion": use.region,
            }
            for name, use in sorted(latest.items())
        ]
    return found
