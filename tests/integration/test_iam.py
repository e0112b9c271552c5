"""IAM over HTTP: who may do what, refused in AWS's words, and what services do on a role's behalf."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.helpers.people import ACCOUNT, TRUST, Person, allow, refused
from tests.helpers.sagemaker_jobs import BUCKET, IMAGE, Account, archive
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for

pytestmark = pytest.mark.integration

TRAIN = "print('trained')"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with SandboxProcess(tmp_path_factory.mktemp("iam") / "state") as sandbox:
        yield Account(sandbox)


def test_a_role_may_do_what_its_policies_say_and_nothing_else(account: Account) -> None:
    person = Person(account, "reader", allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/data/*"))
    s3 = person.client("s3")
    assert s3.get_object(Bucket=BUCKET, Key="data/train/one.txt")["Body"].read() == b"one"
    assert refused(s3.put_object, Bucket=BUCKET, Key="data/new", Body=b"x") == (
        "AccessDenied",
        f"User: {person.session} is not authorized to perform: s3:PutObject on resource: "
        f'"arn:aws:s3:::{BUCKET}/data/new" because no identity-based policy allows the s3:PutObject action',
    )
    assert refused(s3.head_object, Bucket=BUCKET, Key="secret")[0] == "403"
    # Who may not list is not told which keys are missing.
    assert refused(s3.get_object, Bucket=BUCKET, Key="data/none")[0] == "AccessDenied"
    account.s3.put_object(Bucket=BUCKET, Key="data/kept", Body=b"kept")
    both = {"Objects": [{"Key": "data/kept"}, {"Key": "data/gone"}]}
    person.may(allow("s3:GetObject", "*"), allow("s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/data/gone"))
    answer = s3.delete_objects(Bucket=BUCKET, Delete=both)
    assert [deleted["Key"] for deleted in answer["Deleted"]] == ["data/gone"]
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("data/kept", "AccessDenied")]
    assert account.s3.get_object(Bucket=BUCKET, Key="data/kept")["Body"].read() == b"kept"
    assert person.client("sts").get_caller_identity()["Arn"] == person.session


def test_changes_of_policies_count_at_once(account: Account) -> None:
    person = Person(account, "changing")
    s3 = person.client("s3")
    assert refused(s3.list_objects_v2, Bucket=BUCKET)[0] == "AccessDenied"
    only = allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", Condition={"StringLike": {"s3:prefix": "data/*"}})
    person.may(only)
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="data/")["KeyCount"] > 0
    assert refused(s3.list_objects_v2, Bucket=BUCKET, Prefix="out/")[0] == "AccessDenied"
    account.iam.attach_role_policy(RoleName="changing", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    assert "Contents" in s3.list_objects_v2(Bucket=BUCKET, Prefix="")
    person.may(only, allow("s3:*", "*", "Deny"))
    code, message = refused(s3.list_objects_v2, Bucket=BUCKET)
    assert (code, message.endswith("with an explicit deny in an identity-based policy")) == ("AccessDenied", True)


def test_boundaries_and_bucket_policies(account: Account) -> None:
    limit = {"Version": "2012-10-17", "Statement": [allow("s3:Get*", "*")]}
    arn = account.iam.create_policy(PolicyName="limit", PolicyDocument=json.dumps(limit))["Policy"]["Arn"]
    person = Person(account, "bounded", allow("s3:*", "*"))
    account.iam.put_role_permissions_boundary(RoleName="bounded", PermissionsBoundary=arn)
    s3 = person.client("s3")
    assert s3.get_object(Bucket=BUCKET, Key="data/train/one.txt")["Body"].read() == b"one"
    _, message = refused(s3.put_object, Bucket=BUCKET, Key="x", Body=b"")
    assert message.endswith("because no permissions boundary allows the s3:PutObject action")

    account.s3.create_bucket(Bucket="shared-bucket")
    account.s3.put_object(Bucket="shared-bucket", Key="k", Body=b"k")
    guest = Person(account, "guest")
    statement = {**allow("s3:GetObject", "arn:aws:s3:::shared-bucket/*"), "Principal": {"AWS": guest.arn}}
    tls = {
        **allow("s3:*", "arn:aws:s3:::shared-bucket/*", "Deny", Condition={"Bool": {"aws:SecureTransport": "false"}}),
        "Principal": "*",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement, tls]}
    assert refused(guest.client("s3").get_object, Bucket="shared-bucket", Key="k")[0] == "AccessDenied"
    account.s3.put_bucket_policy(Bucket="shared-bucket", Policy=json.dumps(policy))
    assert guest.client("s3").get_object(Bucket="shared-bucket", Key="k")["Body"].read() == b"k"


def test_json_services_refuse_in_their_form(account: Account) -> None:
    person = Person(account, "nobody")
    code, message = refused(person.client("sagemaker").describe_endpoint, EndpointName="e")
    resource = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/e"
    assert code == "AccessDeniedException"
    assert message == (
        f"User: {person.session} is not authorized to perform: sagemaker:DescribeEndpoint on resource: {resource} "
        "because no identity-based policy allows the sagemaker:DescribeEndpoint action"
    )
    assert refused(person.client("sagemaker-runtime").invoke_endpoint, EndpointName="e", Body=b"x") == (
        "AccessDeniedException",
        message.replace("DescribeEndpoint", "InvokeEndpoint"),
    )
    assert refused(person.client("iam").list_roles)[0] == "AccessDenied"
    assert refused(person.client("logs").describe_log_groups)[0] == "AccessDeniedException"
    assert refused(person.client("lambda").list_functions)[0] == "AccessDeniedException"
    assert refused(person.client("cloudwatch").list_metrics)[0].startswith("AccessDenied")
    assert refused(person.client("ec2").describe_instances)[0] == "UnauthorizedOperation"


def test_trust_policies_decide_who_assumes_a_role(account: Account) -> None:
    principal = {"Service": "lambda.amazonaws.com"}
    only_lambda = {"Statement": {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}}
    arn = account.iam.create_role(
        RoleName="lambda-only", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", **only_lambda})
    )["Role"]["Arn"]
    assert refused(account.sandbox.client("sts").assume_role, RoleArn=arn, RoleSessionName="me") == (
        "AccessDenied",
        f"User: arn:aws:iam::{ACCOUNT}:user/operator is not authorized to perform: sts:AssumeRole on resource: {arn}",
    )
    request = account.request("untrusted", TRAIN)
    _, message = refused(account.sagemaker.create_training_job, **request | {"RoleArn": arn})
    assert "Could not assume role" in message
    # The account is trusted, but this role's own policies do not let it assume another.
    person, other = Person(account, "jumper"), Person(account, "target")
    assert refused(person.client("sts").assume_role, RoleArn=other.arn, RoleSessionName="me")[0] == "AccessDenied"
    person.may(allow("sts:AssumeRole", other.arn))
    assert person.client("sts").assume_role(RoleArn=other.arn, RoleSessionName="me")["Credentials"]


def test_users_act_by_their_policies_and_pass_only_the_roles_they_may(account: Account) -> None:
    account.iam.create_user(UserName="ann")
    keys = account.iam.create_access_key(UserName="ann")["AccessKey"]
    mine = {"aws_access_key_id": keys["AccessKeyId"], "aws_secret_access_key": keys["SecretAccessKey"]}
    sagemaker = account.sandbox.client("sagemaker", **mine)
    assert refused(sagemaker.list_endpoints)[0] == "AccessDeniedException"
    account.iam.create_group(GroupName="team")
    account.iam.add_user_to_group(GroupName="team", UserName="ann")
    document = {"Version": "2012-10-17", "Statement": [allow("sagemaker:*", "*")]}
    account.iam.put_group_policy(GroupName="team", PolicyName="p", PolicyDocument=json.dumps(document))
    assert sagemaker.list_endpoints()["Endpoints"] == []
    request = account.request("by-ann", TRAIN)
    _, message = refused(sagemaker.create_training_job, **request)
    assert f"user/ann is not authorized to perform: iam:PassRole on resource: {account.role} because" in message
    to_sagemaker = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    document["Statement"].append(allow("iam:PassRole", account.role, Condition=to_sagemaker))  # type: ignore[attr-defined]
    account.iam.put_group_policy(GroupName="team", PolicyName="p", PolicyDocument=json.dumps(document))
    assert sagemaker.create_training_job(**request)["TrainingJobArn"]


def test_a_job_reaches_only_what_its_role_allows(account: Account) -> None:
    bucket = f"arn:aws:s3:::{BUCKET}"
    person = Person(account, "trainer", allow("s3:ListBucket", bucket), allow("s3:GetObject", f"{bucket}/source/*"))
    account.start("no-data", TRAIN, RoleArn=person.arn)
    job = account.finished("no-data")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(f"ClientError: Data download failed: s3://{BUCKET}/data/")
    assert f'not authorized to perform: s3:GetObject on resource: "{bucket}/data/' in job["FailureReason"]

    person.may(allow("s3:ListBucket", bucket), allow("s3:GetObject", f"{bucket}/*"))
    account.start("no-output", "open('/opt/ml/model/m', 'w').write('m')", RoleArn=person.arn)
    job = account.finished("no-output")
    assert (job["TrainingJobStatus"], "s3:PutObject" in job["FailureReason"]) == ("Failed", True)
    # Its log could not be written either, and that alone fails nothing.
    assert account.log("no-output") == []

    script = (
        "import boto3, botocore\n"
        "try:\n    boto3.client('s3').list_buckets()\n"
        "except botocore.exceptions.ClientError as error:\n    print('refused', error.response['Error']['Code'])\n"
    )
    logs = allow(["logs:CreateLogStream", "logs:PutLogEvents"], "*")
    person.may(allow("s3:ListBucket", bucket), allow(["s3:GetObject", "s3:PutObject"], f"{bucket}/*"), logs)
    account.start("bounded", script, RoleArn=person.arn)
    assert account.finished("bounded")["TrainingJobStatus"] == "Completed"
    assert account.saw("bounded", "refused AccessDenied")


def test_an_endpoint_without_its_models_permission_fails(account: Account) -> None:
    person = Person(account, "server", allow("s3:ListBucket", "*"))
    key = "models/kept-away/model.tar.gz"
    account.s3.put_object(Bucket=BUCKET, Key=key, Body=archive({"model.pth": "x"}))
    container = {"Image": IMAGE.replace("training", "inference"), "ModelDataUrl": f"s3://{BUCKET}/{key}"}
    account.sagemaker.create_model(ModelName="kept-away", ExecutionRoleArn=person.arn, PrimaryContainer=container)
    account.config("kept-away", "kept-away")
    account.sagemaker.create_endpoint(EndpointName="kept-away", EndpointConfigName="kept-away")
    assert account.settled("kept-away") == "Failed"
    reason = account.sagemaker.describe_endpoint(EndpointName="kept-away")["FailureReason"]
    assert "not authorized to perform: s3:GetObject" in reason


def test_simulation_agrees_with_enforcement(account: Account) -> None:
    person = Person(
        account,
        "simulated",
        allow("s3:PutObject", f"arn:aws:s3:::{BUCKET}/out/*"),
        allow("s3:DeleteObject", "*", "Deny"),
        allow("ec2:*", "*", Condition={"StringEquals": {"ec2:Region": "us-east-1"}}),
    )
    answer = account.iam.simulate_principal_policy(
        PolicySourceArn=person.arn,
        ActionNames=["s3:PutObject", "s3:DeleteObject"],
        ResourceArns=[f"arn:aws:s3:::{BUCKET}/out/x", f"arn:aws:s3:::{BUCKET}/in/x"],
    )
    found = [(result["EvalActionName"], result["EvalDecision"]) for result in answer["EvaluationResults"]]
    assert found == [
        ("s3:PutObject", "allowed"),
        ("s3:PutObject", "implicitDeny"),
        ("s3:DeleteObject", "explicitDeny"),
        ("s3:DeleteObject", "explicitDeny"),
    ]
    assert answer["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyId"] == "p"
    assert answer["EvaluationResults"][0]["MissingContextValues"] == ["ec2:Region"]
    ask = {"PolicySourceArn": person.arn, "ActionNames": ["ec2:RunInstances"]}
    entry = {"ContextKeyName": "ec2:Region", "ContextKeyValues": ["us-east-1"], "ContextKeyType": "string"}
    decisions = [
        account.iam.simulate_principal_policy(**ask, **more)["EvaluationResults"][0]["EvalDecision"]
        for more in ({}, {"ContextEntries": [entry]})
    ]
    assert decisions == ["implicitDeny", "allowed"]
    s3 = person.client("s3")
    assert s3.put_object(Bucket=BUCKET, Key="out/x", Body=b"")["ETag"]
    assert refused(s3.put_object, Bucket=BUCKET, Key="in/x", Body=b"")[0] == "AccessDenied"
    operator = account.iam.simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/operator", ActionNames=["iam:CreateRole"]
    )
    assert operator["EvaluationResults"][0]["EvalDecision"] == "allowed"


def test_policies_are_enforced_after_a_crash(account: Account) -> None:
    person = Person(account, "survivor", allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/data/*"))
    account.sandbox.restart()
    account.connect()
    s3 = person.client("s3")
    assert s3.get_object(Bucket=BUCKET, Key="data/train/one.txt")["Body"].read() == b"one"
    assert wait_for(lambda: refused(s3.list_buckets)[0]) == "AccessDenied"


def test_a_trust_policy_that_is_none_is_refused(sandbox: SandboxProcess) -> None:
    iam = sandbox.client("iam")
    for text, words in (("some policy", "invalid Json"), ('{"Statement": []}', "Missing required field Statement")):
        with pytest.raises(iam.exceptions.MalformedPolicyDocumentException, match=words):
            iam.create_role(RoleName="unlike", AssumeRolePolicyDocument=text)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="unlike")


def test_what_others_hang_on_to_stays(sandbox: SandboxProcess) -> None:
    iam = sandbox.client("iam")
    policy = {"PolicyName": "held", "PolicyDocument": json.dumps({**TRUST, "Statement": allow("s3:*", "*")})}
    arn = iam.create_policy(**policy)["Policy"]["Arn"]
    iam.create_user(UserName="held")
    iam.create_role(RoleName="held", AssumeRolePolicyDocument=json.dumps(TRUST), PermissionsBoundary=arn)
    key = {"UserName": "held", "AccessKeyId": iam.create_access_key(UserName="held")["AccessKey"]["AccessKeyId"]}
    both, whole = {"GroupName": "held", "UserName": "held"}, {"GroupName": "held", "PolicyArn": arn}
    inline = {"GroupName": "held", "PolicyName": "inline"}
    iam.create_group(GroupName="held")
    iam.add_user_to_group(**both)
    iam.attach_group_policy(**whole)
    iam.put_group_policy(**inline, PolicyDocument=policy["PolicyDocument"])
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy["PolicyDocument"])

    def user() -> None:
        iam.delete_user(UserName="held")

    def group() -> None:
        iam.delete_group(GroupName="held")

    def managed() -> None:
        iam.delete_policy(PolicyArn=arn)

    steps = [
        (user, "must delete access keys first", lambda: iam.delete_access_key(**key)),
        (user, "must remove users from group first", None),
        (group, "must remove users from group first", lambda: iam.remove_user_from_group(**both)),
        (group, "must detach all policies first", None),
        (managed, "Cannot delete a policy attached to entities", lambda: iam.detach_group_policy(**whole)),
        (group, "must delete policies first", lambda: iam.delete_group_policy(**inline)),
        (managed, "attached to entities", lambda: iam.delete_role_permissions_boundary(RoleName="held")),
        (managed, "more than one version", lambda: iam.delete_policy_version(PolicyArn=arn, VersionId="v2")),
    ]
    for delete, words, first in steps:
        with pytest.raises(iam.exceptions.DeleteConflictException, match=words):
            delete()
        if first is not None:
            first()
    for delete in (managed, group, user):
        delete()
        with pytest.raises(iam.exceptions.NoSuchEntityException):
            delete()


def test_nothing_is_changed_that_is_not_there_or_not_the_accounts(sandbox: SandboxProcess) -> None:
    iam = sandbox.client("iam")
    iam.create_user(UserName="ann")
    iam.create_user(UserName="bob")
    missing = iam.exceptions.NoSuchEntityException
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException, match="User with name bob already exists"):
        iam.update_user(UserName="ann", NewUserName="bob")
    iam.update_user(UserName="ann", NewUserName="anna")
    assert refused(iam.create_user, UserName="cut", PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess") == (
        "NotImplemented",
        "The sandbox does not offer iam:CreateUser with PermissionsBoundary.",
    )
    for call in (iam.update_group, iam.delete_group):
        with pytest.raises(missing, match="The group with name nobody cannot be found"):
            call(GroupName="nobody")
    with pytest.raises(missing):
        iam.list_entities_for_policy(PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/nobody")
    with pytest.raises(missing):
        iam.list_instance_profiles_for_role(RoleName="nobody")
    with pytest.raises(missing, match="alias nobody does not exist"):
        iam.delete_account_alias(AccountAlias="nobody")
    aws = {"PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    assert refused(iam.delete_policy, **aws) == (
        "AccessDenied",
        f"Policy {aws['PolicyArn']} is outside your own account.",
    )
    assert refused(iam.tag_policy, **aws, Tags=[{"Key": "k", "Value": "v"}])[0] == "AccessDenied"
    assert iam.get_policy(**aws)["Policy"]["PolicyName"] == "ReadOnlyAccess"
