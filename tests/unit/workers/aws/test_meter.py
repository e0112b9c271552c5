"""What the program's own requests cost."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber

from workers.aws.meter import ReadMeter, price_of


def query(at):
    metric = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Dimensions": []}
    return {"Id": f"m{at}", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}}


@pytest.mark.parametrize(
    "service, operation, parameters, dollars",
    [
        ("cloudwatch", "GetMetricData", {"MetricDataQueries": [query(at) for at in range(500)]}, 0.005),
        ("cloudwatch", "GetMetricData", {"MetricDataQueries": [query(1), {"Id": "sum", "Expression": "m1"}]}, 0.00001),
        ("cloudwatch", "DescribeAlarms", {}, 0),
        ("ce", "GetCostAndUsage", {}, 0.01),
        ("s3", "ListObjectsV2", {}, 0.000005),
        ("s3", "PutObject", {}, 0),
        ("sagemaker", "ListEndpoints", {}, 0),
    ],
)
def test_prices(service, operation, parameters, dollars):
    assert price_of(service, operation, parameters) == pytest.approx(dollars)


def test_every_request_of_a_watched_client_is_counted():
    meter = ReadMeter()
    client = boto3.client("ce", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    meter.watch(client)
    asked = {"TimePeriod": {"Start": "2026-11-01", "End": "2026-11-02"}, "Granularity": "DAILY", "Metrics": ["x"]}
    with Stubber(client) as stub:
        stub.add_response("get_cost_and_usage", {"ResultsByTime": []})
        client.get_cost_and_usage(**asked)
    assert (meter.calls, meter.cost_pages, meter.dollars) == (1, 1, pytest.approx(0.01))


def test_only_the_last_hour_counts_as_an_hours_price():
    now = [0.0]
    meter = ReadMeter(lambda: now[0])
    meter.count("ce", "GetCostAndUsage", {})
    now[0] = 3000.0
    meter.count("ce", "GetCostAndUsage", {})
    assert meter.dollars_last_hour == pytest.approx(0.02)
    now[0] = 4000.0
    assert meter.dollars_last_hour == pytest.approx(0.01)
    assert meter.dollars == pytest.approx(0.02)
