"""Signatures, checked: who signed a request, and that nobody changed it.

Written from AWS's documents "Create a signed AWS API request" and "Authenticating requests (SigV4)" for S3. Everything
must be signed with Version 4, except for presigned URLs of S3 (``old_urls``).
All comparisons of secrets take constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, unquote

from sandbox.auth.credentials import Credentials, KnownKey
from sandbox.auth.old_urls import old_signature, uncovered
from sandbox.core.account import REGION
from sandbox.core.numbers import whole
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

ALGORITHM = "AWS4-HMAC-SHA256"
# S3 User Guide, "Authenticating requests (SigV4)": a clock may be 15 minutes off, a URL good for 7 days.
MAX_SKEW_SECONDS = 15 * 60
MAX_PRESIGNED_SECONDS = 7 * 24 * 3600
UNRESERVED = "-_.~"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
HTTP_403 = 403
_LONGEST_EPOCH = 12


@dataclass(frozen=True)
class SignedRequest:
    """The parts of an HTTP request that a signature covers. Header names are lower case."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Scope:
    """What the signature claims: key id, date, region, service, and the pieces needed to check it.

    ``version`` 2 is a presigned URL of the old kind.
    """

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    amz_date: str
    token: str
    expires: int | None
    version: int = 4

    @property
    def text(self) -> str:
        """The credential scope as it is signed."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True)
class Verified:
    """A request whose signature is right. ``signing_key`` and ``scope`` verify the chunks of its body."""

    caller: Caller
    scope: Scope
    signing_key: bytes
    payload_hash: str


def parse_scope(request: SignedRequest) -> Scope | None:
    """What the request claims about itself, unverified; None when it is not signed.

    Raises IncompleteSignature for a signature that is not whole.
    """
    authorization = request.headers.get("authorization", "")
    if authorization:
        return _from_header(authorization, request.headers)
    if "X-Amz-Algorithm=" in request.raw_query:
        return _from_query(request.raw_query)
    if "AWSAccessKeyId=" in request.raw_query:
        return _from_old_query(request.raw_query)
    return None


def _incomplete(message: str) -> AwsError:
    return AwsError("IncompleteSignature", message, HTTP_403)


def _from_header(authorization: str, headers: Mapping[str, str]) -> Scope:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise _incomplete(f"The sandbox takes {ALGORITHM} signatures only.")
    parts = dict(piece.strip().partition("=")[::2] for piece in rest.split(","))
    amz_date = headers.get("x-amz-date", "")
    return _scope(
        parts.get("Credential", ""),
        parts.get("SignedHeaders", ""),
        parts.get("Signature", ""),
        amz_date,
        headers.get("x-amz-security-token", ""),
        None,
    )


def _from_query(raw_query: str) -> Scope:
    values = dict(_query_pairs(raw_query))
    if values.get("X-Amz-Algorithm") != ALGORITHM:
        raise _incomplete(f"The sandbox takes {ALGORITHM} signatures only.")
    expires = whole(values.get("X-Amz-Expires", ""))
    if expires is None or not 1 <= expires <= MAX_PRESIGNED_SECONDS:
        raise AwsError(
            "AuthorizationQueryParametersError", "X-Amz-Expires must be between 1 second and 7 days.", HTTP_403
        )
    return _scope(
        values.get("X-Amz-Credential", ""),
        values.get("X-Amz-SignedHeaders", ""),
        values.get("X-Amz-Signature", ""),
        values.get("X-Amz-Date", ""),
        values.get("X-Amz-Security-Token", ""),
        expires,
    )


def _from_old_query(raw_query: str) -> Scope:
    pairs = _query_pairs(raw_query)
    values, strange = dict(pairs), uncovered(pairs)
    expires = values.get("Expires", "")
    if not (expires.isdecimal() and len(expires) <= _LONGEST_EPOCH) or not values.get("Signature"):
        message = "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
        raise AwsError("AccessDenied", message, HTTP_403)
    if strange:
        raise AwsError("AccessDenied", f"The signature of this URL does not cover {', '.join(strange)}.", HTTP_403)
    token = values.get("x-amz-security-token", "")
    # Such a URL tells when it ends, in seconds since 1970.
    key_id, start = values["AWSAccessKeyId"], "19700101T000000Z"
    return Scope(
        access_key_id=key_id,
        date=start[:8],
        region=REGION,
        service="s3",
        signed_headers=("host",),
        signature=values["Signature"],
        amz_date=start,
        token=token,
        expires=int(expires),
        version=2,
    )


def _scope(credential: str, signed: str, signature: str, amz_date: str, token: str, expires: int | None) -> Scope:
    pieces = credential.split("/")
    if len(pieces) != 5 or pieces[4] != "aws4_request" or not all(pieces) or not signed or not signature:
        raise _incomplete("The signature must hold Credential, SignedHeaders and Signature.")
    if len(amz_date) != 16 or not amz_date.startswith(pieces[1]):
        raise _incomplete("X-Amz-Date is missing, or is not of the day of the credential.")
    return Scope(
        access_key_id=pieces[0],
        date=pieces[1],
        region=pieces[2],
        service=pieces[3],
        signed_headers=tuple(signed.split(";")),
        signature=signature,
        amz_date=amz_date,
        token=token,
        expires=expires,
    )


class Verifier:
    """Checks signatures against the keys of ``credentials``."""

    def __init__(self, credentials: Credentials, clock: object = time.time) -> None:
        self._credentials = credentials
        self._clock = clock
        self._keys: dict[tuple[str, str, str, str], tuple[str, bytes]] = {}

    def precheck(self, request: SignedRequest, scope: Scope) -> None:
        """What can be refused before the body is read: unknown keys, old requests, unsigned headers."""
        self._check_headers(request, scope)
        self._check_time(scope)
        self._known(scope)

    def verify(self, request: SignedRequest, scope: Scope, payload_hash: str) -> Verified:
        """The verified request (after ``precheck``), or ``AwsError`` with status 403.

        ``payload_hash``: the value of x-amz-content-sha256, or the hash of the body that was computed here.
        """
        known = self._known(scope)
        key = self._signing_key(known, scope)
        if not (
            _matches_old(request, scope, known.secret)
            if scope.version == 2
            else self._matches(request, scope, payload_hash, key)
        ):
            raise AwsError(
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method.",
                HTTP_403,
            )
        return Verified(known.caller, scope, key, payload_hash)

    def _check_headers(self, request: SignedRequest, scope: Scope) -> None:
        signed = scope.signed_headers
        if "host" not in signed:
            raise AwsError("SignatureDoesNotMatch", "The host header must be signed.", HTTP_403)
        if scope.version == 2:
            return
        for name in request.headers:
            # A header that S3 acts on and nobody signed would let whoever has a URL change what it does.
            if name.startswith("x-amz-") and name not in signed:
                text = "There were headers present in the request which were not signed"
                raise AwsError("AccessDenied", text, HTTP_403, HeadersNotSigned=name)

    def _check_time(self, scope: Scope) -> None:
        at = _epoch(scope.amz_date)
        now = self._clock()  # type: ignore[operator]
        if scope.expires is not None:
            if now > at + scope.expires:
                raise AwsError("AccessDenied", "Request has expired.", HTTP_403)
            if at > now + MAX_SKEW_SECONDS:
                raise AwsError("AccessDenied", "Request is not valid yet.", HTTP_403)
        elif abs(now - at) > MAX_SKEW_SECONDS:
            raise AwsError(
                "RequestTimeTooSkewed",
                "The difference between the request time and the sandbox's time is too large "
                f"({abs(now - at) / 60:.0f} minutes; 15 are allowed).",
                HTTP_403,
            )

    def _known(self, scope: Scope) -> KnownKey:
        known = self._credentials.find(scope.access_key_id)
        if known is None or not hmac.compare_digest(known.token.encode(), scope.token.encode()):
            code = "InvalidAccessKeyId" if scope.service == "s3" else "InvalidClientTokenId"
            raise AwsError(code, "The access key or security token is not known to this sandbox.", HTTP_403)
        if known.expires is not None and known.expires < self._clock():  # type: ignore[operator]
            raise AwsError("ExpiredToken", "The provided token has expired.", HTTP_403)
        return known

    def _signing_key(self, known: KnownKey, scope: Scope) -> bytes:
        name = (scope.access_key_id, scope.date, scope.region, scope.service)
        cached = self._keys.get(name)
        if cached is not None and cached[0] == known.secret:
            return cached[1]
        key = signing_key(known.secret, scope.date, scope.region, scope.service)
        if len(self._keys) > 256:
            self._keys.clear()
        self._keys[name] = (known.secret, key)
        return key

    @staticmethod
    def _matches(request: SignedRequest, scope: Scope, payload_hash: str, key: bytes) -> bool:
        for path in _canonical_paths(request.raw_path, scope.service):
            canonical = canonical_request(request, scope, path, payload_hash)
            expected = signature(key, scope, canonical)
            if hmac.compare_digest(expected.encode(), scope.signature.encode()):
                return True
        return False


def _matches_old(request: SignedRequest, scope: Scope, secret: str) -> bool:
    pairs, paths = _query_pairs(request.raw_query), [request.raw_path]
    if request.raw_path.count("/") == 1:
        # botocore signs "/bucket/" and asks for "/bucket".
        paths.append(request.raw_path + "/")
    expected = [old_signature(request.method, path, pairs, request.headers, secret) for path in paths]
    return any(hmac.compare_digest(candidate.encode(), scope.signature.encode()) for candidate in expected)


@lru_cache(maxsize=64)
def _epoch(amz_date: str) -> float:
    try:
        return datetime.strptime(amz_date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as exc:
        raise _incomplete("X-Amz-Date is not a time.") from exc


def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The derived key of one day, region and service."""
    key = ("AWS4" + secret).encode()
    for piece in (date, region, service, "aws4_request"):
        key = hmac.digest(key, piece.encode(), "sha256")
    return key


def signature(key: bytes, scope: Scope, canonical: str) -> str:
    """The hexadecimal signature of a canonical request."""
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{ALGORITHM}\n{scope.amz_date}\n{scope.text}\n{digest}"
    return hmac.digest(key, text.encode(), "sha256").hex()


def canonical_request(request: SignedRequest, scope: Scope, path: str, payload_hash: str) -> str:
    """The canonical request over ``path`` (already in its canonical form)."""
    lines = []
    for name in scope.signed_headers:
        value = request.headers.get(name, "")
        lines.append(f"{name}:{' '.join(value.split()) if '  ' in value else value.strip()}")
    return "\n".join(
        (
            request.method,
            path,
            _canonical_query(request.raw_query) if request.raw_query else "",
            "\n".join(lines),
            "",
            ";".join(scope.signed_headers),
            payload_hash,
        )
    )


def _canonical_paths(raw_path: str, service: str) -> Iterator[str]:
    """The canonical URI. S3 signs the path as it is sent; the others normalise it and encode it once more."""
    if service != "s3":
        yield quote(_normalised(raw_path), safe="/" + UNRESERVED)
        return
    yield raw_path
    encoded = quote(unquote(raw_path, errors="surrogateescape"), safe="/" + UNRESERVED, errors="surrogateescape")
    if encoded != raw_path:
        yield encoded


def _normalised(path: str) -> str:
    """RFC 3986, remove_dot_segments, and no empty segments."""
    kept: list[str] = []
    for piece in path.split("/"):
        if piece == "..":
            if kept:
                kept.pop()
        elif piece not in ("", "."):
            kept.append(piece)
    tail = "/" if kept and path.endswith("/") else ""
    return "/" + "/".join(kept) + tail


def _query_pairs(raw_query: str) -> list[tuple[str, str]]:
    pairs = []
    for piece in raw_query.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            pairs.append((unquote(name), unquote(value)))
    return pairs


def _canonical_query(raw_query: str) -> str:
    pairs = [
        (quote(name, safe=UNRESERVED), quote(value, safe=UNRESERVED))
        for name, value in _query_pairs(raw_query)
        if name != "X-Amz-Signature"
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
