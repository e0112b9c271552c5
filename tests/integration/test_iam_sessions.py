"""Session policies, resource policies and trust policies with conditions, enforced over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.functions import ECHO, zipped
from tests.helpers.people import ACCOUNT, TRUST, Person, allow, refused
from tests.helpers.sagemaker_jobs import BUCKET, Account
from tests.helpers.sandbox import SandboxProcess

pytestmark = pytest.mark.integration

OPERATOR = f"arn:aws:iam::{ACCOUNT}:user/operator"
OBJECTS = f"arn:aws:s3:::{BUCKET}/*"
KEY = "data/train/one.txt"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with SandboxProcess(tmp_path_factory.mktemp("iam") / "state") as sandbox:
        yield Account(sandbox)


def clients(account: Account, keys: dict[str, str], service: str) -> Any:
    return account.sandbox.client(
        service,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def test_a_session_policy_narrows_its_session_and_survives_a_crash(account: Account) -> None:
    person = Person(account, "narrowed", allow("s3:*", [OBJECTS, f"arn:aws:s3:::{BUCKET}"]))
    sts = account.sandbox.client("sts")
    reading = document(allow("s3:GetObject", OBJECTS), allow("ec2:*", "*"))
    answer = sts.assume_role(RoleArn=person.arn, RoleSessionName="test", Policy=reading)
    assert 0 < answer["PackedPolicySize"] <= 100
    for _ in range(2):
        s3 = clients(account, answer["Credentials"], "s3")
        assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"one"
        assert refused(s3.put_object, Bucket=BUCKET, Key="x", Body=b"") == (
            "AccessDenied",
            f'User: {person.session} is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::{BUCKET}/x" '
            "because no session policy allows the s3:PutObject action",
        )
        # A session policy grants nothing by itself.
        _, message = refused(clients(account, answer["Credentials"], "ec2").describe_instances)
        assert "because no identity-based policy allows the ec2:DescribeInstances action" in message
        account.sandbox.restart()
        account.connect()
    sts = account.sandbox.client("sts")
    denying = document(allow("s3:*", "*"), allow("s3:GetObject", OBJECTS, "Deny"))
    keys = sts.assume_role(RoleArn=person.arn, RoleSessionName="test", Policy=denying)["Credentials"]
    _, message = refused(clients(account, keys, "s3").get_object, Bucket=BUCKET, Key=KEY)
    assert message.endswith("with an explicit deny in a session policy")


def test_managed_session_policies_join_the_inline_one(account: Account) -> None:
    person = Person(account, "joined", allow("s3:*", "*"))
    sts = account.sandbox.client("sts")
    listing = document(allow("s3:ListBucket", "*"))
    keys = sts.assume_role(
        RoleArn=person.arn,
        RoleSessionName="test",
        Policy=listing,
        PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}],
    )["Credentials"]
    s3 = clients(account, keys, "s3")
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] and s3.get_object(Bucket=BUCKET, Key=KEY)["ETag"]
    assert "no session policy" in refused(s3.put_object, Bucket=BUCKET, Key="x", Body=b"")[1]
    ask: dict[str, Any] = {"RoleArn": person.arn, "RoleSessionName": "test"}
    assert refused(sts.assume_role, **ask, Policy="{") == (
        "MalformedPolicyDocument",
        "This policy contains invalid Json",
    )
    assert refused(sts.assume_role, **ask, Policy='{"Statement": [7]}')[0] == "MalformedPolicyDocument"
    gone = [{"arn": f"arn:aws:iam::{ACCOUNT}:policy/nothing"}]
    assert refused(sts.assume_role, **ask, PolicyArns=gone)[0] == "ValidationError"
    long = document(*[allow("s3:GetObject", f"{OBJECTS}{number}") for number in range(40)])
    assert refused(sts.assume_role, **ask, Policy=long[:2048])[0] == "MalformedPolicyDocument"
    assert "MaxSessionDuration" in refused(sts.assume_role, **ask, DurationSeconds=7200)[1]
    person.may(allow("sts:AssumeRole", "*"))
    chained = person.client("sts")
    assert "role chaining" in refused(chained.assume_role, **ask, DurationSeconds=7200)[1]


def test_session_tags_and_role_tags_are_principal_tags(account: Account) -> None:
    person = Person(account, "tagged", allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/${{aws:PrincipalTag/team}}/*"))
    assert refused(person.client("s3").get_object, Bucket=BUCKET, Key=KEY)[0] == "AccessDenied"
    account.iam.tag_role(RoleName="tagged", Tags=[{"Key": "team", "Value": "data"}])
    assert person.client("s3").get_object(Bucket=BUCKET, Key=KEY)["ETag"]
    tags = [{"Key": "team", "Value": "other"}]
    sts = account.sandbox.client("sts")
    ask: dict[str, Any] = {"RoleArn": person.arn, "RoleSessionName": "test", "Tags": tags}
    assert "sts:TagSession" in refused(sts.assume_role, **ask)[1]
    trust = json.loads(json.dumps(TRUST))
    trust["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:TagSession"]
    account.iam.update_assume_role_policy(RoleName="tagged", PolicyDocument=json.dumps(trust))
    keys = sts.assume_role(**ask)["Credentials"]
    assert refused(clients(account, keys, "s3").get_object, Bucket=BUCKET, Key=KEY)[0] == "AccessDenied"


def test_a_bucket_policy_denies_the_operator_too(account: Account) -> None:
    s3 = account.s3
    s3.create_bucket(Bucket="guarded")
    s3.put_object(Bucket="guarded", Key="open", Body=b"1")
    s3.put_object(Bucket="guarded", Key="kept/a", Body=b"2")
    rule = {**allow(["s3:DeleteObject", "s3:GetObject"], "arn:aws:s3:::guarded/kept/*", "Deny"), "Principal": "*"}
    s3.put_bucket_policy(Bucket="guarded", Policy=document(rule))
    assert refused(s3.get_object, Bucket="guarded", Key="kept/a") == (
        "AccessDenied",
        f'User: {OPERATOR} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::guarded/kept/a" '
        "with an explicit deny in a resource-based policy",
    )
    assert s3.get_object(Bucket="guarded", Key="open")["Body"].read() == b"1"
    both = {"Objects": [{"Key": "open"}, {"Key": "kept/a"}]}
    answer = s3.delete_objects(Bucket="guarded", Delete=both)
    assert [deleted["Key"] for deleted in answer["Deleted"]] == ["open"]
    assert [error["Key"] for error in answer["Errors"]] == ["kept/a"]
    # Whoever locks himself out can undo it, as the account's root user can.
    s3.put_bucket_policy(Bucket="guarded", Policy=document({**rule, "Action": "s3:*", "Resource": "*"}))
    assert refused(s3.list_objects_v2, Bucket="guarded")[0] == "AccessDenied"
    assert s3.get_bucket_policy(Bucket="guarded")["Policy"]
    s3.delete_bucket_policy(Bucket="guarded")
    assert s3.list_objects_v2(Bucket="guarded")["KeyCount"] == 1
    assert refused(s3.put_bucket_policy, Bucket="guarded", Policy='{"Statement": ["x"]}')[0] == "MalformedPolicy"


def test_a_functions_policy_lets_a_role_of_the_account_call_it(account: Account) -> None:
    functions, guest, other = account.sandbox.client("lambda"), Person(account, "caller"), Person(account, "stranger")
    functions.create_function(
        FunctionName="shared",
        Runtime="python3.12",
        Role=guest.arn,
        Handler="code.handler",
        Code={"ZipFile": zipped(ECHO)},
    )
    functions.publish_version(FunctionName="shared")
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:shared"
    call = guest.client("lambda").invoke
    assert refused(call, FunctionName="shared") == (
        "AccessDeniedException",
        f"User: {guest.session} is not authorized to perform: lambda:InvokeFunction on resource: {arn} "
        "because no identity-based policy allows the lambda:InvokeFunction action",
    )
    grant: dict[str, Any] = {"FunctionName": "shared", "StatementId": "one", "Action": "lambda:InvokeFunction"}
    statement = json.loads(functions.add_permission(**grant, Principal=guest.arn)["Statement"])
    assert (statement["Principal"], statement["Resource"]) == ({"AWS": guest.arn}, arn)
    assert call(FunctionName="shared")["StatusCode"] == 200
    assert call(FunctionName="shared", InvocationType="DryRun")["StatusCode"] == 204
    assert refused(other.client("lambda").invoke, FunctionName="shared")[0] == "AccessDeniedException"
    # A version has a policy of its own.
    assert refused(call, FunctionName="shared", Qualifier="1")[0] == "AccessDeniedException"
    functions.add_permission(**grant, Principal=guest.arn, Qualifier="1")
    assert call(FunctionName="shared", Qualifier="1")["StatusCode"] == 200
    assert refused(functions.add_permission, **grant, Principal=guest.arn)[0] == "ResourceConflictException"
    strange = {**grant, "StatementId": "two", "Principal": f"arn:aws:iam::{ACCOUNT}:role/nobody"}
    assert "principal was invalid" in refused(functions.add_permission, **strange)[1]
    service = {**grant, "StatementId": "s3", "Principal": "s3.amazonaws.com", "SourceAccount": ACCOUNT}
    functions.add_permission(**service, SourceArn=f"arn:aws:s3:::{BUCKET}")
    policy = json.loads(functions.get_policy(FunctionName="shared")["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["one", "s3"]
    assert policy["Statement"][1]["Condition"] == {
        "ArnLike": {"AWS:SourceArn": f"arn:aws:s3:::{BUCKET}"},
        "StringEquals": {"AWS:SourceAccount": ACCOUNT},
    }
    functions.remove_permission(FunctionName="shared", StatementId="one")
    assert refused(call, FunctionName="shared")[0] == "AccessDeniedException"
    functions.delete_function(FunctionName="shared")


def test_trust_policies_with_conditions(account: Account) -> None:
    def role(name: str, principal: dict[str, str], condition: dict[str, Any]) -> str:
        trust = allow("sts:AssumeRole", None, Principal=principal, Condition=condition)
        del trust["Resource"]
        made = account.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
        return str(made["Role"]["Arn"])

    external = {"StringEquals": {"sts:ExternalId": "course-7"}}
    arn = role("external", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, external)
    sts = account.sandbox.client("sts")
    ask = {"RoleArn": arn, "RoleSessionName": "me"}
    assert refused(sts.assume_role, **ask)[0] == "AccessDenied"
    assert refused(sts.assume_role, **ask, ExternalId="course-8")[0] == "AccessDenied"
    assert sts.assume_role(**ask, ExternalId="course-7")["Credentials"]

    source = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:mine-*"
    arn = role("one-function", {"Service": "lambda.amazonaws.com"}, {"ArnLike": {"aws:SourceArn": source}})
    functions = account.sandbox.client("lambda")
    make = {"Runtime": "python3.12", "Role": arn, "Handler": "code.handler", "Code": {"ZipFile": zipped(ECHO)}}
    _, message = refused(functions.create_function, FunctionName="theirs", **make)
    assert message == "The role defined for the function cannot be assumed by Lambda."
    assert functions.create_function(FunctionName="mine-1", **make)["State"] == "Active"
    functions.delete_function(FunctionName="mine-1")

    deputy = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:sagemaker:*:{ACCOUNT}:*"},
    }
    arn = role("deputy", {"Service": "sagemaker.amazonaws.com"}, deputy)
    account.iam.put_role_policy(RoleName="deputy", PolicyName="p", PolicyDocument=document(allow("s3:*", "*")))
    account.start("by-deputy", "print('trained')", RoleArn=arn)
    assert account.finished("by-deputy")["TrainingJobStatus"] == "Completed"


def test_simulation_tells_about_the_boundary_and_the_context(account: Account) -> None:
    limit = document(allow("s3:Get*", "*", Condition={"StringEquals": {"aws:RequestedRegion": "us-east-1"}}))
    arn = account.iam.create_policy(PolicyName="sim-limit", PolicyDocument=limit)["Policy"]["Arn"]
    person = Person(account, "sim", allow("s3:*", "*"))
    account.iam.put_role_permissions_boundary(RoleName="sim", PermissionsBoundary=arn)
    ask: dict[str, Any] = {"PolicySourceArn": person.arn, "ActionNames": ["s3:GetObject", "s3:PutObject"]}
    region = {"ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": ["us-east-1"], "ContextKeyType": "string"}
    without = account.iam.simulate_principal_policy(**ask)["EvaluationResults"]
    assert [entry["EvalDecision"] for entry in without] == ["implicitDeny", "implicitDeny"]
    assert without[0]["MissingContextValues"] == ["aws:RequestedRegion"]
    found = account.iam.simulate_principal_policy(**ask, ContextEntries=[region])["EvaluationResults"]
    assert [
        (entry["EvalDecision"], entry["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"])
        for entry in found
    ] == [("allowed", True), ("implicitDeny", False)]
    pages = account.iam.get_paginator("simulate_principal_policy").paginate(**ask, PaginationConfig={"PageSize": 1})
    assert [result["EvalActionName"] for page in pages for result in page["EvaluationResults"]] == ask["ActionNames"]
    denied = document({**allow("s3:GetObject", "*", "Deny"), "Principal": "*"})
    answer = account.iam.simulate_principal_policy(
        PolicySourceArn=person.arn,
        ActionNames=["s3:GetObject"],
        ContextEntries=[region],
        ResourceArns=[f"arn:aws:s3:::{BUCKET}/x"],
        ResourcePolicy=denied,
        CallerArn=person.session,
    )["EvaluationResults"][0]
    assert answer["EvalDecision"] == "explicitDeny"
    assert {"SourcePolicyId": "ResourcePolicy", "SourcePolicyType": "resource"}.items() <= answer["MatchedStatements"][
        0
    ].items()
