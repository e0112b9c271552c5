"""The Price List API for SageMaker's instances, with the dated prices that come with the program."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.context import SandboxContext
from sandbox.service import Service
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller
from sandbox.wire.paging import page

PRICE_FILE = Path(__file__).resolve().parents[2] / "resources" / "prices.json"
SERVICE_CODE = "AmazonSageMaker"
# Usage types begin with the region's short name; a region that is not here has none.
_SHORT = {"us-east-1": "USE1-", "us-east-2": "USE2-", "us-west-2": "USW2-", "eu-west-1": "EUW1-"}
_COMPONENTS = {"training": ("Training", "Train"), "hosting": ("Hosting", "Host")}


class PricingService(Service):
    """GetProducts and DescribeServices for ``AmazonSageMaker``."""

    name = "pricing"

    def start(self, ctx: SandboxContext) -> None:
        """Answer; nothing is kept."""
        self.operations |= {"GetProducts": self._get_products, "DescribeServices": self._describe_services}

    def _describe_services(self, request: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        wanted = request.get("ServiceCode", SERVICE_CODE)
        _check_code(wanted)
        names = sorted({name for product in _products() for name in product["product"]["attributes"]})
        return {"FormatVersion": "aws_v1", "Services": [{"ServiceCode": SERVICE_CODE, "AttributeNames": names}]}

    def _get_products(self, request: dict[str, Any], _caller: Caller) -> dict[str, object]:
        _check_code(request["ServiceCode"])
        filters = request.get("Filters", [])
        found = [
            product
            for product in _products()
            if all(_matches(product["product"]["attributes"], rule) for rule in filters)
        ]
        bad_token = AwsError("InvalidNextTokenException", "The NextToken is invalid.")
        return {"FormatVersion": "aws_v1", **page(request, "PriceList", found, json.dumps, bad_token)}


def _check_code(code: str) -> None:
    if code != SERVICE_CODE:
        raise AwsError("InvalidParameterException", f"The sandbox has prices of {SERVICE_CODE} only, not of {code}.")


def _matches(attributes: Mapping[str, str], rule: Mapping[str, str]) -> bool:
    value, wanted = attributes.get(rule["Field"], ""), rule["Value"]
    match rule["Type"]:
        case "CONTAINS":
            return wanted in value
        case "ANY_OF":
            return value in wanted.split(",")
        case "NONE_OF":
            return value not in wanted.split(",")
        case _:
            return value == wanted


@cache
def _products() -> tuple[dict[str, Any], ...]:
    table = json.loads(PRICE_FILE.read_text(encoding="utf-8"))
    return tuple(_made(table))


def _made(table: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    for region, kinds in table["prices"].items():
        # A region may name another one with the same prices.
        kinds = table["prices"][kinds] if isinstance(kinds, str) else kinds
        for kind, (component, usage) in _COMPONENTS.items():
            for name, price in kinds[kind].items():
                size = table["instances"][name]
                sku = f"{_SHORT.get(region, '')}{usage}:{name}"
                attributes = {
                    "servicecode": SERVICE_CODE,
                    "regionCode": region,
                    "component": component,
                    "instanceName": name,
                    "usagetype": sku,
                    "operation": "RunInstance",
                    "vCpu": str(size["vcpus"]),
                    "memory": f"{size['memory_gib']} GiB",
                    "gpu": str(size["gpus"]) if size.get("gpus") else "N/A",
                    "physicalGpu": size.get("gpu") or "N/A",
                }
                dimension = {"unit": "Hrs", "pricePerUnit": {"USD": f"{price:.10f}"}, "rateCode": f"{sku}.1.1"}
                yield {
                    "product": {"productFamily": "ML Instance", "attributes": attributes, "sku": sku},
                    "serviceCode": SERVICE_CODE,
                    "terms": {"OnDemand": {f"{sku}.1": {"priceDimensions": {f"{sku}.1.1": dimension}}}},
                    "version": table["as_of"],
                    "publicationDate": f"{table['as_of']}T00:00:00Z",
                }
