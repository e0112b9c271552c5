"""Ways round access control that were found, tried over HTTP: what is refused, and that nothing was changed or read."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config

from tests.helpers.people import Person, allow, refused
from tests.helpers.sagemaker_jobs import Account
from tests.helpers.sandbox import SandboxProcess

pytestmark = pytest.mark.integration

OPEN, SECRET = "open-data", "secret-data"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with SandboxProcess(tmp_path_factory.mktemp("ways") / "state") as sandbox:
        account = Account(sandbox)
        for bucket in (OPEN, SECRET):
            account.s3.create_bucket(Bucket=bucket)
        account.s3.put_bucket_versioning(Bucket=OPEN, VersioningConfiguration={"Status": "Enabled"})
        account.s3.put_object(Bucket=SECRET, Key="secret.key", Body=b"secret")
        yield account


def with_header(client: Any, operation: str, name: str, value: str) -> None:
    """Let ``client`` send a header as it is, signed."""
    client.meta.events.register(
        f"before-sign.s3.{operation}", lambda request, **_: request.headers.replace_header(name, value)
    )


@pytest.mark.parametrize("source", [f"{SECRET}/secret.key?x.jpg", f"{SECRET}/secret.key?versionId=&a.jpg"])
def test_a_copy_source_with_a_suffix_reads_nothing(account: Account, source: str) -> None:
    person = Person(
        account,
        f"copier-{len(source)}",
        allow("s3:PutObject", f"arn:aws:s3:::{OPEN}/*"),
        allow("s3:GetObject*", f"arn:aws:s3:::{SECRET}/*.jpg"),
        allow("s3:GetObject*", f"arn:aws:s3:::{SECRET}/*.jpg*"),
    )
    s3 = person.client("s3")
    with_header(s3, "CopyObject", "x-amz-copy-source", source)
    code, _ = refused(s3.copy_object, Bucket=OPEN, Key="mine", CopySource=f"{SECRET}/secret.key")
    assert code == "InvalidArgument"
    upload = account.s3.create_multipart_upload(Bucket=OPEN, Key="mine")["UploadId"]
    with_header(s3, "UploadPartCopy", "x-amz-copy-source", source)
    arguments = {"Bucket": OPEN, "Key": "mine", "PartNumber": 1, "UploadId": upload}
    assert refused(s3.upload_part_copy, **arguments, CopySource=f"{SECRET}/secret.key")[0] == "InvalidArgument"
    assert refused(account.s3.head_object, Bucket=OPEN, Key="mine")[0] == "404"


def test_who_has_a_presigned_url_cannot_turn_it_into_a_copy(account: Account) -> None:
    client = account.sandbox.client("s3", config=Config(signature_version="s3v4"))
    url = client.generate_presigned_url("put_object", Params={"Bucket": OPEN, "Key": "dropped"})
    request = urllib.request.Request(url, method="PUT", headers={"x-amz-copy-source": f"{SECRET}/secret.key"})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    assert error.value.code == 403 and b"HeadersNotSigned" in error.value.read()
    assert refused(account.s3.head_object, Bucket=OPEN, Key="dropped")[0] == "404"
    with urllib.request.urlopen(urllib.request.Request(url, method="PUT", data=b"as meant")) as answer:
        assert answer.status == 200


def test_an_added_user_name_does_not_move_the_question_to_oneself(account: Account) -> None:
    person = Person(account, "climber", allow("iam:*", "arn:aws:iam::123456789012:user/climber"))
    iam = person.client("iam")

    def add(params: dict[str, Any], **_: Any) -> None:
        params["body"] = {**params["body"], "UserName": "climber"}

    iam.meta.events.register("before-call.iam.AttachRolePolicy", add)
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    code, message = refused(iam.attach_role_policy, RoleName="climber", PolicyArn=admin)
    assert code == "InvalidParameterValue" and "UserName" in message
    assert account.iam.list_attached_role_policies(RoleName="climber")["AttachedPolicies"] == []


def test_an_added_arn_does_not_move_the_question_to_another_resource(account: Account) -> None:
    mine = "arn:aws:sagemaker:us-east-1:123456789012:model/mine"
    person = Person(account, "remover", allow("sagemaker:*", mine))
    role = Person(account, "host").arn
    account.sagemaker.create_model(ModelName="victim", ExecutionRoleArn=role, PrimaryContainer={"Image": "i"})
    sagemaker = person.client("sagemaker")

    def add(params: dict[str, Any], **_: Any) -> None:
        params["body"] = json.dumps({**json.loads(params["body"]), "ResourceArn": mine}).encode()

    sagemaker.meta.events.register("before-call.sagemaker.DeleteModel", add)
    code, message = refused(sagemaker.delete_model, ModelName="victim")
    assert code == "ValidationException" and "ResourceArn" in message
    assert account.sagemaker.describe_model(ModelName="victim")["ModelName"] == "victim"


def test_a_version_is_deleted_only_with_its_own_permission(account: Account) -> None:
    version = account.s3.put_object(Bucket=OPEN, Key="kept", Body=b"kept")["VersionId"]
    person = Person(account, "sweeper", allow("s3:DeleteObject", f"arn:aws:s3:::{OPEN}/*"))
    s3 = person.client("s3")
    entries = {"Objects": [{"Key": "kept", "VersionId": version}, {"Key": "kept"}]}
    answer = s3.delete_objects(Bucket=OPEN, Delete=entries)
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("kept", "AccessDenied")]
    assert [deleted["DeleteMarker"] for deleted in answer["Deleted"]] == [True]
    assert account.s3.get_object(Bucket=OPEN, Key="kept", VersionId=version)["Body"].read() == b"kept"
    assert refused(s3.delete_object, Bucket=OPEN, Key="kept", VersionId=version)[0] == "AccessDenied"


def test_a_function_is_not_made_of_code_that_its_maker_may_not_read(account: Account) -> None:
    role = Person(account, "function-role").arn
    person = Person(account, "coder", allow(["lambda:*", "iam:PassRole"], "*"))
    code = {"S3Bucket": SECRET, "S3Key": "secret.key"}
    client = person.client("lambda")
    code_, message = refused(
        client.create_function, FunctionName="f", Role=role, Handler="h.h", Runtime="python3.12", Code=code
    )
    assert code_ == "AccessDeniedException" and "s3:GetObject" in message


def test_a_deny_on_a_function_holds_for_every_way_to_name_it(account: Account) -> None:
    whole = "arn:aws:lambda:us-east-1:123456789012:function:guarded"
    person = Person(account, "caller", allow("lambda:*", "*"), allow("lambda:InvokeFunction", whole, "Deny"))
    client = person.client("lambda")
    for name in ("guarded", "123456789012:function:guarded", whole):
        assert refused(client.invoke, FunctionName=name)[0] == "AccessDeniedException"
    foreign = whole.replace("us-east-1", "eu-west-1")
    assert refused(client.invoke, FunctionName=foreign)[0] == "ResourceNotFoundException"
