"""The loop that looks at metrics, decides by ``decide`` and really scales; every step becomes an activity."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.autoscaling.decide import (
    ALARM,
    AT_MAX,
    AT_MIN,
    Breach,
    Decision,
    Limits,
    Point,
    Policy,
    Reading,
    Step,
    StepScaling,
    TargetTracking,
    Waits,
    decide,
    within,
)
from sandbox.autoscaling.records import ACTION, POLICY, TARGET, Book, Key, Record
from sandbox.autoscaling.schedule import next_run
from sandbox.autoscaling.targets import Kind, Now, Targets
from sandbox.autoscaling.tracking import metric_of, rule_of
from sandbox.autoscaling.watch import Watch, metric_of_alarm
from sandbox.context import SandboxContext
from sandbox.core.diagnostics import tell_exception
from sandbox.metrics.alarms import Alarms
from sandbox.metrics.store import Metrics
from sandbox.wire.errors import AwsError

# How often it looks, in seconds of the time that is scaled by.
LOOK_SECONDS = 5.0
STEPS = "StepScaling"
_SHORTEST_LOOK = 0.1
# After a refusal by the service that is scaled.
_REFUSED_SECONDS = 60.0
_UNSCALABLE = "TargetServicePutResourceAsUnscalable"
_HISTORY_SECONDS = 3600.0


@dataclass
class Under:
    """A change of one target that is under way."""

    activity: str
    wanted: int


class Scaler:
    """Scales the targets of ``book``. Started once; ``look`` is one round."""

    def __init__(self, ctx: SandboxContext, book: Book, targets: Targets, factor: float) -> None:
        self._book, self._targets, self._factor = book, targets, factor
        self._alarms = ctx.part(Alarms)
        self._watch = Watch(ctx.part(Metrics), self._alarms, factor)
        self._under: dict[str, Under] = {}
        # How much served when, the oldest first, by target; and why nothing was done the last time.
        self._history: dict[str, list[tuple[float, int]]] = {}
        self._told: dict[str, tuple[str, ...]] = {}
        self._pause: dict[str, float] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="autoscaling", daemon=True)

    def start(self) -> None:
        """Begin to look; what a former sandbox had begun is followed to its end."""
        self.resume()
        self._thread.start()

    def resume(self) -> None:
        """Take over the activities that have not ended."""
        for record in self._book.under_way():
            self._under[str(Key.of(record))] = Under(record["ActivityId"], record["_Wanted"])

    def close(self) -> None:
        """End the loop; what is under way goes on by itself."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._closed.wait(max(_SHORTEST_LOOK, LOOK_SECONDS / self._factor)):
            try:
                self.look(time.time())
            except Exception as error:
                tell_exception(error)

    def look(self, now: float) -> None:
        """One round at ``now`` (epoch seconds): alarms, then every target."""
        self._watch.look(now)
        targets = self._book.all(TARGET)
        self._forget({str(Key.of(target)) for target in targets})
        for target in targets:
            key = Key.of(target)
            try:
                self._look_at(key, target, now)
            except AwsError as error:
                # The resource is gone, or does not answer now: there is nothing to scale.
                if error.status >= 500:
                    tell_exception(error)

    def _forget(self, registered: set[str]) -> None:
        """Close the changes that were under way for targets that are no longer registered."""
        for name in self._under.keys() - registered:
            text = "The scalable target was deregistered before the change was fulfilled."
            self._book.end(self._under.pop(name).activity, "Overridden", text)
        for name in self._history.keys() - registered:
            del self._history[name]
            self._told.pop(name, None)
            self._pause.pop(name, None)

    def _look_at(self, key: Key, target: Record, now: float) -> None:
        kind = self._targets.kind(key)
        state = kind.look(key.resource)
        self._remember(key, state.serving, now)
        under = self._under.get(str(key))
        if under is not None and not self._finish(key, kind, under, state, now):
            return
        self._scheduled(key, target, now)
        target = self._book.get(TARGET, key) or target
        if now < self._pause.get(str(key), 0.0):
            return
        limits = _limits(target)
        into = within(state.wanted, limits)
        if target.get("_Moved") and into == state.wanted:
            self._book.change(TARGET, key, {"_Moved": False})
        # What somebody sets by hand beyond the limits stays until an alarm asks for something else.
        if target.get("_Moved") and into != state.wanted:
            word = "minimum" if into > state.wanted else "maximum"
            self._change(key, kind, state, into, f"{word} capacity was set to {into}", None, now)
            return
        waits = Waits(**target["_Waits"]) if "_Waits" in target else Waits()
        decision = decide(now, state.wanted, limits, self._policies(key, kind, now), waits)
        if decision.capacity is not None:
            cause = self._cause(key, decision)
            self._change(key, kind, state, decision.capacity, cause, decision.waits, now)
        else:
            self._not_scaled(key, state, limits, decision)

    def _remember(self, key: Key, serving: int, now: float) -> None:
        history = self._history.setdefault(str(key), [])
        if not history or history[-1][1] != serving:
            history.append((now, serving))
        while len(history) > 1 and history[1][0] < now - _HISTORY_SECONDS:
            history.pop(0)

    def _capacity_at(self, key: Key, at: float) -> int:
        history = self._history[str(key)]
        return next((capacity for since, capacity in reversed(history) if since <= at), history[0][1])

    def _policies(self, key: Key, kind: Kind, now: float) -> list[tuple[Policy, Reading]]:
        return [
            self._steps(record, now) if record["PolicyType"] == STEPS else self._tracking(record, key, kind, now)
            for record in self._book.all(POLICY, key)
        ]

    def _tracking(self, record: Record, key: Key, kind: Kind, now: float) -> tuple[TargetTracking, Reading]:
        configuration = record["TargetTrackingScalingPolicyConfiguration"]
        metric = metric_of(configuration, key, kind)
        rule = rule_of(record["PolicyName"], configuration, metric, kind, self._factor)
        length = metric.period / self._factor
        points = [
            Point(value, self._capacity_at(key, end - length / 2))
            for end, value in self._watch.periods(metric, max(rule.low_points, rule.high_points), now)
        ]
        return rule, points

    def _steps(self, record: Record, now: float) -> tuple[StepScaling, Reading]:
        configuration = record["StepScalingPolicyConfiguration"]
        steps = tuple(
            Step(step.get("MetricIntervalLowerBound"), step.get("MetricIntervalUpperBound"), step["ScalingAdjustment"])
            for step in configuration["StepAdjustments"]
        )
        wait = configuration.get("Cooldown", 0) / self._factor
        least = configuration.get("MinAdjustmentMagnitude", 1)
        rule = StepScaling(record["PolicyName"], configuration["AdjustmentType"], steps, wait, least)
        for alarm in self._alarms.all():
            if record["PolicyARN"] in alarm["AlarmActions"] and alarm["ActionsEnabled"]:
                value = self._watch.periods(metric_of_alarm(alarm), 1, now)[-1][1]
                if alarm["StateValue"] == ALARM and value is not None:
                    return rule, Breach(value, alarm["Threshold"])
        return rule, None

    def _cause(self, key: Key, decision: Decision) -> str:
        policy = self._book.get(POLICY, key, decision.policy) or {}
        names = [alarm["AlarmName"] for alarm in policy.get("Alarms", ())] or [
            alarm["AlarmName"] for alarm in self._alarms.all() if policy.get("PolicyARN") in alarm["AlarmActions"]
        ]
        way = "AlarmLow" if decision.direction == "in" or AT_MIN in decision.reasons else "AlarmHigh"
        states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in self._alarms.all()}
        named = [name for name in names if states.get(name) == ALARM] or [name for name in names if way in name]
        return f"monitor alarm {(named or names or ['-'])[0]} in state ALARM triggered policy {decision.policy}"

    def _change(
        self, key: Key, kind: Kind, state: Now, wanted: int, cause: str, waits: Waits | None, now: float
    ) -> None:
        if state.changing:
            self._tell_not_scaled(key, cause, [{"Code": _UNSCALABLE, "CurrentCapacity": state.wanted}])
            return
        self._told.pop(str(key), None)
        activity = self._book.tell(
            key,
            {
                "Description": f"Setting {kind.what} to {wanted}.",
                "Cause": cause,
                "_Wanted": wanted,
                "StatusCode": "InProgress",
                "StatusMessage": f"Successfully set {kind.what} to {wanted}. Waiting for change to be fulfilled by "
                f"{key.namespace}.",
            },
        )
        try:
            kind.set(key.resource, wanted)
        except AwsError as error:
            text = f"Failed to set {kind.what} to {wanted}. Reason: {error.message}"
            self._book.end(activity, "Failed", text)
            self._pause[str(key)] = now + _REFUSED_SECONDS / self._factor
            return
        self._under[str(key)] = Under(activity, wanted)
        if waits is not None:
            self._book.change(TARGET, key, {"_Waits": asdict(waits)})

    def _finish(self, key: Key, kind: Kind, under: Under, state: Now, now: float) -> bool:
        """Whether what was under way has ended."""
        if state.changing:
            return False
        del self._under[str(key)]
        text = f"Successfully set {kind.what} to {under.wanted}."
        if state.wanted == under.wanted and state.serving == under.wanted:
            self._book.end(under.activity, "Successful", f"{text} Change successfully fulfilled by {key.namespace}.")
        elif state.wanted == under.wanted or state.problem:
            reason = f" Reason: {state.problem}" if state.problem else ""
            text = f"{text} However, the change was not fulfilled by {key.namespace}.{reason}"
            self._book.end(under.activity, "Unfulfilled", text)
            self._pause[str(key)] = now + _REFUSED_SECONDS / self._factor
        else:
            self._book.end(under.activity, "Overridden", f"{text} Another change set it to {state.wanted} since.")
        return True

    def _not_scaled(self, key: Key, state: Now, limits: Limits, decision: Decision) -> None:
        if not decision.reasons:
            if decision.until is None:
                self._told.pop(str(key), None)
            return
        reasons: list[dict[str, Any]] = []
        for code in decision.reasons:
            detail = {AT_MAX: {"MaxCapacity": limits.maximum}, AT_MIN: {"MinCapacity": limits.minimum}}
            reasons.append({"Code": code, "CurrentCapacity": state.wanted, **detail.get(code, {})})
        self._tell_not_scaled(key, self._cause(key, decision), reasons)

    def _tell_not_scaled(self, key: Key, cause: str, reasons: list[dict[str, Any]]) -> None:
        """Once for each reason, not once for each look."""
        told = (cause, *(reason["Code"] for reason in reasons))
        if self._told.get(str(key)) == told:
            return
        self._told[str(key)] = told
        activity = {
            "Description": "Attempting to scale due to alarm triggered",
            "Cause": cause,
            "StatusCode": "Failed",
            "NotScaledReasons": reasons,
            "EndTime": time.time(),
        }
        self._book.tell(key, activity)

    def _scheduled(self, key: Key, target: Record, now: float) -> None:
        """Run the scheduled actions that are due: they set the limits, and the waits do not hold them."""
        for action in self._book.all(ACTION, key):
            if action["_Next"] > now:
                continue
            name = action["ScheduledActionName"]
            begun = action.get("StartTime", 0.0) <= now
            upcoming = next_run(action["Schedule"], action.get("Timezone", ""), now, action["_Begun"], self._factor)
            if upcoming is None or upcoming > action.get("EndTime", upcoming):
                self._book.delete(ACTION, key, name)
            else:
                self._book.change(ACTION, key, {"_Next": upcoming}, name)
            if begun and not target["SuspendedState"]["ScheduledScalingSuspended"]:
                self._set_limits(key, target, name, action["ScalableTargetAction"])

    def _set_limits(self, key: Key, target: Record, name: str, limits: dict[str, int]) -> None:
        low = limits.get("MinCapacity", min(target["MinCapacity"], limits.get("MaxCapacity", target["MinCapacity"])))
        high = limits.get("MaxCapacity", max(target["MaxCapacity"], low))
        self._book.change(TARGET, key, {"MinCapacity": low, "MaxCapacity": high, "_Moved": True})
        parts = [
            f"{word} capacity to {limits[member]}"
            for member, word in (("MinCapacity", "minimum"), ("MaxCapacity", "maximum"))
            if member in limits
        ]
        what = " and ".join(parts)
        activity = {"Description": f"Setting {what}", "Cause": f"scheduled action name {name} was triggered"}
        activity["StatusCode"] = "Pending"
        self._book.end(self._book.tell(key, activity), "Successful", f"Successfully set {what}")


def _limits(target: Record) -> Limits:
    suspended = target["SuspendedState"]
    return Limits(
        target["MinCapacity"],
        target["MaxCapacity"],
        suspended["DynamicScalingOutSuspended"],
        suspended["DynamicScalingInSuspended"],
    )
