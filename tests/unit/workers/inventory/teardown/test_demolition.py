"""The plan from a fresh reading, what was replaced since, and the proof at the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.workers.fake_aws import Refused
from tests.unit.workers.inventory.account import NOW, SM, TAGS, Account, full_account, service_of
from workers.inventory.types import TearDownChoice


def refused(**_):
    raise Refused("AccessDeniedException", "no")


def versions(*sizes):
    return lambda **_: {"Versions": [{"Key": str(at), "Size": size} for at, size in enumerate(sizes)]}


def account_of(**handlers) -> Account:
    account = full_account()
    account.handlers |= {
        "list_object_versions": versions(5, 7),
        "get_bucket_tagging": lambda **_: {"TagSet": []},
        "describe_model": lambda **_: {"ExecutionRoleArn": "arn:role/SageDeckTraining-b"},
        "describe_hyper_parameter_tuning_job": lambda **_: {"TrainingJobDefinition": {"RoleArn": "arn:role/Other"}},
        "list_tags_log_group": lambda **_: {"tags": {}},
        "list_tags_for_resource": lambda **_: {"Tags": []},
        "list_instance_profile_tags": lambda **_: {"Tags": []},
        **handlers,
    }
    return account


def plan_of(account, **choice):
    return asyncio.run(service_of(account).tear_down_plan(TearDownChoice(**choice)))


def test_what_sagedeck_made_goes_by_its_tags_alone():
    account = account_of()
    account.handlers["list_tags"] = _tags_of(account, {f"{SM}:model/m", f"{SM}:endpoint/dogs"})
    plan = plan_of(account)
    kinds = [step.resource.kind for step in plan.steps]
    # The target scales SageDeck's endpoint; the role was found by its own tag.
    assert kinds == ["scalable-target", "endpoint", "model", "instance", "role"]
    assert (plan.confirm, plan.objects) == ("123456789012", None)
    assert {stay.resource.kind for stay in plan.stays} >= {"bucket", "volume", "function", "notebook"}


def _tags_of(account, ours):
    def answer(**parameters):
        # SageMaker's list takes ResourceArn, Lambda's Resource.
        arn = parameters.get("ResourceArn", "")
        return {"Tags": (TAGS if arn in ours else []) if arn else {}}

    return answer


def test_a_role_that_a_strangers_model_works_with_stays():
    account = account_of()
    account.handlers["list_tags"] = _tags_of(account, set())
    plan = plan_of(account)
    assert "role" not in {step.resource.kind for step in plan.steps}
    (why,) = [stay.why for stay in plan.stays if stay.resource.kind == "role"]
    assert why == "the model m works with it and stays"


def _whole_role(account):
    account.handlers["list_tags"] = _tags_of(account, set())
    plan = plan_of(account)
    return "role" in {step.resource.kind for step in plan.steps}, [
        stay.why for stay in plan.stays if stay.resource.kind == "role"
    ]


@pytest.mark.parametrize("code", ["AccessDeniedException", "InternalFailure"])
def test_a_role_stays_while_a_strangers_model_may_not_be_read(code):
    def unread(**_):
        raise Refused(code, "no")

    goes, why = _whole_role(account_of(describe_model=unread))
    assert not goes and why == ["the model m stays, its role could not be read, and it may be this one"]


def test_a_role_stays_while_a_strangers_notebook_may_not_be_read():
    other = {"describe_model": lambda **_: {"ExecutionRoleArn": "arn:role/Other"}}
    assert _whole_role(account_of(**other))[0]
    goes, why = _whole_role(account_of(**other, describe_notebook_instance=refused))
    assert not goes and "the notebook n stays, its role could not be read" in why[0].lower()


def test_a_role_stays_while_the_profile_of_a_strangers_instance_may_not_be_read():
    account = account_of(describe_model=lambda **_: {"ExecutionRoleArn": "arn:role/Other"})
    (instance,) = [item for found in account.lists["describe_instances"] for item in found["Instances"]]
    instance["Tags"] = []
    assert _whole_role(account)[0]
    instance["IamInstanceProfile"] = {"Arn": "arn:another-profile", "Id": "AIPA"}
    goes, why = _whole_role(account)
    assert not goes and "its role could not be read" in why[0]


@pytest.mark.parametrize(
    "answer, words",
    [
        ({"TrainingJobDefinition": {"RoleArn": "arn:role/SageDeckTraining-b"}}, "works with it and stays"),
        ({"TrainingJobDefinitions": [{"RoleArn": "x"}, {"RoleArn": "arn:role/SageDeckTraining-b"}]}, "works with it"),
        (None, "its role could not be read"),
    ],
)
def test_a_role_stays_while_a_strangers_tuning_job_runs_with_it(answer, words):
    other = {"describe_model": lambda **_: {"ExecutionRoleArn": "arn:role/Other"}}
    ask = refused if answer is None else lambda **_: answer
    goes, why = _whole_role(account_of(**other, describe_hyper_parameter_tuning_job=ask))
    assert not goes and words in why[0]


GIB = 1024**3


def more(**_):
    return {"Versions": [{"Key": "x", "Size": 3}] * 1000, "IsTruncated": True, "NextKeyMarker": "x"}


@pytest.mark.parametrize(
    "found, size, rate",
    [
        (refused, "", None), (versions(3 * GIB), "1 object, 3.22 GB", 3 * 0.023 / 730),
        (more, "1,000 objects or more", None),
        (versions(), "0 objects, 0 bytes", 0.0),
    ],
)  # fmt: skip
def test_the_proof_names_every_bucket_that_is_there(found, size, rate):
    account = Account()
    account.lists["list_buckets"].append({"Name": "b", "CreationDate": NOW})
    account.handlers["list_object_versions"] = found
    (left,) = proof_of(account).left
    assert (left.kind, left.name) == ("bucket", "b")
    assert left.size == size and left.dollars_per_hour == (None if rate is None else pytest.approx(rate))


def test_tags_that_may_not_be_read_keep_things():
    account = account_of(list_tags=refused)
    plan = plan_of(account)
    why = {stay.resource.kind: stay.why for stay in plan.stays}
    assert "nobody can tell who made it" in why["endpoint"]


def test_buckets_are_counted_before_they_go():
    plan = plan_of(account_of(), everything=True, buckets=True)
    assert (plan.objects, plan.bytes) == (2, 12)
    assert "bucket" in {step.resource.kind for step in plan.steps}


def test_a_bucket_that_cannot_be_counted_is_not_told_as_empty():
    plan = plan_of(account_of(list_object_versions=refused), everything=True, buckets=True)
    assert (plan.objects, plan.bytes) == (None, None)


def test_what_was_made_anew_under_the_name_is_left_alone():
    account = account_of()
    service = service_of(account)

    async def body():
        plan = await service.tear_down_plan(TearDownChoice(everything=True))
        (step,) = [step for step in plan.steps if step.resource.kind == "model"]
        account.lists["list_models"][0]["CreationTime"] += timedelta(minutes=5)
        last = [state async for state in service.tear_down(replace(plan, steps=(step,)))][-1]
        assert [state.state for state in last.steps] == ["failed"]
        assert "another one of this name" in last.steps[0].note
        account.lists["list_models"].clear()
        last = [state async for state in service.tear_down(replace(plan, steps=(step,)))][-1]
        assert [state.state for state in last.steps] == ["gone"]

    asyncio.run(body())


def proof_of(account):
    return asyncio.run(service_of(account).proof())


def test_an_empty_account_is_proven():
    account = Account()
    proof = proof_of(account)
    assert proof.nothing_bills and proof.left == () and "Nothing that bills is left" in proof.words
    assert len(proof.looked_at) == 20


@pytest.mark.parametrize("sizes, proven", [((), True), ((0,), True), ((1,), False)])
def test_a_bucket_bills_for_what_it_holds(sizes, proven):
    account = Account()
    account.lists["list_buckets"].append({"Name": "b", "CreationDate": NOW})
    account.handlers["list_object_versions"] = versions(*sizes)
    assert proof_of(account).nothing_bills == proven


def test_what_cannot_be_read_proves_nothing():
    for operation in ("list_notebook_instances", "describe_addresses"):
        account = Account()
        account.handlers[operation] = refused
        proof = proof_of(account)
        assert not proof.nothing_bills and "Not proven" in proof.words


def test_a_bucket_that_may_not_be_looked_into_proves_nothing():
    account = Account()
    account.lists["list_buckets"].append({"Name": "b", "CreationDate": NOW})
    account.handlers["list_object_versions"] = refused
    assert "could not read buckets" in proof_of(account).words


def test_details_that_may_not_be_read_prove_nothing():
    account = Account()
    account.endpoint("dogs")
    account.handlers["describe_endpoint"] = refused
    proof = proof_of(account)
    assert not proof.nothing_bills


def test_what_is_left_and_bills_is_told():
    account = Account()
    account.endpoint("dogs")
    proof = proof_of(account)
    assert [row.name for row in proof.billing] == ["dogs"]
    assert proof.words.startswith("1 of what is left")
