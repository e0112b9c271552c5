"""Prices from the Price List API: which product counts, what the table then says, and what a refusal leaves."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.unit.workers.fake_aws import FakeSession, Refused
from workers.errors.tree import AccessDenied
from workers.prices.refresh import Pricing
from workers.prices.table import PriceTable


def product(name, usage, usd, region="USE1-", **more):
    size = {"vCpu": "8", "memory": "32 GiB", "gpu": "N/A"}
    attributes = {"instanceName": name, "usagetype": f"{region}{usage}:{name}", **size, **more}
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": str(usd)}}
    return json.dumps({
        "product": {"attributes": attributes},
        "terms": {"OnDemand": {"a": {"priceDimensions": {"b": dimension}}}},
        "publicationDate": "2026-11-20T07:00:00Z",
    })  # fmt: skip


def refreshed(training=(), hosting=()):
    def answer(Filters, **_):
        wanted = {rule["Field"]: rule["Value"] for rule in Filters}
        assert wanted["regionCode"] == "us-east-1"
        return {"PriceList": {"Training": training, "Hosting": hosting}[wanted["component"]]}

    table = PriceTable.load()
    session = FakeSession(get_products=answer)
    return table, asyncio.run(Pricing(session, table).refresh())


def test_the_regions_prices_are_those_of_the_account():
    table, known = refreshed(
        training=[
            product("ml.m5.xlarge", "Train", 0.5),
            product("ml.new.large", "Train", 1.25, region="", gpu="2", physicalGpu="A9", memory="1,024 GiB"),
            product("ml.m5.xlarge", "SpotTrain", 0.1),
            product("ml.c5.xlarge", "Train", 0),
        ]
    )
    assert known
    assert table.per_hour("ml.m5.xlarge", "training", "us-east-1") == 0.5
    assert table.as_of == "2026-11-20" and "Price List" in table.caption()
    offers = {offer.name: offer for offer in table.offers("training", "us-east-1")}
    assert set(offers) == {"ml.m5.xlarge", "ml.new.large"}, "what AWS does not sell there is not offered"
    assert (offers["ml.new.large"].memory_gib, offers["ml.new.large"].gpus, offers["ml.new.large"].gpu) == (
        1024,
        2,
        "A9",
    )


def test_other_kinds_and_regions_keep_their_prices():
    before = PriceTable.load()
    table, _known = refreshed(training=[product("ml.m5.xlarge", "Train", 0.5)])
    for kind, region in (("hosting", "us-east-1"), ("training", "eu-west-1"), ("training", "us-west-2")):
        assert table.offers(kind, region) == before.offers(kind, region)


def test_without_products_the_table_stays():
    before = PriceTable.load()
    table, known = refreshed(training=[product("ml.m5.xlarge", "SpotTrain", 0.1)])
    assert not known and table.as_of == before.as_of
    assert table.offers("training", "us-east-1") == before.offers("training", "us-east-1")


def test_a_refusal_names_the_permission_and_leaves_the_table():
    def refuse(**_):
        words = "User: arn:aws:iam::123456789012:user/a is not authorized to perform: pricing:GetProducts"
        raise Refused("AccessDeniedException", words, 400)

    table = PriceTable.load()
    with pytest.raises(AccessDenied) as caught:
        asyncio.run(Pricing(FakeSession(get_products=refuse), table).refresh())
    assert "pricing:GetProducts" in caught.value.message
    assert table.per_hour("ml.m5.xlarge", "training", "us-east-1") == 0.23
