"""Lambda in a real sandbox process: the code really runs, with the role's credentials and nothing else."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import zipfile
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.helpers.functions import ECHO, LOGGING, TRUST, call, zipped
from tests.helpers.sandbox import SandboxProcess

pytestmark = pytest.mark.integration
LAYERS = "arn:aws:lambda:us-east-1:123456789012:layer:tools"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("functions") / "state") as running:
        yield running


@pytest.fixture(scope="module")
def role(sandbox: SandboxProcess) -> str:
    iam = sandbox.client("iam")
    arn = iam.create_role(RoleName="fn", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.attach_role_policy(RoleName="fn", PolicyArn=LOGGING)
    return arn


@pytest.fixture
def make(sandbox: SandboxProcess, role: str) -> Iterator[Any]:
    client = sandbox.client("lambda")
    made: list[str] = []

    def create(name: str, code: str = ECHO, **more: Any) -> Any:
        made.append(name)
        settings = {"Runtime": "python3.12", "Role": role, "Handler": "code.handler", "Timeout": 60} | more
        return client.create_function(FunctionName=name, Code={"ZipFile": zipped(code)}, **settings)

    yield create
    for name in made:
        client.delete_function(FunctionName=name)


def refused(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_function_runs_stays_warm_and_logs(sandbox: SandboxProcess, make: Any) -> None:
    assert make("echo")["State"] == "Active"
    answer, payload = call(sandbox, "echo", {"a": "ü"})
    assert (answer["StatusCode"], answer["ExecutedVersion"], payload) == (200, "$LATEST", [{"a": "ü"}, 1])
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "START RequestId" in log and "seen 1" in log and "Init Duration" in log
    assert call(sandbox, "echo")[1][1] == 2
    events = sandbox.client("logs").filter_log_events(logGroupName="/aws/lambda/echo")["events"]
    assert [event["message"].strip() for event in events if "seen" in event["message"]] == ["seen 1", "seen 2"]


def test_the_code_sees_its_role_and_nothing_of_the_operator(sandbox: SandboxProcess, make: Any) -> None:
    code = (
        "import os, boto3\n"
        "def handler(event, context):\n"
        "  arn = boto3.client('sts').get_caller_identity()['Arn']\n"
        "  return {'arn': arn, 'names': sorted(os.environ)}\n"
    )
    make("who", code, Environment={"Variables": {"ENDPOINT_NAME": "dogs"}}, MemorySize=512)
    found = call(sandbox, "who")[1]
    assert found["arn"].endswith(":assumed-role/fn/who")
    assert "ENDPOINT_NAME" in found["names"]
    assert not {"USER", "LOGNAME", "VIRTUAL_ENV", "SSH_AUTH_SOCK", "PYTHONPATH"} & set(found["names"])


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        ("raises", "def handler(e, c):\n  raise ValueError('bad')\n", "ValueError"),
        ("exits", "import os\ndef handler(e, c):\n  os._exit(3)\n", "Runtime.ExitError"),
        ("imports", "import nothing_like_it\n", "Runtime.ImportModuleError"),
        ("sleeps", "import time\ndef handler(e, c):\n  time.sleep(60)\n", "Sandbox.Timedout"),
    ],
)
def test_failures_have_awss_shape(sandbox: SandboxProcess, make: Any, name: str, code: str, kind: str) -> None:
    make(name, code, Timeout=1 if kind == "Sandbox.Timedout" else 60)
    answer, payload = call(sandbox, name)
    assert answer["FunctionError"] == "Unhandled" and payload["errorType"] == kind


def test_too_much_memory_ends_the_call(sandbox: SandboxProcess, make: Any) -> None:
    code = "import time\ndef handler(e, c):\n  x = bytearray(400_000_000)\n  time.sleep(60)\n"
    make("eats", code, MemorySize=128, Timeout=60)
    assert "signal: killed" in call(sandbox, "eats")[1]["errorMessage"]


def test_versions_and_aliases_keep_the_code_of_their_time(sandbox: SandboxProcess, make: Any) -> None:
    client = sandbox.client("lambda")
    make("versions", "def handler(e, c):\n  return 'one'\n")
    assert client.publish_version(FunctionName="versions")["Version"] == "1"
    assert client.publish_version(FunctionName="versions")["Version"] == "1"
    client.update_function_code(FunctionName="versions", ZipFile=zipped("def handler(e, c):\n  return 'two'\n"))
    client.create_alias(FunctionName="versions", Name="live", FunctionVersion="1")
    assert call(sandbox, "versions", Qualifier="live")[1] == "one"
    assert call(sandbox, "versions")[1] == "two"
    version = client.publish_version(FunctionName="versions")["Version"]
    client.update_alias(FunctionName="versions", Name="live", FunctionVersion=version)
    assert call(sandbox, "versions", Qualifier="live")[1] == "two"
    assert [v["Version"] for v in client.list_versions_by_function(FunctionName="versions")["Versions"]] == [
        "$LATEST", "1", "2",
    ]  # fmt: skip


def test_reserved_concurrency_refuses_what_is_too_much(sandbox: SandboxProcess, make: Any) -> None:
    make("stopped")
    sandbox.client("lambda").put_function_concurrency(FunctionName="stopped", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as error:
        call(sandbox, "stopped")
    assert refused(error) == "TooManyRequestsException"
    assert error.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_bad_requests_are_refused_in_awss_words(sandbox: SandboxProcess, role: str, make: Any) -> None:
    client = sandbox.client("lambda")
    with pytest.raises(ClientError) as error:
        client.get_function(FunctionName="nobody")
    assert refused(error) == "ResourceNotFoundException"
    make("twice")
    with pytest.raises(ClientError) as error:
        client.create_function(
            FunctionName="twice", Runtime="python3.12", Role=role, Handler="a.b", Code={"ZipFile": zipped("")}
        )
    assert refused(error) == "ResourceConflictException"
    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        client.create_function(
            FunctionName="norole", Runtime="python3.12", Role=role + "x", Handler="a.b", Code={"ZipFile": zipped("")}
        )
    with pytest.raises(ClientError, match="outside"):
        client.update_function_code(FunctionName="twice", ZipFile=zipped("x", "../evil.py"))
    with pytest.raises(ClientError) as error:
        client.invoke(FunctionName="twice", Payload=b"{not json")
    assert refused(error) == "InvalidRequestContentException"
    with pytest.raises(ClientError) as error:
        client.invoke(FunctionName="twice", Payload=b'"' + b"x" * (6 * 1024 * 1024) + b'"')
    assert refused(error) == "RequestTooLargeException"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"Colour": "red"}, "Unknown parameter in input: Colour; must be one of: .*VpcConfig"),
        ({"Environment": {"Variables": {}, "Secrets": {}}}, "Environment.Secrets"),
        ({"Architectures": ["arm64"]}, "no Architectures of this kind"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "no VpcConfig of this kind"),
        ({"EphemeralStorage": {"Size": 10240}}, "no EphemeralStorage of this kind"),
        ({"Layers": [f"{LAYERS}:1"]}, f"Layer version {LAYERS}:1 does not exist"),
    ],
)
def test_what_the_sandbox_would_leave_out_is_refused(
    sandbox: SandboxProcess, role: str, more: dict[str, Any], said: str
) -> None:
    client = sandbox.client("lambda")

    def add(params: dict[str, Any], **_: Any) -> None:
        params["body"] = json.dumps(json.loads(params["body"]) | more).encode()

    # After botocore has looked at it, as a client of another kind sends it.
    client.meta.events.register("before-call.lambda.CreateFunction", add)
    asked = {"Runtime": "python3.12", "Role": role, "Handler": "code.handler", "Code": {"ZipFile": zipped(ECHO)}}
    with pytest.raises(ClientError, match=said) as error:
        client.create_function(FunctionName="more", **asked)
    assert refused(error) in ("ValidationException", "InvalidParameterValueException")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="more")


def test_code_that_is_not_there_and_images_are_refused_as_by_lambda(
    sandbox: SandboxProcess, role: str, make: Any
) -> None:
    make("plain")
    client = sandbox.client("lambda")
    with pytest.raises(
        ClientError, match="Please don't provide ImageUri when updating a function with packageType Zip"
    ):
        client.update_function_code(FunctionName="plain", ImageUri="i:1")
    asked = {"FunctionName": "nothing", "Role": role}
    with pytest.raises(ClientError, match="Runtime and Handler are mandatory parameters for functions created with"):
        client.create_function(**asked, Code={"ImageUri": "i:1"})
    asked |= {"Runtime": "python3.12", "Handler": "a.b"}
    with pytest.raises(ClientError, match="Please provide a source for function code"):
        client.create_function(**asked, Code={"ImageUri": "i:1"})
    missing, network = {"S3Bucket": "no-such-bucket", "S3Key": "k"}, {"SubnetIds": ["subnet-1"]}
    with pytest.raises(ClientError, match=r"S3 Error Code: NoSuchBucket\. S3 Error Message: The specified"):
        client.create_function(**asked, Code=missing, VpcConfig=network)


def test_what_every_function_has_may_be_asked_for(make: Any) -> None:
    same = {"Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512}, "TracingConfig": {"Mode": "PassThrough"}}
    made = make("same", **same, VpcConfig={"SubnetIds": [], "SecurityGroupIds": []}, Layers=[])
    assert {name: made[name] for name in same} == same


def test_dry_run_and_event(sandbox: SandboxProcess, make: Any) -> None:
    make("later")
    client = sandbox.client("lambda")
    assert client.invoke(FunctionName="later", InvocationType="DryRun")["StatusCode"] == 204
    assert client.invoke(FunctionName="later", InvocationType="Event", Payload=b"{}")["StatusCode"] == 202


def test_functions_survive_a_killed_sandbox(tmp_path: Path) -> None:
    with SandboxProcess(tmp_path / "state") as running:
        role = running.client("iam").create_role(RoleName="fn", AssumeRolePolicyDocument=json.dumps(TRUST))
        running.client("lambda").create_function(
            FunctionName="kept", Runtime="python3.12", Role=role["Role"]["Arn"], Handler="code.handler",
            Code={"ZipFile": zipped(ECHO)},
        )  # fmt: skip
        running.kill()
        running.start()
        assert call(running, "kept")[1] == [{}, 1]


def zip_of(*members: tuple[zipfile.ZipInfo, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for info, code in members:
            archive.writestr(info, code)
    return buffer.getvalue()


def with_mode(name: str, mode: int, system: int = 3) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = system, mode << 16
    return info


GOOD = "def handler(event, context): return 'ran'"
ZIPS = {
    "mode-000": (
        [(with_mode("code.py", 0o100000), GOOD)],
        ("PermissionError", "[Errno 13] Permission denied: '/var/task/code.py'"),
        "[sandbox] The zip lets nobody read code.py: give its files the mode 644, its folders 755.",
    ),
    "imports-mode-000": (
        [(with_mode("code.py", 0o644), f"import inner\n{GOOD}"), (with_mode("inner.py", 0o100000), "")],
        ("PermissionError", "[Errno 13] Permission denied: '/var/task/inner.py'"),
        "[sandbox] The zip lets nobody read inner.py: give its files the mode 644, its folders 755.",
    ),
    "backslashes": (
        [(with_mode("app\\code.py", 0o644), GOOD)],
        ("Runtime.ImportModuleError", "Unable to import module 'app.code': No module named 'app'"),
        "[sandbox] The zip has names with backslashes (app\\code.py). Lambda runs on Linux, where they are names and "
        "not folders: make the zip with forward slashes.",
    ),
}


@pytest.mark.parametrize("name", ZIPS)
def test_a_zip_that_lambda_could_not_run_fails_in_awss_words_and_says_why(
    sandbox: SandboxProcess, make: Any, name: str
) -> None:
    members, expected, hint = ZIPS[name]
    make(name, Handler="app.code.handler" if name == "backslashes" else "code.handler")
    sandbox.client("lambda").update_function_code(FunctionName=name, ZipFile=zip_of(*members))
    answer, payload = call(sandbox, name)
    assert answer["FunctionError"] == "Unhandled"
    assert (payload["errorType"], payload["errorMessage"]) == expected
    assert hint in base64.b64decode(answer["LogResult"]).decode()


def test_a_zip_that_was_not_made_on_unix_has_no_modes(sandbox: SandboxProcess, make: Any) -> None:
    make("windows")
    data = zip_of((with_mode("code.py", 0o100000, system=0), GOOD))
    sandbox.client("lambda").update_function_code(FunctionName="windows", ZipFile=data)
    assert call(sandbox, "windows")[1] == "ran"


def test_a_functions_code_is_had_by_a_signed_url_alone(sandbox: SandboxProcess, make: Any) -> None:
    make("code")
    found = sandbox.client("lambda").get_function(FunctionName="code")
    url = urlsplit(found["Code"]["Location"])
    assert url.netloc == urlsplit(sandbox.url).netloc
    status, data = http_get(url)
    assert (status, zipfile.ZipFile(io.BytesIO(data)).read("code.py")) == (200, ECHO.encode())
    for wrong in (url._replace(query=""), url._replace(path=url.path.replace("code-", "other-"))):
        assert http_get(wrong)[0] == 403
    s3 = sandbox.client("s3")
    bucket = url.path.split("/")[1]
    assert bucket not in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key=unquote(url.path.partition(bucket + "/")[2]))
    assert refused(error) == "AccessDenied"
    with pytest.raises(ClientError) as error:
        s3.create_bucket(Bucket=bucket)
    assert refused(error) == "BucketAlreadyExists"


def http_get(url: SplitResult) -> tuple[int, bytes]:
    connection = HTTPConnection(url.netloc, timeout=60)
    connection.request("GET", f"{url.path}?{url.query}")
    answer = connection.getresponse()
    with contextlib.closing(connection):
        return answer.status, answer.read()


def test_a_function_is_called_by_the_version_that_was_asked_for(sandbox: SandboxProcess, make: Any) -> None:
    client, arn = sandbox.client("lambda"), make("named")["FunctionArn"]
    client.publish_version(FunctionName="named")
    latest = client.get_function_configuration(FunctionName="named", Qualifier="$LATEST")
    assert latest["FunctionArn"] == f"{arn}:$LATEST"
    assert client.get_function(FunctionName="named")["Configuration"]["FunctionArn"] == arn
    versions = client.list_versions_by_function(FunctionName="named")["Versions"]
    assert [version["FunctionArn"] for version in versions] == [f"{arn}:$LATEST", f"{arn}:1"]


def test_refusals_of_functions_in_awss_words(sandbox: SandboxProcess, make: Any) -> None:
    client = sandbox.client("lambda")
    make("refused")
    elsewhere = "arn:aws:iam::210987654321:role/r"
    for operation, members, words in (
        ("get_alias", {"FunctionName": "refused", "Name": "a"}, "Cannot find alias arn: arn:aws:lambda:"),
        ("invoke", {"FunctionName": "refused", "Qualifier": "a"}, "Function not found: arn:aws:lambda:"),
        (
            "remove_permission",
            {"FunctionName": "refused", "StatementId": "1"},
            "No policy is associated with the given",
        ),
        ("update_function_configuration", {"FunctionName": "refused", "Role": elsewhere}, "Cross-account pass role is"),
    ):
        with pytest.raises(ClientError, match=words):
            getattr(client, operation)(**members)
