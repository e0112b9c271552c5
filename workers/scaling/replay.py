"""Target tracking as a pure function: a curve of calls a minute becomes instances over time.

The rules are AWS's: the high alarm needs 3 minutes of 3 above the target, the low one 15 of 15 below 90 % of it; a
minute without calls has no figure, and what is missing never scales in. In the wait after a scale-out the next one
counts from where the first began, so that only a larger one goes through; a scale-in waits for the wait of the one
before, and a scale-out ends that wait.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

HIGH_MINUTES = 3
LOW_MINUTES = 15
LOW_SHARE = 0.9
# An instance that is added answers after about so long (UpdateEndpointWeightsAndCapacities on AWS: 1 min 25 s).
START_MINUTES = 2
_ROUNDING = 1e-9


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
    """Where the scaler stands. ``figures``: calls per instance of the last minutes, None: no calls.

    ``coming``: the minute at which instances answer, and how many there are then. ``base``: from what the last
    scale-out counted.
    """

    instances: int
    desired: int
    figures: tuple[float | None, ...] = ()
    coming: tuple[tuple[int, int], ...] = ()
    out_until: float = -math.inf
    in_until: float = -math.inf
    base: int = 0


@dataclass(frozen=True)
class Minute:
    """One minute of a replay: calls, instances that answered, and how many were wanted at its end."""

    calls: float
    instances: int
    desired: int

    def over(self, capacity: float) -> float:
        """Calls that ``instances`` cannot serve when one does ``capacity`` a minute."""
        return max(0.0, self.calls - self.instances * capacity)


def begin(rules: Rules, instances: int) -> State:
    """The state before the first minute; ``instances`` outside the limits are brought inside, as AWS does."""
    inside = min(max(instances, rules.minimum), rules.maximum)
    return State(inside, inside, base=inside)


def step(rules: Rules, state: State, at: int, calls: float) -> State:
    """The state after minute ``at``, in which there were ``calls``."""
    arrived = [number for minute, number in state.coming if minute <= at]
    state = replace(
        state,
        instances=arrived[-1] if arrived else state.instances,
        coming=tuple(entry for entry in state.coming if entry[0] > at),
    )
    figure = calls / state.instances if calls > 0 and state.instances else None
    figures = (*state.figures, figure)[-LOW_MINUTES:]
    state = replace(state, figures=figures)
    wanted = _scale_out(rules, state, at, figures)
    if wanted > state.desired:
        base = state.base if at < state.out_until else state.desired
        return replace(_go_to(rules, state, at, wanted), out_until=at + rules.out_wait, in_until=-math.inf, base=base)
    wanted = _scale_in(rules, state, figures)
    if wanted < state.desired and at >= state.in_until:
        # What is taken away stops answering at once.
        return replace(state, instances=wanted, desired=wanted, coming=(), in_until=at + rules.in_wait, base=wanted)
    return state


def replay(rules: Rules, curve: Sequence[float], instances: int) -> tuple[Minute, ...]:
    """Every minute of ``curve`` (calls a minute) under ``rules``, beginning with ``instances``."""
    state, minutes = begin(rules, instances), []
    for at, calls in enumerate(curve):
        state = step(rules, state, at, calls)
        minutes.append(Minute(calls, state.instances, state.desired))
    return tuple(minutes)


def instance_hours(minutes: Sequence[Minute]) -> float:
    """Instance hours that are billed: an instance costs from when it is asked for."""
    return sum(max(minute.instances, minute.desired) for minute in minutes) / 60


def _scale_out(rules: Rules, state: State, at: int, figures: tuple[float | None, ...]) -> int:
    last = figures[-HIGH_MINUTES:]
    known = [figure for figure in last if figure is not None and figure > rules.target]
    if len(known) < HIGH_MINUTES:
        return state.desired
    base = state.base if at < state.out_until else state.desired
    return min(rules.maximum, math.ceil(base * known[-1] / rules.target - _ROUNDING))


def _scale_in(rules: Rules, state: State, figures: tuple[float | None, ...]) -> int:
    known = [figure for figure in figures if figure is not None and figure < rules.target * LOW_SHARE]
    if len(known) < LOW_MINUTES or state.coming:
        return state.desired
    # As many as the busiest of these minutes would have needed: fewer would scale out again.
    return max(rules.minimum, min(state.desired, math.ceil(state.instances * max(known) / rules.target - _ROUNDING)))


def _go_to(rules: Rules, state: State, at: int, wanted: int) -> State:
    return replace(state, desired=wanted, coming=(*state.coming, (at + 1 + rules.start_minutes, wanted)))
