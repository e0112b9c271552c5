"""Every call ends: an answer that trickles, hangs or is cut off is an error in plain words, never a wait for ever.

The servers here never finish by themselves: without a deadline these tests do not end.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from workers import deadlines
from workers.aws.session import AwsSession
from workers.errors.tree import Unreachable
from workers.types import Backend

pytestmark = pytest.mark.timeout(60)

Answer = Callable[[socket.socket, threading.Event], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n"


@contextlib.contextmanager
def server(answer: Answer) -> Iterator[str]:
    """Reads a request's head, then lets ``answer`` do with the connection what it likes."""
    listening, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            answer(connection, over)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def trickle(connection: socket.socket, over: threading.Event) -> None:
    while not over.wait(0.02):
        connection.sendall(b"x")


def trickled_head(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(HEAD + b"X-Long: ")
    trickle(connection, over)


def trickled_body(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(HEAD + b"Content-Length: 100000000\r\n\r\n")
    trickle(connection, over)


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait()


def cut_off(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(HEAD + b'Content-Length: 500\r\n\r\n{"TrainingJobSummaries": []')


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "ATTEMPT_SECONDS", 0.4)
    monkeypatch.setattr(deadlines, "CALL_SECONDS", 0.8)


def session_of(url: str) -> AwsSession:
    return AwsSession(Backend("sandbox", "s", "us-east-1", None, url, "A", "B"))


def refused(url: str, service: str, operation: str, **parameters: object) -> Unreachable:
    async def body() -> Unreachable:
        session = session_of(url)
        with pytest.raises(Unreachable) as told:
            await session.call(service, operation, "look", **parameters)
        session.close()
        return told.value

    return asyncio.run(body())


@pytest.mark.parametrize("answer", [trickled_head, trickled_body, silent, cut_off])
def test_a_call_whose_answer_does_not_come_ends(answer: Answer) -> None:
    with server(answer) as url:
        assert refused(url, "sagemaker", "list_training_jobs").message


def test_other_calls_of_lambda_do_not_wait_as_long_as_a_function_may_run() -> None:
    with server(silent) as url:
        refused(url, "lambda", "get_function", FunctionName="f")


@pytest.mark.parametrize("promised", [b"Content-Length: 30\r\n\r\n", b"\r\n"])
def test_a_body_that_is_read_by_us_ends(promised: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "UNKNOWN_STREAM_SECONDS", 0.4)

    def slowly(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + promised)
        while not over.wait(0.3):
            connection.sendall(b"x")

    async def body(url: str) -> bytes:
        session = session_of(url)

        def read() -> bytes:
            return session.client("s3").get_object(Bucket="bucket", Key="key")["Body"].read()

        try:
            return await session.run("read it", read, service="s3")
        finally:
            session.close()

    with server(slowly) as url:
        if promised == b"\r\n":
            # Without a length, the end of the connection is the end of the body.
            assert set(asyncio.run(body(url))) == {ord("x")}
            return
        with pytest.raises(Unreachable, match="cut off"):
            asyncio.run(body(url))


def test_a_large_body_has_the_time_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "SLOWEST_BYTES_PER_SECOND", 10_000)

    def reads_slowly(connection: socket.socket, over: threading.Event) -> None:
        # Longer than an attempt may take without a body: 100 KB at 10 KB/s have 10 s more.
        over.wait(1.2)
        connection.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            while connection.recv(65536):
                continue
        connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\n')

    async def body(url: str) -> dict[str, object]:
        session = session_of(url)
        try:
            return await session.call("s3", "put_object", "send", Bucket="bucket", Key="key", Body=b"x" * 100_000)
        finally:
            session.close()

    with server(reads_slowly) as url:
        assert asyncio.run(body(url))["ETag"] == '"e"'


def test_a_connection_that_serves_somebody_else_by_now_is_left_alone() -> None:
    mine, other = socket.socketpair()

    class Body:
        closed = True

    body = Body()
    watch = deadlines.Watch(1000, body)
    watch.see(mine)
    watch.fire()
    mine.sendall(b"still open")
    assert not watch.end() and other.recv(100) == b"still open"
    body.closed = False
    watch = deadlines.Watch(1000, body)
    watch.see(mine)
    watch.fire()
    assert watch.end() and other.recv(100) == b""
    mine.close()
    other.close()


def test_one_that_cannot_be_cut_off_does_not_end_the_watch_over_the_others() -> None:
    here, there = socket.socketpair()
    with here, there:
        there.settimeout(10)
        watches = [deadlines.Watch(0.05) for _ in range(2)]
        watches[0].see(object())
        watches[1].see(here)
        assert there.recv(1) == b""
