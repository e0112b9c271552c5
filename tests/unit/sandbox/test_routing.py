"""Every operation of the REST-JSON models is itself, and every service is asked by its own name only."""

from __future__ import annotations

from dataclasses import replace

import pytest
from botocore.session import Session

from sandbox.service import Service
from sandbox.services import all_services
from sandbox.wire.errors import AwsError
from sandbox.wire.rest_json import RestJson
from tests.helpers.aws_requests import operations, parameters, written

REST = [(name, operation) for name in ("lambda", "sagemaker-runtime") for operation in operations(name)]


@pytest.mark.parametrize(("service", "operation"), REST)
def test_each_rest_operation_is_itself(service: str, operation: str) -> None:
    model = RestJson(service)
    for everything in (False, True):
        request = written(service, operation, parameters(service, operation, {"FunctionName": "fn"}, everything))
        assert model.parse(request)[0] == operation
        query = {**request.query, "from-the-future": ""}
        with pytest.raises(AwsError) as caught:
            model.parse(replace(request, query=query))
        assert (caught.value.code, caught.value.status) == ("NotImplemented", 501)


@pytest.mark.parametrize("service", all_services(), ids=lambda service: service.name)
def test_targets_are_those_of_the_models(service: Service) -> None:
    metadata = Session().get_service_model(service.name).metadata
    assert service.target == metadata.get("targetPrefix", "")
