"""What an evaluation sends, and what it makes of every kind of answer: the same as boto3 would."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable

import pytest

from workers.errors.tree import AccessDenied, InvalidInput, ModelFailed, NotFound, SageDeckError, Throttled, Unreachable
from workers.evaluation import asking as module
from workers.evaluation.asking import Asking
from workers.inference.targets import Target
from workers.types import Backend, Prediction

JPEG = b"\xff\xd8\xff\xe0 a dog"
GOOD = json.dumps({"labels": ["pug", "akita"], "probabilities": [0.7, 0.3], "classes": ["akita", "pug"]}).encode()
LOG = "REPORT RequestId: 1\tDuration: 61.25 ms\tBilled Duration: 62 ms\tInit Duration: 300.00 ms"
Given = tuple[int, dict[str, str], bytes]


class Server:
    """Gives ``answers`` in turn, the last one for good; None closes the connection instead."""

    def __init__(self, *answers: Given | None) -> None:
        self._answers = list(answers)
        self.heads: list[str] = []
        self.bodies: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(line for line in head.splitlines() if line.lower().startswith("content-length:"))
                self.bodies.append(await reader.readexactly(int(length.split(":")[1])))
                self.heads.append(head)
                given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if given is None:
                    return
                status, headers, body = given
                lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    def ask(self, target: str, data: bytes = JPEG) -> Prediction:
        """What comes of one question to this server."""

        async def body() -> Prediction:
            server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            async with Asking(backend(port), Target.parse(target)) as asking:
                try:
                    return await asking.ask(data)
                finally:
                    server.close()

        return asyncio.run(body())


def backend(port: int) -> Backend:
    return Backend(
        "sandbox", "test", "us-east-1", endpoint_url=f"http://127.0.0.1:{port}", access_key_id="AKIA",
        secret_access_key="secret",
    )  # fmt: skip


def error(status: int, code: str, message: str, **more: object) -> Given:
    return status, {"x-amzn-ErrorType": f"{code}:", "x-amzn-RequestId": "r-1"}, json.dumps(
        {"message": message, **more}
    ).encode()  # fmt: skip


def test_an_endpoint_gets_the_picture_as_it_is_signed_and_its_variant_is_told() -> None:
    server = Server((200, {"x-Amzn-Invoked-Production-Variant": "blue"}, GOOD))
    found = server.ask("dogs")
    assert (found.labels, found.probabilities, found.variant) == (("pug", "akita"), (0.7, 0.3), "blue")
    assert found.latency_ms is not None and found.latency_ms > 0 and json.loads(found.raw)["classes"]
    [head], [body] = server.heads, server.bodies
    assert head.startswith("POST /endpoints/dogs/invocations HTTP/1.1") and body == JPEG
    assert "Content-Type: image/jpeg" in head and "AWS4-HMAC-SHA256 Credential=AKIA/" in head
    assert "sagemaker/aws4_request" in head and "Target-Variant" not in head


def test_a_variant_is_named_in_the_request() -> None:
    server = Server((200, {}, GOOD))
    server.ask("dogs/blue")
    assert "X-Amzn-SageMaker-Target-Variant: blue" in server.heads[0]


def test_a_function_gets_its_event_and_its_own_time_is_read_from_the_end_of_its_log() -> None:
    told = {"X-Amz-Log-Result": base64.b64encode(LOG.encode()).decode()}
    server = Server((200, told, json.dumps({"statusCode": 200, "body": GOOD.decode()}).encode()))
    found = server.ask("function:ask")
    assert (found.top, found.function_ms, found.cold) == ("pug", 61.25, True)
    assert "/functions/ask/invocations" in server.heads[0] and "X-Amz-Log-Type: Tail" in server.heads[0]
    assert json.loads(server.bodies[0]) == {"image": base64.b64encode(JPEG).decode()}


@pytest.mark.parametrize(
    ("target", "given", "kind", "words"),
    [
        ("dogs", error(424, "ModelError", "Received client error (400)", OriginalStatusCode=400,
                       OriginalMessage="no picture"), ModelFailed, "with status 400: no picture"),
        ("dogs", error(400, "ValidationError", "Endpoint dogs of account 1 not found."), NotFound, "dogs of account"),
        ("dogs", error(400, "ThrottlingException", "Rate exceeded"), Throttled, "get a prediction from dogs"),
        ("dogs/a", error(403, "AccessDeniedException", "User: u is not authorized to perform: "
                         "sagemaker:InvokeEndpoint on resource: arn:x"), AccessDenied, "sagemaker:InvokeEndpoint"),
        ("dogs", (200, {}, b"<html>"), ModelFailed, "not with labels"),
        ("dogs", (200, {}, GOOD[:-9]), ModelFailed, "not with labels"),
        ("function:f", error(404, "ResourceNotFoundException", "Function not found: f"), NotFound, "not found: f"),
        ("function:f", error(429, "TooManyRequestsException", "Rate Exceeded.",
                             Reason="ReservedFunctionConcurrentInvocationLimitExceeded"), Throttled, "reserved"),
        ("function:f", (200, {"X-Amz-Function-Error": "Unhandled"}, b'{"errorMessage": "boom"}'), ModelFailed, "boom"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_told_as_everywhere(
    target: str, given: Given, kind: type[SageDeckError], words: str
) -> None:
    server = Server(given)
    with pytest.raises(kind) as raised:
        server.ask(target)
    assert words in str(raised.value) and len(server.heads) == 1
    if given[0] >= 300:
        assert raised.value.request_id == "r-1"


@pytest.mark.parametrize(("target", "sent"), [("dogs", 2), ("function:f", 1)])
def test_a_service_that_fails_is_asked_once_more_but_a_function_never_twice(target: str, sent: int) -> None:
    server = Server(error(503, "ServiceUnavailable", "Busy."))
    with pytest.raises(SageDeckError, match="Busy"):
        server.ask(target)
    assert len(server.heads) == sent


@pytest.mark.parametrize("target", ["dogs", "function:f"])
def test_a_connection_that_is_lost_is_no_answer(target: str) -> None:
    with pytest.raises(Unreachable, match="Could not"):
        Server(None).ask(target)


def test_an_answer_that_does_not_come_in_time_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Server):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

    monkeypatch.setitem(module.SLOW_READ_SECONDS, "sagemaker-runtime", 0.05)
    with pytest.raises(Unreachable) as raised:
        Silent(None).ask("dogs")
    assert raised.value.code == "ReadTimeoutError"


@pytest.mark.parametrize("make", [lambda: b"", lambda: JPEG + b"x" * 7_000_000])
def test_what_is_empty_or_too_large_is_not_sent(make: Callable[[], bytes]) -> None:
    server = Server((200, {}, GOOD))
    for target in ("dogs", "function:f"):
        with pytest.raises(InvalidInput):
            server.ask(target, make())
    assert not server.heads


def test_a_profile_without_keys_is_told_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SageDeckError, match="No usable credentials"):
        Asking(Backend("environment", "here", "us-east-1"), Target.parse("dogs"))
