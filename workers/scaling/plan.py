"""From one measured latency to limits, target, reserved concurrency and dollars: arithmetic only.

The target follows AWS: ``SageMakerVariantInvocationsPerInstance = (MAX_RPS * SAFETY_FACTOR) * 60``, with 0.5 as the
factor to begin with (SageMaker AI developer guide, "Load testing your auto scaling configuration"). Calls at a time are
calls a second times seconds each (Lambda developer guide, "Understanding and visualizing concurrency").
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from workers.prices.table import HOURS_PER_MONTH

# AWS's advice: half of what an instance can do, since scaling takes minutes.
SAFETY_FACTOR = 0.5
SAFETY_SOURCE = "SageMaker AI developer guide, “Load testing your auto scaling configuration”"
# What 0.1 + 0.2 has too much must not cost an instance.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class PlanInput:
    """What is wanted. ``latency`` is seconds a prediction, ``at_once`` how many an instance works on at a time.

    Rates are predictions a second in the quietest, the usual and the busiest minute; ``headroom`` is a share (0.2: a
    fifth more than wanted).
    """

    latency: float | None
    low: float
    mean: float
    peak: float
    headroom: float = 0.2
    at_once: int = 1


@dataclass(frozen=True)
class Dollars:
    """A month at one steady rate: instances, and US dollars of them and of the function (None: price not known)."""

    rate: float
    instances: int
    hosting: float | None
    function: float | None

    @property
    def total(self) -> float | None:
        """Both together; None when one is not known."""
        return None if self.hosting is None or self.function is None else self.hosting + self.function


@dataclass(frozen=True)
class Plan:
    """The result. ``per_second``: the most that one instance does; ``target``: calls per instance and minute.

    ``concurrency``: calls at a time for each instance at the peak; ``reserved``: for the function in front.
    """

    given: PlanInput
    latency: float
    per_second: float
    target: int
    minimum: int
    maximum: int
    reserved: int
    concurrency: int
    low: Dollars
    mean: Dollars
    peak: Dollars


def plan_problem(given: PlanInput) -> str:
    """Why there is no plan, in a sentence; "" when there can be one."""
    if given.latency is None or not given.latency > 0:
        return "No latency is measured yet: measure it, or send some predictions."
    rates = (given.low, given.mean, given.peak)
    if not all(math.isfinite(number) for number in (*rates, given.latency, given.headroom)):
        return "A number is missing."
    if given.low < 0 or given.peak <= 0:
        return "The busiest minute needs more than 0 predictions a second."
    if not given.low <= given.mean <= given.peak:
        return "The quietest rate may not be above the usual one, nor that above the busiest one."
    if given.headroom < 0:
        return "The headroom may not be below 0 %."
    if given.at_once < 1:
        return "An instance works on at least 1 prediction at a time."
    if target_per_minute(given.latency, given.at_once) < 1:
        return "One prediction takes longer than a minute of one instance can hold: no target can be set."
    return ""


def target_per_minute(latency: float, at_once: int = 1, safety: float = SAFETY_FACTOR) -> int:
    """Calls per instance and minute for target tracking: what an instance does a second, times safety, times 60."""
    return math.floor(at_once / latency * safety * 60 + _ROUNDING)


def instances_for(rate: float, target: float, headroom: float = 0.0) -> int:
    """Instances so that ``rate`` calls a second, and ``headroom`` more, come to at most ``target`` each; at least 1."""
    return max(1, math.ceil(rate * 60 * (1 + headroom) / target - _ROUNDING))


def make_plan(
    given: PlanInput,
    per_hour: float | None,
    function_prices: Mapping[str, float] | None = None,
    memory_mb: int | None = None,
) -> Plan:
    """The plan. ``per_hour``: US dollars of one instance. Without ``memory_mb`` there is no function in front.

    Raises ``ValueError`` with ``plan_problem``'s words.
    """
    problem = plan_problem(given)
    if problem or given.latency is None:
        raise ValueError(problem)
    latency = given.latency
    target = target_per_minute(latency, given.at_once)
    maximum = instances_for(given.peak, target, given.headroom)
    reserved = max(1, math.ceil(given.peak * (1 + given.headroom) * latency - _ROUNDING))

    def month(rate: float) -> Dollars:
        instances = instances_for(rate, target, given.headroom)
        hosting = None if per_hour is None else instances * per_hour * HOURS_PER_MONTH
        return Dollars(rate, instances, hosting, function_month(rate, latency, function_prices, memory_mb))

    return Plan(
        given=given,
        latency=latency,
        per_second=given.at_once / latency,
        target=target,
        minimum=instances_for(given.low, target, given.headroom),
        maximum=maximum,
        reserved=reserved,
        concurrency=math.ceil(reserved / maximum),
        low=month(given.low),
        mean=month(given.mean),
        peak=month(given.peak),
    )


def function_month(
    rate: float, seconds: float, prices: Mapping[str, float] | None, memory_mb: int | None
) -> float | None:
    """US dollars a month of a function that is called ``rate`` times a second and waits ``seconds`` each time.

    0 without a function, ``None`` when the prices are not known. Without the free tier.
    """
    if memory_mb is None:
        return 0.0
    if prices is None:
        return None
    calls = rate * 3600 * HOURS_PER_MONTH
    return calls * (prices["request"] + seconds * memory_mb / 1024 * prices["duration"])


def provisioned_month(count: int, memory_mb: int, prices: Mapping[str, float] | None) -> float | None:
    """US dollars a month of ``count`` environments kept warm; ``None`` when the prices are not known."""
    if prices is None:
        return None
    return count * memory_mb / 1024 * 3600 * HOURS_PER_MONTH * prices["provisioned"]
