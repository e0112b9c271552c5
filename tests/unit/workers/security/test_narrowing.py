"""A role cut down to what it used: read from IAM, and never wider than it was."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.workers.fake_aws import FakeSession
from workers.access.policies import PolicyDocument, as_list, statements
from workers.errors.tree import ServiceFault
from workers.security.narrowing import POLICY, ServiceUse, matches, narrowed, role_use

THEN = datetime(2026, 11, 1, tzinfo=UTC)
FULL = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
BROAD: PolicyDocument = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "All", "Effect": "Allow", "Action": ["sagemaker:*", "ecr:BatchGetImage"], "Resource": "*"},
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::*SageMaker*"]},
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": "*",
            "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        },
        {"Effect": "Deny", "Action": "sagemaker:DeleteDomain", "Resource": "*"},
    ],
}
SAGEMAKER = ServiceUse(
    "sagemaker",
    "Amazon SageMaker",
    THEN,
    (("CreateTrainingJob", THEN), ("DescribeTrainingJob", THEN), ("CreateDomain", None)),
)
S3 = ServiceUse("s3", "Amazon S3", THEN)
IAM = ServiceUse("iam", "IAM", None, (("CreateRole", None),))
ECR = ServiceUse("ecr", "Amazon ECR", None)


def test_only_what_was_used_stays_with_its_resources_and_conditions() -> None:
    document = narrowed([BROAD], [SAGEMAKER, S3, IAM, ECR])
    assert document is not None
    training, objects, passing, denied = statements(document)
    assert "sagemaker:CreateTrainingJob" in training["Action"]
    assert "sagemaker:InvokeEndpoint" in training["Action"], (
        "IAM does not track it, so nobody knows that it was not used"
    )
    assert "sagemaker:CreateDomain" not in training["Action"]
    assert not [action for action in training["Action"] if "*" in action]
    assert objects == {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::*SageMaker*"]}
    assert denied["Effect"] == "Deny"
    assert passing == statements(BROAD)[2] | {"Action": ["iam:PassRole"]}, "nobody sees it used; jobs need it"


@pytest.mark.parametrize("used", [None, THEN])
def test_the_right_to_pass_roles_stays_where_it_is_named_and_not_where_a_pattern_means_it(
    used: datetime | None,
) -> None:
    iam = ServiceUse("iam", "IAM", used, (("CreateRole", used), ("DeleteRole", None)))
    for named, kept in (("iam:PassRole", True), ("IAM:passrole", True), ("iam:Pass*", False), ("*", False)):
        before: PolicyDocument = {"Statement": [{"Effect": "Allow", "Action": ["s3:*", named], "Resource": "*"}]}
        document = narrowed([before], [S3, iam])
        assert document is not None
        actions = statements(document)[0]["Action"]
        assert ([action for action in actions if action.casefold() == "iam:passrole"] == [named]) == kept
        assert "iam:DeleteRole" not in actions


@pytest.mark.parametrize(
    ("named", "kept"),
    [
        ("s3:GetObject", True),  # tracked and used
        ("S3:getobject", True),
        ("s3:CreateBucket", False),  # tracked and never used
        ("S3:createbucket", False),
        ("s3:PutObject", True),  # not tracked: nobody knows
        ("ec2:RunInstances", False),  # a service that was never used
        ("s3:Create*", False),
        ("s3:Get*", True),
    ],
)
def test_an_action_stays_unless_iam_tracks_it_and_saw_no_use(named: str, kept: bool) -> None:
    s3 = ServiceUse("s3", "Amazon S3", THEN, (("GetObject", THEN), ("CreateBucket", None)))
    ec2 = ServiceUse("ec2", "Amazon EC2", None, (("RunInstances", None),))
    before: PolicyDocument = {"Statement": [{"Effect": "Allow", "Action": named, "Resource": "*"}]}
    document = narrowed([before, before], [s3, ec2])
    assert (document is not None) == kept
    if document is not None:
        (statement,) = statements(document)
        assert named in statement["Action"] or "s3:GetObject" in statement["Action"]
        assert not any("*" in action or action.casefold() == "s3:createbucket" for action in statement["Action"])


def test_nothing_used_leaves_no_policy() -> None:
    assert narrowed([BROAD], [IAM, ECR]) is None


def test_without_a_list_of_actions_the_service_stays_as_it_was() -> None:
    whole: PolicyDocument = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    document = narrowed([whole], [ServiceUse("glue", "Glue", THEN)])
    assert document is not None
    assert statements(document)[0]["Action"] == ["glue:*"]


ACTIONS = [
    "s3:GetObject",
    "s3:PutObject",
    "s3:ListBucket",
    "s3:CreateBucket",
    "logs:PutLogEvents",
    "logs:DeleteLogGroup",
]
PATTERNS = [
    "*",
    "s3:*",
    "s3:Get*",
    "s3:*Object",
    "S3:getobject",
    "s3:CreateBucket",
    "logs:*",
    "logs:Put?ogEvents",
    "ec2:*",
]


def allowed(document: PolicyDocument | None, action: str) -> bool:
    found = [statement for statement in statements(document) if statement["Effect"] == "Allow"] if document else []
    return any(
        not any(matches(action, pattern) for pattern in as_list(statement["NotAction"]))
        if "NotAction" in statement
        else any(matches(action, pattern) for pattern in as_list(statement["Action"]))
        for statement in found
    )


uses = st.lists(
    st.builds(
        ServiceUse,
        st.sampled_from(["s3", "logs"]),
        st.just("name"),
        st.sampled_from([None, THEN]),
        st.lists(
            st.tuples(st.sampled_from(["GetObject", "CreateBucket", "DeleteLogGroup"]), st.sampled_from([None, THEN])),
            max_size=3,
            unique_by=lambda entry: entry[0],
        ).map(tuple),
    ),
    max_size=2,
    unique_by=lambda service: service.namespace,
)
policies = st.lists(
    st.fixed_dictionaries(
        {
            "Effect": st.just("Allow"),
            "Resource": st.just("*"),
            "Action": st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3),
        }
    )
    | st.fixed_dictionaries(
        {
            "Effect": st.just("Allow"),
            "Resource": st.just("*"),
            "NotAction": st.lists(st.sampled_from(PATTERNS[1:]), min_size=1, max_size=2),
        }
    ),
    max_size=3,
)


@given(policies, uses)
def test_it_never_allows_what_was_not_allowed_before(found: list[Any], used: list[ServiceUse]) -> None:
    before: PolicyDocument = {"Version": "2012-10-17", "Statement": found}
    after = narrowed([before], used)
    for action in ACTIONS:
        if allowed(after, action):
            assert allowed(before, action), action


@given(policies, uses)
def test_what_was_used_stays_allowed(found: list[Any], used: list[ServiceUse]) -> None:
    before: PolicyDocument = {"Version": "2012-10-17", "Statement": found}
    after = narrowed([before], used)
    for service in used:
        for name, last in service.tracked:
            action = f"{service.namespace}:{name}"
            if service.last is not None and last is not None and allowed(before, action):
                assert allowed(after, action), action


def session(*states: str, attached: bool = True, used: datetime | None = THEN) -> FakeSession:
    told = iter(states)

    def details(JobId: str, **rest: str) -> dict[str, Any]:
        status = next(told)
        answer: dict[str, Any] = {"JobStatus": status, "ServicesLastAccessed": [], "JobCreationDate": THEN}
        if status == "FAILED":
            answer["Error"] = {"Message": "no luck", "Code": "E"}
        if status == "COMPLETED":
            tracked = [{"ActionName": "CreateTrainingJob"} | ({"LastAccessedTime": used} if used else {})]
            entry = {"ServiceNamespace": "sagemaker", "ServiceName": "Amazon SageMaker"}
            entry |= {"LastAuthenticated": used} if used else {}  # type: ignore[dict-item]
            answer["ServicesLastAccessed"] = [entry | {"TrackedActionsLastAccessed": tracked}]
            answer |= {"IsTruncated": "Marker" not in rest, "Marker": "more"}
            if "Marker" in rest:
                answer["ServicesLastAccessed"] = [{"ServiceNamespace": "ec2", "ServiceName": "Amazon EC2"}]
        return answer

    return FakeSession(
        get_role=lambda RoleName: {"Role": {"Arn": "arn:aws:iam::123456789012:role/dogs"}},
        generate_service_last_accessed_details=lambda **_: {"JobId": "1" * 36},
        get_service_last_accessed_details=details,
        list_role_policies=lambda RoleName: {"PolicyNames": ["ours"]},
        get_role_policy=lambda **_: {
            "PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
        },
        list_attached_role_policies=lambda RoleName: {
            "AttachedPolicies": [{"PolicyName": "AmazonSageMakerFullAccess", "PolicyArn": FULL}] if attached else []
        },
        get_policy=lambda PolicyArn: {"Policy": {"DefaultVersionId": "v3"}},
        get_policy_version=lambda **_: {"PolicyVersion": {"Document": BROAD}},
    )


OWN = "arn:aws:iam::123456789012:policy/dogs"


def test_only_broad_policies_are_taken_away_and_what_was_narrowed_before_is_not_narrowed_again() -> None:
    asked = session("COMPLETED", "COMPLETED")
    attached = [
        ("dogs", OWN),
        ("AmazonSageMakerFullAccess", FULL),
        ("AdministratorAccess", "arn:aws:iam::aws:policy/AdministratorAccess"),
    ]
    asked.handlers["list_attached_role_policies"] = lambda RoleName: {
        "AttachedPolicies": [{"PolicyName": name, "PolicyArn": arn} for name, arn in attached]
    }
    asked.handlers["list_role_policies"] = lambda RoleName: {"PolicyNames": [POLICY, "wide"]}
    asked.handlers["get_role_policy"] = lambda **_: {
        "PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}]}
    }
    change = asyncio.run(role_use(asked, "dogs", at_once)).change  # type: ignore[arg-type]
    assert change is not None and (change.detach, change.remove) == (
        ("arn:aws:iam::aws:policy/AdministratorAccess", FULL),
        ("wide",),
    )
    assert change.attached_seen == tuple(sorted(arn for _, arn in attached))


async def at_once(seconds: float) -> None:
    """Nobody waits here."""


def test_what_a_role_used_is_waited_for_and_read_in_pages() -> None:
    asked = session("IN_PROGRESS", "IN_PROGRESS", "COMPLETED", "COMPLETED")
    found = asyncio.run(role_use(asked, "dogs", at_once))  # type: ignore[arg-type]
    assert [service.namespace for service in found.services] == ["sagemaker", "ec2"]
    assert [service.namespace for service in found.used] == ["sagemaker"]
    change = found.change
    assert change is not None and change.document is not None
    assert (change.detach, change.remove, change.attached_seen) == ((FULL,), (), (FULL,))
    assert any("CreateTrainingJob" in line.text and line.mark == "+" for line in found.diff)


def test_a_role_that_used_nothing_loses_the_broad_policy_alone() -> None:
    found = asyncio.run(role_use(session("COMPLETED", "COMPLETED", used=None), "dogs", at_once))  # type: ignore[arg-type]
    assert found.change is not None
    assert found.change.document is None
    assert found.change.cli == f"aws iam detach-role-policy --role-name dogs --policy-arn {FULL}"


def test_a_role_without_a_broad_policy_needs_no_change() -> None:
    found = asyncio.run(role_use(session("COMPLETED", "COMPLETED", attached=False), "dogs", at_once))  # type: ignore[arg-type]
    assert found.change is None


@pytest.mark.parametrize("states", [("FAILED",), ("IN_PROGRESS",) * 60])
def test_what_iam_does_not_finish_is_an_error(states: tuple[str, ...]) -> None:
    with pytest.raises(ServiceFault):
        asyncio.run(role_use(session(*states), "dogs", at_once))  # type: ignore[arg-type]
