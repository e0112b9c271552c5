"""EC2: instances that really run; networks, key pairs and the images of others are moto's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sandbox.billing.quotas import Quotas
from sandbox.context import SandboxContext
from sandbox.ec2.calls import InstanceCalls
from sandbox.ec2.catalogue import RESOLVE, Catalogue
from sandbox.ec2.conditions import Conditions
from sandbox.ec2.details import Details
from sandbox.ec2.fleet import Fleet
from sandbox.ec2.images import parameters
from sandbox.ec2.measuring import Measuring
from sandbox.ec2.network import Network
from sandbox.ec2.records import Instances
from sandbox.iam.enforcer import Iam
from sandbox.moto_host.calls import Calls
from sandbox.service import Operation, Refusals, Service
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller, RestResponse

_NETWORK = frozenset(
    {"DescribeRouteTables", "DescribeInternetGateways", "DescribeVpcs", "DescribeSubnets", "CreateRoute", "DeleteVpc"}
)
# What must be there, and moto does not look for: who finds it, and the member that names it.
_NEEDED = {
    "CreateSecurityGroup": ("DescribeVpcs", "VpcId"),
    "ModifyVpcAttribute": ("DescribeVpcs", "VpcId"),
    "ModifySubnetAttribute": ("DescribeSubnets", "SubnetId"),
}


class Ec2Service(Service):
    """Instances and what belongs to them."""

    name = "ec2"

    fleet: Fleet
    instances: Instances
    network: Network
    measuring: Measuring
    undone = {
        "DescribeImages": {"ExecutableUsers": ([],)},
        "DescribeInstanceTypes": {"IncludeUnsupportedInRegion": (False,)},
        "DescribeSnapshots": {"RestorableByUserIds": ([],)},
        "ModifyInstanceAttribute": {"Kernel": (), "Ramdisk": ()},
        "MonitorInstances": {"MetricCategoryIds": ([],)},
        "RunInstances": {
            "AdditionalInfo": ("",),
            "EnablePrimaryIpv6": (False,),
            "NetworkPerformanceOptions": ({},),
            "Operator": (),
            "PrivateDnsNameOptions": ({}, {"HostnameType": "ip-name"}),
        },
        "StartInstances": {"AdditionalInfo": ("",)},
        "StopInstances": {"SkipOsShutdown": (False,)},
        "TerminateInstances": {"SkipOsShutdown": (False,)},
        "UnmonitorInstances": {"MetricCategoryIds": ([],)},
    }

    def start(self, ctx: SandboxContext) -> None:
        """Open the records; what ran when the sandbox was killed is stopped."""
        self._moto = ctx.part(Calls).moto
        self.instances = Instances(ctx.state.db)
        self.fleet = Fleet(ctx, self.instances)
        self.network = Network(self._moto, ctx.state)
        catalogue = Catalogue(self._moto)
        quotas = Quotas(ctx.state.db)
        calls = InstanceCalls(ctx, self.instances, self.fleet, self.network, catalogue.image, quotas)
        details = Details(self.instances, self.fleet, self._moto, calls.profile)
        everything = calls.operations | catalogue.operations | details.operations
        self.operations |= {name: _without_caller(answer) for name, answer in everything.items()}
        ctx.part(Iam).known.tell("ec2", Conditions(self.instances, self._moto).about)
        self.fleet.recover()
        self.measuring = Measuring(ctx, self.instances, self.fleet)

    def stop(self) -> None:
        """Shut all instances down; no process is left."""
        self.measuring.close()
        self.fleet.close()

    def busy(self) -> bool:
        """True while a program runs in an instance."""
        return self.fleet.busy()

    def check(self, call: Call) -> Call:
        """The checked call, with the image that a parameter of SSM names in its place: before access is decided."""
        call = super().check(call)
        given = str(call.members.get("ImageId", ""))
        if call.operation != "RunInstances" or not given.startswith(RESOLVE):
            return call
        image = self._parameter(given.removeprefix(RESOLVE))
        if image is None:
            return call
        return replace(call, members={**call.members, "ImageId": image}, looked_up={"ImageId": given})

    def handle(self, call: Call, refusals: Refusals) -> RestResponse | None:
        """Before moto answers: what must be so first."""
        operation = call.operation
        if operation in _NETWORK:
            self.network.complete_default_vpc()
        if operation in ("DeleteSecurityGroup", "DeleteSubnet"):
            self._check_unused(operation, call.members)
        if operation in _NEEDED:
            found_by, member = _NEEDED[operation]
            if name := call.members.get(member):
                self._moto("ec2", found_by, {f"{member}s": [name]})
        return None

    def _check_unused(self, operation: str, members: Mapping[str, object]) -> None:
        live = [instance for instance in self.instances.all() if instance.state != "terminated"]
        name = members.get("GroupId") or members.get("GroupName") or members.get("SubnetId")
        used = [
            instance
            for instance in live
            if name == instance.subnet
            or any(name in (group["GroupId"], group["GroupName"]) for group in instance.groups)
        ]
        if used:
            what = "resource" if operation == "DeleteSecurityGroup" else "subnet"
            text = (
                f"{what} {name} has a dependent object"
                if what == "resource"
                else f"The subnet '{name}' has dependencies and cannot be deleted."
            )
            raise AwsError("DependencyViolation", text)

    def _parameter(self, name: str) -> str | None:
        """The value of an SSM parameter that names an image."""
        if name in parameters():
            return parameters()[name].id
        try:
            found = self._moto("ssm", "GetParameters", {"Names": [name]}).get("Parameters") or ()
        except AwsError as error:
            if error.status >= 500:
                raise
            return None
        return str(found[0]["Value"]) if found else None


def _without_caller(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Operation:
    def run(members: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        return answer(members)

    return run
