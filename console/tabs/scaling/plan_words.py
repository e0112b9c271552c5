"""What the Plan page says: the rows of its arithmetic, of its costs, of a probe, and the plan in AWS's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.models.format import dollars, milliseconds
from workers.prices.table import HOURS_PER_MONTH
from workers.scaling.plan import SAFETY_FACTOR, Dollars, Plan
from workers.scaling.probe import Level, ProbeResult

Rows = list[tuple[str, str, str]]
_ENDED = {
    "flat": "More at a time brought no more.",
    "all": "It became faster up to the most that is asked at a time.",
    "requests": "The most requests that a probe sends were reached before it was flat.",
    "time": "The time of a probe was over before it was flat.",
    "errors": "It ended at the first request without an answer.",
    "stopped": "It was stopped.",
}


def instances(number: int) -> str:
    """``1 instance``, ``2 instances``."""
    return f"{number} instance" if number == 1 else f"{number} instances"


def arithmetic(plan: Plan) -> Rows:
    """From the latency to the target, the limits and the reservation."""
    given = plan.given
    more = f" × {1 + given.headroom:g}" if given.headroom else ""
    seconds = f"{plan.latency:.4g} s"

    def needed(rate: float) -> str:
        exact = rate * 60 * (1 + given.headroom) / plan.target
        return f"{rate:g}/s × 60{more} ÷ {plan.target} = {exact:.2f}"

    return [
        ("One instance does", f"{given.at_once} ÷ {seconds}", f"{plan.per_second:.3g}/s"),
        ("Target", f"{plan.per_second:.3g}/s × {SAFETY_FACTOR:g} × 60", f"{plan.target}/min"),
        ("Minimum", needed(given.low), instances(plan.minimum)),
        ("Maximum", needed(given.peak), instances(plan.maximum)),
        ("Reserved", f"{given.peak:g}/s{more} × {seconds}", f"{plan.reserved} at a time"),
        ("For each instance", f"{plan.reserved} ÷ {plan.maximum}", f"{plan.concurrency} at a time"),
    ]


def costs(plan: Plan, per_hour: float | None) -> Rows:
    """A month at the three rates."""
    return [
        (what, _reckoned(month, per_hour), "–" if month.total is None else dollars(month.total))
        for what, month in (("Quietest", plan.low), ("Usual", plan.mean), ("Busiest", plan.peak))
    ]


def _reckoned(month: Dollars, per_hour: float | None) -> str:
    if per_hour is None:
        return f"{instances(month.instances)}, no list price known"
    words = f"{month.instances} × {dollars(per_hour, 3)} × {HOURS_PER_MONTH} h"
    if month.function:
        words += f" + {dollars(month.function)} function"
    return words


def levels(found: ProbeResult) -> Rows:
    """A row for each level of a probe; the one that counts is named."""
    return [(_at_a_time(level, found), _latencies(level), _rate(level)) for level in found.levels]


def _at_a_time(level: Level, found: ProbeResult) -> str:
    mark = ", taken" if level == found.best else ""
    return f"{level.at_once} at a time{mark}"


def _latencies(level: Level) -> str:
    if level.failed:
        return f"{level.failed} of {level.requests} without an answer: {level.problem}"
    return f"p50 {milliseconds(level.p50 * 1000)}, p90 {milliseconds(level.p90 * 1000)}"


def _rate(level: Level) -> str:
    return f"{level.per_second:.3g}/s"


def measured(found: ProbeResult) -> tuple[str, str]:
    """(tone, words) of what a probe found."""
    best, why = found.best, _ENDED[found.ended]
    if best is None:
        return "warn", f"Nothing was measured: {why}"
    each = " for each instance" if found.instances > 1 else ""
    words = (
        f"Measured by {found.requests} requests: at {best.at_once} at a time{each} one takes "
        f"{milliseconds(best.mean * 1000)}. {why}"
    )
    return ("ok" if found.ended == "flat" else "neutral"), words


def in_aws_words(found: Mapping[str, Any]) -> Rows:
    """``GetScalingConfigurationRecommendation``'s members, and how each is reckoned."""
    scaling, metrics = found["DynamicScalingConfiguration"], found["RecommendationMetrics"]
    target = scaling["ScalingPolicies"][0]["TargetTracking"]["TargetValue"]
    wanted = found["ScalingPolicyObjective"]
    rows = [
        ("MinInvocationsPerMinute", "quietest × 60", f"{wanted['MinInvocationsPerMinute']:,}"),
        ("MaxInvocationsPerMinute", "busiest × 60", f"{wanted['MaxInvocationsPerMinute']:,}"),
        ("MinCapacity", "", str(scaling["MinCapacity"])),
        ("MaxCapacity", "", str(scaling["MaxCapacity"])),
        ("TargetValue", "", f"{target:g}"),
        ("ScaleOutCooldown", "", f"{scaling['ScaleOutCooldown']} s"),
        ("ScaleInCooldown", "", f"{scaling['ScaleInCooldown']} s"),
        ("MaxInvocations", "one instance, a minute", f"{metrics['MaxInvocations']:,}"),
        ("ModelLatency", "", f"{metrics['ModelLatency']:,} ms"),
    ]
    if "CostPerHour" in metrics:
        rows += [
            ("CostPerHour", "one instance", dollars(metrics["CostPerHour"], 3)),
            ("CostPerInference", f"÷ {metrics['MaxInvocations']:,} ÷ 60", _tiny(metrics["CostPerInference"])),
        ]
    return rows


def _tiny(value: float) -> str:
    """Dollars of one call, with as many digits as say something: ``$0.000008``."""
    return dollars(value, 7).rstrip("0").rstrip(".") if value >= 5e-8 else "<" + dollars(1e-7, 7)
