"""The price table: what it says is in it, and what running things cost an hour."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import distribution
from pathlib import Path

import pytest
from botocore import session as botocore_session

from workers.errors.tree import InvalidInput
from workers.functions.costs import function_per_hour
from workers.functions.types import Function, Usage
from workers.prices.table import PRICE_FILE, PriceTable
from workers.training.images import VERSION, image_uri
from workers.types import Endpoint, TrainingJob

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
TABLE = PriceTable.load()


def job(status="InProgress", **more):
    fields = {"instance_type": "ml.m5.xlarge", "instance_count": 2, **more}
    return TrainingJob("dogs-1", status, START, **fields)


def test_known_prices():
    assert TABLE.per_hour("ml.m5.xlarge", "training", "us-east-1") == 0.23
    assert TABLE.per_hour("ml.m5.xlarge", "hosting", "eu-west-1") == 0.257
    # A region that has the prices of another one.
    assert TABLE.per_hour("ml.g4dn.xlarge", "hosting", "us-east-2") == 0.7364


@pytest.mark.parametrize(
    ("instance_type", "kind", "region"),
    [
        ("ml.nothing.huge", "training", "us-east-1"),
        ("ml.m5.xlarge", "training", "moon-1"),
        ("ml.t2.medium", "training", "us-east-1"),
    ],
)
def test_an_unknown_price_is_none_and_never_a_guess(instance_type, kind, region):
    assert TABLE.per_hour(instance_type, kind, region) is None


def test_the_table_says_how_old_it_is_and_where_it_is_from():
    assert date.fromisoformat(TABLE.as_of) > date(2025, 1, 1)
    assert TABLE.as_of in TABLE.caption()
    assert "aws.amazon.com/sagemaker/pricing" in TABLE.caption()


@pytest.mark.parametrize("kind", ["training", "hosting"])
def test_every_offer_is_a_type_that_sagemaker_takes(kind):
    shapes = {"training": "TrainingInstanceType", "hosting": "ProductionVariantInstanceType"}
    model = botocore_session.get_session().get_service_model("sagemaker")
    accepted = set(model.shape_for(shapes[kind]).enum)
    for region in TABLE.regions():
        offers = TABLE.offers(kind, region)
        assert offers
        assert {offer.name for offer in offers} <= accepted
        assert [offer.per_hour for offer in offers] == sorted(offer.per_hour for offer in offers)
        assert all(offer.per_hour > 0 and offer.vcpus > 0 and offer.memory_gib > 0 for offer in offers)
        assert all(bool(offer.gpus) == (offer.name[3] in "gp") for offer in offers)


def test_a_job_costs_its_billable_time_on_all_instances():
    assert TABLE.job_cost(job("Completed", billable_seconds=1800), "us-east-1") == pytest.approx(0.23)
    assert TABLE.job_cost(job("Completed", billable_seconds=1800, instance_type="ml.x"), "us-east-1") is None


def test_a_running_job_costs_what_it_ran_so_far():
    running = job(started=START)
    assert TABLE.job_cost(running, "us-east-1", START + timedelta(hours=1)) == pytest.approx(0.46)
    assert TABLE.job_cost(job(), "us-east-1", START + timedelta(hours=1)) == 0


def test_the_total_counts_what_runs_and_names_what_it_cannot_price():
    def endpoint(status, count=1, desired=1, instance_type="ml.m5.large"):
        return Endpoint("e", status, START, instance_type=instance_type, instance_count=count, desired_count=desired)

    total = TABLE.hourly_total(
        [job(), job("Completed"), job(instance_type="ml.new.type")],
        [
            endpoint("InService", 2, 2),
            endpoint("Updating", 1, 3),
            endpoint("Creating", 0, 1),
            endpoint("Failed"),
            endpoint("Deleting"),
        ],
        "us-east-1",
    )
    assert total.training == pytest.approx(0.46)
    assert total.hosting == pytest.approx(6 * 0.115)
    assert total.per_hour == pytest.approx(0.46 + 6 * 0.115)
    assert total.unpriced == ("ml.new.type",)


@pytest.mark.parametrize("scope", ["training", "inference"])
def test_images_are_those_of_the_sdks_own_table(scope):
    # Found without importing the SDK, which takes seconds.
    table = Path(distribution("sagemaker-core").locate_file("sagemaker/core/image_uri_config/pytorch.json"))
    version = json.loads(table.read_text())[scope]["versions"][VERSION]
    for region, account in version["registries"].items():
        if region == "me-west-1":
            # It has an inference image and no training image.
            continue
        uri = image_uri(region, scope, "ml.m5.large")
        assert uri.startswith(f"{account}.dkr.ecr.{region}.amazonaws.com")
        assert uri.endswith(f"/{version['repository']}:{VERSION}-cpu-{version['py_versions'][0]}")


def test_gpu_instances_get_the_gpu_image():
    assert "-gpu-" in image_uri("us-east-1", "training", "ml.g4dn.xlarge")
    assert "-gpu-" in image_uri("us-east-1", "inference", "ml.p3.2xlarge")
    assert "-cpu-" in image_uri("us-east-1", "training", "ml.c5.xlarge")
    with pytest.raises(InvalidInput, match="moon-1"):
        image_uri("moon-1", "training", "ml.m5.large")


def function(**more):
    given = {"memory_mb": 512, "last_hour": Usage(720.0, 67_000.0)} | more
    return Function("ask", "arn", "python3.12", given.pop("memory_mb"), 30, "role", None, **given)


def test_a_function_costs_its_calls_and_its_billed_time():
    # 720 calls, 67 s of half a GB: 720 x 0.0000002 + 33.5 x 0.0000166667
    assert function_per_hour(TABLE, function(), "us-east-1") == pytest.approx(0.000702, abs=1e-6)
    assert function_per_hour(TABLE, function(), "us-west-2") == function_per_hour(TABLE, function(), "us-east-1")


def test_what_is_kept_ready_costs_also_without_calls():
    idle = function(memory_mb=1024, last_hour=Usage(0.0, 0.0), provisioned=10)
    assert function_per_hour(TABLE, idle, "us-east-1") == pytest.approx(10 * 3600 * 0.0000041667)
    assert function_per_hour(TABLE, idle, "eu-west-1") == pytest.approx(10 * 3600 * 0.000004646)


def test_a_function_of_unknown_use_or_region_has_no_price():
    assert function_per_hour(TABLE, function(last_hour=None), "us-east-1") is None
    assert function_per_hour(TABLE, function(), "moon-1") is None


def test_the_lambda_prices_have_a_date_and_a_source():
    prices = json.loads(PRICE_FILE.read_text("utf-8"))["lambda"]
    assert date.fromisoformat(prices["as_of"]) and "aws.amazon.com/lambda/pricing" in prices["source"]


def test_functions_are_in_the_total():
    total = TABLE.hourly_total([], [], "us-east-1", functions=0.25)
    assert (total.per_hour, total.functions) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("instance_type", "cores"),
    [("ml.m5.2xlarge", 8), ("ml.unheard.18xlarge", 72), ("ml.unheard.xlarge", 4), ("ml.unheard.large", 2), ("", 0)],
)
def test_cores_of_an_unknown_type_are_those_of_its_size(instance_type: str, cores: int) -> None:
    assert PriceTable.load().cores(instance_type) == cores
