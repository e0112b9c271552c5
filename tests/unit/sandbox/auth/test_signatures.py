"""Only requests that a known key signed, unchanged and in time, are let in."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from sandbox.auth.credentials import Credentials, SessionCredentials
from sandbox.auth.payload import (
    STREAMING_SIGNED,
    STREAMING_SIGNED_TRAILER,
    STREAMING_UNSIGNED,
    ChunkedPayload,
    PlainPayload,
)
from sandbox.auth.signatures import ALGORITHM, SignedRequest, Verified, Verifier, parse_scope, signing_key
from sandbox.core.state import StateDir
from sandbox.wire.errors import AwsError

EMPTY = hashlib.sha256(b"").hexdigest()
URL = "http://127.0.0.1:4000"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDir]:
    opened = StateDir(tmp_path / "state")
    yield opened
    opened.close()


@pytest.fixture
def credentials(state: StateDir) -> Credentials:
    return Credentials(state)


def boto_keys(credentials: Credentials, session: SessionCredentials | None = None) -> BotoCredentials:
    if session is not None:
        return BotoCredentials(session.access_key_id, session.secret_access_key, session.session_token)
    known = credentials.operator
    return BotoCredentials(known.caller.access_key_id, known.secret)


def signed(keys: BotoCredentials, service: str, method: str, url: str, body: bytes = b"", **headers: str) -> AWSRequest:
    """A request that botocore signed the way it signs for ``service``."""
    request = AWSRequest(method, URL + url, headers=headers, data=body)
    kind = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    kind(keys, service, "us-east-1").add_auth(request)
    return request


def received(request: Any) -> SignedRequest:
    prepared = request.prepare()
    target = prepared.url.removeprefix(URL)
    path, _, query = target.partition("?")
    headers = {
        name.lower(): value if isinstance(value, str) else value.decode() for name, value in prepared.headers.items()
    }
    headers.setdefault("host", "127.0.0.1:4000")
    return SignedRequest(prepared.method, path, query, headers)


def check(
    credentials: Credentials, request: SignedRequest, payload: str | None = None, clock: Any = time.time
) -> Verified:
    verifier = Verifier(credentials, clock)
    scope = parse_scope(request)
    assert scope is not None
    verifier.precheck(request, scope)
    return verifier.verify(request, scope, payload or request.headers.get("x-amz-content-sha256", EMPTY))


def refused(credentials: Credentials, request: SignedRequest, **options: Any) -> AwsError:
    with pytest.raises(AwsError) as caught:
        check(credentials, request, **options)
    assert caught.value.status == 403
    return caught.value


@pytest.mark.parametrize(
    ("service", "method", "path"),
    [
        ("s3", "GET", "/bucket/key"),
        ("s3", "GET", "/bucket/a%20b/%C3%A9%2B%25.txt"),
        ("s3", "GET", "/bucket//double/../dots"),
        ("s3", "GET", "/bucket?list-type=2&prefix=a%2Fb%20c&encoding-type=url&delimiter=%2F"),
        ("s3", "POST", "/bucket/key?uploads"),
        ("lambda", "GET", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Ax"),
        ("sagemaker", "POST", "/endpoints/my-endpoint/invocations"),
        ("logs", "POST", "/"),
    ],
)
def test_what_botocore_signs_is_taken(credentials: Credentials, service: str, method: str, path: str) -> None:
    verified = check(credentials, received(signed(boto_keys(credentials), service, method, path)))
    assert verified.caller.arn == "arn:aws:iam::123456789012:user/operator"


def test_a_body_is_part_of_the_signature(credentials: Credentials) -> None:
    request = received(signed(boto_keys(credentials), "logs", "POST", "/", b'{"a": 1}'))
    check(credentials, request, payload=hashlib.sha256(b'{"a": 1}').hexdigest())
    error = refused(credentials, request, payload=hashlib.sha256(b'{"a": 2}').hexdigest())
    assert error.code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "change",
    [
        {"method": "DELETE"},
        {"raw_path": "/bucket/other"},
        {"raw_query": "versionId=1"},
    ],
)
def test_changed_requests_are_refused(credentials: Credentials, change: dict[str, str]) -> None:
    request = received(signed(boto_keys(credentials), "s3", "GET", "/bucket/key"))
    changed = SignedRequest(**{**request.__dict__, **change})
    assert refused(credentials, changed).code == "SignatureDoesNotMatch"


def test_a_changed_header_is_refused(credentials: Credentials) -> None:
    request = received(signed(boto_keys(credentials), "s3", "GET", "/bucket/key", **{"X-Amz-Meta-A": "1"}))
    headers = {**request.headers, "x-amz-meta-a": "2"}
    assert refused(credentials, SignedRequest("GET", "/bucket/key", "", headers)).code == "SignatureDoesNotMatch"


def test_an_added_amz_header_is_refused(credentials: Credentials) -> None:
    request = received(signed(boto_keys(credentials), "s3", "PUT", "/bucket/key"))
    headers = {**request.headers, "x-amz-copy-source": "/other/secret"}
    assert refused(credentials, SignedRequest("PUT", "/bucket/key", "", headers)).code == "AccessDenied"


def test_unknown_keys_and_wrong_secrets_are_refused(credentials: Credentials) -> None:
    known = credentials.operator
    stranger = BotoCredentials("AKIAIOSFODNN7EXAMPLE", known.secret)
    assert refused(credentials, received(signed(stranger, "s3", "GET", "/b"))).code == "InvalidAccessKeyId"
    assert refused(credentials, received(signed(stranger, "sts", "POST", "/"))).code == "InvalidClientTokenId"
    liar = BotoCredentials(known.caller.access_key_id, "wrong" * 8)
    assert refused(credentials, received(signed(liar, "s3", "GET", "/b"))).code == "SignatureDoesNotMatch"


def test_old_and_future_requests_are_refused(credentials: Credentials) -> None:
    request = received(signed(boto_keys(credentials), "s3", "GET", "/bucket/key"))
    for shift in (-16 * 60, 16 * 60):
        error = refused(credentials, request, clock=lambda shift=shift: time.time() + shift)
        assert error.code == "RequestTimeTooSkewed"
    check(credentials, request, clock=lambda: time.time() + 14 * 60)


def test_unsigned_requests_have_no_scope() -> None:
    assert parse_scope(SignedRequest("GET", "/", "", {"host": "x"})) is None


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic dXNlcjpwYXNz",
        "AWS4-HMAC-SHA256 Credential=a/b/c",
        f"{ALGORITHM} Credential=K/20260101/us-east-1/s3/aws4_request, SignedHeaders=host",
        f"{ALGORITHM} Credential=K/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=",
        f"{ALGORITHM} ,,,===",
    ],
)
def test_half_signatures_are_refused(authorization: str) -> None:
    headers = {"host": "x", "authorization": authorization, "x-amz-date": "20260101T000000Z"}
    with pytest.raises(AwsError) as caught:
        parse_scope(SignedRequest("GET", "/", "", headers))
    assert caught.value.status == 403


def test_presigned_urls_work_until_they_expire(credentials: Credentials) -> None:
    request = AWSRequest("GET", URL + "/bucket/a%20b")
    botocore.auth.S3SigV4QueryAuth(boto_keys(credentials), "s3", "us-east-1", expires=60).add_auth(request)
    sent = received(request)
    check(credentials, sent, payload="UNSIGNED-PAYLOAD")
    error = refused(credentials, sent, payload="UNSIGNED-PAYLOAD", clock=lambda: time.time() + 61)
    assert "expired" in error.message
    longer = SignedRequest("GET", sent.raw_path, sent.raw_query.replace("Expires=60", "Expires=6000"), sent.headers)
    assert refused(credentials, longer, payload="UNSIGNED-PAYLOAD").code == "SignatureDoesNotMatch"


def old_url(keys: BotoCredentials, method: str, path: str, **headers: str) -> SignedRequest:
    """A URL that the AWS CLI 1 presigns."""
    request = AWSRequest(method, URL + path, headers=headers)
    botocore.auth.HmacV1QueryAuth(keys, expires=60).add_auth(request)
    request.headers = {}
    return received(request)


@pytest.mark.parametrize("path", ["/bucket/a%20b/%C3%A9%2B", "/bucket/k?versionId=a%2Fb&response-content-type=a%2Fb"])
def test_presigned_urls_of_the_old_kind_work_until_they_expire(credentials: Credentials, path: str) -> None:
    session = credentials.issue_session("arn:aws:iam::123456789012:role/R", "s")
    for keys in (boto_keys(credentials), boto_keys(credentials, session)):
        sent = old_url(keys, "GET", path)
        assert check(credentials, sent).scope.service == "s3"
        error = refused(credentials, sent, clock=lambda: time.time() + 62)
        assert "expired" in error.message


def test_an_old_presigned_listing(credentials: Credentials) -> None:
    request = AWSRequest("GET", URL + "/bucket?list-type=2&prefix=a", auth_path="/bucket/")
    botocore.auth.HmacV1QueryAuth(boto_keys(credentials), expires=60).add_auth(request)
    request.headers = {}
    check(credentials, received(request))


def test_an_old_presigned_upload_covers_its_headers(credentials: Credentials) -> None:
    sent = old_url(boto_keys(credentials), "PUT", "/bucket/k", **{"Content-Type": "image/png", "x-amz-meta-a": "1"})
    check(credentials, sent)
    check(credentials, SignedRequest(**{**sent.__dict__, "headers": {**sent.headers, "content-type": "image/png"}}))
    for name, value in (("content-type", "text/html"), ("x-amz-acl", "public-read"), ("x-amz-meta-a", "2")):
        changed = SignedRequest(**{**sent.__dict__, "headers": {**sent.headers, name: value}})
        assert refused(credentials, changed).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"method": "DELETE"}, "SignatureDoesNotMatch"),
        ({"raw_path": "/bucket/other"}, "SignatureDoesNotMatch"),
        ({"raw_query": "{}&acl"}, "SignatureDoesNotMatch"),
        ({"raw_query": "{}&x-amz-acl=public-read"}, "SignatureDoesNotMatch"),
        ({"raw_query": "{}&publicAccessBlock"}, "AccessDenied"),
    ],
)
def test_a_changed_old_url_is_refused(credentials: Credentials, change: dict[str, str], code: str) -> None:
    sent = old_url(boto_keys(credentials), "GET", "/bucket/k")
    changed = SignedRequest(
        **{**sent.__dict__, **{name: text.replace("{}", sent.raw_query) for name, text in change.items()}}
    )
    assert refused(credentials, changed).code == code


@pytest.mark.parametrize(
    "query", ["", "&Signature=x", "&Signature=x&Expires=soon", "&Expires=1", "&Signature=x&Expires=" + "9" * 400]
)
def test_half_old_urls_are_refused(credentials: Credentials, query: str) -> None:
    sent = SignedRequest("GET", "/bucket/k", f"AWSAccessKeyId=A{query}", {"host": "x"})
    assert refused(credentials, sent).code == "AccessDenied"


def test_presigned_for_more_than_a_week_is_refused(credentials: Credentials) -> None:
    request = AWSRequest("GET", URL + "/bucket/a")
    botocore.auth.S3SigV4QueryAuth(boto_keys(credentials), "s3", "us-east-1", expires=8 * 86400).add_auth(request)
    with pytest.raises(AwsError) as caught:
        parse_scope(received(request))
    assert caught.value.code == "AuthorizationQueryParametersError"


def test_sessions_need_their_token_and_end(credentials: Credentials) -> None:
    session = credentials.issue_session("arn:aws:iam::123456789012:role/path/Train", "job-1", seconds=100)
    verified = check(credentials, received(signed(boto_keys(credentials, session), "s3", "GET", "/b")))
    assert verified.caller.arn == "arn:aws:sts::123456789012:assumed-role/Train/job-1"
    assert verified.caller.role_arn == "arn:aws:iam::123456789012:role/path/Train"
    without = BotoCredentials(session.access_key_id, session.secret_access_key)
    assert refused(credentials, received(signed(without, "s3", "GET", "/b"))).code == "InvalidAccessKeyId"
    late = received(signed(boto_keys(credentials, session), "s3", "GET", "/b"))
    assert refused(credentials, late, clock=lambda: time.time() + 101).code == "ExpiredToken"
    credentials.revoke(session.access_key_id)
    refused(credentials, late)


def test_keys_survive_in_the_state_folder_and_differ_between_folders(state: StateDir, tmp_path: Path) -> None:
    first = Credentials(state)
    session = first.issue_session("arn:aws:iam::123456789012:role/R", "s")
    again = Credentials(state)
    assert again.operator == first.operator
    assert again.find(session.access_key_id) == first.find(session.access_key_id)
    other = StateDir(tmp_path / "other")
    assert Credentials(other).operator.secret != first.operator.secret
    other.close()


def test_secrets_are_not_in_reprs(credentials: Credentials) -> None:
    session = credentials.issue_session("arn:aws:iam::123456789012:role/R", "s")
    for value in (credentials.operator, session):
        assert credentials.operator.secret not in repr(value)
        assert session.secret_access_key not in repr(value)
        assert session.session_token not in repr(value)


class Stream(io.BytesIO):
    """A request body."""


def chunked(verified: Verified, chunks: list[bytes], trailer: str = "", tamper: str = "") -> bytes:
    """An aws-chunked body with signatures, written from AWS's document and not from the code under test."""
    import hmac

    scope, previous = verified.scope, verified.scope.signature

    def sign(kind: str, hashes: str) -> str:
        text = f"{kind}\n{scope.amz_date}\n{scope.text}\n{previous}\n{hashes}"
        return hmac.new(verified.signing_key, text.encode(), "sha256").hexdigest()

    out = b""
    for chunk in [*chunks, b""]:
        previous = sign("AWS4-HMAC-SHA256-PAYLOAD", f"{EMPTY}\n{hashlib.sha256(chunk).hexdigest()}")
        out += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk
        out += b"\r\n" if chunk else b""
    if trailer:
        last = sign("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(f"{trailer}\n".encode()).hexdigest())
        out += f"{trailer}\r\nx-amz-trailer-signature:{last}\r\n".encode()
    out += b"\r\n"
    return out.replace(tamper.encode(), b"X" * len(tamper)) if tamper else out


@pytest.fixture
def verified(credentials: Credentials) -> Verified:
    return check(credentials, received(signed(boto_keys(credentials), "s3", "PUT", "/b/k")))


def test_signed_chunks(verified: Verified) -> None:
    body = chunked(verified, [b"hello ", b"world"])
    assert b"".join(ChunkedPayload(Stream(body), 11, STREAMING_SIGNED, verified).blocks()) == b"hello world"


def test_signed_trailer(verified: Verified) -> None:
    body = chunked(verified, [b"hello"], trailer="x-amz-checksum-crc32:NhCmhg==")
    payload = ChunkedPayload(Stream(body), 5, STREAMING_SIGNED_TRAILER, verified)
    assert b"".join(payload.blocks()) == b"hello"
    assert payload.trailers == {"x-amz-checksum-crc32": "NhCmhg=="}


@pytest.mark.parametrize("tamper", ["hello", "NhCmhg=="])
def test_tampered_chunks_are_refused(verified: Verified, tamper: str) -> None:
    body = chunked(verified, [b"hello"], trailer="x-amz-checksum-crc32:NhCmhg==", tamper=tamper)
    with pytest.raises(AwsError) as caught:
        list(ChunkedPayload(Stream(body), 5, STREAMING_SIGNED_TRAILER, verified).blocks())
    assert caught.value.code == "SignatureDoesNotMatch"


def test_unsigned_chunks_with_trailer(verified: Verified) -> None:
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    payload = ChunkedPayload(Stream(body), 5, STREAMING_UNSIGNED, verified)
    assert b"".join(payload.blocks()) == b"hello"
    assert payload.trailers == {"x-amz-checksum-crc32": "NhCmhg=="}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"5\r\nhel",
        b"5\r\nhelloXX0\r\n\r\n",
        b"zz\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"4\r\nhell\r\n0\r\n\r\n",
        b"6\r\nhello!\r\n0\r\n\r\n",
        b"ffffffffffff\r\n",
    ],
)
def test_broken_chunks_are_refused(verified: Verified, body: bytes) -> None:
    with pytest.raises(AwsError) as caught:
        list(ChunkedPayload(Stream(body), 5, STREAMING_UNSIGNED, verified).blocks())
    assert 400 <= caught.value.status < 500


def test_plain_bodies_are_compared_with_their_hash() -> None:
    good = hashlib.sha256(b"hello").hexdigest()
    assert b"".join(PlainPayload(Stream(b"hello"), 5, good).blocks()) == b"hello"
    for data, length, code in ((b"hellO", 5, "XAmzContentSHA256Mismatch"), (b"hel", 5, "IncompleteBody")):
        with pytest.raises(AwsError) as caught:
            list(PlainPayload(Stream(data), length, good).blocks())
        assert caught.value.code == code


def test_the_signing_key_of_awss_example() -> None:
    """The derived key of AWS's own documentation example."""
    key = signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20120215", "us-east-1", "iam")
    assert key.hex() == "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"
