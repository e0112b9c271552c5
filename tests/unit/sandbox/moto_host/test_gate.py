"""Over every operation of every service: ours, moto's for a reason, an empty list that is true, or NotImplemented."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.parsers import create_parser

import sandbox.moto_host.gate as gate_module
from sandbox.iam.needs import needs_of
from sandbox.moto_host.allowed import ALLOWED, REASONS
from sandbox.moto_host.empty_lists import EMPTY, empty_answer
from sandbox.moto_host.gate import Gate, answers
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestResponse
from sandbox.wire.models import operation_model, service_model
from tests.helpers.calls import NAMES, call_of, spoken

# Nobody but the operator has these: what they change is not decided about by any rule.
THE_OPERATORS = {
    *(("ec2", name) for name in REASONS["ec2"]["the network that instances are placed in: RunInstances reads it"]),
    ("iam", "CreateServiceLinkedRole"),
    ("iam", "GetServiceLinkedRoleDeletionStatus"),
}
TABLE = [(service, operation) for service in sorted(EMPTY) for operation in EMPTY[service].split()]


@pytest.fixture(autouse=True)
def no_answers_of_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no body of moto's here to compare with a model."""
    monkeypatch.setattr(gate_module, "check_answer", lambda call, response: None)


class Moto:
    """What the gate lets through."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def handle(self, call: Call) -> RestResponse:
        self.asked.append((call.service, call.operation))
        return RestResponse(204, {}, b"")


@pytest.mark.parametrize("service", sorted({*ALLOWED, *EMPTY, "cloudformation", "rekognition", "polly"}))
def test_each_operation_is_mentioned_once_or_refused(service: str) -> None:
    moto = Moto()
    gate = Gate(moto)
    allowed, empty = ALLOWED.get(service, frozenset()), EMPTY.get(service, "").split()
    reasons = [name for names in REASONS.get(service, {}).values() for name in names]
    assert len(reasons) == len(set(reasons)) and len(empty) == len(set(empty)) and not allowed & set(empty)
    assert {*allowed, *empty} <= set(service_model(service).operation_names)
    for operation in service_model(service).operation_names:
        call, before = call_of(service, operation), len(moto.asked)
        assert answers(service, operation) == gate.answers(service, operation) == (operation in {*allowed, *empty})
        if operation in allowed or operation in empty:
            assert gate.handle(call).status == (204 if operation in allowed else 200)
        else:
            with pytest.raises(AwsError) as caught:
                gate.handle(call)
            assert (caught.value.code, caught.value.status) == ("NotImplemented", 501)
        assert (len(moto.asked) > before) == (operation in allowed)


def test_somebody_decides_about_what_moto_and_empty_lists_answer() -> None:
    everything = {(service, name) for service, names in ALLOWED.items() for name in names} | set(TABLE)
    undecided = {(service, name) for service, name in everything if needs_of(call_of(service, name), NAMES) is None}
    # Describing the network is decided about as all that describes is.
    assert undecided == {operation for operation in THE_OPERATORS if not operation[1].startswith("Describe")} - {
        ("ec2", "CreateDefaultVpc")
    }


@pytest.mark.parametrize(("service", "operation"), TABLE)
def test_a_list_of_what_cannot_exist_asks_for_nothing_and_is_empty_for_clients(service: str, operation: str) -> None:
    model = operation_model(service, operation)
    assert operation.startswith(("List", "Describe", "Get"))
    assert not (model.input_shape and model.input_shape.required_members)
    answer = Gate(Moto()).handle(call_of(service, operation))
    parser: Any = create_parser(spoken(service))
    read = parser.parse(
        {"status_code": answer.status, "headers": answer.headers, "body": answer.body}, model.output_shape
    )
    read.pop("ResponseMetadata")
    assert empty_answer(service, operation) and all(value in ([], False) for value in read.values())
    assert not set(model.output_shape.required_members) - read.keys()


@pytest.mark.parametrize(
    "error", [KeyError("GroupId"), IndexError(), TypeError("None"), AttributeError("x"), ValueError()]
)
def test_what_moto_stumbles_over_was_asked_wrongly(error: Exception) -> None:
    class Stumbling:
        def handle(self, call: Call) -> RestResponse:
            raise error

    with pytest.raises(AwsError) as caught:
        Gate(Stumbling()).handle(call_of("ec2", "ReleaseAddress"))
    assert (caught.value.code, caught.value.status) == ("InvalidParameterValue", 400)


@pytest.mark.parametrize(("service", "operation"), [("sagemaker", "ListPipelines"), ("iam", "ListSAMLProviders")])
def test_a_token_that_nobody_gave_is_refused(service: str, operation: str) -> None:
    call = replace(call_of(service, operation), members={"NextToken": "of another list"})
    with pytest.raises(AwsError, match="it belongs to another request") as refused:
        Gate(Moto()).handle(call)
    assert refused.value.code in ("ValidationException", "ValidationError")
