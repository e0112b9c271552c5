"""Calls from one service of the sandbox to another, without HTTP, as the operator."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlencode

from botocore.model import ServiceModel, Shape

from sandbox.auth.credentials import Credentials
from sandbox.moto_host.asking import asked
from sandbox.moto_host.bridge import MotoBridge
from sandbox.moto_host.remembered import Remembered
from sandbox.service import Service
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError, not_implemented
from sandbox.wire.messages import BytesPayload, RestRequest
from sandbox.wire.models import operation_model, service_model
from sandbox.wire.protocols import protocol_of
from sandbox.wire.validation import validate


class Calls:
    """``call(service, operation, params)``: our own operation if there is one, else moto's."""

    def __init__(self, services: Sequence[Service], bridge: MotoBridge, credentials: Credentials, region: str) -> None:
        self._services = services
        self._bridge = bridge
        self._credentials = credentials
        self._region = region
        self._remembered = Remembered(lambda: bridge.version)

    def call(self, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer's members. Raises ``AwsError`` for an answer that is an error."""
        caller = self._credentials.operator.caller
        for own in self._services:
            if own.name == service and operation in own.operations:
                return own.operations[operation](validate(service, operation, params), caller) or {}
        return self.moto(service, operation, params)

    def moto(self, service: str, operation: str, params: Mapping[str, object]) -> dict[str, Any]:
        """As ``call``, and always moto's operation: for a service of ours that completes what moto answers."""
        if service == "ec2" and operation.startswith("Describe"):
            return self._remembered.answer(operation, params, lambda: self._ask(service, operation, params))
        return self._ask(service, operation, params)

    def _ask(self, service: str, operation: str, params: Mapping[str, object]) -> dict[str, Any]:
        from botocore.parsers import create_parser
        from botocore.serialize import create_serializer

        model = service_model(service)
        protocol = next(name for name in ("json", "query", "ec2", "rest-json", "rest-xml") if name in _protocols(model))
        if operation not in model.operation_names:
            raise not_implemented(service, operation)
        shape = operation_model(service, operation)
        sent = create_serializer(protocol, include_validation=False).serialize_to_request(params, shape)
        body = sent["body"]
        if isinstance(body, dict):
            body = urlencode(body).encode()
        elif isinstance(body, str):
            body = body.encode()
        headers = {name.lower(): value for name, value in sent["headers"].items()}
        query = sent["query_string"]
        raw_query = query if isinstance(query, str) else urlencode(query, doseq=True)
        request = RestRequest(
            method=sent["method"],
            path=sent["url_path"],
            raw_path=sent["url_path"],
            raw_query=raw_query,
            query={},
            headers=headers,
            service=model.signing_name,
            region=self._region,
            payload=BytesPayload(body),
            request_id=secrets.token_hex(8),
        )
        form = protocol_of(request.method, request.raw_path, raw_query, headers, model.signing_name)
        call = Call(
            service=service,
            operation=operation,
            members=dict(params),
            caller=self._credentials.operator.caller,
            protocol=form,
            http=request,
            model=shape,
        )
        response = asked(self._bridge, call)
        answer = {"headers": response.headers, "status_code": response.status, "body": response.body}
        parsed: dict[str, Any] = create_parser(protocol).parse(answer, cast(Shape, shape.output_shape))
        if response.status >= 400:
            error = parsed.get("Error", {})
            raise AwsError(error.get("Code", "InternalFailure"), error.get("Message", ""), response.status)
        parsed.pop("ResponseMetadata", None)
        return parsed


def _protocols(model: ServiceModel) -> list[str]:
    return list(model.metadata.get("protocols") or [model.metadata["protocol"]])
