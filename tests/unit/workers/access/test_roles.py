"""The roles are least privilege, made once and repaired, and never somebody else's."""

from __future__ import annotations

import asyncio
import json

import pytest
from moto import mock_aws

from workers.access.policies import policy
from workers.access.roles import INLINE_POLICY, Roles, role_name
from workers.aws.names import fitting_role_name
from workers.aws.session import AwsSession
from workers.errors.tree import Conflict
from workers.types import Backend


@pytest.mark.parametrize(
    ("start", "of", "end", "name"),
    [
        ("SageDeckTraining-", "photos", "", "SageDeckTraining-photos"),
        ("SageDeckTraining-", "b" * 47, "", "SageDeckTraining-" + "b" * 47),
        # As the first versions named them: these roles exist.
        ("SageDeckTraining-", "b" * 48, "", "SageDeckTraining-" + "b" * 38 + "-720228e4"),
        ("", "f" * 59, "-role", "f" * 59 + "-role"),
        ("", "f" * 60, "-role", "f" * 50 + "-47625d4c-role"),
    ],
)
def test_names_of_roles_fit_and_stay_as_they_were(start, of, end, name):
    assert fitting_role_name(start, of, end) == name and len(name) <= 64


EC2_TRUST = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}


def with_roles(body):
    async def main():
        session = AwsSession(Backend("aws", "t", "us-east-1", access_key_id="AKIA", secret_access_key="secret"))
        try:
            return await body(session, Roles(session))
        finally:
            session.close()

    with mock_aws():
        return asyncio.run(main())


async def inline(session, name):
    answer = await session.call("iam", "get_role_policy", RoleName=name, PolicyName=INLINE_POLICY)
    return answer["PolicyDocument"]


def test_roles_trust_sagemaker_and_reach_one_bucket():
    async def body(session, roles):
        arns = await asyncio.gather(
            roles.ensure_training_role("photos"),
            roles.ensure_endpoint_role("photos"),
            roles.ensure_training_role("photos"),
        )
        assert arns[0] == arns[2] != arns[1]
        for arn in arns[:2]:
            name = arn.rsplit("/", 1)[-1]
            role = (await session.call("iam", "get_role", RoleName=name))["Role"]
            (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
            assert trust["Principal"] == {"Service": "sagemaker.amazonaws.com"}
            assert trust["Condition"]["StringEquals"]["aws:SourceAccount"] == "123456789012"
            for statement in (await inline(session, name))["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                assert not any("*" in action for action in actions)
                if any(action.startswith("s3:") for action in actions):
                    assert statement["Resource"].startswith("arn:aws:s3:::photos")
        writes = json.dumps(await inline(session, "SageDeckEndpoint-photos"))
        assert "s3:PutObject" not in writes

    with_roles(body)


def test_a_changed_policy_and_trust_are_put_back():
    async def body(session, roles):
        await roles.ensure_training_role("photos")
        name = "SageDeckTraining-photos"
        wide = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
        wanted = await inline(session, name)
        await session.call(
            "iam",
            "put_role_policy",
            RoleName=name,
            PolicyName=INLINE_POLICY,
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [wide]}),
        )
        foreign = json.dumps({"Version": "2012-10-17", "Statement": [EC2_TRUST]})
        await session.call("iam", "update_assume_role_policy", RoleName=name, PolicyDocument=foreign)
        await roles.ensure_training_role("photos")
        assert await inline(session, name) == wanted
        role = (await session.call("iam", "get_role", RoleName=name))["Role"]
        assert role["AssumeRolePolicyDocument"] == policy("trust_sagemaker", account="123456789012")

    with_roles(body)


def test_a_role_that_others_made_is_not_touched():
    async def body(session, roles):
        foreign = json.dumps({"Version": "2012-10-17", "Statement": [EC2_TRUST]})
        name = "SageDeckTraining-photos"
        await session.call("iam", "create_role", RoleName=name, AssumeRolePolicyDocument=foreign)
        with pytest.raises(Conflict):
            await roles.ensure_training_role("photos")
        assert (await session.call("iam", "list_role_policies", RoleName=name))["PolicyNames"] == []

    with_roles(body)


def test_long_bucket_names_make_valid_and_different_role_names():
    first, two = role_name("Training", "b" * 62 + "1"), role_name("Training", "b" * 62 + "2")
    assert len(first) <= 64 and len(two) <= 64 and first != two
    assert role_name("Training", "photos") == "SageDeckTraining-photos"
