"""HTTP as it is on the wire, and errors as botocore reads them."""

from __future__ import annotations

import socket
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import botocore.parsers
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from sandbox import dispatch
from sandbox.auth.payload import STREAMING_UNSIGNED
from sandbox.http import http1 as http_body
from sandbox.http import server as server_module
from sandbox.http.http1 import BadRequest, RawRequest, parse_head
from sandbox.http.server import HttpServer, PortTaken
from sandbox.wire import cbor
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import FileBody, RestResponse
from sandbox.wire.render_errors import render_error
from tests.helpers.waiting import wait_for

Answer = Callable[[RawRequest], RestResponse]


@contextmanager
def serving(answer: Answer) -> Iterator[HttpServer]:
    server = HttpServer(0, answer)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(60)
        assert not thread.is_alive()


def echo(request: RawRequest) -> RestResponse:
    body = b""
    while block := request.stream.read(1000):
        body += block
    text = f"{request.method} {request.target} {len(body)} ".encode() + body[:20]
    return RestResponse(200, {"X-Seen": ",".join(sorted(request.headers))}, text)


class Client:
    """A raw connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        status = int(self.file.readline().split()[1])
        headers = {}
        while (line := self.file.readline().strip()) != b"":
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        return status, headers, self.file.read(int(headers.get("content-length", 0)))

    def ended(self) -> bool:
        return self.file.read(1) == b""

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture
def client() -> Iterator[Client]:
    with serving(echo) as server:
        made = Client(server.port)
        yield made
        made.close()


def test_keep_alive_and_pipelining(client: Client) -> None:
    client.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nPUT /b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
    assert client.answer()[2] == b"GET /a 0 "
    assert client.answer()[2] == b"PUT /b?c=d 5 hello"
    client.send(b"GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    status, headers, _ = client.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert client.ended()


def test_a_request_in_small_pieces(client: Client) -> None:
    for byte in b"PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc":
        client.send(bytes([byte]))
    assert client.answer()[2] == b"PUT /slow 3 abc"


def test_large_bodies(client: Client) -> None:
    client.send(b"PUT /l HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
    assert client.answer()[2].startswith(b"PUT /l 3000000 xxx")


def test_chunked_bodies(client: Client) -> None:
    client.send(b"PUT /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.send(b"5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nTrailer: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.answer()[2] == b"PUT /c 11 hello world"
    assert client.answer()[2] == b"GET /next 0 "


def test_header_names_keep_their_underscores(client: Client) -> None:
    client.send(b"GET /a HTTP/1.1\r\nHost: x\r\nX-Amz-Meta-a_b: 1\r\nX-Amz-Meta-a-b: 2\r\n\r\n")
    assert client.answer()[1]["x-seen"] == "host,x-amz-meta-a-b,x-amz-meta-a_b"


def test_expect_continue_is_answered_when_the_body_is_wanted() -> None:
    with serving(echo) as server:
        client = Client(server.port)
        client.send(b"PUT /e HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert client.file.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert client.file.readline() == b"\r\n"
        client.send(b"hello")
        assert client.answer()[2] == b"PUT /e 5 hello"
        client.close()


def test_expect_continue_is_not_answered_when_the_request_is_refused() -> None:
    with serving(lambda request: RestResponse(403, {}, b"no")) as server:
        client = Client(server.port)
        client.send(b"PUT /e HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        status, headers, body = client.answer()
        assert (status, body, headers["connection"]) == (403, b"no", "close")
        assert client.ended()
        client.close()


def test_an_unread_body_does_not_disturb_the_next_request() -> None:
    with serving(lambda request: RestResponse(200, {}, request.target.encode())) as server:
        client = Client(server.port)
        client.send(b"PUT /one HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n" + b"GET /evil " * 40_000)
        client.send(b"GET /two HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.answer()[2] == b"/one"
        assert client.answer()[2] == b"/two"
        client.close()


def test_head_and_empty_answers_have_no_body() -> None:
    def answer(request: RawRequest) -> RestResponse:
        return RestResponse(204 if request.method == "DELETE" else 200, {}, b"body")

    with serving(answer) as server:
        client = Client(server.port)
        client.send(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.file.readline() == b"HTTP/1.1 200 OK\r\n"
        while client.file.readline() != b"\r\n":
            continue
        client.send(b"DELETE /a HTTP/1.1\r\nHost: x\r\n\r\n")
        status, headers, _ = client.answer()
        assert status == 204
        assert "content-length" not in headers
        client.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.answer()[2] == b"body"
        client.close()


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_files_are_sent_from_the_offset(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(bytes(range(256)) * (size // 256 + 2))

    def answer(request: RawRequest) -> RestResponse:
        return RestResponse(206, {}, FileBody((tmp_path / "file").open("rb"), 3, size))

    with serving(answer) as server:
        client = Client(server.port)
        for _ in range(2):
            client.send(b"GET /f HTTP/1.1\r\nHost: x\r\n\r\n")
            body = client.answer()[2]
            assert len(body) == size
            assert body[:5] == bytes([3, 4, 5, 6, 7])
        client.close()


def test_streams_are_sent_chunked() -> None:
    with serving(lambda request: RestResponse(200, {}, iter([b"ab", b"", b"cde"]))) as server:
        client = Client(server.port)
        client.send(b"GET /f HTTP/1.1\r\nHost: x\r\n\r\n")
        while (line := client.file.readline()) != b"\r\n":
            assert not line.lower().startswith(b"content-length")
        assert client.file.read(18) == b"2\r\nab\r\n3\r\ncde\r\n0\r\n"
        client.close()


def test_line_breaks_do_not_get_into_headers() -> None:
    with serving(lambda request: RestResponse(200, {"X-A": "1\r\nX-Evil: 2"}, b"")) as server:
        client = Client(server.port)
        client.send(b"GET /f HTTP/1.1\r\nHost: x\r\n\r\n")
        assert "x-evil" not in client.answer()[1]
        client.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"G ET / HTTP/1.1\r\n\r\n",
        b"GET relative HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nspace : x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n",
        b"GET /" + b"x" * 70_000,
    ],
)
def test_unclear_requests_are_refused_and_the_connection_ends(client: Client, head: bytes) -> None:
    client.send(head)
    status, headers, body = client.answer()
    assert status in (400, 413, 431)
    assert headers["connection"] == "close"
    assert ElementTree.fromstring(body).findtext("Code") == headers["x-amzn-errortype"]
    assert client.ended()


def refusing(request: RawRequest) -> RestResponse:
    """As the dispatcher: what is wrong with a body is answered, not raised."""
    try:
        return echo(request)
    except BadRequest as exc:
        return RestResponse(exc.status, {}, exc.code.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"f" * 16 + b"\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"1;" + b"e" * 20_000 + b"\r\nx\r\n",
        b"0\r\n" + b"a: b\r\n" * 200,
        b"0\r\n" + b"a" * 20_000,
        b"3\r\nabcdef\r\n0\r\n\r\n",
    ],
)
def test_bodies_that_cannot_be_read_end_the_connection(body: bytes) -> None:
    with serving(refusing) as server:
        client = Client(server.port)
        client.send(b"PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        status, headers, _ = client.answer()
        assert (status, headers["connection"]) == (400, "close")
        client.close()


def test_who_waits_gives_way_to_who_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 5)
    with serving(echo) as server:
        waiting = [Client(server.port) for _ in range(3)]
        for connection in waiting[1:]:
            connection.send(b"GET / HTTP/1.1\r\nHo")
        for _ in range(12):
            client = Client(server.port)
            client.send(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.answer()[0] == 200
            # Until its thread has let go of it, a connection that was answered still works.
            assert client.ended()
            client.close()
            waiting.append(Client(server.port))
        for connection in waiting:
            connection.close()


def test_bodies_that_do_not_come_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 3)
    monkeypatch.setattr(http_body, "PATIENCE_SECONDS", 0.0)
    with serving(echo) as server:
        slow = [Client(server.port) for _ in range(3)]
        for connection in slow:
            connection.send(b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx")
        # A connection that has sent nothing yet goes first, so it must be seen to have begun.
        wait_for(
            lambda: (
                all(connection.body for connection in server._connections.values()) and len(server._connections) == 3
            )
        )
        client = Client(server.port)
        client.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.answer()[0] == 200
        for connection in (client, *slow):
            connection.close()


def test_when_all_work_a_new_one_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 2)
    go = threading.Event()

    def work(request: RawRequest) -> RestResponse:
        go.wait(60)
        return RestResponse(200, {}, b"done")

    with serving(work) as server:
        busy = [Client(server.port) for _ in range(2)]
        for connection in busy:
            connection.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: [connection.busy for connection in server._connections.values()] == [True, True])
        refused = Client(server.port)
        status, _, body = refused.answer()
        assert (status, ElementTree.fromstring(body).findtext("Code")) == (503, "SlowDown")
        go.set()
        for connection in busy:
            assert connection.answer()[0] == 200
        for connection in (refused, *busy):
            connection.close()


def test_a_head_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    monkeypatch.setattr(http_body, "HEAD_SECONDS", -1.0)
    client.send(b"GET / HTTP/1.1\r\n")
    client.send(b"a: b\r\n")
    status, headers, _ = client.answer()
    assert (status, headers["x-amzn-errortype"]) == (400, "RequestTimeout")


def test_a_body_that_does_not_come_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 1)
    with serving(refusing) as server:
        client = Client(server.port)
        client.send(b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        status, headers, body = client.answer()
        assert (status, body, headers["connection"]) == (400, b"RequestTimeout", "close")
        client.close()


def test_a_client_that_leaves_in_the_middle_harms_nobody(client: Client) -> None:
    port = client.socket.getpeername()[1]
    gone = Client(port)
    gone.send(b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
    gone.close()
    client.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.answer()[0] == 200


def test_it_listens_on_loopback_only(client: Client) -> None:
    with serving(echo) as server:
        assert server._listener.getsockname()[0] == "127.0.0.1"
        assert server.url.startswith("http://127.0.0.1:")


def test_a_taken_port_is_named() -> None:
    with serving(echo) as server, pytest.raises(PortTaken, match=str(server.port)):
        HttpServer(server.port, echo)


def test_stopping_lets_a_request_end() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def answer(request: RawRequest) -> RestResponse:
        begun.set()
        go_on.wait(60)
        return RestResponse(200, {}, b"done")

    with serving(answer) as server:
        idle, busy = Client(server.port), Client(server.port)
        busy.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.wait(60)
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        assert idle.ended()
        go_on.set()
        assert busy.answer()[2] == b"done"
        stopper.join(60)
        idle.close()
        busy.close()


def test_absolute_targets() -> None:
    assert parse_head("GET http://127.0.0.1:1/a?b HTTP/1.1\r\nHost: x").target == "/a?b"
    with pytest.raises(BadRequest):
        parse_head("GET ftp://host/a HTTP/1.1\r\nHost: x")


ERROR = AwsError("SomethingException", 'Not <good> & "bad".', 418)


@pytest.mark.parametrize(
    ("protocol", "service", "parser"),
    [
        ("json", "logs", "json"),
        ("rest-json", "lambda", "rest-json"),
        ("s3", "s3", "rest-xml"),
        ("rest-xml", "route53", "rest-xml"),
        ("query", "iam", "query"),
        ("ec2", "ec2", "ec2"),
        ("cbor", "cloudwatch", "smithy-rpc-v2-cbor"),
    ],
)
def test_botocore_reads_errors_of_every_protocol(protocol: str, service: str, parser: str) -> None:
    told = render_error(ERROR, protocol, "REQUEST1", "/path", () if protocol == "rest-xml" else (service,))
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    shape = model.operation_model(model.operation_names[0]).output_shape
    answer = {"headers": {k.lower(): v for k, v in told.headers.items()}, "status_code": told.status, "body": told.body}
    assert told.status == 418
    parsed: dict[str, Any] = botocore.parsers.create_parser(parser).parse(answer, shape)
    assert parsed["Error"]["Code"] == "SomethingException"
    assert parsed["Error"]["Message"] == 'Not <good> & "bad".'


def test_members_of_a_modelled_error() -> None:
    error = AwsError("ModelError", "m", 424, OriginalStatusCode=500, OriginalMessage="trace", LogStreamArn="arn")
    told = render_error(error, "rest-json", "R", "", ("sagemaker-runtime",))
    model = ServiceModel(Loader().load_service_model("sagemaker-runtime", "service-2"), "sagemaker-runtime")
    answer = {"headers": {k.lower(): v for k, v in told.headers.items()}, "status_code": 424, "body": told.body}
    parser: Any = botocore.parsers.create_parser("rest-json")
    parsed = parser.parse(answer, model.operation_model("InvokeEndpoint").output_shape)
    assert parsed["Error"]["Code"] == "ModelError"
    assert b'"OriginalMessage": "trace"' in bytes(told.body)  # type: ignore[arg-type]


NUMBERS = [0, 23, 24, 255, 256, 65536, 2**40, -1, -25, -(2**33), 1.5, True, False]
OTHERS = ["", "ü" * 30, b"\x00\xff", None, [1, [2, {}]], {"a": {"b": [None]}, "ü": 1.25}]


@pytest.mark.parametrize("value", [*NUMBERS, *OTHERS])
def test_cbor_round_trip(value: Any) -> None:
    assert cbor.loads(cbor.dumps(value)) == value


def test_cbor_of_the_rfcs_examples() -> None:
    examples = {
        "f93c00": 1.0,
        "fa47c35000": 100000.0,
        "1bffffffffffffffff": 2**64 - 1,
        "5f42010243030405ff": b"\x01\x02\x03\x04\x05",
        "7f657374726561646d696e67ff": "streaming",
        "9f018202039f0405ffff": [1, [2, 3], [4, 5]],
        "bf61610161629f0203ffff": {"a": 1, "b": [2, 3]},
        "f7": None,
    }
    for text, value in examples.items():
        assert cbor.loads(bytes.fromhex(text)) == value
    moment = cbor.loads(bytes.fromhex("c11a514b67b0"))
    assert moment.timestamp() == 1363896240


# The last ones: tags for a pattern, a huge number, a cycle; a name twice; a name that is none; a simple value.
FOREIGN = ["d8236428612b29", "c5821b00000000ffffffff01", "d81c81d81d00", "a2616101616102", "a10101", "f0"]


@pytest.mark.parametrize(
    "text", ["", "18", "5803aa", "ff", "61ff", "0101", "81" * 200, "a1", "bf01ff", "fc", "c16161", *FOREIGN]
)
def test_broken_cbor_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="CBOR"):
        cbor.loads(bytes.fromhex(text))


@pytest.mark.parametrize("length", ["", "9" * 5000, "²", "-1"])
def test_a_decoded_length_that_is_no_number_is_refused(length: str) -> None:
    raw = RawRequest("PUT", "/b/k", {"x-amz-decoded-content-length": length}, cast(Any, None), 0)
    with pytest.raises(AwsError, match="MissingContentLength"):
        dispatch._payload(raw, STREAMING_UNSIGNED, cast(Any, None))
