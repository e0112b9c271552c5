"""Deleting one thing of any kind with the code that each room has for it, and asking whether it is really gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from workers.access.grants import Grants
from workers.access.role_removal import remove_role
from workers.aws.session import AwsSession
from workers.endpoints.deletion import ALARM, CONFIG, ENDPOINT, MODEL, TARGET
from workers.endpoints.service import Endpoints
from workers.errors.tree import Conflict, NotFound, SageDeckError
from workers.functions.service import Functions
from workers.inventory.kinds import Kind
from workers.inventory.settle import ParkedList, address_of
from workers.inventory.teardown.plan import RUNNING
from workers.inventory.types import Resource
from workers.parking.service import Parking
from workers.storage.removal import Removals
from workers.types import DeletionPlan

# Something may be put into a bucket while it is being emptied; after so many rounds somebody goes on writing.
BUCKET_ROUNDS = 5
# kind: (stop operation, describe operation, parameter, status)
_JOBS: Mapping[Kind, tuple[str, str, str, str]] = {
    "training-job": ("stop_training_job", "describe_training_job", "TrainingJobName", "TrainingJobStatus"),
    "tuning-job": ("stop_hyper_parameter_tuning_job", "describe_hyper_parameter_tuning_job",
                   "HyperParameterTuningJobName", "HyperParameterTuningJobStatus"),
    "processing-job": ("stop_processing_job", "describe_processing_job", "ProcessingJobName", "ProcessingJobStatus"),
    "transform-job": ("stop_transform_job", "describe_transform_job", "TransformJobName", "TransformJobStatus"),
}  # fmt: skip
_STOPPABLE = "InProgress"
_RESTING = ("Stopped", "Failed")
_PARTS: Mapping[Kind, str] = {"alarm": ALARM, "endpoint": ENDPOINT, "endpoint-config": CONFIG, "model": MODEL}
# These are asked for a deletion and gone some time later.
SLOW: frozenset[Kind] = frozenset((*_JOBS, "endpoint", "notebook", "instance"))


class Deleting:
    """One call for each kind. All errors are ``SageDeckError``; ``NotFound`` says that it was gone."""

    def __init__(
        self, session: AwsSession, endpoints: Endpoints, functions: Functions, parking: Parking, parked: ParkedList
    ) -> None:
        self._session, self._endpoints, self._functions = session, endpoints, functions
        self._parking, self._parked = parking, parked
        self._grants, self._removals = Grants(session), Removals(session)
        self._by_kind: Mapping[Kind, Callable[[Resource], Awaitable[Any]]] = {
            **dict.fromkeys(_JOBS, self._stop),
            **dict.fromkeys(_PARTS, self._part),
            "endpoint": self._endpoint,
            "scalable-target": self._target,
            "parked-endpoint": self._forget,
            "function": self._function,
            "notebook": self._notebook,
            "instance": self._terminate,
            "volume": lambda row: self._ec2("delete_volume", row, VolumeId=row.id),
            "address": lambda row: self._ec2("release_address", row, **address_of(row.id)),
            "security-group": lambda row: self._ec2("delete_security_group", row, GroupId=row.id),
            "log-group": self._log_group,
            "bucket": self._bucket,
            "instance-profile": self._profile,
            "role": lambda row: remove_role(session, self._grants, row.name),
        }

    async def begin(self, row: Resource) -> None:
        """Delete it, or ask AWS to. Raises ``NotFound`` when it is gone, ``Conflict`` when it cannot go now."""
        await self._by_kind[row.kind](row)

    async def over(self, row: Resource) -> bool:
        """Whether it is really gone (a job: ended). Raises ``SageDeckError`` when that cannot be asked."""
        try:
            if row.kind in _JOBS:
                return await self._job_status(row) not in RUNNING
            if row.kind == "endpoint":
                await self._sagemaker("describe_endpoint", row, "EndpointName")
                return False
            if row.kind == "notebook":
                answer = await self._sagemaker("describe_notebook_instance", row, "NotebookInstanceName")
                # It may also fail while it starts or stops; either way it can be deleted then.
                if answer["NotebookInstanceStatus"] in _RESTING:
                    await self._notebook(row)
                return False
            if row.kind == "instance":
                answer = await self._session.call(
                    "ec2", "describe_instances", f"look for the instance {row.name}", InstanceIds=[row.id]
                )
                states = [item["State"]["Name"] for found in answer["Reservations"] for item in found["Instances"]]
                return all(state == "terminated" for state in states)
        except NotFound:
            return True
        return True

    async def there(self, row: Resource) -> bool:
        """Whether something that is deleted at once is still there; asked when an answer was lost."""
        looks: Mapping[Kind, tuple[str, str, dict[str, Any]]] = {
            "function": ("lambda", "get_function_configuration", {"FunctionName": row.name}),
            "volume": ("ec2", "describe_volumes", {"VolumeIds": [row.id]}),
            "address": ("ec2", "describe_addresses", {"AllocationIds": [row.id]}),
            "security-group": ("ec2", "describe_security_groups", {"GroupIds": [row.id]}),
            "log-group": ("logs", "list_tags_log_group", {"logGroupName": row.name}),
            "bucket": ("s3", "head_bucket", {"Bucket": row.name}),
            "instance-profile": ("iam", "get_instance_profile", {"InstanceProfileName": row.name}),
            "role": ("iam", "get_role", {"RoleName": row.name}),
            "endpoint-config": ("sagemaker", "describe_endpoint_config", {"EndpointConfigName": row.name}),
            "model": ("sagemaker", "describe_model", {"ModelName": row.name}),
        }
        if row.kind not in looks:
            return True
        service, operation, parameters = looks[row.kind]
        try:
            await self._session.call(service, operation, f"look for {row.name}", **parameters)
        except NotFound:
            return False
        return True

    async def _sagemaker(self, operation: str, row: Resource, parameter: str) -> dict[str, Any]:
        doing = f"{operation.partition('_')[0]} {row.name}"
        return await self._session.call("sagemaker", operation, doing, **{parameter: row.name})

    async def _ec2(self, operation: str, row: Resource, **parameters: Any) -> None:
        await self._session.call("ec2", operation, f"{operation.replace('_', ' ')} {row.name}", **parameters)

    async def _job_status(self, row: Resource) -> str:
        _, describe, parameter, status = _JOBS[row.kind]
        return str((await self._sagemaker(describe, row, parameter))[status])

    async def _stop(self, row: Resource) -> None:
        # One that stops already, perhaps since a tear-down that was broken off, is refused by AWS and waited for.
        if await self._job_status(row) != _STOPPABLE:
            return
        try:
            await self._sagemaker(_JOBS[row.kind][0], row, _JOBS[row.kind][2])
        except SageDeckError:
            # It may have ended, or somebody else have stopped it, since it was looked at.
            if await self._job_status(row) == _STOPPABLE:
                raise

    async def _endpoint(self, row: Resource) -> None:
        answer = await self._sagemaker("describe_endpoint", row, "EndpointName")
        if answer["EndpointStatus"] != "Deleting":
            await self._part(row)

    async def _part(self, row: Resource) -> None:
        await self._parts([(_PARTS[row.kind], row.name)])

    async def _target(self, row: Resource) -> None:
        if row.facts["space"] == "sagemaker":
            await self._parts([(TARGET, f"{row.facts['resource']} {row.facts['dimension']}")])
            return
        await self._session.call(
            "application-autoscaling",
            "deregister_scalable_target",
            f"end the scaling of {row.name}",
            ServiceNamespace=row.facts["space"],
            ResourceId=row.facts["resource"],
            ScalableDimension=row.facts["dimension"],
        )

    async def _parts(self, parts: list[tuple[str, str]]) -> None:
        result = await self._endpoints.delete_parts(parts)
        for kind, name, why in result.failed:
            raise SageDeckError(f"The {kind} {name} remains", why)
        if result.gone:
            raise NotFound("It is gone", f"{result.gone[0][1]} was deleted before.")

    async def _forget(self, row: Resource) -> None:
        parked = self._parked.parked(row.id)
        result = await self._parking.forget(parked, await self._parking.forget_plan(parked))
        for kind, name, why in result.failed:
            raise SageDeckError(f"The {kind} {name} remains", why)

    async def _function(self, row: Resource) -> None:
        # Its role and its log have steps of their own.
        await self._functions.delete(DeletionPlan(row.name, (), (), (), None))

    async def _notebook(self, row: Resource) -> None:
        answer = await self._sagemaker("describe_notebook_instance", row, "NotebookInstanceName")
        state = answer["NotebookInstanceStatus"]
        if state == "InService":
            await self._sagemaker("stop_notebook_instance", row, "NotebookInstanceName")
        elif state in _RESTING:
            await self._sagemaker("delete_notebook_instance", row, "NotebookInstanceName")
        # Between states AWS takes no order; it is asked again later.

    async def _terminate(self, row: Resource) -> None:
        await self._ec2("terminate_instances", row, InstanceIds=[row.id])

    async def _log_group(self, row: Resource) -> None:
        doing = f"delete the log group {row.name}"
        await self._session.call("logs", "delete_log_group", doing, logGroupName=row.name)

    async def _bucket(self, row: Resource) -> None:
        for at in range(BUCKET_ROUNDS):
            versions = await self._removals.find_versions(row.name)
            try:
                result = await self._removals.remove_bucket(row.name, versions)
            except Conflict as error:
                if error.code != "BucketNotEmpty" or at == BUCKET_ROUNDS - 1:
                    raise
                continue
            if result.refused:
                key, why = result.refused[0]
                more = f" and {len(result.refused) - 1:,} more" if len(result.refused) > 1 else ""
                raise SageDeckError("The bucket was not deleted", f"{key}{more} could not be deleted: {why}")
            return

    async def _profile(self, row: Resource) -> None:
        name = {"InstanceProfileName": row.name}
        found = await self._session.call("iam", "get_instance_profile", f"read {row.name}", **name)
        for role in found["InstanceProfile"].get("Roles", ()):
            try:
                await self._session.call(
                    "iam", "remove_role_from_instance_profile", f"empty {row.name}", RoleName=role["RoleName"], **name
                )
            except NotFound:
                continue
        await self._session.call("iam", "delete_instance_profile", f"delete {row.name}", **name)
