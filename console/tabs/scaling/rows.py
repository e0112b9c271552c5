"""What the Scaling tab says about activities, alarms and limits, in words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from console.models.columns import Column
from console.models.format import count, duration, when
from console.models.states import State
from workers.scaling.types import Activity, FunctionRow, NotScaled, Policy, Provisioned, Step, Variant, VariantScaling

BURSTABLE = "ml.t2."
_ADJUSTMENTS = {
    "ChangeInCapacity": "Step scaling, instances",
    "PercentChangeInCapacity": "Step scaling, share",
    "ExactCapacity": "Step scaling, to exactly",
}
_SET_TO = re.compile(r"desired instance count to (\d+)", re.IGNORECASE)
_ALARM = re.compile(r"monitor alarm (?P<alarm>\S+) in state (?P<state>\w+) triggered policy (?P<policy>\S+)")
_SCHEDULED = re.compile(r"scheduled action name (?P<name>\S+) was triggered", re.IGNORECASE)
_STATES = {
    "Successful": State("Successful", "ok"),
    "InProgress": State("In progress", "run"),
    "Pending": State("Pending", "run"),
    "Overridden": State("Overridden", "neutral"),
    "Unfulfilled": State("Unfulfilled", "warn"),
    "Failed": State("Failed", "err"),
}


@dataclass(frozen=True)
class VariantRow:
    """A variant in the list of what can be scaled."""

    variant: Variant

    @property
    def id(self) -> str:
        """The key of the row."""
        return self.variant.id

    @property
    def number(self) -> str:
        """How many instances there are, and are to be."""
        now, wanted = self.variant.current, self.variant.desired
        return str(now) if now == wanted else f"{now} → {wanted}"


VARIANT_COLUMNS = [
    Column("id", "Endpoint / variant", kind="name", icon="endpoints", priority=0),
    Column("number", "Now", kind="number", priority=0),
]
FUNCTION_COLUMNS = [
    Column("name", "Function", kind="name", icon="lambda", priority=0),
    Column(
        "memory_mb",
        "Memory",
        kind="number",
        value=lambda row: row.memory_mb,
        format=lambda v, _: f"{v:,} MB",
        priority=1,
    ),
]
Rows = list[VariantRow] | list[FunctionRow]


def not_scaled(reason: NotScaled) -> str:
    """Why nothing was done, in words; AWS's code where it is a new one."""
    number = reason.current if reason.current is not None else "as many as now"
    words = {
        "AutoScalingAnticipatedFlapping": "fewer instances would have scaled out again at once",
        "TargetServicePutResourceAsUnscalable": "the endpoint could not be changed just then",
        "AlreadyAtMaxCapacity": f"already at the maximum of {_or(reason.maximum, reason.current)}",
        "AlreadyAtMinCapacity": f"already at the minimum of {_or(reason.minimum, reason.current)}",
        "AlreadyAtDesiredCapacity": f"already at {number}",
    }
    return words.get(reason.code, reason.code)


def _or(limit: int | None, current: int | None) -> str:
    known = limit if limit is not None else current
    return "its instances" if known is None else str(known)


def state_of_activity(activity: Activity) -> State:
    """AWS's word, or that nothing was done."""
    if activity.not_scaled:
        return State("Not scaled", "neutral")
    return _STATES.get(activity.status, State(activity.status))


def change(activity: Activity) -> str:
    """What was changed: ``to 2 instances``."""
    found = _SET_TO.search(activity.description)
    if found:
        return f"to {count(int(found[1]), 'instance')}"
    return "nothing" if activity.not_scaled else activity.description


def cause(activity: Activity) -> str:
    """Why: the alarm or the schedule, and what AWS said of what went wrong."""
    if activity.not_scaled:
        return "; ".join(not_scaled(reason) for reason in activity.not_scaled)
    words = cause_words(activity.cause)
    if activity.status in ("Failed", "Unfulfilled") and activity.message:
        return f"{words}: {activity.message}"
    return words


def cause_words(text: str) -> str:
    """AWS's cause of an activity without the names that nobody gave."""
    alarm, scheduled = _ALARM.search(text), _SCHEDULED.search(text)
    if alarm is not None:
        side = "AlarmHigh" in alarm["alarm"]
        return "alarm high: above the target for 3 min" if side else "alarm low: below 90 % of it for 15 min"
    return f"schedule {scheduled['name']}" if scheduled is not None else text


def took(activity: Activity) -> float | None:
    """Seconds from begin to end; ``None`` while it goes on."""
    return (activity.ended - activity.started).total_seconds() if activity.ended is not None else None


def full_cause(activity: Activity) -> str:
    """AWS's own words, for the tip."""
    return "\n".join(part for part in (activity.description, activity.cause, activity.message) if part)


ACTIVITY_COLUMNS = [
    Column("started", "Time", kind="number", align="left", format=lambda v, _: when(v), priority=0, sample="yesterday"),
    Column("result", "Result", kind="state", value=state_of_activity, priority=0, sample="In progress"),
    Column("change", "Change", value=change, priority=1, strong=True),
    Column("cause", "Cause", value=cause, tooltip=full_cause, priority=1, stretch=1),
    Column("took", "Took", kind="number", value=took, format=lambda v, _: duration(v), priority=3),
]


def state_of_warm(warm: Provisioned) -> State:
    """Lambda's word for environments kept warm; its reason is in the tip."""
    words = {
        "READY": State("Ready", "ok"),
        "IN_PROGRESS": State("Starting", "run"),
        "FAILED": State("Failed", "err"),
    }
    return words.get(warm.status, State(warm.status))


WARM_COLUMNS = [
    Column("qualifier", "Version or alias", kind="name", icon="lambda", priority=0),
    Column("state", "State", kind="state", value=state_of_warm, priority=0, tooltip=lambda row: row.reason),
    Column("requested", "Wanted", kind="number", priority=1),
    Column("available", "Free now", kind="number", priority=2),
]


def policy_words(policy: Policy) -> str:
    """A policy that the form does not change, in one sentence."""
    wait = f"waits {policy.out_wait} s"
    if policy.steps:
        return f"{_ADJUSTMENTS.get(policy.adjustment, policy.adjustment)}: {step_words(policy)}; {wait}"
    if policy.value is not None:
        kept = ", never in" if policy.scale_in_off else ""
        return f"keeps {policy.metric} at {policy.value:g}{kept}; {wait} out, {policy.in_wait} s in"
    return policy.kind


def step_words(policy: Policy) -> str:
    """``+1 from 0 to 10 above the alarm, +3 from 10 above it``; bounds below 0 are below the alarm's threshold."""
    unit = " %" if policy.adjustment.startswith("Percent") else ""
    sign = "" if policy.adjustment == "ExactCapacity" else "+"
    return ", ".join(f"{step.adjustment:{sign}d}{unit} {_between(step)}" for step in policy.steps)


def _between(step: Step) -> str:
    if step.lower is None and step.upper is None:
        return "beyond the alarm"
    if step.lower is None:
        return f"below {step.upper:+g}"
    return f"from {step.lower:+g} up" if step.upper is None else f"from {step.lower:+g} to {step.upper:+g}"


def burstable(variant: Variant) -> bool:
    """True for types that AWS does not let scale (``ml.t2.*``)."""
    return variant.instance_type.startswith(BURSTABLE)


def standing(found: VariantScaling) -> tuple[str, str]:
    """(tone, words): why nothing happens now, or that it would; the gravest first."""
    variant, target = found.variant, found.target
    if target is None:
        if burstable(variant):
            return "warn", f"Fixed. AWS scales no {variant.instance_type}: its burstable speed is not predictable."
        return "neutral", "Fixed: nothing scales these instances. Set limits and a target, then apply."
    still = target.suspended
    if still:
        kinds = [
            words
            for on, words in ((still.scale_out, "out"), (still.scale_in, "in"), (still.scheduled, "by schedule"))
            if on
        ]
        return "warn", f"Suspended: it does not scale {' or '.join(kinds)}."
    if variant.status != "InService":
        return "warn", f"The endpoint is {variant.status}: nothing is scaled until it is in service."
    if not found.policies:
        return "warn", "It has limits, but no policy: nothing moves it between them."
    high = next((alarm for alarm in found.alarms if alarm.side == "high"), None)
    low = next((alarm for alarm in found.alarms if alarm.side == "low"), None)
    if high is not None and high.state == "ALARM":
        if variant.desired >= target.maximum:
            return "warn", f"Above {high.threshold:g}, but already at the maximum of {target.maximum}."
        return "ok", f"Above {high.threshold:g} for {high.minutes} min: it scales out, unless it waits."
    if low is not None and low.state == "ALARM":
        if variant.desired <= target.minimum:
            return "ok", f"Below {low.threshold:g}, and at the minimum of {target.minimum}: nothing to take away."
        return "ok", f"Below {low.threshold:g} for {low.minutes} min: it scales in, unless it waits."
    if low is not None and low.state == "INSUFFICIENT_DATA":
        return "neutral", "No calls, so no figures: without figures it never scales in."
    return "ok", "Between the two alarms: nothing to do."
