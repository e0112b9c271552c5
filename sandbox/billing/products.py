"""The products of the price list, service by service, from the dated table that comes with the program."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

PRICE_FILE = Path(__file__).resolve().parents[2] / "resources" / "prices.json"
# Usage types begin with the region's short name; EC2's of us-east-1 have none, SageMaker's of an unknown region.
_SHORT = {"us-east-1": "USE1-", "us-east-2": "USE2-", "us-west-2": "USW2-", "eu-west-1": "EU-"}
_SHORT_ELSEWHERE = {**_SHORT, "us-east-1": ""}
_COMPONENTS = {"training": ("Training", "Train"), "hosting": ("Hosting", "Host")}
# By the table's word: (service, product family, usage type, unit, more attributes).
_STANDING: Mapping[str, tuple[str, str, str, str, Mapping[str, str]]] = {
    "address": ("AmazonVPC", "VpcPublicIPv4", "PublicIPv4:InUseAddress", "Hrs", {"group": "VPCPublicIPv4Address"}),
    "alarm": ("AmazonCloudWatch", "Alarm", "CW:AlarmMonitorUsage", "Alarms", {"alarmType": "Standard"}),
    "logs": ("AmazonCloudWatch", "Storage Snapshot", "TimedStorage-ByteHrs", "GB-Mo", {"group": "Archived Logs"}),
    "s3": ("AmazonS3", "Storage", "TimedStorage-ByteHrs", "GB-Mo", {"storageClass": "General Purpose"}),
    "notebook_volume": ("AmazonSageMaker", "ML Storage", "Notebk:VolumeUsage.gp2", "GB-Mo", {"component": "Notebook"}),
}
# As above, of what is billed by use. Budgets belong to no region.
_TRAIL = "Management Tools - AWS CloudTrail"
_REPORTS = {"operation": "ReportDelivery", "groupDescription": "Budgets Reports Distribution"}
_USED: Mapping[str, tuple[str, str, str, str, Mapping[str, str]]] = {
    "cost_request": ("AWSCostExplorer", "AWS Cost Explorer", "APIRequest", "Request", {}),
    "budget_day": ("AWSBudgets", "AWS Budgets", "BudgetsUsage", "Budget-Day", {}),
    "budget_action_day": ("AWSBudgets", "AWS Budgets", "ActionEnabledBudgetsUsage", "Budget-Day", {}),
    "budget_report": ("AWSBudgets", "AWS Budgets", "BudgetsReports", "Message", _REPORTS),
    "trail_free_event": ("AWSCloudTrail", f"{_TRAIL} Free Events Recorded", "FreeEventsRecorded", "Events", {}),
    "trail_event": ("AWSCloudTrail", f"{_TRAIL} Paid Events Recorded", "PaidEventsRecorded", "Events", {}),
    "trail_data_event": ("AWSCloudTrail", f"{_TRAIL} Data Events Recorded", "DataEventsRecorded", "Events", {}),
    "parameter_advanced": ("AWSSystemsManager", "AWS Systems Manager", "PS-Advanced-Param-Tier1", "Hour", {}),
    "parameter_request": ("AWSSystemsManager", "API Request", "PS-Param-Processed-Tier2", "Requests", {}),
}
_VOLUME = "volume_"
# What the Price List calls volumes by is not everywhere the type's name.
_VOLUME_USAGES = {"standard": "EBS:VolumeUsage", "io1": "EBS:VolumeUsage.piops"}
_FUNCTIONS = {
    "request": ("Request", "Requests", "AWS-Lambda-Requests"),
    "duration": ("Lambda-GB-Second", "Lambda-GB-Second", "AWS-Lambda-Duration"),
    "provisioned": ("Lambda-Provisioned-Concurrency", "Lambda-GB-Second", "AWS-Lambda-Provisioned-Concurrency"),
    "provisioned_duration": ("Lambda-Provisioned-GB-Second", "Lambda-GB-Second", "AWS-Lambda-Duration-Provisioned"),
}

Product = dict[str, Any]


@cache
def products() -> Mapping[str, tuple[Product, ...]]:
    """All products by service code (``AmazonEC2``), as GetProducts has them."""
    table = json.loads(PRICE_FILE.read_text(encoding="utf-8"))
    found: dict[str, list[Product]] = defaultdict(list)
    for product in (
        *(*_instances(table), *_notebooks(table), *_things(table), *_functions(table)),
        *_uses(table),
    ):
        found[product["serviceCode"]].append(product)
    return {code: tuple(rows) for code, rows in sorted(found.items())}


def volume_usage(kind: str) -> str:
    """The usage type of a volume's type (``gp3``), without the region's short name."""
    return _VOLUME_USAGES.get(kind, f"EBS:VolumeUsage.{kind}")


def volume_type(usage: str) -> str:
    """The volume's type of such a usage type."""
    known = {usage: kind for kind, usage in _VOLUME_USAGES.items()}
    return known.get(usage, usage.rpartition(".")[2])


def _regions(prices: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for region, known in prices.items():
        # A region may name another one with the same prices.
        yield region, prices[known] if isinstance(known, str) else known


def _instances(table: Mapping[str, Any]) -> Iterator[Product]:
    for region, kinds in _regions(table["prices"]):
        for kind, (component, usage) in _COMPONENTS.items():
            for name, price in kinds[kind].items():
                yield _machine(table, region, name, component=component, usage=usage, price=price, as_of=table["as_of"])
        for name, price in kinds.get("ec2", {}).items():
            size = table["instances"].get(name, {})
            attributes = {
                "instanceType": name,
                "operatingSystem": "Linux",
                "tenancy": "Shared",
                "preInstalledSw": "NA",
                "capacitystatus": "Used",
                "licenseModel": "No License required",
                "operation": "RunInstances",
                "vcpu": str(size.get("vcpus", "")),
                "memory": f"{size['memory_gib']} GiB" if size else "",
            }
            usage = f"{_SHORT_ELSEWHERE.get(region, '')}BoxUsage:{name}"
            yield _product("AmazonEC2", "Compute Instance", region, usage, attributes, "Hrs", price, table["as_of"])


def _notebooks(table: Mapping[str, Any]) -> Iterator[Product]:
    standing = table["standing"]
    for region, prices in _regions(standing["prices"]):
        for name, price in prices["notebook"].items():
            yield _machine(
                table, region, name, component="Notebook", usage="Notebk", price=price, as_of=standing["as_of"]
            )


def _machine(
    table: Mapping[str, Any], region: str, name: str, *, component: str, usage: str, price: float, as_of: str
) -> Product:
    size = table["instances"].get(name, {})
    attributes = {
        "component": component,
        "instanceName": name,
        "operation": "RunInstance",
        "vCpu": str(size.get("vcpus", "")),
        "memory": f"{size['memory_gib']} GiB" if size else "",
        "gpu": str(size["gpus"]) if size.get("gpus") else "N/A",
        "physicalGpu": size.get("gpu") or "N/A",
    }
    usage = f"{_SHORT.get(region, '')}{usage}:{name}"
    return _product("AmazonSageMaker", "ML Instance", region, usage, attributes, "Hrs", price, as_of)


def _things(table: Mapping[str, Any]) -> Iterator[Product]:
    as_of = table["standing"]["as_of"]
    for region, prices in _regions(table["standing"]["prices"]):
        short = _SHORT_ELSEWHERE.get(region, "")
        for word, price in prices.items():
            if word.startswith(_VOLUME):
                kind = word.removeprefix(_VOLUME)
                more = {"volumeApiName": kind}
                usage = f"{short}{volume_usage(kind)}"
                yield _product("AmazonEC2", "Storage", region, usage, more, "GB-Mo", price, as_of)
            elif word in _STANDING:
                code, family, usage, unit, shown = _STANDING[word]
                first = _SHORT.get(region, "") if code == "AmazonSageMaker" else short
                yield _product(code, family, region, f"{first}{usage}", shown, unit, price, as_of)


def _uses(table: Mapping[str, Any]) -> Iterator[Product]:
    as_of = table["used"]["as_of"]
    for region, prices in _regions(table["used"]["prices"]):
        for word, price in prices.items():
            code, family, usage, unit, shown = _USED[word]
            yield _product(code, family, region, f"{_SHORT.get(region, '')}{usage}", shown, unit, price, as_of)


def _functions(table: Mapping[str, Any]) -> Iterator[Product]:
    for region, prices in _regions(table["lambda"]["prices"]):
        for word, (usage, unit, group) in _FUNCTIONS.items():
            usage = f"{_SHORT_ELSEWHERE.get(region, '')}{usage}"
            as_of = table["lambda"]["as_of"]
            yield _product("AWSLambda", "Serverless", region, usage, {"group": group}, unit, prices[word], as_of)


def _product(
    code: str, family: str, region: str, usage: str, more: Mapping[str, str], unit: str, price: float, as_of: str
) -> Product:
    sku = usage if code == "AmazonSageMaker" else f"{code}:{region}:{usage}"
    place = {"regionCode": region} if region else {"location": "Any"}
    dimension = {"unit": unit, "pricePerUnit": {"USD": f"{price:.10f}"}, "rateCode": f"{sku}.1.1"}
    return {
        "product": {
            "productFamily": family,
            "attributes": {"servicecode": code, **place, "usagetype": usage, **more},
            "sku": sku,
        },
        "serviceCode": code,
        "terms": {"OnDemand": {f"{sku}.1": {"priceDimensions": {f"{sku}.1.1": dimension}}}},
        "version": as_of,
        "publicationDate": f"{as_of}T00:00:00Z",
    }
