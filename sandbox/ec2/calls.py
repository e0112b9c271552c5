"""RunInstances and the operations that start, stop, end and show instances."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from sandbox.billing.quotas import Quotas
from sandbox.context import SandboxContext
from sandbox.core.account import REGION
from sandbox.ec2 import answers, request, types
from sandbox.ec2.filters import chosen
from sandbox.ec2.fleet import BY_USER, Fleet
from sandbox.ec2.network import Network, public_address
from sandbox.ec2.pages import page
from sandbox.ec2.records import Instance, Instances, Profile, new_id, owner
from sandbox.wire.errors import AwsError

# ``t3.large`` or ``t3.large@us-east-1a``, with spaces between: what the account finds no capacity for.
NO_CAPACITY = "SAGEDECK_EC2_NO_CAPACITY"
_LIVE = ("pending", "running", "stopping", "shutting-down")

Members = dict[str, Any]


class InstanceCalls:
    """The operations, each from its members to the members of its answer."""

    def __init__(
        self,
        ctx: SandboxContext,
        instances: Instances,
        fleet: Fleet,
        network: Network,
        image: Callable[[str], dict[str, Any]],
        quotas: Quotas,
    ) -> None:
        self._ctx, self._instances, self._fleet = ctx, instances, fleet
        self._network, self._image, self._quotas = network, image, quotas
        self._launching = threading.Lock()
        self.operations: dict[str, Callable[[Members], Members]] = {
            "RunInstances": self.run,
            "DescribeInstances": self.describe,
            "DescribeInstanceStatus": self.status,
            "StartInstances": self.start,
            "StopInstances": self.stop,
            "RebootInstances": self.reboot,
            "TerminateInstances": self.terminate,
        }

    def run(self, members: Members) -> Members:
        """RunInstances; the same client token again answers what it made before."""
        request.check(members)
        token = members.get("ClientToken", "")
        with self._launching:
            made = self._instances.made_by(token) if token else None
            if made is not None:
                if made[0] != request.fingerprint(members):
                    text = (
                        "Arguments on this idempotent request are inconsistent with arguments used in previous "
                        "request(s)."
                    )
                    raise AwsError("IdempotentParameterMismatch", text)
                return self._reservation(
                    [instance for instance in map(self._instances.find, made[1]) if instance is not None]
                )
            plan = self._plan(members)
            if members.get("DryRun"):
                raise dry_run()
            return self._launch(plan, token)

    def _plan(self, members: Members) -> request.Plan:
        image = self._image(members["ImageId"])
        request.check_image(members, image)
        kind = request.kind(members)
        zones = types.zones_of(REGION)
        place = self._network.place(members, lambda zone: kind in zones.get(zone, {kind}) and not _full(kind, zone))
        if kind not in zones.get(place.zone, {kind}):
            good = ", ".join(sorted(zone for zone, offered in zones.items() if kind in offered))
            text = (
                f"Your requested instance type ({kind}) is not supported in your requested Availability Zone "
                f"({place.zone}). Please retry your request by not specifying an Availability Zone or choosing {good}."
            )
            raise AwsError("Unsupported", text)
        if _full(kind, place.zone):
            raise _no_capacity(kind, place.zone, sorted(zone for zone in zones if kind in zones[zone]))
        profile = self.profile(members.get("IamInstanceProfile") or {})
        if name := members.get("KeyName"):
            self._key(name)
        return request.Plan(members, image, place, profile, self._room(kind, members["MinCount"], members["MaxCount"]))

    def _room(self, kind: str, least: int, most: int) -> int:
        """How many of ``least`` to ``most`` instances the quota of vCPUs lets in."""
        bucket = types.bucket(kind)
        live = [instance for instance in self._instances.all() if instance.state in ("pending", "running")]
        used = sum(types.vcpus(instance.type) for instance in live if types.bucket(instance.type) == bucket)
        limit = self._quotas.vcpus(bucket)
        fit = int((limit - used) // types.vcpus(kind))
        if fit < least:
            text = (
                f"You have requested more vCPU capacity than your current vCPU limit of {limit:.0f} allows for the "
                "instance bucket that the specified instance type belongs to. Please visit "
                "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
            )
            raise AwsError("VcpuLimitExceeded", text)
        return min(most, fit)

    def profile(self, given: dict[str, str]) -> Profile:
        """The instance profile that a request names. Raises InvalidParameterValue."""
        if not given:
            return Profile()
        name = given.get("Name") or str(given.get("Arn", "")).rpartition("/")[2]
        member = "iamInstanceProfile.name" if given.get("Name") else "iamInstanceProfile.arn"
        wrong = AwsError(
            "InvalidParameterValue",
            f"Value ({given.get('Name') or given.get('Arn')}) for parameter {member} is invalid. "
            "Invalid IAM Instance Profile " + ("name" if given.get("Name") else "ARN"),
        )
        try:
            found = self._ctx.call("iam", "GetInstanceProfile", {"InstanceProfileName": name})["InstanceProfile"]
        except AwsError as error:
            if error.status >= 500:
                raise
            raise wrong from error
        if given.get("Arn") not in (None, found["Arn"]):
            raise wrong
        if not found.get("Roles"):
            text = f"Value ({name}) for parameter {member} is invalid. IAM Instance Profile {name!r} has no associated "
            text += "IAM Roles"
            raise AwsError("InvalidParameterValue", text)
        return Profile(name, found["Arn"], found["InstanceProfileId"])

    def _key(self, name: str) -> None:
        known = self._network.moto("ec2", "DescribeKeyPairs", {}).get("KeyPairs") or ()
        if all(pair["KeyName"] != name for pair in known):
            raise AwsError("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")

    def _launch(self, plan: request.Plan, token: str) -> Members:
        taken = {address for instance in self._instances.all() for address in (instance.private_ip, instance.public_ip)}
        reservation = new_id("r")
        built: list[Instance] = []
        tags: dict[str, dict[str, str]] = {}
        for index in range(plan.count):
            instance, more = request.build(plan, taken, index)
            instance.reservation = reservation
            built.append(instance)
            tags |= more
        self._instances.launch(built, tags, token, request.fingerprint(plan.request))
        answer = self._reservation(built)
        for instance in built:
            self._fleet.boot(instance.id)
        return answer

    def _reservation(self, instances: list[Instance]) -> Members:
        shown = [answers.described(instance, self._instances.tags(instance.id)) for instance in instances]
        reservation = instances[0].reservation if instances else ""
        return {"ReservationId": reservation, "OwnerId": owner(), "Groups": [], "Instances": shown}

    def describe(self, members: Members) -> Members:
        """DescribeInstances."""
        wanted = members.get("InstanceIds")
        known = self._instances.several(wanted) if wanted else self._instances.all()
        rows = []
        for instance in known:
            rows.append(
                {**answers.described(instance, self._instances.tags(instance.id)), "_reservation": instance.reservation}
            )
        rows = chosen(rows, members.get("Filters"), answers.INSTANCE_FILTERS, answers.tags_of)
        shown, more = page(members, rows, whole=bool(wanted))
        reservations: dict[str, Members] = {}
        for row in shown:
            identity = row.pop("_reservation")
            fresh = {"ReservationId": identity, "OwnerId": owner(), "Groups": [], "Instances": []}
            reservations.setdefault(identity, fresh)["Instances"].append(row)
        return {"Reservations": list(reservations.values()), **more}

    def status(self, members: Members) -> Members:
        """DescribeInstanceStatus: of those that run, unless all are asked for."""
        wanted = members.get("InstanceIds")
        known = self._instances.several(wanted) if wanted else self._instances.all()
        rows = [
            self._status(instance)
            for instance in known
            if instance.state == "running" or members.get("IncludeAllInstances")
        ]
        rows = chosen(rows, members.get("Filters"), answers.STATUS_FILTERS, lambda row: [])
        shown, more = page(members, rows, whole=bool(wanted))
        return {"InstanceStatuses": shown, **more}

    def _status(self, instance: Instance) -> Members:
        machine = self._fleet.machine(instance.id)
        running = instance.state == "running"
        ready = running and machine is not None
        word = "ok" if ready else "initializing" if running else "not-applicable"
        passed = {"Name": "reachability", "Status": "passed" if ready else "initializing"}
        health = {"Status": word, "Details": [passed] if running else []}
        return {
            "InstanceId": instance.id,
            "AvailabilityZone": instance.zone,
            "InstanceState": answers.state_of(instance.state),
            "InstanceStatus": health,
            "SystemStatus": health,
            "Events": [],
        }

    def start(self, members: Members) -> Members:
        """StartInstances."""
        found = self._instances.several(_required(members))
        for instance in found:
            if instance.state not in ("stopped", "pending", "running"):
                raise _wrong_state(instance, "started")
        _refuse_dry_run(members)
        changes = []
        taken = {instance.public_ip for instance in self._instances.all()}
        with self._launching:
            for instance in found:
                if instance.state == "stopped":
                    self._again(instance, taken)
                changes.append(_change(instance, self._instances.get(instance.id)))
        return {"StartingInstances": changes}

    def _again(self, instance: Instance, taken: set[str]) -> None:
        if _full(instance.type, instance.zone):
            self._instances.change(instance.id, _note_no_capacity)
            raise _no_capacity(instance.type, instance.zone, [])
        self._room(instance.type, 1, 1)
        public = public_address(taken) if instance.wants_public else ""

        def change(current: Instance) -> None:
            current.state, current.public_ip = "pending", public
            current.reason, current.state_reason = "", {}

        self._instances.change(instance.id, change)
        self._fleet.boot(instance.id)

    def stop(self, members: Members) -> Members:
        """StopInstances."""
        found = self._instances.several(_required(members))
        for instance in found:
            if instance.state in ("terminated", "shutting-down"):
                raise _wrong_state(instance, "stopped")
            if instance.state == "pending":
                raise AwsError(
                    "IncorrectInstanceState",
                    f"The instance '{instance.id}' is not in a state from which it can be stopped.",
                )
            if instance.stop_protected:
                text = (
                    f"The instance '{instance.id}' may not be stopped. Modify its 'disableApiStop' instance attribute "
                    "and try again."
                )
                raise AwsError("OperationNotPermitted", text)
            if members.get("Hibernate"):
                raise AwsError(
                    "UnsupportedHibernationConfiguration",
                    f"The instance '{instance.id}' is not enabled for hibernation.",
                )
        _refuse_dry_run(members)
        for instance in found:
            self._fleet.stop(instance.id, BY_USER, force=bool(members.get("Force")))
        return {"StoppingInstances": [_change(instance, self._instances.get(instance.id)) for instance in found]}

    def terminate(self, members: Members) -> Members:
        """TerminateInstances."""
        found = self._instances.several(_required(members))
        for instance in found:
            if instance.protected and instance.state != "terminated":
                text = (
                    f"The instance '{instance.id}' may not be terminated. Modify its 'disableApiTermination' instance "
                    "attribute and try again."
                )
                raise AwsError("OperationNotPermitted", text)
        _refuse_dry_run(members)
        for instance in found:
            self._fleet.stop(instance.id, BY_USER, terminate=True)
        return {"TerminatingInstances": [_change(instance, self._instances.get(instance.id)) for instance in found]}

    def reboot(self, members: Members) -> Members:
        """RebootInstances."""
        found = self._instances.several(_required(members))
        for instance in found:
            if instance.state != "running":
                raise _wrong_state(instance, "rebooted")
        _refuse_dry_run(members)
        for instance in found:
            self._fleet.reboot(instance.id)
        return {}


def _required(members: Members) -> list[str]:
    ids = members.get("InstanceIds")
    if not ids:
        raise AwsError("MissingParameter", "The request must contain the parameter InstanceId")
    return list(ids)


def dry_run() -> AwsError:
    """What a permitted request with DryRun is answered."""
    return AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)


def _refuse_dry_run(members: Members) -> None:
    if members.get("DryRun"):
        raise dry_run()


def _wrong_state(instance: Instance, verb: str) -> AwsError:
    text = f"The instance '{instance.id}' is not in a state from which it can be {verb}."
    return AwsError("IncorrectInstanceState", text)


def _change(before: Instance, after: Instance) -> Members:
    return {
        "InstanceId": before.id,
        "PreviousState": answers.state_of(before.state),
        "CurrentState": answers.state_of(after.state),
    }


def _note_no_capacity(instance: Instance) -> None:
    code = "Server.InsufficientInstanceCapacity"
    text = f"{code}: There was insufficient capacity available to satisfy the launch request"
    instance.state_reason = {"Code": code, "Message": text}
    instance.reason = code


def _full(kind: str, zone: str) -> bool:
    full = os.environ.get(NO_CAPACITY, "").split()
    return kind in full or f"{kind}@{zone}" in full


def _no_capacity(kind: str, zone: str, zones: list[str]) -> AwsError:
    others = [other for other in zones if other != zone and not _full(kind, other)]
    text = (
        f"We currently do not have sufficient {kind} capacity in the Availability Zone you requested ({zone}). "
        "Our system will be working on provisioning additional capacity."
    )
    if others:
        text += (
            f" You can currently get {kind} capacity by not specifying an Availability Zone in your request or "
            f"choosing {', '.join(others)}."
        )
    return AwsError("InsufficientInstanceCapacity", text, 500)
