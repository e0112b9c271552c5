"""Every operation of the REST-JSON models is itself, and every service is asked by its own name only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.service import Service
from sandbox.services import all_services
from sandbox.wire.errors import AwsError
from sandbox.wire.models import service_model
from sandbox.wire.rest import parse_rest
from tests.helpers.aws_requests import operations, parameters, written
from tests.helpers.calls import CALLER, request_of, target_header

REST = [(name, operation) for name in ("lambda", "sagemaker-runtime") for operation in operations(name)]


@pytest.mark.parametrize(("service", "operation"), REST)
def test_each_rest_operation_is_itself(service: str, operation: str) -> None:
    for everything in (False, True):
        request = written(service, operation, parameters(service, operation, {"FunctionName": "fn"}, everything))
        assert parse_rest(service, request)[0].name == operation
        query = {**request.query, "from-the-future": ""}
        with pytest.raises(AwsError) as caught:
            parse_rest(service, replace(request, query=query))
        assert (caught.value.code, caught.value.status) == ("NotImplemented", 501)


JSON = [service for service in all_services() if service_model(service.name).metadata.get("targetPrefix")]


@pytest.mark.parametrize("service", JSON, ids=lambda service: service.name)
def test_a_service_answers_to_its_own_target_only(service: Service) -> None:
    operation = service_model(service.name).operation_names[0]
    signed = service.signing_name or service.name
    own = target_header(service.name, operation)
    assert service.read(request_of(signed, "POST", "/", b"{}", own), "json", CALLER).operation == operation
    with pytest.raises(AwsError) as caught:
        service.read(request_of(signed, "POST", "/", b"{}", {"x-amz-target": f"Other.{operation}"}), "json", CALLER)
    assert (caught.value.code, caught.value.status) == ("UnknownOperationException", 404)
