"""Which hyperparameters to try next: SageMaker's strategies on Optuna's samplers.

Values are text, as on the wire. Source of names and rules: SageMaker Developer Guide, "Hyperparameter tuning
strategies", "Define hyperparameter ranges" and "Run a warm start".
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
# Bayesian search draws at random until it has this many results to learn from.
_STARTUP_TRIALS = 4
# From this ratio of the bounds on, `Auto` scaling means logarithmic.
_AUTO_LOG_RATIO = 100.0


@dataclass(frozen=True)
class ContinuousRange:
    """A range of real numbers with SageMaker's ScalingType."""

    name: str
    low: float
    high: float
    scaling: str = "Auto"


@dataclass(frozen=True)
class IntegerRange:
    """A range of whole numbers, both ends included, with SageMaker's ScalingType."""

    name: str
    low: int
    high: int
    scaling: str = "Auto"


@dataclass(frozen=True)
class CategoricalRange:
    """A set of values, kept exactly as they came over the wire (quotes included)."""

    name: str
    values: tuple[str, ...]


Range = ContinuousRange | IntegerRange | CategoricalRange


class RangeError(ValueError):
    """A range that cannot be searched; the text says which and why."""


def parse_ranges(parameter_ranges: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Range]:
    """Read the request's ``ParameterRanges``. Raises ``RangeError`` for bounds or scales that make no sense."""
    ranges: list[Range] = []
    for given in parameter_ranges.get("ContinuousParameterRanges", ()):
        low, high = _number(given, "MinValue"), _number(given, "MaxValue")
        ranges.append(ContinuousRange(given["Name"], low, high, given.get("ScalingType", "Auto")))
    for given in parameter_ranges.get("IntegerParameterRanges", ()):
        low, high = _number(given, "MinValue"), _number(given, "MaxValue")
        if low != int(low) or high != int(high):
            raise RangeError(f"The bounds of the integer range {given['Name']} must be whole numbers.")
        ranges.append(IntegerRange(given["Name"], int(low), int(high), given.get("ScalingType", "Auto")))
    for given in parameter_ranges.get("CategoricalParameterRanges", ()):
        values = tuple(dict.fromkeys(given.get("Values", ())))
        if not values:
            raise RangeError(f"The categorical range {given['Name']} has no values.")
        ranges.append(CategoricalRange(given["Name"], values))
    names = [searched.name for searched in ranges]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RangeError(f"{', '.join(twice)} has more than one range.")
    if not ranges:
        raise RangeError("No hyperparameter has a range: there is nothing to tune.")
    for searched in ranges:
        _check(searched)
    return ranges


class SearchEngine:
    """Hands out hyperparameters and learns from the results. Not thread-safe: its owner serialises the calls."""

    def __init__(self, strategy: str, ranges: Sequence[Range], *, maximize: bool, seed: int | None = None) -> None:
        self.ranges = list(ranges)
        self._grid = self._all_combinations() if strategy == "Grid" else None
        self._handed_out = 0
        sampler: optuna.samplers.BaseSampler
        if strategy == "Random":
            sampler = optuna.samplers.RandomSampler(seed=seed)
        else:
            sampler = optuna.samplers.TPESampler(
                seed=seed,
                n_startup_trials=_STARTUP_TRIALS,
                multivariate=True,
                constant_liar=True,
            )
        self._study = optuna.create_study(sampler=sampler, direction="maximize" if maximize else "minimize")
        self._distributions = {searched.name: _distribution(searched) for searched in self.ranges}

    @property
    def size(self) -> int | None:
        """How many different jobs there can be (Grid), or ``None`` for no end."""
        return None if self._grid is None else len(self._grid)

    def ask(self) -> tuple[int, dict[str, str]] | None:
        """The next trial's number and hyperparameters, or ``None`` when a grid is used up."""
        if self._grid is not None:
            if self._handed_out >= len(self._grid):
                return None
            self._handed_out += 1
            return self._handed_out - 1, self._grid[self._handed_out - 1]
        trial = self._study.ask(self._distributions)
        return trial.number, {
            searched.name: _to_wire(searched, trial.params[searched.name]) for searched in self.ranges
        }

    def tell(self, number: int, value: float | None) -> None:
        """Report a trial's objective; ``None`` (or not a number) when it gave none."""
        if self._grid is not None:
            return
        if value is None or not math.isfinite(value):
            self._study.tell(number, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(number, value)

    def learn(self, hyperparameters: Mapping[str, str], value: float) -> bool:
        """Take over a result of another tuning job (warm start); False when it lies outside of the ranges."""
        params = {}
        for searched in self.ranges:
            if searched.name not in hyperparameters:
                return False
            internal = _from_wire(searched, hyperparameters[searched.name])
            if internal is None:
                return False
            params[searched.name] = internal
        if self._grid is None:
            self._study.add_trial(
                optuna.trial.create_trial(params=params, distributions=self._distributions, value=value)
            )
        return True

    def _all_combinations(self) -> list[dict[str, str]]:
        others = [searched.name for searched in self.ranges if not isinstance(searched, CategoricalRange)]
        if others:
            raise RangeError(f"Grid search takes categorical ranges only; {', '.join(others)} is not.")
        names = [searched.name for searched in self.ranges]
        sets = [searched.values for searched in self.ranges if isinstance(searched, CategoricalRange)]
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*sets)]


def _number(given: Mapping[str, Any], bound: str) -> float:
    try:
        value = float(given[bound])
    except (KeyError, TypeError, ValueError):
        raise RangeError(f"{bound} of the range {given.get('Name', '')} is not a number.") from None
    if not math.isfinite(value):
        raise RangeError(f"{bound} of the range {given.get('Name', '')} is not finite.")
    return value


def _check(searched: Range) -> None:
    if isinstance(searched, CategoricalRange):
        return
    if searched.low > searched.high:
        raise RangeError(f"The range {searched.name} is upside down: {searched.low:g} is more than {searched.high:g}.")
    if searched.scaling == "Logarithmic" and searched.low <= 0:
        raise RangeError(
            f"The range {searched.name} has a logarithmic scale, so it must start above 0, not at {searched.low:g}."
        )
    if searched.scaling == "ReverseLogarithmic":
        if isinstance(searched, IntegerRange):
            raise RangeError(f"The integer range {searched.name} cannot have a reverse logarithmic scale.")
        if not 0 <= searched.low <= searched.high < 1:
            raise RangeError(
                f"The range {searched.name} has a reverse logarithmic scale, so it must lie within 0 and 1."
            )
    if searched.scaling not in ("Auto", "Linear", "Logarithmic", "ReverseLogarithmic"):
        raise RangeError(f"The range {searched.name} has an unknown scale, {searched.scaling}.")


def _logarithmic(searched: ContinuousRange | IntegerRange) -> bool:
    if searched.scaling == "Auto":
        return searched.low > 0 and searched.high / searched.low >= _AUTO_LOG_RATIO
    return searched.scaling == "Logarithmic"


def _distribution(searched: Range) -> optuna.distributions.BaseDistribution:
    if isinstance(searched, CategoricalRange):
        return optuna.distributions.CategoricalDistribution(searched.values)
    if isinstance(searched, IntegerRange):
        return optuna.distributions.IntDistribution(searched.low, searched.high, log=_logarithmic(searched))
    if searched.scaling == "ReverseLogarithmic":
        # Reverse logarithmic: fine steps near 1, so the search goes over 1 - x on a logarithmic scale.
        return optuna.distributions.FloatDistribution(1 - searched.high, 1 - searched.low, log=True)
    return optuna.distributions.FloatDistribution(searched.low, searched.high, log=_logarithmic(searched))


def _to_wire(searched: Range, value: Any) -> str:
    if isinstance(searched, ContinuousRange):
        number = 1 - value if searched.scaling == "ReverseLogarithmic" else value
        return repr(min(max(float(number), searched.low), searched.high))
    return str(value)


def _from_wire(searched: Range, text: str) -> object:
    if isinstance(searched, CategoricalRange):
        return text if text in searched.values else None
    try:
        number = float(text.strip('"'))
    except ValueError:
        return None
    if not searched.low <= number <= searched.high:
        return None
    if isinstance(searched, IntegerRange):
        return int(number)
    return 1 - number if searched.scaling == "ReverseLogarithmic" else number
