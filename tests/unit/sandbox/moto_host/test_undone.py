"""Nothing that is asked of moto is left out without a word: it reads each member, or the member is refused by name."""

from __future__ import annotations

import inspect
import re

import pytest
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.utils import camelcase_to_underscores
from moto.ec2.responses import EC2Response
from moto.iam.responses import IamResponse
from moto.ssm.responses import SimpleSystemManagerResponse

from sandbox.moto_host.allowed import ALLOWED
from sandbox.moto_host.undone import HARMLESS, UNDONE, refuse_undone
from sandbox.wire.errors import AwsError
from sandbox.wire.models import operation_model
from tests.helpers.calls import call_of

# Read for all operations in one place.
PAGES = {"DryRun", "Filters", "Marker", "MaxItems", "MaxResults", "NextToken"}
# The one form of a rule without a list, which moto reads as a list of one.
FLAT = {"CidrIp", "FromPort", "IpProtocol", "ToPort", "TagSpecifications"}
RESPONSES = {
    "cloudwatch": CloudWatchResponse,
    "ec2": EC2Response,
    "iam": IamResponse,
    "ssm": SimpleSystemManagerResponse,
}


def source(service: str, operation: str) -> str:
    """What moto does for an operation, with its own helpers."""
    owner = RESPONSES[service]
    text = inspect.getsource(getattr(owner, camelcase_to_underscores(operation)))
    for name in set(re.findall(r"self\.(_\w+)\(", text)):
        helper = getattr(owner, name)
        if helper.__module__.startswith(f"moto.{service}"):
            text += inspect.getsource(helper)
    return text


@pytest.mark.parametrize("service", RESPONSES)
def test_moto_reads_every_member_or_it_is_refused(service: str) -> None:
    unread = set()
    for operation in ALLOWED[service]:
        shape, text = operation_model(service, operation).input_shape, source(service, operation)
        read = PAGES | (FLAT if re.search(r"_process_rules_from_querystring", text) else set())
        unread |= {
            (service, operation, member)
            for member in (shape.members if shape is not None else ())
            if member not in read and not re.search(rf"[\"'.]{member}[\"'.\]]", text)
        }
    listed = {(*key, member) for key, members in UNDONE.items() for member in members} | set(HARMLESS)
    assert unread == {entry for entry in listed if entry[0] == service}


def test_what_moto_would_leave_out_is_refused_by_name() -> None:
    with pytest.raises(AwsError, match="iam:CreateUser with PermissionsBoundary") as refused:
        refuse_undone(call_of("iam", "CreateUser", UserName="u", PermissionsBoundary="arn:aws:iam::aws:policy/P"))
    assert refused.value.status == 501
    refuse_undone(call_of("iam", "CreateUser", UserName="u"))
    refuse_undone(call_of("iam", "ListGroups", PathPrefix="/"))
    refuse_undone(call_of("ec2", "ModifySubnetAttribute", SubnetId="s", EnableDns64={"Value": False}))
    with pytest.raises(AwsError, match="EnableDns64"):
        refuse_undone(call_of("ec2", "ModifySubnetAttribute", SubnetId="s", EnableDns64={"Value": True}))
