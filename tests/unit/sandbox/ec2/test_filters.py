"""Filters and pages of Describe operations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.ec2 import types
from sandbox.ec2.answers import INSTANCE_FILTERS, described, tags_of
from sandbox.ec2.filters import by_path, chosen
from sandbox.ec2.pages import page
from sandbox.ec2.records import Instance
from sandbox.wire.errors import AwsError


def row(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"id": "i-1", "reservation": "r-1", "launched": 1.7e9, "image": "ami-1", "zone": "z"}
    facts |= {"subnet": "s-1", "vpc": "v-1", "groups": [{"GroupId": "sg-1", "GroupName": "g"}], "type": "t3.xlarge"}
    return described(Instance(private_ip="10.0.0.4", **{**facts, **changes}), {"Name": "dogs", "team": "a*b"})


@pytest.mark.parametrize(
    ("name", "values", "there"),
    [
        ("instance-state-name", ["running", "pending"], True),
        ("instance-state-name", ["stopped"], False),
        ("instance-type", ["t3.*"], True),
        ("instance-type", ["t3?xlarge"], True),
        ("instance-type", ["t3"], False),
        ("tag:Name", ["dogs"], True),
        ("tag:Name", ["Dogs"], False),
        ("tag:none", ["*"], False),
        ("tag-key", ["team"], True),
        ("group-id", ["sg-1"], True),
        ("instance.group-name", ["g"], True),
        ("vpc-id", ["v-1"], True),
        ("monitoring-state", ["disabled"], True),
        ("source-dest-check", ["true"], True),
        ("ip-address", ["*"], False),
    ],
)
def test_filters_of_instances(name: str, values: list[str], there: bool) -> None:
    found = chosen([row()], [{"Name": name, "Values": values}], INSTANCE_FILTERS, tags_of)
    assert bool(found) == there


def test_an_unknown_filter_is_refused() -> None:
    with pytest.raises(AwsError, match="The filter 'colour' is invalid"):
        chosen([], [{"Name": "colour", "Values": ["red"]}], INSTANCE_FILTERS, tags_of)


def test_types_are_filtered_by_their_members_names() -> None:
    found = types.catalogue()["t3.xlarge"]
    assert by_path(found, "memory-info.size-in-mib") == [16384]
    assert by_path(found, "vcpu-info.default-vcpus") == [4]
    assert by_path(found, "processor-info.supported-architecture") == ["x86_64"]
    assert by_path(found, "no.such") == []


@given(st.integers(0, 60), st.integers(5, 20))
def test_pages_give_every_row_once(many: int, size: int) -> None:
    rows, found, token = list(range(many)), [], {}
    while True:
        shown, more = page({"MaxResults": size, **token}, rows)
        found += shown
        if not more:
            break
        token = {"NextToken": more["NextToken"]}
    assert found == rows


@pytest.mark.parametrize(
    ("kind", "bucket"),
    [
        ("t3.large", "Standard"),
        ("m5.large", "Standard"),
        ("z1d.large", "Standard"),
        ("g5.xlarge", "G and VT"),
        ("p4d.24xlarge", "P"),
        ("trn1.2xlarge", "Trn"),
        ("inf2.xlarge", "Inf"),
        ("x1.16xlarge", "X"),
        ("dl1.24xlarge", "DL"),
    ],
)
def test_each_type_counts_for_one_quota(kind: str, bucket: str) -> None:
    assert types.bucket(kind) == bucket


def test_credits_of_burstable_types() -> None:
    assert types.credits("m5.large") is None
    for name in types.catalogue():
        if (earned := types.credits(name)) is not None:
            assert earned.per_hour > 0 and earned.most == earned.per_hour * 24, name
