"""What goes over the wire for one object, and what the answers mean. A small server plays S3."""

from __future__ import annotations

import base64
import hashlib
import sys
import threading
from http.server import ThreadingHTTPServer

import pytest
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.helpers.fake_s3 import FakeS3, good, send
from workers.errors.tree import translate
from workers.upload import small as upload_send
from workers.upload.remote import Destination
from workers.upload.small import Cancelled, NotVerified, Sender

DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>No.</Message><RequestId>R7</RequestId></Error>"


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A sender that gives up leaves its answer unread; that is no error of the server."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@pytest.fixture
def server():
    server = QuietServer(("127.0.0.1", 0), FakeS3)
    server.got, server.play = [], good
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def sender_to(port, credentials=None):
    return Sender(
        Destination(False, f"127.0.0.1:{port}", "/bucket/", "us-east-1", None, credentials or Credentials("AK", "SK"))
    )


def test_one_object_on_the_wire(server):
    key = "a b/ü 😀/..x..jpg/100%+&=~.jpg"
    etag, sha256, error = send(sender_to(server.server_port), key, b"data")
    assert (etag, sha256, error) == ("e1", hashlib.sha256(b"data").hexdigest(), None)
    ((sent_key, headers, body),) = server.got
    assert (sent_key, body) == (key, b"data")
    assert headers["x-amz-checksum-sha256"] == base64.b64encode(hashlib.sha256(b"data").digest()).decode()
    assert headers["Content-Type"] == "image/jpeg"
    assert "Credential=AK/" in headers["Authorization"] and "x-amz-checksum-sha256" in headers["Authorization"]
    assert "sagedeck" in headers["User-Agent"]


def test_a_session_token_and_refreshed_credentials_are_used(server):
    def refresh():
        return {"access_key": "NEW", "secret_key": "s", "token": "tok", "expiry_time": "2099-01-01T00:00:00Z"}

    credentials = RefreshableCredentials.create_from_metadata(refresh(), refresh, "sso")
    assert send(sender_to(server.server_port, credentials))[2] is None
    headers = server.got[0][1]
    assert "Credential=NEW/" in headers["Authorization"] and headers["X-Amz-Security-Token"] == "tok"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_credentials_that_cannot_be_had_are_the_error(server):
    class NoMore(Exception):
        pass

    class Broken:
        def refresh_needed(self):
            return True

        def get_frozen_credentials(self):
            raise NoMore("sign in again")

    error = send(sender_to(server.server_port, Broken()))[2]
    assert isinstance(error, NoMore)
    assert server.got == []


def test_a_refusal_is_a_client_error_with_aws_words(server):
    server.play = lambda *_: (403, {"x-amz-request-id": "REQ9"}, DENIED)
    error = send(sender_to(server.server_port))[2]
    assert isinstance(error, ClientError)
    assert error.response["Error"] == {"Code": "AccessDenied", "Message": "No."}
    assert error.response["ResponseMetadata"]["RequestId"] == "REQ9"


def test_an_empty_refusal_keeps_its_status(server):
    server.play = lambda *_: (400, {}, b"")
    assert send(sender_to(server.server_port))[2].response["Error"]["Code"] == "400"


def test_a_passing_fault_is_tried_again(server, monkeypatch):
    monkeypatch.setattr(upload_send, "BACKOFF_MS", 1)
    answers = [(503, {}, b"<Error><Code>SlowDown</Code></Error>"), (500, {}, b"")]
    server.play = lambda *request: answers.pop() if answers else good(*request)
    assert send(sender_to(server.server_port))[2] is None
    assert len(server.got) == 3 and all(body == b"data" for _, _, body in server.got)


def test_what_arrives_differently_is_noticed(server):
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    server.play = lambda *_: (200, {"ETag": '"e"', "x-amz-checksum-sha256": wrong}, b"")
    assert isinstance(send(sender_to(server.server_port))[2], NotVerified)


@pytest.mark.parametrize(
    ("headers", "noticed"),
    [
        ({"ETag": f'"{hashlib.md5(b"data").hexdigest()}"'}, False),
        ({"ETag": f'"{hashlib.md5(b"other").hexdigest()}"'}, True),
        ({"ETag": f'"{hashlib.md5(b"other").hexdigest()}"', "x-amz-server-side-encryption": "aws:kms"}, False),
        ({"ETag": '"no-md5"'}, False),
    ],
)
def test_without_a_checksum_in_the_answer_the_etag_is_compared(server, headers, noticed):
    server.play = lambda *_: (200, headers, b"")
    assert isinstance(send(sender_to(server.server_port))[2], NotVerified) is noticed


def test_nobody_there_is_a_connection_error(server, monkeypatch):
    monkeypatch.setattr(upload_send, "BACKOFF_MS", 1)
    monkeypatch.setattr(upload_send, "RETRIES", 1)
    sender = sender_to(1)
    error = send(sender)[2]
    assert isinstance(error, EndpointConnectionError)
    assert "127.0.0.1:1" in str(error)


def test_many_are_on_their_way_but_not_more_than_the_limit(server):
    most, now, lock = [0], [0], threading.Lock()

    def play(*request):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        with lock:
            now[0] -= 1
        return good(*request)

    server.play = play
    sender, done = sender_to(server.server_port), []
    for number in range(200):
        sender.put(f"k{number}", b"x" * number, "text/plain", lambda *answer: done.append(answer[2]))
    assert sender.wait(60)
    assert done == [None] * 200 and len({key for key, _, _ in server.got}) == 200
    assert most[0] <= upload_send.CONNECTIONS


def test_cancelling_gives_up_what_is_on_its_way(server):
    arrived, gate = threading.Event(), threading.Event()

    def play(*request):
        arrived.set()
        gate.wait(30)
        return good(*request)

    server.play = play
    sender, errors = sender_to(server.server_port), []
    sender.put("k", b"data", "text/plain", lambda *answer: errors.append(answer[2]))
    assert arrived.wait(30)
    sender.cancel()
    assert sender.wait(30)
    gate.set()
    assert isinstance(errors[0], Cancelled)


@pytest.mark.parametrize(
    ("status", "code", "title"),
    [(503, "SlowDown", "AWS asks to slow down"), (500, "InternalError", "Could not send")],
)
def test_a_busy_service_is_not_taken_for_one_that_is_gone(server, monkeypatch, status, code, title):
    monkeypatch.setattr(upload_send, "RETRIES", 1)
    monkeypatch.setattr(upload_send, "BACKOFF_MS", 5)
    server.play = lambda *_: (status, {}, f"<Error><Code>{code}</Code></Error>".encode())
    _, _, error = send(sender_to(server.server_port))
    assert len(server.got) > 1 and isinstance(error, ClientError)
    assert error.response["Error"]["Code"] == code
    assert translate(error, "send", service="s3").title == title
