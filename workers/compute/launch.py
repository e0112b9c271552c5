"""Launching one instance: role, profile and security group, then RunInstances once, whatever happens to its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from workers.aws.creating import Attempt, Part, as_one
from workers.aws.session import AwsSession
from workers.aws.tags import CREATED_BY, CREATOR
from workers.compute.access import InstanceAccess, ssh_problem
from workers.compute.preflight import Preflight
from workers.compute.types import AT_END_TAG, BUCKET_TAG, InstanceSpec
from workers.errors.tree import InvalidInput, NotFound, SageDeckError

# EC2 learns of a new instance profile some seconds later.
PROFILE_SECONDS = 30.0
_PAUSE = 2.0
SMALLEST_DISK, LARGEST_DISK = 8, 16_384


class Launches:
    """Launches instances in one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, access: InstanceAccess, preflight: Preflight) -> None:
        self._session, self._access, self._preflight = session, access, preflight

    async def launch(self, spec: InstanceSpec) -> str:
        """Launch one instance and return its id; it is ``pending`` then.

        When a step fails, what the earlier steps made is taken back. Raises ``InvalidInput`` for a bad form.
        """
        problem = spec_problem(spec)
        if problem:
            raise InvalidInput("The instance cannot be launched like this", problem)
        return await as_one(lambda attempt: self._launch(spec, attempt), f"launch {spec.name}")

    async def _launch(self, spec: InstanceSpec, attempt: Attempt) -> str:
        vpc = await self._preflight.default_vpc()
        if vpc is None:
            raise NotFound(
                "There is no network to launch into",
                "No default VPC for this user.",
                "Create the default VPC (it costs nothing), then launch again.",
                code="VPCIdNotSpecified",
            )
        profile = await self._access.ensure_profile(spec.bucket, attempt)
        group = await self._access.ensure_group(vpc, spec.ssh_from, attempt)
        request = run_request(spec, profile, group, attempt)
        doing = f"launch {spec.name}"

        async def mine() -> str | None:
            answer = await self._session.call(
                "ec2",
                "describe_instances",
                doing,
                Filters=[{"Name": f"tag:{attempt.tag['Key']}", "Values": [attempt.token]}],
            )
            found = [item for reservation in answer["Reservations"] for item in reservation["Instances"]]
            return str(found[0]["InstanceId"]) if found else None

        async def unmake() -> None:
            identity = await mine()
            if identity:
                await self._session.call("ec2", "terminate_instances", doing, InstanceIds=[identity])

        async def create() -> str:
            answer = await self._when_profile_is_known(
                lambda: self._session.call("ec2", "run_instances", doing, **request)
            )
            return str(answer["Instances"][0]["InstanceId"])

        return await attempt.make(
            Part(
                "instance",
                spec.name,
                unmake,
                f"aws ec2 describe-instances --filters Name=tag:{attempt.tag['Key']},Values={attempt.token}",
                "runs and bills",
                needs=True,
            ),
            create,
            mine,
        )

    async def _when_profile_is_known(self, run: Any) -> Mapping[str, Any]:
        ends = asyncio.get_running_loop().time() + PROFILE_SECONDS
        while True:
            try:
                answer: Mapping[str, Any] = await run()
                return answer
            except SageDeckError as error:
                unknown = "iamInstanceProfile" in f"{error.message} {error.details}"
                if not unknown or asyncio.get_running_loop().time() > ends:
                    raise
            await asyncio.sleep(_PAUSE)


def spec_problem(spec: InstanceSpec) -> str | None:
    """What is wrong with the launch form, in a sentence, or ``None``. No network."""
    if not spec.name.strip():
        return "The name is missing."
    if len(spec.name) > 255:
        return f"The name has {len(spec.name)} characters; at most 255 are allowed."
    if not spec.bucket:
        return "The bucket for data and models is missing."
    if not SMALLEST_DISK <= spec.disk_gib <= LARGEST_DISK:
        return f"The disk must have {SMALLEST_DISK} to {LARGEST_DISK:,} GiB."
    if spec.limit_minutes < 0:
        return "The time limit cannot be negative."
    return ssh_problem(spec.ssh_from)


def user_data(limit_minutes: int) -> str:
    """What the instance runs at its first boot: it shuts itself down after the limit, whoever watches or not."""
    return f"#!/bin/sh\nshutdown -h +{limit_minutes}\n" if limit_minutes else ""


def run_request(spec: InstanceSpec, profile: str, group: str, attempt: Attempt) -> dict[str, object]:
    """The members of RunInstances for this form: IMDSv2 only, encrypted disk, tagged, once by its ClientToken."""
    tags = {
        **spec.tags,
        "Name": spec.name,
        CREATED_BY: CREATOR,
        AT_END_TAG: spec.at_end,
        BUCKET_TAG: spec.bucket,
        attempt.tag["Key"]: attempt.tag["Value"],
    }
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    request: dict[str, Any] = {
        "ImageId": spec.image.id,
        "InstanceType": spec.type,
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": attempt.token,
        "IamInstanceProfile": {"Name": profile},
        "SecurityGroupIds": [group],
        "InstanceInitiatedShutdownBehavior": spec.at_end,
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1},
        "Monitoring": {"Enabled": spec.detailed_monitoring},
        "BlockDeviceMappings": [
            {
                "DeviceName": spec.image.root_device,
                "Ebs": {
                    "VolumeSize": spec.disk_gib,
                    "VolumeType": "gp3",
                    "Encrypted": True,
                    "DeleteOnTermination": True,
                },
            }
        ],
        "TagSpecifications": [{"ResourceType": kind, "Tags": listed} for kind in ("instance", "volume")],
    }
    if spec.key_name:
        request["KeyName"] = spec.key_name
    script = user_data(spec.limit_minutes)
    if script:
        request["UserData"] = script
    return request
