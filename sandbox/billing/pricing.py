"""The Price List API, with the dated prices that come with the program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox.billing.products import Product, products
from sandbox.context import SandboxContext
from sandbox.service import Service
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller
from sandbox.wire.paging import page


class PricingService(Service):
    """GetProducts, DescribeServices and GetAttributeValues, of the services that are in the price table."""

    name = "pricing"

    def start(self, ctx: SandboxContext) -> None:
        """Answer; nothing is kept."""
        self.operations |= {
            "GetProducts": self._get_products,
            "DescribeServices": self._describe_services,
            "GetAttributeValues": self._get_values,
        }

    def _describe_services(self, request: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        wanted = request.get("ServiceCode")
        codes = [wanted] if wanted else list(products())
        shown = [{"ServiceCode": code, "AttributeNames": _attribute_names(code)} for code in codes]
        return {"FormatVersion": "aws_v1", **page(request, "Services", shown, lambda row: row, _bad_token())}

    def _get_values(self, request: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        name = request["AttributeName"]
        found = {product["product"]["attributes"].get(name) for product in _of(request["ServiceCode"])} - {None}
        if not found:
            text = f"The products of {request['ServiceCode']} have no attribute {name[:100]}."
            raise AwsError("InvalidParameterException", text)
        return page(request, "AttributeValues", sorted(found), lambda value: {"Value": value}, _bad_token())

    def _get_products(self, request: dict[str, Any], _caller: Caller) -> dict[str, object]:
        offered = _of(request["ServiceCode"])
        filters = request.get("Filters", [])
        found = [
            product for product in offered if all(_matches(product["product"]["attributes"], rule) for rule in filters)
        ]
        return {"FormatVersion": "aws_v1", **page(request, "PriceList", found, json.dumps, _bad_token())}


def _bad_token() -> AwsError:
    return AwsError("InvalidNextTokenException", "The NextToken is invalid.")


def _of(code: str) -> tuple[Product, ...]:
    if code not in products():
        known = ", ".join(products())
        raise AwsError("InvalidParameterException", f"The sandbox has prices of {known} only, not of {code}.")
    return products()[code]


def _attribute_names(code: str) -> list[str]:
    return sorted({name for product in _of(code) for name in product["product"]["attributes"]})


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
