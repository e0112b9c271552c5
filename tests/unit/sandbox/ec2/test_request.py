"""RunInstances: what is refused before anything is looked up, and what an instance is made of."""

from __future__ import annotations

import base64
import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.ec2 import request
from sandbox.ec2.images import ours, parameters
from sandbox.ec2.network import Place, private_address
from sandbox.ec2.records import Profile
from sandbox.wire.errors import AwsError

GOOD: dict[str, Any] = {"ImageId": "ami-1", "InstanceType": "t3.xlarge", "MinCount": 1, "MaxCount": 1}
NETWORK = ipaddress.IPv4Network("172.31.0.0/28")
IMAGE = next(iter(ours().values())).described()


def plan(**more: Any) -> request.Plan:
    place = Place("subnet-1", "vpc-1", "us-east-1a", (("sg-1", "default"),), True, NETWORK)
    return request.Plan({**GOOD, **more}, IMAGE, place, Profile("profile", "arn", "AIPA"), 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ImageId": ""}, "MissingParameter"),
        ({"MinCount": 0}, "InvalidParameterValue"),
        ({"MinCount": 3, "MaxCount": 2}, "InvalidParameterValue"),
        ({"InstanceType": "t3.mega"}, "InvalidParameterValue"),
        ({"InstanceInitiatedShutdownBehavior": "sleep"}, "InvalidParameterValue"),
        ({"UserData": "no base64!"}, "InvalidUserData.Malformed"),
        ({"UserData": base64.b64encode(b"x" * 16_385).decode()}, "InvalidParameterValue"),
        ({"MetadataOptions": {"HttpTokens": "perhaps"}}, "InvalidParameterValue"),
        ({"MetadataOptions": {"HttpPutResponseHopLimit": 65}}, "InvalidParameterValue"),
        ({"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}, "UnsupportedOperation"),
        ({"InstanceMarketOptions": {"MarketType": "spot"}}, "UnsupportedOperation"),
        ({"HibernationOptions": {"Configured": True}}, "UnsupportedOperation"),
        ({"NetworkInterfaces": [{}, {}]}, "UnsupportedOperation"),
        ({"NetworkInterfaces": [{}], "SubnetId": "subnet-1"}, "InvalidParameterCombination"),
        ({"CreditSpecification": {"CpuCredits": "lots"}}, "InvalidParameterValue"),
        (
            {"InstanceType": "m5.large", "CreditSpecification": {"CpuCredits": "standard"}},
            "InvalidParameterCombination",
        ),
        ({"TagSpecifications": [{"ResourceType": "vpc", "Tags": []}]}, "InvalidParameterValue"),
        (
            {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "aws:x", "Value": "y"}]}]},
            "InvalidParameterValue",
        ),
        ({"ClientToken": "x" * 65}, "InvalidParameterValue"),
    ],
)
def test_what_is_wrong_by_itself_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as refused:
        request.check({**GOOD, **changes})
    assert refused.value.code == code


def test_what_is_off_is_no_wish() -> None:
    request.check({**GOOD, "HibernationOptions": {"Configured": False}, "EnclaveOptions": {"Enabled": False}})


@pytest.mark.parametrize(
    ("disk", "code"),
    [
        ({"VolumeSize": 8}, "InvalidBlockDeviceMapping"),
        ({"VolumeSize": 70_000}, "InvalidParameterValue"),
        ({"VolumeType": "gp9"}, "InvalidParameterValue"),
    ],
)
def test_disks_that_cannot_be(disk: dict[str, Any], code: str) -> None:
    device = IMAGE["RootDeviceName"]
    with pytest.raises(AwsError) as refused:
        request.build(plan(BlockDeviceMappings=[{"DeviceName": device, "Ebs": disk}]), set(), 0)
    assert refused.value.code == code


def test_an_instance_has_what_was_asked_for_and_the_images_defaults() -> None:
    tags = [{"Key": "Name", "Value": "dogs"}]
    built, tagged = request.build(
        plan(
            BlockDeviceMappings=[
                {"DeviceName": IMAGE["RootDeviceName"], "Ebs": {"VolumeSize": 100, "Encrypted": True}},
                {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 5, "VolumeType": "gp2"}},
            ],
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}, {"ResourceType": "volume", "Tags": tags}],
            MetadataOptions={"HttpTokens": "optional"},
        ),
        set(),
        0,
    )
    root, second = built.volumes
    assert (root["Size"], root["VolumeType"], root["Encrypted"], root["Iops"]) == (100, "gp3", True, 3000)
    assert (second["Size"], second["VolumeType"], second["Encrypted"]) == (5, "gp2", False)
    assert tagged == {resource: {"Name": "dogs"} for resource in (built.id, root["VolumeId"], second["VolumeId"])}
    # Images of today ask for version 2 of the metadata service, unless the request says otherwise.
    assert built.metadata["HttpTokens"] == "optional" and built.metadata["HttpPutResponseHopLimit"] == 2
    assert request.build(plan(), set(), 0)[0].metadata["HttpTokens"] == "required"


@given(st.integers(0, 11))
def test_no_address_is_given_twice(many: int) -> None:
    taken: set[str] = set()
    for _ in range(many):
        taken.add(private_address(NETWORK, taken))
    assert len(taken) == many
    assert all(4 <= int(ipaddress.ip_address(address)) - int(NETWORK[0]) < 15 for address in taken)
    if many == 11:
        with pytest.raises(AwsError, match="free addresses"):
            private_address(NETWORK, taken)


def test_the_same_wish_has_the_same_fingerprint() -> None:
    assert request.fingerprint({**GOOD, "ClientToken": "a"}) == request.fingerprint(dict(reversed(GOOD.items())))
    assert request.fingerprint(GOOD) != request.fingerprint({**GOOD, "InstanceType": "t3.large"})


def test_images_are_found_by_their_parameters() -> None:
    assert {image.id for image in parameters().values()} == set(ours())
    for image in ours().values():
        assert image.id.startswith("ami-0") and len(image.id) == 21
