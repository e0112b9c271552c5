"""What Application Auto Scaling decides, as pure functions of metrics, clock, capacity and policies.

All times are seconds of one clock, whichever. Sources: Application Auto Scaling User Guide, "Target tracking scaling
policies", "How step scaling works" (adjustment types, cooldown), "How target tracking scaling works" (several
policies); API Reference, ``TargetTrackingScalingPolicyConfiguration``, ``StepScalingPolicyConfiguration``,
``NotScaledReason``; CloudWatch User Guide, "Evaluating an alarm".

What AWS keeps to itself is decided here so that a constant load never makes capacity go up and down: each point of a
metric is remembered with the capacity that it was measured at, and scaling in goes no lower than the highest point of
the alarm's window allows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
AT_MAX, AT_MIN = "AlreadyAtMaxCapacity", "AlreadyAtMinCapacity"
AT_DESIRED, FLAPPING = "AlreadyAtDesiredCapacity", "AutoScalingAnticipatedFlapping"
# The low alarm of a target: this share of it.
LOW_SHARE = 0.9
HIGH_POINTS, LOW_POINTS = 3, 15
# Sums of fractions of requests are not exact; 3.0000000001 instances are 3.
_ROUNDING = 1e-9

Direction = Literal["out", "in", ""]


@dataclass(frozen=True)
class Point:
    """One period of a metric: its value (None: no data) and how many were in service while it was measured."""

    value: float | None
    capacity: int


@dataclass(frozen=True)
class Limits:
    """The scalable target: between which capacities, and which ways are suspended."""

    minimum: int
    maximum: int
    out_suspended: bool = False
    in_suspended: bool = False


@dataclass(frozen=True)
class TargetTracking:
    """A policy that keeps a metric, which is a value for each unit of capacity, at ``target``.

    ``scale_out_wait``, ``scale_in_wait``: its cooldowns in seconds. ``high_points``, ``low_points``: of how many
    periods in a row its alarms are.
    """

    name: str
    target: float
    scale_out_wait: float = 300.0
    scale_in_wait: float = 300.0
    scales_in: bool = True
    high_points: int = HIGH_POINTS
    low_points: int = LOW_POINTS


@dataclass(frozen=True)
class Step:
    """From ``lower`` to ``upper`` beyond the alarm's threshold (None: without end): by how much."""

    lower: float | None
    upper: float | None
    adjustment: int


@dataclass(frozen=True)
class StepScaling:
    """A policy that an alarm triggers. ``kind``: ChangeInCapacity, PercentChangeInCapacity or ExactCapacity."""

    name: str
    kind: str
    steps: tuple[Step, ...]
    wait: float = 0.0
    least: int = 1


@dataclass(frozen=True)
class Breach:
    """An alarm in state ALARM that triggers a step policy: the metric's value and the alarm's threshold."""

    value: float
    threshold: float


Policy = TargetTracking | StepScaling
# A policy decides by this: the periods of its metric, the newest last; or the alarm that triggers it, if one does.
Reading = Sequence[Point] | Breach | None


@dataclass(frozen=True)
class Waits:
    """What earlier scaling leaves behind. ``base``: the capacity before the scale-outs that are still waited for."""

    out_until: float = -math.inf
    in_until: float = -math.inf
    base: int = 0


@dataclass(frozen=True)
class Wish:
    """What one policy wants: a capacity and a direction, or nothing (``""``)."""

    policy: str
    direction: Direction
    capacity: int
    wait: float = 0.0


@dataclass(frozen=True)
class Decision:
    """The capacity to set (None: leave it), by which policy, and where nothing is done, AWS's reason codes.

    ``waits``: what to remember once the capacity is set. ``until``: when the wait ends that holds the policy back.
    """

    capacity: int | None
    policy: str = ""
    direction: Direction = ""
    reasons: tuple[str, ...] = ()
    until: float | None = None
    waits: Waits = Waits()


def alarm_state(
    values: Sequence[float | None],
    comparison: str,
    threshold: float,
    periods: int,
    points: int,
    missing: str = "missing",
    before: str = INSUFFICIENT_DATA,
) -> str:
    """OK, ALARM or INSUFFICIENT_DATA of an alarm over the last ``periods`` of ``values`` (None: no data).

    ``points`` of them must breach. ``missing`` as in TreatMissingData; ``before``: the state so far, for ``ignore``.
    """
    window = [None] * (periods - len(values)) + list(values)[-periods:]
    if missing in ("breaching", "notBreaching"):
        breaching = [missing == "breaching" if value is None else breaches(value, comparison, threshold)
                     for value in window]  # fmt: skip
        return ALARM if sum(breaching) >= points else OK
    known = [value for value in window if value is not None]
    if sum(breaches(value, comparison, threshold) for value in known) >= points:
        return ALARM
    if missing == "ignore" and len(known) < len(window):
        return before
    return OK if known else INSUFFICIENT_DATA


def breaches(value: float, comparison: str, threshold: float) -> bool:
    """Whether a value is beyond an alarm's threshold."""
    if comparison.startswith("GreaterThanOrEqualTo"):
        return value >= threshold
    if comparison.startswith("LessThanOrEqualTo"):
        return value <= threshold
    return value > threshold if comparison.startswith("GreaterThan") else value < threshold


def low_threshold(target: float) -> float:
    """Where the low alarm of a target is: at 90% of it."""
    return target * LOW_SHARE


def decide(
    now: float,
    capacity: int,
    limits: Limits,
    policies: Sequence[tuple[Policy, Reading]],
    waits: Waits = Waits(),
) -> Decision:
    """What to do now. Any policy scales out, and the largest wish counts; all must agree to scale in.

    A step policy that no alarm triggers has no say. The result never lies outside of the limits.
    """
    wishes = [_wish(policy, reading, capacity, waits, now) for policy, reading in policies]
    outward = [wish for wish in wishes if wish is not None and wish.direction == "out"]
    if outward:
        return _scale_out(now, capacity, limits, max(outward, key=lambda wish: wish.capacity), waits)
    inward = [wish for wish in wishes if wish is not None and wish.direction == "in"]
    if not inward or any(_objects(policy, reading) for policy, reading in policies):
        return Decision(None, waits=waits)
    return _scale_in(now, capacity, limits, max(inward, key=lambda wish: wish.capacity), waits)


def within(capacity: int, limits: Limits) -> int:
    """The nearest capacity that the limits allow."""
    return max(limits.minimum, min(limits.maximum, capacity))


def _wish(policy: Policy, reading: Reading, capacity: int, waits: Waits, now: float) -> Wish | None:
    base = waits.base if now < waits.out_until else capacity
    if isinstance(policy, StepScaling):
        return _stepped(policy, reading, capacity, base) if isinstance(reading, Breach) else None
    return _tracked(policy, reading, capacity, base) if reading and not isinstance(reading, Breach) else None


def _tracked(policy: TargetTracking, points: Sequence[Point], capacity: int, base: int) -> Wish | None:
    values = [point.value for point in points]
    high, low = policy.high_points, policy.low_points
    if alarm_state(values, "GreaterThanThreshold", policy.target, high, high) == ALARM:
        # While a scale-out is waited for, what it added counts as part of what is asked for now.
        last = points[-1]
        wanted = _needed(last, policy.target) - max(0, last.capacity - base if base < capacity else 0)
        return Wish(policy.name, "out", wanted, policy.scale_out_wait)
    if not policy.scales_in:
        return None
    if alarm_state(values, "LessThanThreshold", low_threshold(policy.target), low, low) == ALARM:
        wanted = max(_needed(point, policy.target) for point in points[-low:])
        return Wish(policy.name, "in", wanted, policy.scale_in_wait)
    return None


def _needed(point: Point, target: float) -> int:
    """How much capacity carries the load of a point at the target."""
    return math.ceil((point.value or 0.0) * point.capacity / target - _ROUNDING)


def _stepped(policy: StepScaling, breach: Breach, capacity: int, base: int) -> Wish | None:
    delta = breach.value - breach.threshold
    step = next((step for step in policy.steps if _holds(step, delta)), None)
    if step is None:
        return None
    if policy.kind == "ExactCapacity":
        wanted = step.adjustment
    else:
        start = base if step.adjustment > 0 else capacity
        wanted = start + _change(policy, step, start)
    out = wanted > capacity if policy.kind == "ExactCapacity" else step.adjustment > 0
    return Wish(policy.name, "out" if out else "in", wanted, policy.wait)


def _holds(step: Step, delta: float) -> bool:
    """Above the threshold the lower bound is inside, below it the upper one."""
    lower = -math.inf if step.lower is None else step.lower
    upper = math.inf if step.upper is None else step.upper
    return lower <= delta < upper if delta >= 0 else lower < delta <= upper


def _change(policy: StepScaling, step: Step, capacity: int) -> int:
    """By how much a step changes a capacity; percentages are rounded towards it, but never to nothing."""
    if policy.kind == "ChangeInCapacity":
        return step.adjustment
    exact = capacity * step.adjustment / 100
    size = max(math.floor(abs(exact) + _ROUNDING), 1 if exact else 0, policy.least if exact else 0)
    return size if exact > 0 else -size


def _objects(policy: Policy, reading: Reading) -> bool:
    """Whether a target tracking policy stands against scaling in: it does not ask for it itself."""
    if isinstance(policy, StepScaling) or not policy.scales_in:
        return False
    if not reading or isinstance(reading, Breach):
        return True
    values = [point.value for point in reading]
    low = low_threshold(policy.target)
    return alarm_state(values, "LessThanThreshold", low, policy.low_points, policy.low_points) != ALARM


def _scale_out(now: float, capacity: int, limits: Limits, wish: Wish, waits: Waits) -> Decision:
    waiting = now < waits.out_until
    if limits.out_suspended:
        return Decision(None, wish.policy, waits=waits)
    if capacity >= limits.maximum:
        return Decision(None, wish.policy, reasons=(AT_MAX,), waits=waits)
    wanted = within(wish.capacity, limits)
    if wanted <= capacity:
        if waiting:
            return Decision(None, wish.policy, until=waits.out_until, waits=waits)
        return Decision(None, wish.policy, reasons=(AT_DESIRED,), waits=waits)
    # A scale-out ends a wait of scaling in. What was there before the first of them stays the base.
    after = Waits(now + wish.wait, -math.inf, waits.base if waiting else capacity)
    return Decision(wanted, wish.policy, "out", waits=after)


def _scale_in(now: float, capacity: int, limits: Limits, wish: Wish, waits: Waits) -> Decision:
    if limits.in_suspended:
        return Decision(None, wish.policy, waits=waits)
    if capacity <= limits.minimum:
        return Decision(None, wish.policy, reasons=(AT_MIN,), waits=waits)
    wanted = within(wish.capacity, limits)
    if wanted >= capacity:
        # One less would be above the target again.
        return Decision(None, wish.policy, reasons=(FLAPPING,), waits=waits)
    if now < waits.in_until:
        return Decision(None, wish.policy, until=waits.in_until, waits=waits)
    after = replace(waits, in_until=now + wish.wait)
    return Decision(wanted, wish.policy, "in", waits=after)
