"""Target tracking as a pure function: a curve of calls a minute becomes instances over time.

The rules are AWS's: the high alarm needs 3 minutes of 3 above the target, the low one 15 of 15 below 90 % of it; a
minute that nobody measured never scales in, one without calls does. Capacity is load by target, rounded up. In the wait
after a scale-out the next one counts from where the first began, so that only a larger one goes through; a scale-in
waits for the wait of the one before, and a scale-out ends that wait. While instances start, the endpoint cannot be
changed: nothing is decided. A test holds this and the sandbox's scaler together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from workers.prices.table import HOURS_PER_MONTH

# AWS's alarms of target tracking: three minutes above, fifteen below 90 % of the target.
HIGH_MINUTES = 3
LOW_MINUTES = 15
LOW_SHARE = 0.9
# An instance that is added answers after about so long (UpdateEndpointWeightsAndCapacities on AWS: 1 min 25 s).
START_MINUTES = 2
_ROUNDING = 1e-9

# Calls per instance of one minute (None: not measured), and how many instances answered then.
Figure = tuple[float | None, int]


@dataclass(frozen=True)
class Rules:
    """What scales: limits, calls per instance and minute, waits in minutes, minutes until an instance answers."""

    minimum: int
    maximum: int
    target: float
    out_wait: float = 5.0
    in_wait: float = 5.0
    start_minutes: int = START_MINUTES


@dataclass(frozen=True)
class State:
    """Where the scaler stands. ``figures``: the last minutes, the newest last.

    ``ready``: the minute from which as many instances answer as are ``desired``, None: they do. ``base``: how many
    there were before the scale-outs that are still waited for.
    """

    instances: int
    desired: int
    figures: tuple[Figure, ...] = ()
    ready: int | None = None
    out_until: float = -math.inf
    in_until: float = -math.inf
    base: int = 0


@dataclass(frozen=True)
class Minute:
    """One minute of a replay: calls (None: not known), instances that answered, how many were wanted at its end."""

    calls: float | None
    instances: int
    desired: int

    def over(self, capacity: float) -> float:
        """Calls that ``instances`` cannot serve when one does ``capacity`` a minute."""
        return max(0.0, (self.calls or 0.0) - self.instances * capacity)


def begin(rules: Rules, instances: int) -> State:
    """The state before the first minute; ``instances`` outside the limits are brought inside, as AWS does."""
    inside = min(max(instances, rules.minimum), rules.maximum)
    return State(inside, inside, base=inside)


def step(rules: Rules, state: State, at: int, calls: float | None) -> State:
    """The state after minute ``at``, in which there were ``calls`` (None: nobody knows)."""
    arrived = state.ready is not None and state.ready <= at
    instances = state.desired if arrived else state.instances
    ready = None if arrived else state.ready
    figure = calls / instances if calls is not None and instances else None
    figures = (*state.figures, (figure, instances))[-LOW_MINUTES:]
    desired, out_until, in_until, base = state.desired, state.out_until, state.in_until, state.base
    now = at + 1
    if ready is None:
        waiting = now < out_until
        start = base if waiting else desired
        wanted = _scale_out(rules, figures, desired, start)
        if wanted > desired:
            desired, ready, out_until, in_until = wanted, now + rules.start_minutes, now + rules.out_wait, -math.inf
            base = start
        elif now >= in_until and (wanted := _scale_in(rules, figures, desired)) < desired:
            # What is taken away stops answering at once.
            instances, desired, in_until = wanted, wanted, now + rules.in_wait
    return State(instances, desired, figures, ready, out_until, in_until, base)


def each_minute(rules: Rules, curve: Sequence[float | None], instances: int) -> Iterator[Minute]:
    """Every minute of ``curve`` (calls a minute) under ``rules``, beginning with ``instances``, as it is reckoned."""
    state = begin(rules, instances)
    for at, calls in enumerate(curve):
        served = state.desired if state.ready is not None and state.ready <= at else state.instances
        state = step(rules, state, at, calls)
        yield Minute(calls, served, state.desired)


def replay(rules: Rules, curve: Sequence[float | None], instances: int) -> tuple[Minute, ...]:
    """All of ``each_minute``."""
    return tuple(each_minute(rules, curve, instances))


def instance_hours(minutes: Sequence[Minute]) -> float:
    """Instance hours that are billed: an instance costs from when it is asked for."""
    return sum(max(minute.instances, minute.desired) for minute in minutes) / 60


@dataclass(frozen=True)
class Outcome:
    """What a replay comes to. ``over``: calls over capacity, of ``calls``. ``changes``: how often it was scaled.

    ``cost`` and ``month`` are US dollars of this curve and of a month of such curves; None: no list price is known.
    """

    minutes: tuple[Minute, ...]
    calls: float
    over: float
    most: int
    hours: float
    changes: int
    cost: float | None
    month: float | None


def outcome(minutes: Sequence[Minute], capacity: float, per_hour: float | None) -> Outcome:
    """What a replay comes to when one instance serves ``capacity`` calls a minute and costs ``per_hour`` dollars."""
    hours = instance_hours(minutes)
    cost = None if per_hour is None else hours * per_hour
    month = None if cost is None or not minutes else cost / (len(minutes) / 60) * HOURS_PER_MONTH
    return Outcome(
        minutes=tuple(minutes),
        calls=sum(minute.calls or 0.0 for minute in minutes),
        over=sum(minute.over(capacity) for minute in minutes),
        most=max((max(minute.instances, minute.desired) for minute in minutes), default=0),
        hours=hours,
        changes=sum(before.desired != after.desired for before, after in pairwise(minutes)),
        cost=cost,
        month=month,
    )


def _scale_out(rules: Rules, figures: tuple[Figure, ...], desired: int, base: int) -> int:
    if len(figures) < HIGH_MINUTES or any(
        figure is None or figure <= rules.target for figure, _ in figures[-HIGH_MINUTES:]
    ):
        return desired
    figure, instances = figures[-1]
    # Instances that a scale-out still under way has added are part of those that are needed now.
    added = max(0, instances - base) if base < desired else 0
    return min(rules.maximum, _needed(figure, instances, rules.target) - added)


def _scale_in(rules: Rules, figures: tuple[Figure, ...], desired: int) -> int:
    low = rules.target * LOW_SHARE
    if len(figures) < LOW_MINUTES or any(figure is None or figure >= low for figure, _ in figures):
        return desired
    # As many as the busiest of these minutes needs: fewer would scale out again.
    needed = max(_needed(figure, instances, rules.target) for figure, instances in figures)
    return max(rules.minimum, needed)


def _needed(figure: float | None, instances: int, target: float) -> int:
    return math.ceil((figure or 0.0) * instances / target - _ROUNDING)
