"""InvokeEndpoint: from a request's bytes to an instance and back, with AWS's statuses."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import Any

from sandbox.core.account import ACCOUNT_ID
from sandbox.core.account import arn as make_arn
from sandbox.core.settings import invocations_per_second
from sandbox.sagemaker.hosting.endpoints import Endpoints, LiveEndpoint
from sandbox.sagemaker.hosting.fleet import LOG_GROUP, Variant
from sandbox.sagemaker.hosting.instance import Instance
from sandbox.sagemaker.hosting.link import HostDied, HostFull, HostTimeout
from sandbox.sagemaker.service import SageMakerService
from sandbox.service import Refusals, Service
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError, not_implemented
from sandbox.wire.messages import Caller, RestRequest, RestResponse
from sandbox.wire.render import render

# SageMaker API Reference, InvokeEndpoint: 6 MB, 60 seconds.
MAX_BODY_BYTES = 6 * 1024 * 1024
INVOCATION_SECONDS = 60.0
# TorchServe's words.
_FULL = "No worker is available to serve request for model: model. Consider increasing job queue size."
_SERVED = frozenset({"InvokeEndpoint"})
_CUSTOM = "X-Amzn-SageMaker-Custom-Attributes"
# They choose what answers; an answer of something else must not pass for it.
_NOT_OFFERED = frozenset({"InferenceComponentName", "TargetContainerHostname", "SessionId"})
_HANDED_ON = {
    "CustomAttributes": _CUSTOM,
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "TargetModel": "X-Amzn-SageMaker-Target-Model",
}


class SageMakerRuntimeService(Service):
    """The runtime API beside the control plane, whose endpoints it asks."""

    name = "sagemaker-runtime"
    signing_name = "sagemaker"
    rest = True
    invalid = "ValidationError"
    undone = {"InvokeEndpoint": {"EnableExplanations": (), "PrefixAwareId": ()}}

    def __init__(self, control: SageMakerService, seconds: float = INVOCATION_SECONDS) -> None:
        super().__init__()
        self._control = control
        self._seconds = seconds
        self._rate = Rate(invocations_per_second())

    def claims(self, request: RestRequest) -> bool:
        """True for the runtime's paths; the control plane has none of its own."""
        return request.raw_path.startswith("/endpoints/")

    def served(self) -> Collection[str]:
        """InvokeEndpoint alone."""
        return _SERVED

    def read(self, request: RestRequest, protocol: str, caller: Caller) -> Call:
        """The call that a request makes; RequestEntityTooLarge for a body beyond SageMaker's limit."""
        try:
            request.body(MAX_BODY_BYTES)
        except AwsError as error:
            raise _too_large(error) from error
        return super().read(request, protocol, caller)

    def handle(self, call: Call, refusals: Refusals) -> RestResponse:
        """Answer InvokeEndpoint."""
        started = time.perf_counter()
        if not self._rate.take(started):
            # As on AWS, without a message and with status 400.
            raise AwsError("ThrottlingException", "", 400)
        members = call.members
        if unknown := _NOT_OFFERED & members.keys():
            raise not_implemented("sagemaker-runtime", f"InvokeEndpoint with {', '.join(sorted(unknown))}")
        name, body = members["EndpointName"], members["Body"]
        endpoints, metrics = self._control.endpoints, self._control.invocations
        endpoint = _in_service(endpoints, name)
        target = members.get("TargetVariant")
        while True:
            fleet = endpoint.choose()
            if fleet is None:
                raise _unavailable(name)
            if target and target not in fleet.variants:
                raise AwsError("ValidationError", f"Variant {target} of endpoint {name} not found.")
            picked = fleet.pick(target, max(0.001, self._seconds - (time.perf_counter() - started)))
            if picked is None and fleet.closed and endpoint.fleet not in (None, fleet):
                # It was replaced since it was chosen.
                continue
            if picked is None:
                raise _unavailable(name)
            variant, instance = picked
            try:
                left = max(0.001, self._seconds - (time.perf_counter() - started))
                status, headers, answer, model_seconds = instance.ask(_model_headers(members), body, left)
                break
            except (HostTimeout, HostDied, HostFull) as error:
                if isinstance(error, HostDied) and not error.asked:
                    continue
                overhead = time.perf_counter() - started
                metrics.add(
                    name,
                    variant.name,
                    503 if isinstance(error, HostFull) else 500,
                    model_seconds=None,
                    overhead_seconds=overhead,
                    instances=variant.ready(),
                )
                raise _model_error(endpoints, name, instance, *_died(error, instance)) from error
        overhead = max(0.0, time.perf_counter() - started - model_seconds)
        metrics.add(
            name,
            variant.name,
            status,
            model_seconds=model_seconds,
            overhead_seconds=overhead,
            instances=variant.ready(),
        )
        if status >= 400:
            text = answer.decode("utf-8", "replace")
            raise _model_error(endpoints, name, instance, status, text)
        answered = {"Body": answer, **_about(headers, variant)}
        return render(self.name, "InvokeEndpoint", "rest-json", answered, call.http.request_id)


class Rate:
    """Lets so many calls through in a second, and as many at once after a pause; None: all."""

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._lock = threading.Lock()
        self._left, self._at = per_second or 0.0, 0.0

    def take(self, now: float) -> bool:
        """Whether one more call may go at ``now`` (seconds of any clock that does not go back)."""
        if self._per_second is None:
            return True
        with self._lock:
            self._left = min(self._per_second, self._left + max(0.0, now - self._at) * self._per_second)
            self._at = max(self._at, now)
            if self._left < 1:
                return False
            self._left -= 1
            return True


def _in_service(endpoints: Endpoints, name: str) -> LiveEndpoint:
    endpoint = endpoints.live(name)
    if endpoint is None and endpoints.records.get(name) is None:
        raise AwsError("ValidationError", f"Endpoint {name} of account {ACCOUNT_ID} not found.")
    status = endpoint.record["EndpointStatus"] if endpoint is not None else "Failed"
    if endpoint is None or status not in ("InService", "Updating"):
        raise AwsError(
            "ValidationError",
            f"Endpoint {name} of account {ACCOUNT_ID} is not in service: its status is {status}.",
        )
    return endpoint


def _model_headers(members: dict[str, Any]) -> dict[str, str]:
    headers = {"Content-Type": members.get("ContentType", ""), "Accept": members.get("Accept", "")}
    return headers | {name: members[member] for member, name in _HANDED_ON.items() if member in members}


def _about(headers: dict[str, str], variant: Variant) -> dict[str, Any]:
    """The members that tell about the answer of a model."""
    return {
        "ContentType": headers.get("Content-Type", "application/json"),
        "InvokedProductionVariant": variant.name,
        "CustomAttributes": next((value for name, value in headers.items() if name.lower() == _CUSTOM.lower()), None),
    }


def _died(error: HostTimeout | HostDied | HostFull, instance: Instance) -> tuple[int, str]:
    if isinstance(error, HostFull):
        return 503, _FULL
    if isinstance(error, HostTimeout):
        return 0, (
            "Your invocation timed out while waiting for a response from container primary. Review the latency metrics "
            "for each container in Amazon CloudWatch, resolve the issue, and try again."
        )
    return 500, f"Worker died. {instance.reason()}".strip()


def _model_error(endpoints: Endpoints, name: str, instance: Instance, status: int, text: str) -> AwsError:
    group = f"{LOG_GROUP}/{name}"
    side = "client" if 400 <= status < 500 else "server"
    region = endpoints.region
    message = (
        f'Received {side} error ({status}) from primary with message "{text}". See https://{region}.console.aws.amazon.com'
        f"/cloudwatch/home?region={region}#logEventViewer:group={group} in account {ACCOUNT_ID} for more information."
    )
    extra: dict[str, Any] = {
        "OriginalStatusCode": status,
        "OriginalMessage": text,
        "LogStreamArn": make_arn("logs", f"log-group:{group}:log-stream:{instance.stream}"),
    }
    return AwsError("ModelError", message, 424, **extra)


def _too_large(error: AwsError) -> AwsError:
    if error.status != 413:
        return error
    return AwsError(
        "RequestEntityTooLarge",
        f"The request is larger than the {MAX_BODY_BYTES} bytes that InvokeEndpoint takes.",
        413,
    )


def _unavailable(name: str) -> AwsError:
    return AwsError("ServiceUnavailable", f"No instance of endpoint {name} is able to answer now. Try again.", 503)
