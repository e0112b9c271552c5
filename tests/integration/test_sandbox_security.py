"""What somebody on this machine, a page in a browser, or code that runs in the sandbox can try against it."""

from __future__ import annotations

import http.client
import io
import json
import os
import stat
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.helpers.functions import ECHO, TRUST, call, zipped
from tests.helpers.raw_requests import exchange, port, signed
from tests.helpers.sandbox import SandboxProcess, anywhere_in
from tests.helpers.waiting import wait_for

pytestmark = pytest.mark.integration

ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<Delete><Object><Key>&b;</Key></Object></Delete>"
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("security") / "state") as running:
        iam = running.client("iam")
        iam.create_role(RoleName="fn", AssumeRolePolicyDocument=json.dumps(TRUST))
        running.client("s3").create_bucket(Bucket="bucket")
        running.client("lambda").create_function(
            FunctionName="warm", Runtime="python3.12", Role="arn:aws:iam::123456789012:role/fn",
            Handler="code.handler", Code={"ZipFile": zipped(ECHO)},
        )  # fmt: skip
        call(running, "warm")
        yield running


def family(sandbox: SandboxProcess) -> list[psutil.Process]:
    assert sandbox.process is not None
    parent = psutil.Process(sandbox.process.pid)
    return [parent, *parent.children(recursive=True)]


def test_it_and_its_children_listen_on_loopback_only(sandbox: SandboxProcess) -> None:
    listening = [
        connection.laddr.ip
        for process in family(sandbox)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening and set(listening) == {"127.0.0.1"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"])
@pytest.mark.parametrize("target", ["/", "/bucket/key", "/moto-api/reset", "/2015-03-31/functions/warm/invocations"])
def test_a_page_in_a_browser_gets_nothing(sandbox: SandboxProcess, method: str, target: str) -> None:
    """A page that knows the port, or whose name was rebound to 127.0.0.1, cannot sign."""
    headers = {"Host": "evil.example", "Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    status, answered, body = exchange(sandbox, method, target, headers, b"{}" if method in ("POST", "PUT") else b"")
    assert status == 403
    assert not [name for name in answered if name.startswith("access-control-")]
    assert "set-cookie" not in answered and (method == "HEAD" or b"MissingAuthenticationToken" in body)


def test_a_signature_holds_for_its_own_host_path_and_body_only(sandbox: SandboxProcess) -> None:
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    headers = signed(sandbox, "POST", "/", "sts", body) | {"Content-Type": "application/x-www-form-urlencoded"}
    assert exchange(sandbox, "POST", "/", headers, body)[0] == 200
    for change in ({"Host": "evil.example"}, {"Authorization": headers["Authorization"][:-1] + "0"}):
        if change.get("Authorization") != headers["Authorization"]:
            assert exchange(sandbox, "POST", "/", headers | change, body)[0] == 403
    assert exchange(sandbox, "POST", "/", headers, body.replace(b"Caller", b"Public"))[0] == 403
    assert exchange(sandbox, "POST", "/other", headers, body)[0] == 403


def test_an_old_request_cannot_be_sent_again(sandbox: SandboxProcess) -> None:
    request = AWSRequest("GET", f"http://127.0.0.1:{port(sandbox)}/bucket")
    keys = Credentials(sandbox.ready["access_key_id"], sandbox.ready["secret_access_key"])
    signer = S3SigV4Auth(keys, "s3", "us-east-1")
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 16 * 60))
    request.context["timestamp"] = stamp
    request.headers["X-Amz-Date"] = stamp
    request.headers["X-Amz-Content-SHA256"] = signer.payload(request)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    signer._inject_signature_to_request(request, signature)
    headers = {"Host": f"127.0.0.1:{port(sandbox)}", **dict(request.headers.items())}
    status, _, body = exchange(sandbox, "GET", "/bucket", headers)
    assert status == 403 and b"RequestTimeTooSkewed" in body


def test_a_presigned_url_ends(sandbox: SandboxProcess) -> None:
    s3 = sandbox.client("s3")
    s3.put_object(Bucket="bucket", Key="key", Body=b"content")
    host = {"Host": f"127.0.0.1:{port(sandbox)}"}

    def target(seconds: int) -> str:
        given = {"Bucket": "bucket", "Key": "key"}
        url = s3.generate_presigned_url("get_object", Params=given, ExpiresIn=seconds)
        return str(url.partition(f":{port(sandbox)}")[2])

    lasting, brief = target(600), target(1)
    assert exchange(sandbox, "GET", lasting, host)[2] == b"content"
    assert exchange(sandbox, "PUT", lasting, host, b"x")[0] == 403
    assert exchange(sandbox, "GET", lasting.replace("key", "kez", 1), host)[0] == 403
    wait_for(lambda: exchange(sandbox, "GET", brief, host)[0] != 200, what="the end of the address's second", every=0.1)
    assert b"expired" in exchange(sandbox, "GET", brief, host)[2]


@pytest.mark.parametrize("service", ["iam", "ec2", "lambda", "sagemaker"])
@pytest.mark.parametrize(
    "path", ["/moto-api/reset", "/%6doto-api/reset", "//moto-api/reset", "/x/../moto-api/reset", "/moto-api/data.json"]
)
def test_the_back_door_of_the_emulator_is_shut(sandbox: SandboxProcess, service: str, path: str) -> None:
    status, _, body = exchange(sandbox, "POST", path, signed(sandbox, "POST", path, service))
    assert status in (400, 403, 404, 501), body
    assert sandbox.client("iam").get_role(RoleName="fn")["Role"]["RoleName"] == "fn"


def test_names_lead_nowhere(sandbox: SandboxProcess, tmp_path: Path) -> None:
    outside = sandbox.state.parent
    before = {entry.name for entry in outside.iterdir()}
    s3 = sandbox.client("s3")
    for key in ("../../evil", "/etc/evil", "a/../../../evil", "..", "x\\..\\..\\evil", "%2e%2e%2fevil", "~/evil"):
        s3.put_object(Bucket="bucket", Key=key, Body=key.encode())
        assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == key.encode()
    logs = sandbox.client("logs")
    logs.create_log_group(logGroupName="../../evil")
    logs.create_log_stream(logGroupName="../../evil", logStreamName="../../evil")
    for bucket in ("..", "../evil", ".", "a/../b"):
        path = f"/{bucket}/key"
        assert exchange(sandbox, "PUT", path, signed(sandbox, "PUT", path, "s3"))[0] >= 400
    functions = sandbox.client("lambda")
    for name in ("../evil", "a/b", "..%2fevil", "x" * 200):
        with pytest.raises(ClientError):
            functions.get_function(FunctionName=name)
    sagemaker = sandbox.client("sagemaker")
    for name in ("../evil", "a/b", "."):
        with pytest.raises(ClientError) as error:
            sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="c")
        assert error.value.response["Error"]["Code"] == "ValidationException"
    assert {entry.name for entry in outside.iterdir()} == before
    assert not anywhere_in(sandbox.state, "evil")


def test_a_models_archive_stays_in_its_folder(tmp_path: Path) -> None:
    from sandbox.containers.archive import ArchiveError, unpack

    def archive(*members: tarfile.TarInfo) -> Path:
        path = tmp_path / "model.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for member in members:
                tar.addfile(member, io.BytesIO(bytes(member.size)))
        return path

    def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, link, size
        return info

    bad = [
        member("../evil"), member("/tmp/evil"), member("a/../../evil"), member("C:/evil"), member("a\\..\\evil"),
        member("link", tarfile.SYMTYPE, "/etc"), member("hard", tarfile.LNKTYPE, "/etc/passwd"),
        member("dev", tarfile.CHRTYPE), member("fifo", tarfile.FIFOTYPE), member("x" * 300),
    ]  # fmt: skip
    for entry in bad:
        with pytest.raises(ArchiveError):
            unpack(archive(member("ok"), entry), tmp_path / "target")
    with pytest.raises(ArchiveError, match="more than 100 bytes"):
        unpack(archive(member("a", size=60), member("b", size=60)), tmp_path / "target", max_bytes=100)
    with pytest.raises(ArchiveError, match="more than 3 members"):
        unpack(archive(*[member(str(number)) for number in range(5)]), tmp_path / "target", max_members=3)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "model.tar.gz"] == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_not_expanded(sandbox: SandboxProcess, encoding: str) -> None:
    body = ENTITIES.encode(encoding)
    headers = signed(sandbox, "POST", "/bucket?delete=", "s3", body)
    status, _, answer = exchange(sandbox, "POST", "/bucket?delete=", headers, body)
    assert (status, b"MalformedXML" in answer) == (400, True)


def test_large_and_deep_bodies_are_refused_early(sandbox: SandboxProcess) -> None:
    assert sandbox.process is not None
    process = psutil.Process(sandbox.process.pid)
    before = process.memory_info().rss
    for service, size in (("iam", 17 * 1024 * 1024), ("sts", 10**12)):
        headers = signed(sandbox, "POST", "/", service) | {"Content-Length": str(size)}
        connection = http.client.HTTPConnection("127.0.0.1", port(sandbox), timeout=30)
        connection.putrequest("POST", "/", skip_host=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.sock.shutdown(1)
        # The answer is not waited for: whoever announces a terabyte gets none before it was sent.
        connection.close()
    deep = b"[" * 3_000_000
    with pytest.raises(ClientError) as error:
        sandbox.client("lambda").invoke(FunctionName="warm", Payload=deep)
    assert error.value.response["Error"]["Code"] == "InvalidRequestContentException"
    form = b"Action=GetCallerIdentity&" + b"a." * 50_000 + b"b=1"
    headers = signed(sandbox, "POST", "/", "sts", form) | {"Content-Type": "application/x-www-form-urlencoded"}
    assert exchange(sandbox, "POST", "/", headers, form)[0] == 400
    status, _, _ = exchange(sandbox, "GET", "/", {"Host": "x", "X-Long": "y" * 70_000})
    assert status == 431
    assert process.memory_info().rss - before < 200 * 1024 * 1024


def test_files_are_their_owners_alone(sandbox: SandboxProcess) -> None:
    sandbox.client("s3").put_object(Bucket="bucket", Key="private", Body=b"x")
    below = [Path(folder, name) for folder, *names in os.walk(sandbox.state) for some in names for name in some]
    assert len(below) > 10
    for place in (sandbox.state, sandbox.ready_file, *below):
        try:
            mode = stat.S_IMODE(os.lstat(place).st_mode)
        except FileNotFoundError:
            # Some files are there for a moment only.
            continue
        assert mode & 0o077 == 0, f"{place} {mode:o}"


def test_secrets_are_neither_in_arguments_nor_in_the_log(sandbox: SandboxProcess) -> None:
    code = "import os\ndef handler(e, c):\n  return [os.environ['AWS_' + name] for name in e]\n"
    sandbox.client("lambda").create_function(
        FunctionName="tells", Runtime="python3.12", Role="arn:aws:iam::123456789012:role/fn",
        Handler="code.handler", Code={"ZipFile": zipped(code)},
    )  # fmt: skip
    secrets = [sandbox.ready["secret_access_key"], *call(sandbox, "tells", ["SECRET_ACCESS_KEY", "SESSION_TOKEN"])[1]]
    keys = sandbox.client("sts").assume_role(
        RoleArn=sandbox.client("iam").create_role(
            RoleName="open",
            AssumeRolePolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}],
                }
            ),
        )["Role"]["Arn"],
        RoleSessionName="me",
    )["Credentials"]
    secrets += [keys["SecretAccessKey"], keys["SessionToken"]]
    wrong: dict[str, Any] = {"aws_access_key_id": keys["AccessKeyId"], "aws_secret_access_key": "wrong"}
    for more in ({}, {"aws_session_token": keys["SessionToken"]}, {"aws_session_token": "wrong"}):
        with pytest.raises(ClientError):
            sandbox.client("sts", **wrong, **more).get_caller_identity()
    # A fault inside of the emulator is told in the log, with where it was, but not with what was sent.
    with pytest.raises(ClientError):
        sandbox.client("iam").update_access_key(AccessKeyId=keys["AccessKeyId"], Status="Inactive", UserName="nobody")
    arguments = [" ".join(process.cmdline()) for process in family(sandbox)]
    assert len(arguments) > 2
    for secret in secrets:
        assert secret not in sandbox.errors()
        assert not [line for line in arguments if secret in line]


def test_a_function_does_not_get_the_keys_of_another(sandbox: SandboxProcess) -> None:
    code = "import os\ndef handler(e, c):\n  return os.environ['AWS_ACCESS_KEY_ID']\n"
    found = []
    for name in ("first", "second"):
        sandbox.client("lambda").create_function(
            FunctionName=name, Runtime="python3.12", Role="arn:aws:iam::123456789012:role/fn",
            Handler="code.handler", Code={"ZipFile": zipped(code)},
        )  # fmt: skip
        found.append(call(sandbox, name)[1])
    assert len(set(found)) == 2 and sandbox.ready["access_key_id"] not in found


MULTIPART = (
    b'--B\r\nContent-Disposition: form-data; name="Action"\r\n\r\nDeleteRole\r\n'
    b'--B\r\nContent-Disposition: form-data; name="RoleName"\r\n\r\nfn\r\n'
    b'--B\r\nContent-Disposition: form-data; name="x"\r\n\r\n&Action=GetRole&RoleName=fn&y=\r\n--B--\r\n'
)


@pytest.mark.parametrize(
    ("service", "path", "body", "headers", "statuses"),
    [
        # A path that may be called, and a header that names what may not.
        ("sagemaker", "/endpoints/mine/invocations", b"{}", {"X-Amz-Target": "SageMaker.ListEndpoints"}, {400}),
        # A header that names what may be called, and a path that may not.
        ("lambda", "/2015-03-31/functions/warm/invocations", b"{}", {"X-Amz-Target": "L.ListFunctions"}, {403}),
        ("eks", "/clusters", b"{}", {"X-Amz-Target": "L.ListClusters"}, {400, 403}),
        # One body that two readers understand differently.
        ("iam", "/", b"Action=DeleteRole&RoleName=fn&Action=GetRole", {}, {400}),
        ("iam", "/", b"Action=GetRole&RoleName=nobody&RoleName=fn", {}, {400}),
        ("iam", "/?Action=GetRole&RoleName=fn", b"Action=DeleteRole&RoleName=fn", {}, {400}),
        (
            "iam",
            "/",
            b'{"RoleName":"fn","x":"&Action=DeleteRole&RoleName=fn&y="}',
            {"X-Amz-Target": "I.GetRole", "Content-Type": "application/x-amz-json-1.1"},
            {400, 403},
        ),
        ("iam", "/", MULTIPART, {"Content-Type": "multipart/form-data; boundary=B"}, {200, 400}),
        (
            "ssm",
            "/",
            b'{"x":"&%41ction=PutParameter&Name=n&Value=v&Type=String&y="}',
            {"X-Amz-Target": "AmazonSSM.DescribeParameters", "Content-Type": "application/x-amz-json-1.1"},
            {400},
        ),
    ],
)
def test_no_request_is_decided_as_one_operation_and_run_as_another(
    sandbox: SandboxProcess,
    guest: Credentials,
    service: str,
    path: str,
    body: bytes,
    headers: dict[str, str],
    statuses: set[int],
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    status, _, answer = exchange(
        sandbox, "POST", path, signed(sandbox, "POST", path, service, body, keys=guest, **headers), body
    )
    assert status in statuses, answer
    assert sandbox.client("iam").get_role(RoleName="fn")["Role"]["RoleName"] == "fn"


def test_a_target_of_another_service_is_not_taken_for_ours(sandbox: SandboxProcess) -> None:
    sandbox.client("logs").create_log_group(logGroupName="/precious")
    body = b'{"logGroupName":"/precious"}'
    for target in ("Other_2031.DeleteLogGroup", "DeleteLogGroup.", "Logs_20140328x.DeleteLogGroup"):
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
        status, _, _ = exchange(sandbox, "POST", "/", signed(sandbox, "POST", "/", "logs", body, **headers), body)
        assert status in (404, 501), target
    assert sandbox.client("logs").describe_log_groups(logGroupNamePrefix="/precious")["logGroups"]


@pytest.fixture(scope="module")
def guest(sandbox: SandboxProcess) -> Credentials:
    """Keys of a role that may read a little."""
    iam = sandbox.client("iam")
    anybody = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [anybody]})
    arn = iam.create_role(RoleName="guest", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    actions = ["iam:GetRole", "lambda:ListFunctions", "sagemaker:InvokeEndpoint", "ssm:DescribeParameters"]
    allowed = [{"Effect": "Allow", "Action": [*actions, "eks:ListClusters"], "Resource": "*"}]
    document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    iam.put_role_policy(RoleName="guest", PolicyName="p", PolicyDocument=document)
    keys = sandbox.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    return Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
