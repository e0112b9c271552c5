"""Asks an endpoint, a variant or a function, over the connections of a load test: boto3 takes a tenth of the time that
a model takes for a picture, and the endpoint would wait for it.
"""

from __future__ import annotations

import hashlib
import time
from types import TracebackType

from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from workers.aws.session import FEW_ATTEMPTS, SLOW_READ_SECONDS
from workers.errors.tree import translate_for
from workers.functions.answered import result_of
from workers.inference.answers import MAX_BODY_BYTES, check_size, guess_type
from workers.inference.invoke import event_of, of_endpoint, of_function
from workers.inference.targets import Target
from workers.load.http import Answer
from workers.load.payloads import Payload
from workers.load.signed import Signed
from workers.load.types import LoadTarget
from workers.types import Backend, Prediction

# What boto3 sends again.
_PASSING = (500, 502, 503, 504)
_TAIL = {"X-Amz-Log-Type": "Tail"}


class Asking:
    """Predictions of one target. Making it is blocking; use it as a context manager. Raises ``SageDeckError``."""

    def __init__(self, backend: Backend, target: Target) -> None:
        self._backend, self._target = backend, target
        self._service = "lambda" if target.kind == "function" else "sagemaker-runtime"
        self._doing = f"call {target.name}" if target.kind == "function" else f"get a prediction from {target.words}"
        where = LoadTarget("function", target.name)
        if target.kind != "function":
            where = LoadTarget("endpoint", target.name, target.variant, pick=target.kind == "variant")
        try:
            self._signed = Signed(
                backend, where, SLOW_READ_SECONDS[self._service], _TAIL if where.kind == "function" else None
            )
        except Exception as error:
            raise translate_for(backend, error, self._doing, self._service) from error

    async def __aenter__(self) -> Asking:
        await self._signed.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._signed.__aexit__(kind, error, trace)

    async def ask(self, data: bytes) -> Prediction:
        """The answer about one picture."""
        payload = self._payload(data)
        answer, seconds = await self._sent(payload)
        for _ in range(FEW_ATTEMPTS[self._service] - 1):
            if answer.status in _PASSING:
                answer, seconds = await self._sent(payload)
        if answer.status >= 300:
            error = self._signed.error_of(answer)
            raise translate_for(self._backend, error, self._doing, self._service) from error
        body = answer.body.decode("utf-8", "replace")
        if self._target.kind != "function":
            return of_endpoint(body, seconds, answer.headers.get("x-amzn-invoked-production-variant", ""))
        told = {
            "LogResult": answer.headers.get("x-amz-log-result", ""),
            "FunctionError": answer.headers.get("x-amz-function-error", ""),
        }
        return of_function(self._target.name, result_of(told, body, seconds))

    def _payload(self, data: bytes) -> Payload:
        if self._target.kind == "function":
            body, content_type = event_of(data).encode(), "application/json"
        else:
            check_size(data, MAX_BODY_BYTES, "an endpoint")
            body, content_type = data, guess_type(data)
        return Payload(body, content_type, hashlib.sha256(body).hexdigest())

    async def _sent(self, payload: Payload) -> tuple[Answer, float]:
        head = self._signed.head(payload)
        began = time.perf_counter()
        try:
            answer = await self._signed.send(head, payload.body)
        except TimeoutError as error:
            late = ReadTimeoutError(endpoint_url=self._signed.url, error=error)
            raise translate_for(self._backend, late, self._doing, self._service) from error
        except OSError as error:
            lost = EndpointConnectionError(endpoint_url=self._signed.url, error=error)
            raise translate_for(self._backend, lost, self._doing, self._service) from error
        return answer, time.perf_counter() - began
