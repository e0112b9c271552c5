"""Deleting one of each kind: the calls, their order, and whether it is really gone."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.workers.fake_aws import MISSING, FakeSession, Refused
from tests.unit.workers.inventory.teardown.rows import row
from workers.endpoints.deletion import Deletion
from workers.errors.tree import Conflict, NotFound, SageDeckError
from workers.functions.service import Functions
from workers.inventory.teardown.deleting import BUCKET_ROUNDS, Deleting
from workers.prices.table import PriceTable


def hands_of(session: FakeSession) -> Deleting:
    deletion = Deletion(session, PriceTable.load())
    return Deleting(session, SimpleNamespace(delete_parts=deletion.delete_parts), Functions(session), None, None)


def gone(**_: Any) -> Any:
    raise MISSING


def record_not_found(**_: Any) -> Any:
    raise Refused("ValidationException", "RecordNotFound")


def answering(**answers: Any) -> FakeSession:
    return FakeSession(**{name: answer if callable(answer) else (lambda answer=answer, **_: answer)
                          for name, answer in answers.items()})  # fmt: skip


def begin(session, *rows):
    async def body():
        for each in rows:
            await hands_of(session).begin(each)

    asyncio.run(body())
    return [call for call in session.calls if not call[0].startswith(("describe", "list", "get"))]


@pytest.mark.parametrize(
    "resource, answers, calls",
    [
        (row("volume"), {"delete_volume": {}}, [("delete_volume", {"VolumeId": "id-volume-x"})]),
        (row("address"), {"release_address": {}}, [("release_address", {"PublicIp": "id-address-x"})]),
        (row("security-group"), {"delete_security_group": {}},
         [("delete_security_group", {"GroupId": "id-security-group-x"})]),
        (row("instance"), {"terminate_instances": {}}, [("terminate_instances", {"InstanceIds": ["id-instance-x"]})]),
        (row("log-group"), {"delete_log_group": {}}, [("delete_log_group", {"logGroupName": "x"})]),
        (row("alarm"), {"delete_alarms": {}}, [("delete_alarms", {"AlarmNames": ["x"]})]),
        (row("model"), {"delete_model": {}}, [("delete_model", {"ModelName": "x"})]),
        (row("endpoint-config"), {"delete_endpoint_config": {}},
         [("delete_endpoint_config", {"EndpointConfigName": "x"})]),
        (row("endpoint"), {"describe_endpoint": {"EndpointStatus": "InService"}, "delete_endpoint": {}},
         [("delete_endpoint", {"EndpointName": "x"})]),
        (row("endpoint"), {"describe_endpoint": {"EndpointStatus": "Deleting"}}, []),
        (row("function"), {"delete_function": {}}, [("delete_function", {"FunctionName": "x"})]),
        (row("training-job"), {"describe_training_job": {"TrainingJobStatus": "InProgress"}, "stop_training_job": {}},
         [("stop_training_job", {"TrainingJobName": "x"})]),
        (row("training-job"), {"describe_training_job": {"TrainingJobStatus": "Completed"}}, []),
        (row("tuning-job"), {"describe_hyper_parameter_tuning_job": {"HyperParameterTuningJobStatus": "Stopping"}}, []),
        (row("scalable-target", facts={"space": "lambda", "resource": "function:f:live", "dimension": "d"}),
         {"deregister_scalable_target": {}},
         [("deregister_scalable_target",
           {"ServiceNamespace": "lambda", "ResourceId": "function:f:live", "ScalableDimension": "d"})]),
        (row("scalable-target", facts={"space": "sagemaker", "resource": "endpoint/e/variant/A", "dimension": "d"}),
         {"deregister_scalable_target": {}},
         [("deregister_scalable_target",
           {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/e/variant/A", "ScalableDimension": "d"})]),
        (row("role"), {"list_role_policies": {"PolicyNames": []}, "list_attached_role_policies":
                       {"AttachedPolicies": []}, "delete_role": {}}, [("delete_role", {"RoleName": "x"})]),
        (row("instance-profile"),
         {"get_instance_profile": {"InstanceProfile": {"Roles": [{"RoleName": "r"}]}},
          "remove_role_from_instance_profile": {}, "delete_instance_profile": {}},
         [("remove_role_from_instance_profile", {"InstanceProfileName": "x", "RoleName": "r"}),
          ("delete_instance_profile", {"InstanceProfileName": "x"})]),
    ],
)  # fmt: skip
def test_the_calls_of_each_kind(resource, answers, calls):
    assert begin(answering(**answers), resource) == calls


def test_what_was_gone_is_told_as_gone():
    with pytest.raises(NotFound):
        begin(answering(delete_model=gone), row("model"))


@pytest.mark.parametrize(
    "state, operation",
    [("InService", "stop_notebook_instance"), ("Stopped", "delete_notebook_instance"),
     ("Failed", "delete_notebook_instance"), ("Stopping", None), ("Deleting", None)],
)  # fmt: skip
def test_a_notebook_is_stopped_before_it_is_deleted(state, operation):
    session = answering(
        describe_notebook_instance={"NotebookInstanceStatus": state},
        stop_notebook_instance={},
        delete_notebook_instance={},
    )
    assert [name for name, _ in begin(session, row("notebook"))] == ([operation] if operation else [])


@pytest.mark.parametrize("state", ["Stopped", "Failed"])
def test_a_notebook_that_has_come_to_rest_is_then_deleted(state):
    session = answering(describe_notebook_instance={"NotebookInstanceStatus": state}, delete_notebook_instance={})
    assert asyncio.run(hands_of(session).over(row("notebook"))) is False
    assert session.made("delete_notebook_instance") == [{"NotebookInstanceName": "x"}]


@pytest.mark.parametrize(
    "resource, answers, over",
    [
        (row("endpoint"), {"describe_endpoint": {"EndpointStatus": "Deleting"}}, False),
        (row("endpoint"), {"describe_endpoint": gone}, True),
        (row("notebook"), {"describe_notebook_instance": gone}, True),
        (row("notebook"), {"describe_notebook_instance": record_not_found}, True),
        (row("tuning-job"), {"describe_hyper_parameter_tuning_job": {"HyperParameterTuningJobStatus": "Stopping"}},
         False),
        (row("tuning-job"), {"describe_hyper_parameter_tuning_job": {"HyperParameterTuningJobStatus": "Stopped"}},
         True),
        (row("instance"), {"describe_instances": {"Reservations": [{"Instances": [
            {"State": {"Name": "shutting-down"}}]}]}}, False),
        (row("instance"), {"describe_instances": {"Reservations": [{"Instances": [
            {"State": {"Name": "terminated"}}]}]}}, True),
        (row("instance"), {"describe_instances": {"Reservations": []}}, True),
    ],
)  # fmt: skip
def test_whether_it_is_really_gone(resource, answers, over):
    assert asyncio.run(hands_of(answering(**answers)).over(resource)) is over


class Bucket:
    """Somebody writes into it so many times while it is emptied."""

    def __init__(self, writes: int) -> None:
        self.writes, self.keys, self.rounds = writes, ["a"], 0

    def session(self, **more: Any) -> FakeSession:
        return answering(
            list_object_versions=lambda **_: {"Versions": [{"Key": key, "VersionId": "1"} for key in self.keys]},
            delete_objects=self._delete,
            list_multipart_uploads={"Uploads": []},
            delete_bucket=self._delete_bucket,
            **more,
        )

    def _delete(self, **_: Any) -> dict[str, Any]:
        self.rounds += 1
        self.keys = []
        return {}

    def _delete_bucket(self, **_: Any) -> dict[str, Any]:
        if self.writes:
            self.writes -= 1
            self.keys = ["b"]
            raise Refused("BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
        return {}


def test_what_is_written_into_a_bucket_meanwhile_goes_with_it():
    bucket = Bucket(2)
    begin(bucket.session(), row("bucket"))
    assert bucket.rounds == 3


def test_a_bucket_into_which_somebody_goes_on_writing_stays():
    with pytest.raises(Conflict):
        begin(Bucket(BUCKET_ROUNDS + 5).session(), row("bucket"))


def test_objects_that_may_not_be_deleted_are_told():
    bucket = Bucket(0)
    session = bucket.session()
    session.handlers["delete_objects"] = lambda **_: {
        "Errors": [{"Key": "locked", "Code": "AccessDenied", "Message": "Access Denied"}]
    }
    with pytest.raises(SageDeckError, match="locked could not be deleted"):
        begin(session, row("bucket"))


@pytest.mark.parametrize("kind, operation", [("model", "describe_model"), ("role", "get_role"),
                                             ("volume", "describe_volumes"), ("bucket", "head_bucket")])  # fmt: skip
def test_a_lost_answer_is_looked_after(kind, operation):
    assert asyncio.run(hands_of(answering(**{operation: {}})).there(row(kind))) is True
    assert asyncio.run(hands_of(answering(**{operation: gone})).there(row(kind))) is False


@pytest.mark.parametrize("then, refused", [("Stopping", False), ("Stopped", False), ("InProgress", True)])
def test_a_job_that_stops_while_it_is_looked_at_is_no_failure(then, refused):
    states = iter(["InProgress", then])

    def stop(**_: Any) -> Any:
        raise Refused("ValidationException", "The request was rejected because the training job is in another status.")

    def describe(**_: Any) -> Any:
        return {"TrainingJobStatus": next(states)}

    session = answering(describe_training_job=describe, stop_training_job=stop)
    if refused:
        with pytest.raises(SageDeckError):
            begin(session, row("training-job"))
    else:
        begin(session, row("training-job"))
