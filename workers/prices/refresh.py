"""What SageMaker's instances cost now: on-demand prices from the Price List API into the price table.

The products' attributes (``component``, ``instanceName``, ``usagetype`` such as ``USE1-Train:ml.m5.xlarge``,
``vCpu``, ``memory``, ``physicalGpu``) are those of the service code ``AmazonSageMaker``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workers.aws.session import AwsSession
from workers.prices.table import Kind, PriceTable

SERVICE_CODE = "AmazonSageMaker"
SOURCE = "From the account's Price List API"
# The product component and the kind of usage of each; a component also has spot, warm pool and other usage.
_COMPONENTS: dict[Kind, tuple[str, str]] = {"training": ("Training", "Train"), "hosting": ("Hosting", "Host")}


@dataclass
class _Found:
    """What one component's products say."""

    prices: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, dict[str, Any]] = field(default_factory=dict)
    published: str = ""


class Pricing:
    """Reads list prices of the session's region. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, prices: PriceTable) -> None:
        self._session, self._prices = session, prices

    async def refresh(self) -> bool:
        """Replace the region's prices in the table by AWS's; true when AWS had any.

        Needs ``pricing:GetProducts``. A few calls, each a page of 100 products. When it fails the table stays.
        """
        found = {kind: await self._read(kind) for kind in _COMPONENTS}
        for kind, figures in found.items():
            if figures.prices:
                self._prices.learn(
                    self._session.region, kind, figures.prices, figures.sizes, figures.published[:10], SOURCE
                )
        return any(figures.prices for figures in found.values())

    async def _read(self, kind: Kind) -> _Found:
        component, usage = _COMPONENTS[kind]
        wanted = {"regionCode": self._session.region, "component": component}
        filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
        found = _Found()
        products = self._session.paginate(
            "pricing",
            "get_products",
            "PriceList",
            doing="read the prices",
            ServiceCode=SERVICE_CODE,
            Filters=filters,
            PaginationConfig={"PageSize": 100},
        )
        async for text in products:
            _take(json.loads(text), usage, found)
        return found


def _take(product: Mapping[str, Any], usage: str, found: _Found) -> None:
    attributes = product.get("product", {}).get("attributes", {})
    name = attributes.get("instanceName", "")
    # The region's short name goes before it, for example EU-.
    plain = re.fullmatch(rf"(?:[A-Z0-9]+-)?{usage}:{re.escape(name)}", attributes.get("usagetype", ""))
    price = _on_demand(product)
    if not name or not plain or price is None:
        return
    found.prices[name] = price
    found.sizes[name] = _size(attributes)
    found.published = max(found.published, str(product.get("publicationDate", "")))


def _on_demand(product: Mapping[str, Any]) -> float | None:
    """US dollars an hour, or ``None`` for a product that is not sold by the hour in US dollars."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term.get("priceDimensions", {}).values():
            price = float(dimension.get("pricePerUnit", {}).get("USD", 0))
            if price > 0:
                return price
    return None


def _size(attributes: Mapping[str, str]) -> dict[str, object]:
    gpus = _number(attributes.get("gpu", ""))
    size: dict[str, Any] = {
        "vcpus": int(_number(attributes.get("vCpu", ""))),
        "memory_gib": int(_number(attributes.get("memory", ""))),
    }
    if gpus:
        size |= {"gpus": int(gpus), "gpu": attributes.get("physicalGpu", "")}
    return size


def _number(text: str) -> float:
    """The number at the beginning of ``16 GiB`` or ``4``; 0 for ``N/A``."""
    match = re.match(r"[\d,]+(?:\.\d+)?", text)
    return float(match[0].replace(",", "")) if match else 0.0
