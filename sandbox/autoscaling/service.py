"""Application Auto Scaling: targets, policies and scheduled actions, and what they did.

Source: Application Auto Scaling API Reference; the refusals are the words that AWS answers, where they are known.
"""

from __future__ import annotations

import secrets
import time
import uuid
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sandbox.autoscaling.records import ACTION, POLICY, TARGET, Book, Key, Record
from sandbox.autoscaling.scaler import STEPS, Scaler
from sandbox.autoscaling.schedule import next_run
from sandbox.autoscaling.targets import Targets, invalid
from sandbox.autoscaling.tracking import alarms_of, metric_of, rule_of
from sandbox.context import SandboxContext
from sandbox.core.account import ACCOUNT_ID
from sandbox.core.account import arn as make_arn
from sandbox.core.numbers import whole
from sandbox.core.settings import time_factor
from sandbox.iam.enforcer import Iam
from sandbox.iam.needs import Need
from sandbox.metrics.alarms import Alarms
from sandbox.sagemaker.service import SageMakerService
from sandbox.service import Service
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

_TRACKING = "TargetTrackingScaling"
_OF_TYPE = {_TRACKING: "TargetTrackingScalingPolicyConfiguration", STEPS: "StepScalingPolicyConfiguration"}
_SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
# Application Auto Scaling API Reference: MaxResults is 50 unless asked for less.
_PAGE = 50
_TIMES = ("CreationTime", "StartTime", "EndTime")

Members = dict[str, Any]


class AutoScalingService(Service):
    """The service ``application-autoscaling``, for the endpoints of ``sagemaker`` and for functions."""

    name = "application-autoscaling"
    undone = {"PutScalingPolicy": {"PredictiveScalingPolicyConfiguration": ()}}

    def __init__(self, sagemaker: SageMakerService) -> None:
        super().__init__()
        self._sagemaker = sagemaker

    def start(self, ctx: SandboxContext) -> None:
        """Open the records and begin to look at the metrics."""
        self._iam, self._alarms = ctx.part(Iam), ctx.part(Alarms)
        self._book, self._targets = Book(ctx.state.db), Targets(ctx.call)
        self._factor = time_factor()
        self.scaler = Scaler(ctx, self._book, self._targets, self._factor)
        self.operations = {
            "RegisterScalableTarget": self._register,
            "DescribeScalableTargets": self._describe_targets,
            "DeregisterScalableTarget": self._deregister,
            "PutScalingPolicy": self._put_policy,
            "DescribeScalingPolicies": self._describe_policies,
            "DeleteScalingPolicy": self._delete_policy,
            "PutScheduledAction": self._put_action,
            "DescribeScheduledActions": self._describe_actions,
            "DeleteScheduledAction": self._delete_action,
            "DescribeScalingActivities": self._describe_activities,
        }
        self._sagemaker.endpoints.on_delete.append(self._endpoint_goes)
        self.scaler.start()

    def stop(self) -> None:
        """Decide nothing more."""
        self.scaler.close()

    def _register(self, given: Members, caller: Caller) -> Members:
        key = Key.of(given)
        kind = self._targets.kind(key)
        old = self._book.get(TARGET, key)
        kind.check(key.resource)
        record: Record = old or {
            **key.members(),
            "ScalableTargetARN": make_arn("application-autoscaling", f"scalable-target/{secrets.token_hex(16)}"),
            "RoleARN": f"arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role/{kind.role}",
            "CreationTime": time.time(),
            "SuspendedState": dict.fromkeys(_SUSPENSIONS, False),
        }
        record |= {member: given[member] for member in ("MinCapacity", "MaxCapacity") if member in given}
        for member, word in (("MinCapacity", "minimum"), ("MaxCapacity", "maximum")):
            if member not in record:
                raise invalid(f"The {word} capacity ({member}) is required when registering a new scalable target.")
            if record[member] < 0:
                raise invalid(f"{member} must be greater than or equal to 0.")
        if record["MinCapacity"] > record["MaxCapacity"]:
            raise invalid("Maximum capacity cannot be less than minimum capacity")
        if key.namespace == "sagemaker" and record["MinCapacity"] < 1:
            raise invalid("The minimum capacity of a production variant must be at least 1.")
        if given.get("Tags"):
            raise AwsError("NotImplemented", "The sandbox has no tags for scalable targets.", 501)
        # Its capacity is then brought between them.
        record["_Moved"] = True
        record["SuspendedState"] |= given.get("SuspendedState") or {}
        self._book.put(TARGET, key, record)
        return {"ScalableTargetARN": record["ScalableTargetARN"]}

    def _describe_targets(self, given: Members, caller: Caller) -> Members:
        wanted = given.get("ResourceIds")
        found = [target for target in self._book.all(TARGET) if wanted is None or target["ResourceId"] in wanted]
        return _page(given, found, "ScalableTargets")

    def _deregister(self, given: Members, caller: Caller) -> None:
        key = Key.of(given)
        self._need_target(key)
        self._forget(key)

    def _forget(self, key: Key) -> None:
        for policy in self._book.all(POLICY, key):
            self._drop_policy(key, policy)
        for action in self._book.all(ACTION, key):
            self._book.delete(ACTION, key, action["ScheduledActionName"])
        self._book.delete(TARGET, key)

    def _need_target(self, key: Key) -> Record:
        self._targets.kind(key)
        record = self._book.get(TARGET, key)
        if record is None:
            raise _missing(f"No scalable target registered for {key.words()}")
        return record

    def _endpoint_goes(self, name: str, caller: Caller) -> None:
        """DeleteEndpoint deregisters the targets of its variants, with the caller's own permission to do so."""
        mine = f"endpoint/{name}/variant/"
        found = [
            target
            for target in self._book.all(TARGET)
            if target["ServiceNamespace"] == "sagemaker" and target["ResourceId"].startswith(mine)
        ]
        for target in found:
            key = Key.of(target)
            context = {
                "application-autoscaling:service-namespace": key.namespace,
                "application-autoscaling:scalable-dimension": key.dimension,
            }
            need = Need("application-autoscaling:DeregisterScalableTarget", target["ScalableTargetARN"], context)
            if not self._iam.decide(caller, need, {}).allowed:
                raise invalid(
                    "An Application AutoScaling scalable target exists for a variant being deleted, and the IAM "
                    "identity used to invoke DeleteEndpoint does not have "
                    "application-autoscaling:DeregisterScalableTarget permission. Grant this permission, or deregister "
                    "the scalable target first."
                )
        for target in found:
            self._forget(Key.of(target))

    def _put_policy(self, given: Members, caller: Caller) -> Members:
        key, name = Key.of(given), given["PolicyName"]
        self._need_target(key)
        old = self._book.get(POLICY, key, name)
        kind = given.get("PolicyType") or (old["PolicyType"] if old else STEPS)
        member = _OF_TYPE.get(kind)
        if member is None:
            raise invalid(f"The sandbox does not offer the policy type {kind}.")
        if old is not None and old["PolicyType"] != kind:
            raise invalid(f"The type of an existing policy cannot be changed from {old['PolicyType']} to {kind}.")
        if not given.get(member):
            raise invalid(f"{member} is required for the policy type {kind}.")
        configuration = given[member]
        resource = f"resource/{key.namespace}/{key.resource}:policyName/{name}"
        arn = old["PolicyARN"] if old else make_arn("autoscaling", f"scalingPolicy:{uuid.uuid4()}:{resource}")
        alarms: list[Members] = []
        if kind == _TRACKING:
            alarms = self._tracking_alarms(key, name, configuration, arn)
        else:
            _check_steps(configuration)
        if old is not None:
            self._alarms.delete([alarm["AlarmName"] for alarm in old["Alarms"]])
        made = [{"AlarmName": alarm["AlarmName"], "AlarmARN": self._alarms.put(alarm)} for alarm in alarms]
        record = {
            **key.members(),
            "PolicyName": name,
            "PolicyARN": arn,
            "PolicyType": kind,
            member: configuration,
            "Alarms": made,
            "CreationTime": old["CreationTime"] if old else time.time(),
        }
        self._book.put(POLICY, key, record, name)
        return {"PolicyARN": arn, "Alarms": made}

    def _tracking_alarms(self, key: Key, name: str, configuration: Members, arn: str) -> list[Members]:
        if not configuration["TargetValue"] > 0:
            raise invalid(f"TargetValue must be greater than 0, not {configuration['TargetValue']:g}.")
        kind = self._targets.kind(key)
        metric = metric_of(configuration, key, kind)
        for wait in ("ScaleInCooldown", "ScaleOutCooldown"):
            if configuration.get(wait, 0) < 0:
                raise invalid(f"{wait} must be greater than or equal to 0.")
        return alarms_of(arn, rule_of(name, configuration, metric, kind, 1.0), metric, key)

    def _describe_policies(self, given: Members, caller: Caller) -> Members:
        wanted = given.get("PolicyNames")
        found = [policy for policy in self._book.all(POLICY) if not wanted or policy["PolicyName"] in wanted]
        for policy in found:
            if policy["PolicyType"] == STEPS:
                policy["Alarms"] = [
                    {"AlarmName": alarm["AlarmName"], "AlarmARN": alarm["AlarmArn"]}
                    for alarm in self._alarms.all()
                    if policy["PolicyARN"] in alarm["AlarmActions"]
                ]
        return _page(given, found, "ScalingPolicies")

    def _delete_policy(self, given: Members, caller: Caller) -> None:
        key, name = Key.of(given), given["PolicyName"]
        self._targets.kind(key)
        policy = self._book.get(POLICY, key, name)
        if policy is None:
            raise _missing(f"No scaling policy found for {key.words()}, policy name: {name}")
        self._drop_policy(key, policy)

    def _drop_policy(self, key: Key, policy: Record) -> None:
        self._alarms.delete([alarm["AlarmName"] for alarm in policy["Alarms"]])
        self._book.delete(POLICY, key, policy["PolicyName"])

    def _put_action(self, given: Members, caller: Caller) -> None:
        key, name = Key.of(given), given["ScheduledActionName"]
        self._need_target(key)
        old = self._book.get(ACTION, key, name)
        kept = ("Schedule", "Timezone", "ScalableTargetAction")
        record: Record = {member: given[member] for member in kept if member in given}
        record |= {member: given[member].timestamp() for member in ("StartTime", "EndTime") if member in given}
        # Of these two what is not given is deleted.
        record = {name: value for name, value in (old or {}).items() if name not in ("StartTime", "EndTime")} | record
        if not record.get("Schedule"):
            raise invalid("Schedule is required for a new scheduled action.")
        action = record.get("ScalableTargetAction") or {}
        if not action:
            raise invalid("ScalableTargetAction must have a minimum capacity, a maximum capacity or both.")
        if action.get("MinCapacity", 0) > action.get("MaxCapacity", action.get("MinCapacity", 0)):
            raise invalid("Maximum capacity cannot be less than minimum capacity")
        now = time.time()
        record.setdefault("CreationTime", now)
        # A change of the action does not let a rate begin anew.
        begun: float = record.get("StartTime") or record["CreationTime"]
        try:
            if record.get("Timezone"):
                ZoneInfo(record["Timezone"])
            upcoming = next_run(record["Schedule"], record.get("Timezone", ""), now, begun, self._factor)
        except ZoneInfoNotFoundError:
            raise invalid(f"The time zone {record['Timezone']} is not one that is known.") from None
        except ValueError:
            raise invalid(f"The schedule {record['Schedule']} is not valid: use at(…), rate(…) or cron(…).") from None
        if upcoming is None:
            raise invalid("Scheduled action must be in the future")
        record |= {**key.members(), "ScheduledActionName": name, "_Begun": begun, "_Next": upcoming}
        resource = f"resource/{key.namespace}/{key.resource}:scheduledActionName/{name}"
        record.setdefault("ScheduledActionARN", make_arn("autoscaling", f"scheduledAction:{uuid.uuid4()}:{resource}"))
        self._book.put(ACTION, key, record, name)

    def _describe_actions(self, given: Members, caller: Caller) -> Members:
        wanted = given.get("ScheduledActionNames")
        found = [action for action in self._book.all(ACTION) if not wanted or action["ScheduledActionName"] in wanted]
        return _page(given, found, "ScheduledActions")

    def _delete_action(self, given: Members, caller: Caller) -> None:
        key, name = Key.of(given), given["ScheduledActionName"]
        self._targets.kind(key)
        if self._book.get(ACTION, key, name) is None:
            raise _missing(f"No scheduled action found for {key.words()}, scheduled action name: {name}")
        self._book.delete(ACTION, key, name)

    def _describe_activities(self, given: Members, caller: Caller) -> Members:
        everything = bool(given.get("IncludeNotScaledActivities"))
        found = [
            record
            for record in self._book.activities(given["ServiceNamespace"])
            if everything or not record.get("NotScaledReasons")
        ]
        return _page(given, found, "ScalingActivities")


def _check_steps(configuration: Members) -> None:
    if not configuration.get("AdjustmentType"):
        raise invalid("AdjustmentType is required for step scaling policies.")
    steps = configuration.get("StepAdjustments") or []
    if not steps:
        raise invalid("At least one StepAdjustment is required.")
    bounds = []
    for step in steps:
        lower, upper = step.get("MetricIntervalLowerBound"), step.get("MetricIntervalUpperBound")
        if lower is not None and upper is not None and lower >= upper:
            raise invalid("The lower bound of a step adjustment must be less than its upper bound.")
        bounds.append((float("-inf") if lower is None else lower, float("inf") if upper is None else upper))
    bounds.sort()
    if any(before[1] > after[0] for before, after in pairwise(bounds)):
        raise invalid("StepAdjustment intervals can't overlap")
    if any(before[1] < after[0] for before, after in pairwise(bounds)):
        raise invalid("StepAdjustment intervals can't have gaps")


def _page(given: Members, found: list[Record], member: str) -> Members:
    """The records of one namespace (and resource, and dimension) in pages, without what is only ours."""
    asked = ("ServiceNamespace", "ResourceId", "ScalableDimension")
    found = [record for record in found if all(given.get(name) in (None, record[name]) for name in asked)]
    start = whole(given.get("NextToken") or "0")
    if start is None:
        raise AwsError("InvalidNextTokenException", "The next token is not valid.")
    end = start + (given.get("MaxResults") or _PAGE)
    more = {"NextToken": str(end)} if end < len(found) else {}
    return {member: [_shown(record) for record in found[start:end]], **more}


def _shown(record: Record) -> Members:
    return {
        name: datetime.fromtimestamp(value, UTC) if name in _TIMES else value
        for name, value in record.items()
        if not name.startswith("_")
    }


def _missing(text: str) -> AwsError:
    return AwsError("ObjectNotFoundException", text)
