"""Requests to the sandbox that no client of ours would send, byte by byte."""

from __future__ import annotations

import http.client

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.helpers.sandbox import SandboxProcess


def port(sandbox: SandboxProcess) -> int:
    return int(sandbox.url.rpartition(":")[2])


def exchange(
    sandbox: SandboxProcess, method: str, target: str, headers: dict[str, str], body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    """One request as it is written here, with nothing added but the body's length."""
    connection = http.client.HTTPConnection("127.0.0.1", port(sandbox), timeout=30)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if "Content-Length" not in headers:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def signed(
    sandbox: SandboxProcess,
    method: str,
    path: str,
    service: str,
    body: bytes = b"",
    host: str = "",
    keys: Credentials | None = None,
    **more: str,
) -> dict[str, str]:
    """The headers of a request that the operator (or who has ``keys``) signs now."""
    request = AWSRequest(method, f"http://{host or f'127.0.0.1:{port(sandbox)}'}{path}", data=body, headers=more)
    keys = keys or Credentials(sandbox.ready["access_key_id"], sandbox.ready["secret_access_key"])
    (S3SigV4Auth if service == "s3" else SigV4Auth)(keys, service, "us-east-1").add_auth(request)
    return {"Host": host or f"127.0.0.1:{port(sandbox)}", **dict(request.headers.items())}
