"""Roles of jobs and endpoints that may more than they need, and what they would be without that."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.unit.workers.fake_aws import FakeSession
from workers.access.grants import Grants
from workers.access.policies import policy
from workers.access.role_check import RoleChecks

ROLE = "arn:aws:iam::123456789012:role/course/TrainingRole"
FULL = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
OURS = policy("training_role", account="123456789012", partition="aws", region="us-east-1", bucket="dogs")


class Iam(FakeSession):
    """One role with these inline policies and these attached ones."""

    def __init__(self, inline: dict[str, Any], *attached: str) -> None:
        super().__init__(
            list_role_policies=lambda RoleName: {"PolicyNames": list(inline)},
            get_role_policy=lambda RoleName, PolicyName: {"PolicyDocument": inline[PolicyName]},
            list_attached_role_policies=lambda RoleName: {
                "AttachedPolicies": [{"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn} for arn in attached]
            },
            put_role_policy=lambda **_: {},
            detach_role_policy=lambda **_: {},
            delete_role_policy=lambda **_: {},
        )


def checked(session: Iam, *uris: str) -> Any:
    return asyncio.run(RoleChecks(session, Grants(session)).check("training", ROLE, uris))


def test_the_roles_that_sagedeck_makes_are_not_too_broad() -> None:
    assert checked(Iam({"sagedeck": OURS}), "s3://dogs/data/") == ((), None)


def test_full_access_is_named_with_the_narrower_policy_and_taken_away() -> None:
    wild = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    harmless = "arn:aws:iam::123456789012:policy/tags"
    session = Iam({"wild": wild}, FULL, harmless)
    broad, plan = checked(session, "s3://dogs/data/", "s3://dogs/out/x", "")
    assert {(grant.role, grant.policy) for grant in broad} == {
        ("TrainingRole", "wild"), ("TrainingRole", "AmazonSageMakerFullAccess"),
    }  # fmt: skip
    assert plan.document == OURS and all(line.mark == "+" for line in plan.diff)
    asyncio.run(Grants(session).narrow(plan))
    assert session.order == ["put_role_policy", "detach_role_policy", "delete_role_policy"]
    assert session.made("detach_role_policy") == [{"RoleName": "TrainingRole", "PolicyArn": FULL}]
    assert session.made("delete_role_policy") == [{"RoleName": "TrainingRole", "PolicyName": "wild"}]


def test_with_several_buckets_only_the_warning_is_given() -> None:
    broad, plan = checked(Iam({}, FULL), "s3://dogs/data/", "s3://models/out/")
    assert broad and plan is None
