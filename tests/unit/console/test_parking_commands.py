"""What parking says before it is done, and the same as AWS CLI lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.tabs.endpoints.parking_commands import ForgetParked, ParkEndpoint, ResumeEndpoint
from tests.helpers.models import endpoint, memory, parked
from workers.parking.types import ParkPlan
from workers.types import DeletionPlan

PLAN = ParkPlan(endpoint("dogs"), memory("dogs"), (), (), (("function", "predict", "calls this endpoint"),), 0.23)


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ((), "stop at once"),
        (("sagemaker:CreateEndpoint",), "You lack permissions for all of it: sagemaker:CreateEndpoint."),
        (None, "could not be checked"),
    ],
)
def test_parking_says_what_stops_what_it_saves_and_what_is_missing(refused: tuple[str, ...] | None, words: str) -> None:
    command = ParkEndpoint(replace(PLAN, refused=refused), "It answered 3 requests in the last hour.")
    asked = command.confirmation()
    assert words in asked.text and "3 requests" in asked.text and asked.danger
    assert asked.saves.startswith("$0.230 an hour") and asked.stops_working[0].name == "Function predict"
    assert command.done_text(None) == "parked: $0.230 an hour saved"
    lines = command.cli().splitlines()
    assert lines[-1] == "aws sagemaker delete-endpoint --endpoint-name dogs"
    assert any("deregister-scalable-target" in line and "endpoint/dogs/variant/AllTraffic" in line for line in lines)


def test_resuming_says_what_it_costs_and_going_on_asks_nothing() -> None:
    command = ResumeEndpoint(parked("dogs"), 0.115)
    asked = command.confirmation()
    assert asked is not None and "1 × ml.m5.large. It costs $0.115 an hour again." in asked.text
    assert "--min-capacity 1 --max-capacity 5" in command.cli()
    unknown = ResumeEndpoint(parked("dogs"), None).confirmation()
    assert unknown is not None and "No list price is known" in unknown.text
    assert ResumeEndpoint(parked("dogs", "resuming"), 0.115).confirmation() is None


def test_forgetting_asks_for_the_name_only_where_something_is_lost_for_good() -> None:
    plan = DeletionPlan("dogs", (("memory", "of dogs", ""), ("model", "m", "")), (), (), None)
    assert ForgetParked(parked("dogs"), plan).confirmation().type_name == "dogs"
    changed = ForgetParked(parked("dogs", "changed"), plan)
    assert changed.confirmation().type_name == "" and "stays as it is" in changed.confirmation().text
    assert "list-tags" in changed.cli() and "delete-model --model-name m" in changed.cli()
