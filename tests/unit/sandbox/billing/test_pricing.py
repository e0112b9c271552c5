"""The Price List API of the sandbox: filters, pages, and what it has no prices of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.billing.pricing import PricingService
from sandbox.services import all_services
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
        ({"ServiceCode": "AmazonRDS"}, "InvalidParameterException"),
        ({"ServiceCode": "AmazonSageMaker", "NextToken": "!"}, "InvalidNextTokenException"),
        ({}, "ValidationException"),
    ],
)
def test_what_it_refuses(request_: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as caught:
        ask("GetProducts", **request_)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("code", "field", "value", "unit", "dollars"),
    [
        ("AmazonEC2", "usagetype", "BoxUsage:t3.micro", "Hrs", 0.0104),
        ("AmazonEC2", "volumeApiName", "gp3", "GB-Mo", 0.08),
        ("AmazonEC2", "usagetype", "EBS:VolumeUsage", "GB-Mo", 0.05),
        ("AmazonEC2", "usagetype", "EU-EBS:VolumeUsage.piops", "GB-Mo", 0.138),
        ("AmazonSageMaker", "usagetype", "USE1-Notebk:ml.t2.medium", "Hrs", 0.0464),
        ("AmazonSageMaker", "usagetype", "EU-Notebk:VolumeUsage.gp2", "GB-Mo", 0.154),
        ("AWSLambda", "group", "AWS-Lambda-Requests", "Requests", 2e-07),
        ("AmazonVPC", "group", "VPCPublicIPv4Address", "Hrs", 0.005),
        ("AmazonS3", "storageClass", "General Purpose", "GB-Mo", 0.023),
        ("AmazonCloudWatch", "alarmType", "Standard", "Alarms", 0.1),
        ("AWSCostExplorer", "usagetype", "USE1-APIRequest", "Request", 0.01),
        ("AWSCloudTrail", "usagetype", "USE1-PaidEventsRecorded", "Events", 2e-05),
        ("AWSCloudTrail", "usagetype", "EU-FreeEventsRecorded", "Events", 0),
        ("AWSSystemsManager", "usagetype", "EU-PS-Advanced-Param-Tier1", "Hour", 6.94444e-05),
        ("AWSSystemsManager", "usagetype", "USE1-PS-Param-Processed-Tier2", "Requests", 5e-06),
    ],
)
def test_each_service_that_is_here_has_its_prices(code: str, field: str, value: str, unit: str, dollars: float) -> None:
    asked_for = {"regionCode": "eu-west-1" if value.startswith("EU-") else "us-east-1", field: value}
    rules = [{"Type": "TERM_MATCH", "Field": name, "Value": of} for name, of in asked_for.items()]
    [found] = [json.loads(text) for text in ask("GetProducts", ServiceCode=code, Filters=rules)["PriceList"]]
    [term] = found["terms"]["OnDemand"].values()
    [dimension] = term["priceDimensions"].values()
    assert (dimension["unit"], float(dimension["pricePerUnit"]["USD"])) == (unit, pytest.approx(dollars))


def test_what_belongs_to_no_region_says_so() -> None:
    found = [json.loads(text) for text in ask("GetProducts", ServiceCode="AWSBudgets")["PriceList"]]
    assert [product["product"]["attributes"]["usagetype"] for product in found] == [
        *("BudgetsUsage", "ActionEnabledBudgetsUsage", "BudgetsReports")
    ]
    attributes = [product["product"]["attributes"] for product in found]
    assert all(given["location"] == "Any" and "regionCode" not in given for given in attributes)


# By our name of each service: AWS's code in the Price List, or None where AWS lists nothing, for it costs nothing.
OFFERS = {
    **dict.fromkeys(("sts", "iam", "pricing", "service-quotas", "application-autoscaling", "resourcegroupstaggingapi")),
    **dict.fromkeys(("logs", "cloudwatch"), "AmazonCloudWatch"),
    **dict.fromkeys(("sagemaker", "sagemaker-runtime"), "AmazonSageMaker"),
    "budgets": "AWSBudgets",
    "ce": "AWSCostExplorer",
    "cloudtrail": "AWSCloudTrail",
    "ec2": "AmazonEC2",
    "lambda": "AWSLambda",
    "s3": "AmazonS3",
    "ssm": "AWSSystemsManager",
}


def test_every_service_that_is_served_and_costs_something_has_prices() -> None:
    assert {service.name for service in all_services()} == set(OFFERS)
    listed = {row["ServiceCode"] for row in ask("DescribeServices")["Services"]}
    assert {code for code in OFFERS.values() if code} <= listed


def test_the_services_are_listed_with_what_their_products_are_filtered_by() -> None:
    listed = {row["ServiceCode"]: row["AttributeNames"] for row in ask("DescribeServices")["Services"]}
    assert {"AmazonEC2", "AmazonSageMaker", "AWSLambda", "AmazonS3"} <= listed.keys()
    assert "instanceName" in listed["AmazonSageMaker"] and "instanceType" in listed["AmazonEC2"]
    [only] = ask("DescribeServices", ServiceCode="AWSLambda")["Services"]
    assert only["ServiceCode"] == "AWSLambda"


def test_the_values_of_an_attribute_are_told_each_once_in_pages() -> None:
    request = {"ServiceCode": "AmazonSageMaker", "AttributeName": "component"}
    values = [{"Value": name} for name in ("Hosting", "Notebook", "Training")]
    assert ask("GetAttributeValues", **request)["AttributeValues"] == values
    first = ask("GetAttributeValues", MaxResults=2, **request)
    assert first["AttributeValues"] == values[:2]
    assert ask("GetAttributeValues", NextToken=first["NextToken"], **request)["AttributeValues"] == values[2:]
    with pytest.raises(AwsError, match="no attribute colour"):
        ask("GetAttributeValues", ServiceCode="AmazonSageMaker", AttributeName="colour")
