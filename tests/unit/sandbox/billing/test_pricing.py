"""The Price List API of the sandbox: filters, pages, and what it has no prices of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.billing.pricing import PricingService
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller
from tests.helpers.calls import ask as asked

OPERATOR = Caller("arn:aws:iam::123456789012:user/operator", "123456789012", "AK")


def ask(operation: str, **request: Any) -> dict[str, Any]:
    service = PricingService()
    context: Any = None
    service.start(context)
    return asked(service, operation, request)


def products(*filters: tuple[str, str, str], **more: Any) -> list[dict[str, Any]]:
    rules = [{"Type": kind, "Field": name, "Value": value} for kind, name, value in filters]
    answer = ask("GetProducts", ServiceCode="AmazonSageMaker", Filters=rules, **more)
    return [json.loads(text)["product"]["attributes"] for text in answer["PriceList"]]


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        ("TERM_MATCH", "ml.m5.large", {"ml.m5.large"}),
        ("EQUALS", "ml.m5", set()),
        ("CONTAINS", "m5.2x", {"ml.m5.2xlarge"}),
        ("ANY_OF", "ml.m5.large,ml.m5.xlarge", {"ml.m5.large", "ml.m5.xlarge"}),
    ],
)
def test_filters(kind: str, value: str, found: set[str]) -> None:
    one_list = (("TERM_MATCH", "regionCode", "us-east-2"), ("TERM_MATCH", "component", "Hosting"))
    assert {product["instanceName"] for product in products(*one_list, (kind, "instanceName", value))} == found
    others = {product["instanceName"] for product in products(*one_list, ("NONE_OF", "instanceName", "ml.m5.large"))}
    assert others and "ml.m5.large" not in others


def test_pages_put_together_are_all_products() -> None:
    whole = ask("GetProducts", ServiceCode="AmazonSageMaker", MaxResults=100)["PriceList"]
    first = ask("GetProducts", ServiceCode="AmazonSageMaker", MaxResults=40)
    second = ask("GetProducts", ServiceCode="AmazonSageMaker", MaxResults=60, NextToken=first["NextToken"])
    assert first["PriceList"] + second["PriceList"] == whole


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"ServiceCode": "AmazonEC2"}, "InvalidParameterException"),
        ({"ServiceCode": "AmazonSageMaker", "NextToken": "!"}, "InvalidNextTokenException"),
        ({}, "ValidationException"),
    ],
)
def test_what_it_refuses(request_: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as caught:
        ask("GetProducts", **request_)
    assert caught.value.code == code
