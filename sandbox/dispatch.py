"""From a raw HTTP request to an answer: verify, find the service, call it, render errors in its protocol."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

from sandbox.auth.payload import STREAMING, UNSIGNED, ChunkedPayload, PlainPayload
from sandbox.auth.regions import check_region
from sandbox.auth.signatures import EMPTY_SHA256, Scope, SignedRequest, Verified, Verifier, parse_scope
from sandbox.core.diagnostics import tell_exception
from sandbox.core.numbers import whole
from sandbox.http.http1 import Disconnected, RawRequest
from sandbox.service import Refusals, Service
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError, disk_full, is_disk_full, not_implemented
from sandbox.wire.messages import BytesPayload, Caller, FileBody, Payload, RestRequest, RestResponse
from sandbox.wire.protocols import protocol_of
from sandbox.wire.reading import check, model_name, read_call
from sandbox.wire.render import render
from sandbox.wire.render_errors import render_error

# What is read into memory before the signature can be checked: what the service's largest request needs (a function's
# zip of 50 MB as base64; an endpoint's body), and little for the others.
MAX_RPC_BYTES = 16 * 1024 * 1024
MAX_BODIES = {"lambda": 80 * 1024 * 1024, "sagemaker": 32 * 1024 * 1024}
# The version of signatures whose scope names a region.
SIGNED_FOR_A_REGION = 4
_CODE = re.compile(rb'(?:<Code>|"__type": ?"(?:[^"]*#)?)(\w[\w.]*)')
BLOCKED_PREFIXES = ("/moto-api", "/_moto", "/latest/meta-data", "/latest/api")


class Fallback(Protocol):
    """Answers requests that no service of ours handles: moto, where its answer is correct."""

    def answers(self, service: str, operation: str) -> bool:
        """Whether it answers this operation, by botocore's name of the service."""
        ...

    def handle(self, call: Call) -> RestResponse:
        """Answer an authorized call."""
        ...


Authorize = Callable[[Call], Refusals]


class Dispatcher:
    """Answers requests.

    ``authorize`` is asked between the signature and the service; it raises to refuse, and returns what is refused of a
    call that is answered piece by piece.
    """

    def __init__(
        self,
        verifier: Verifier,
        services: Sequence[Service],
        fallback: Fallback,
        state_path: str,
        authorize: Authorize,
    ) -> None:
        self._verifier = verifier
        self._fallback = fallback
        self._state_path = state_path
        self._authorize = authorize
        self._by_signing_name: dict[str, list[Service]] = {}
        for service in services:
            self._by_signing_name.setdefault(service.signing_name or service.name, []).append(service)
        # Told of every answered request: who asked, bytes of its body, bytes of the answer's.
        self.on_exchange: list[Callable[[Caller, int, int], None]] = []
        # Told of every call of an operation that is offered: how it was refused, or the members of its answer.
        self.on_call: list[Callable[[Call, AwsError | None, Mapping[str, Any] | None], None]] = []
        self._lock = threading.Lock()
        self._active = 0
        self._last = time.monotonic()

    def idle_seconds(self) -> float:
        """Seconds since the last verified request ended; 0 while one is being answered."""
        with self._lock:
            return 0.0 if self._active else time.monotonic() - self._last

    def touch(self) -> None:
        """Count now as the time of the last request."""
        with self._lock:
            self._last = time.monotonic()

    def answer(self, raw: RawRequest) -> RestResponse:
        """The answer to ``raw``; never raises for what a client can send."""
        request_id = secrets.token_hex(8).upper()
        raw_path, _, raw_query = raw.target.partition("?")
        signed = SignedRequest(raw.method, raw_path, raw_query, raw.headers)
        service, scope = "", None
        # In whose models an error may be.
        models: tuple[str, ...] = ()
        try:
            if raw.method == "OPTIONS" and "authorization" not in raw.headers:
                return self._preflight(raw_path, raw.headers)
            scope = parse_scope(signed)
            service = scope.service if scope else ""
            request, verified = self._verified(raw, signed, scope, request_id)
            models = tuple(owner.name for owner in self._by_signing_name.get(service, ()) if owner.claims(request))
            return self._served(request, verified.caller, request_id)
        except AwsError as exc:
            error = exc
        except Disconnected:
            # There is nobody to tell.
            raise
        except Exception as exc:
            error = self._unexpected(exc)
        protocol = protocol_of(raw.method, raw_path, raw_query, raw.headers, service)
        return render_error(error, protocol, request_id, unquote(raw_path), models)

    def _preflight(self, raw_path: str, headers: Mapping[str, str]) -> RestResponse:
        """A browser's question, which is never signed: S3 answers it from the bucket's rules."""
        for service in self._by_signing_name.get("s3", ()):
            if (answered := service.preflight(raw_path, headers)) is not None:
                return answered
        raise AwsError("MissingAuthenticationToken", "The request is not signed.", 403)

    def _unexpected(self, exc: Exception) -> AwsError:
        if is_disk_full(exc):
            return disk_full(self._state_path)
        tell_exception(exc)
        return AwsError("InternalFailure", f"The sandbox failed: {type(exc).__name__}: {exc}", 500)

    def _served(self, request: RestRequest, caller: Caller, request_id: str) -> RestResponse:
        with self._lock:
            self._active += 1
        try:
            response = self._route(request, caller)
        finally:
            with self._lock:
                self._active -= 1
                self._last = time.monotonic()
        for told in self.on_exchange:
            told(caller, request.payload.length or 0, _size(response))
        if request.service == "s3":
            response.headers["x-amz-request-id"] = request_id
            response.headers["x-amz-id-2"] = request_id
        else:
            response.headers.setdefault("x-amzn-RequestId", request_id)
        return response

    def _verified(
        self, raw: RawRequest, signed: SignedRequest, scope: Scope | None, request_id: str
    ) -> tuple[RestRequest, Verified]:
        if scope is None:
            raise AwsError("MissingAuthenticationToken", "The request is not signed.", 403)
        self._verifier.precheck(signed, scope)
        given = raw.headers.get("x-amz-content-sha256")
        payload: Payload
        if scope.service == "s3":
            if scope.expires is not None:
                given = given or dict(parse_qsl(signed.raw_query)).get("X-Amz-Content-Sha256") or UNSIGNED
            elif given is None:
                raise AwsError("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
            verified = self._verifier.verify(signed, scope, given)
            payload = _payload(raw, given, verified)
        else:
            data = _read_all(raw, MAX_BODIES.get(scope.service, MAX_RPC_BYTES))
            actual = hashlib.sha256(data).hexdigest() if data else EMPTY_SHA256
            if given is not None and given not in (actual, UNSIGNED):
                raise AwsError("SignatureDoesNotMatch", "The body does not match x-amz-content-sha256.", 403)
            verified = self._verifier.verify(signed, scope, given or actual)
            payload = BytesPayload(data)
        request = RestRequest(
            method=raw.method,
            path=unquote(signed.raw_path),
            raw_path=signed.raw_path,
            raw_query=signed.raw_query,
            query=dict(parse_qsl(signed.raw_query, keep_blank_values=True)) if signed.raw_query else {},
            headers=raw.headers,
            service=scope.service,
            region=scope.region if scope.version == SIGNED_FOR_A_REGION else "",
            payload=payload,
            request_id=request_id,
        )
        return request, verified

    def _route(self, request: RestRequest, caller: Caller) -> RestResponse:
        service = self._service_of(request)
        protocol = protocol_of(request.method, request.raw_path, request.raw_query, request.headers, request.service)
        if service is not None and service.rest:
            # Access control and the service must never see two operations in one request.
            protocol = "rest-json"
        check_region(request.service, request.region, protocol)
        if request.service != "s3" and request.path.startswith(BLOCKED_PREFIXES):
            raise AwsError("AccessDenied", "This path is not served by the sandbox.", 403)
        if service is None:
            call = read_call(request, model_name(request), protocol, caller)
            self._check_offered(call.service, call.operation or f"{request.method} {request.path}")
            return self._answered(call, None, protocol, request)
        call = service.read(request, protocol, caller)
        if call.operation not in service.served():
            self._check_offered(service.name, call.operation)
        return self._answered(call, service, protocol, request)

    def _answered(self, call: Call, service: Service | None, protocol: str, request: RestRequest) -> RestResponse:
        """The answer of the service that has the operation; listeners are told how it ended."""
        members: Mapping[str, Any] | None = None
        try:
            call = service.check(call) if service is not None else check(call)
            refusals = self._authorize(call)
            if service is not None and (operation := service.operations.get(call.operation)) is not None:
                members = operation(call.members, call.caller) or {}
                response = render(call.service, call.operation, protocol, dict(members), request.request_id)
            else:
                handled = service.handle(call, refusals) if service is not None else None
                response = handled or self._fallback.handle(call)
        except AwsError as error:
            self._tell(call, error, None)
            raise
        self._tell(call, _refusal_in(response), members)
        return response

    def _tell(self, call: Call, error: AwsError | None, members: Mapping[str, Any] | None) -> None:
        for told in self.on_call:
            told(call, error, members)

    def _check_offered(self, service: str, operation: str) -> None:
        if not self._fallback.answers(service, operation):
            raise not_implemented(service, operation)

    def _service_of(self, request: RestRequest) -> Service | None:
        found = [service for service in self._by_signing_name.get(request.service, ()) if service.claims(request)]
        return next((service for service in found if service.rest), found[0] if found else None)


def _refusal_in(response: RestResponse) -> AwsError | None:
    """The error that an answer is which somebody else wrote (moto)."""
    if response.status < 400:
        return None
    found = _CODE.search(response.body) if isinstance(response.body, bytes) else None
    return AwsError(found[1].decode() if found else "ClientError", "", response.status)


def _size(response: RestResponse) -> int:
    """Bytes of a body whose length is known."""
    body = response.body
    return len(body) if isinstance(body, bytes) else body.length if isinstance(body, FileBody) else 0


def _payload(raw: RawRequest, mode: str, verified: Verified) -> Payload:
    if mode in STREAMING:
        decoded = whole(raw.headers.get("x-amz-decoded-content-length", ""))
        if decoded is None:
            raise AwsError("MissingContentLength", "You must provide the x-amz-decoded-content-length header.", 411)
        return ChunkedPayload(raw.stream, decoded, mode, verified)
    if mode.startswith("STREAMING-"):
        raise AwsError("NotImplemented", f"The sandbox does not take {mode} bodies.", 501)
    return PlainPayload(raw.stream, raw.length, None if mode == UNSIGNED else mode)


def _read_all(raw: RawRequest, limit: int) -> bytes:
    if raw.length == 0:
        return b""
    too_large = AwsError("RequestEntityTooLarge", f"The body is larger than {limit} bytes.", 413)
    if raw.length is not None and raw.length > limit:
        raise too_large
    parts, size = [], 0
    for block in PlainPayload(raw.stream, raw.length, None).blocks():
        size += len(block)
        if size > limit:
            raise too_large
        parts.append(block)
    return parts[0] if len(parts) == 1 else b"".join(parts)
