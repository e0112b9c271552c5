"""Requests that cost the sandbox much more than their sender: each ends soon, in AWS's form, and harms nobody else."""

from __future__ import annotations

import socket
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.http.server import MAX_CONNECTIONS
from tests.helpers.raw_requests import exchange, port, signed
from tests.helpers.sandbox import SandboxProcess

pytestmark = pytest.mark.integration

# Far above what any of these takes on a slow machine, far below what they took (31 s to 100 s).
SOON = 15.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/x-amz-json-1.1"}
KEYS = b"".join(b"<Object><Key>k%d</Key></Object>" % number for number in range(100_000))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("greedy") / "state") as running:
        running.client("s3").create_bucket(Bucket="bucket")
        running.client("iam").list_roles()
        yield running


def fields(count: int) -> bytes:
    return b"Action=ListRoles&Version=2010-05-08&" + b"&".join(b"a%d=1" % number for number in range(count))


BODIES = {
    "a million fields": ("iam", "POST", "/", fields(1_000_000), FORM),
    "a million fields for ours": ("sts", "POST", "/", fields(1_000_000), FORM),
    "a million empty fields": ("ec2", "POST", "/", b"Action=DescribeRegions&" + b"&" * 1_000_000 + b"a=1", FORM),
    "a million fields for json": ("ssm", "POST", "/", fields(1_000_000), JSON | {"X-Amz-Target": "AmazonSSM.X"}),
    "deep names": ("iam", "POST", "/", b"Action=ListRoles&" + b"a." * 100_000 + b"b=1", FORM),
    "deep json": ("logs", "POST", "/", b'{"a":' * 1_000_000, JSON | {"X-Amz-Target": "Logs_20140328.CreateLogGroup"}),
    "deep json for moto": ("ssm", "POST", "/", b'{"a":' * 1_000_000, JSON | {"X-Amz-Target": "AmazonSSM.GetParameter"}),
    "deep json for a function": ("lambda", "POST", "/2015-03-31/functions", b"[" * 1_000_000, JSON),
    "deep cbor": (
        "monitoring",
        "POST",
        "/service/GraniteServiceVersion20100801/operation/ListMetrics",
        b"\x81" * 1_000_000,
        {"Smithy-Protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"},
    ),
    "long cbor": (
        "monitoring",
        "POST",
        "/service/GraniteServiceVersion20100801/operation/ListMetrics",
        b"\x9b\x00\x00\x00\xff\xff\xff\xff\xff",
        {"Smithy-Protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"},
    ),
    "deep xml": ("s3", "POST", "/bucket?delete=", b"<a>" * 1_000_000, {}),
    "deep closed xml": ("s3", "POST", "/bucket?delete=", b"<a>" * 500_000 + b"</a>" * 500_000, {}),
    "100,000 keys": ("s3", "POST", "/bucket?delete=", b"<Delete>" + KEYS + b"</Delete>", {}),
    "100,000 attributes": (
        "s3",
        "POST",
        "/bucket?delete=",
        b"<Delete " + b" ".join(b'a%d="1"' % number for number in range(100_000)) + b"/>",
        {},
    ),
    "a long key": ("s3", "PUT", "/bucket/" + "k" * 50_000, b"x", {}),
    "a path of slashes": ("lambda", "GET", "/2015-03-31/functions" + "/" * 50_000, b"", {}),
    "a long policy": ("s3", "PUT", "/bucket?policy=", b"[" * 20_000, {}),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_greedy_body_is_refused_soon(sandbox: SandboxProcess, name: str) -> None:
    service, method, path, body, headers = BODIES[name]
    headers = signed(sandbox, method, path, service, body, **headers)
    began = time.monotonic()
    status, got, answer = exchange(sandbox, method, path, headers, body)
    assert time.monotonic() - began < SOON
    assert 400 <= status < 500 or status == 501, answer[:300]
    assert b"InternalFailure" not in answer
    assert "x-amzn-requestid" in got


HEADS = {
    "a length of 5,000 digits": b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "a length of 19 digits": b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 19 + b"\r\n\r\n",
    "30,000 headers": b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 16_000 + b"\r\n",
    "20,000 fields in the path": b"GET /?" + b"a&" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a URL that holds for 5,000 digits": b"GET /bucket/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires="
    + b"9" * 5000
    + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long path": b"GET /" + b"x" * 70_000,
}


@pytest.mark.parametrize("name", HEADS)
def test_a_greedy_head_is_refused_soon_in_awss_form(sandbox: SandboxProcess, name: str) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port(sandbox)), timeout=60) as connection:
        connection.sendall(HEADS[name])
        with connection.makefile("rb") as file:
            status = int(file.readline().split()[1])
            headers = dict(line.strip().lower().split(b": ", 1) for line in iter(file.readline, b"\r\n"))
            body = file.read(int(headers[b"content-length"]))
    assert time.monotonic() - began < SOON
    assert 400 <= status < 500
    assert ElementTree.fromstring(body).findtext("Code")


def test_half_open_connections_lock_nobody_out(sandbox: SandboxProcess) -> None:
    kinds = (b"", b"GET / HTTP/1.1\r\nHo", b"PUT /bucket/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
    with ThreadPoolExecutor(1) as pool:
        opened: list[socket.socket] = []
        try:
            for number in range(MAX_CONNECTIONS + 50):
                opening = socket.create_connection(("127.0.0.1", port(sandbox)), timeout=30)
                opened.append(opening)
                opening.sendall(kinds[number % 3])
            client = sandbox.client("s3")
            began = time.monotonic()
            assert pool.submit(client.list_buckets).result(60)["Buckets"]
            assert time.monotonic() - began < SOON
        finally:
            for connection in opened:
                connection.close()
