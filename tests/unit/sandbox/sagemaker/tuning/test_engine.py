from __future__ import annotations

import math
from typing import Any

import pytest

from sandbox.sagemaker.tuning.engine import ContinuousRange, RangeError, SearchEngine, parse_ranges
from sandbox.sagemaker.tuning.rules import hyperband_rungs, hyperband_stops, stops_early


def continuous(low: str, high: str, scaling: str = "Auto") -> dict[str, Any]:
    return {"ContinuousParameterRanges": [{"Name": "lr", "MinValue": low, "MaxValue": high, "ScalingType": scaling}]}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (continuous("0.1", "0.01"), "upside down"),
        (continuous("0", "0.1", "Logarithmic"), "must start above 0"),
        (continuous("0.5", "1.5", "ReverseLogarithmic"), "within 0 and 1"),
        (continuous("x", "1"), "not a number"),
        (continuous("0", "inf"), "not finite"),
        ({"IntegerParameterRanges": [{"Name": "n", "MinValue": "1.5", "MaxValue": "3"}]}, "whole numbers"),
        ({"CategoricalParameterRanges": [{"Name": "b", "Values": []}]}, "has no values"),
        ({}, "nothing to tune"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(RangeError, match=said):
        parse_ranges(given)


def test_a_name_with_two_ranges_is_refused() -> None:
    given = continuous("0", "1") | {"CategoricalParameterRanges": [{"Name": "lr", "Values": ["1"]}]}
    with pytest.raises(RangeError, match="lr has more than one range"):
        parse_ranges(given)


def drawn(strategy: str, given: dict[str, Any], count: int) -> list[dict[str, str]]:
    engine = SearchEngine(strategy, parse_ranges(given), maximize=True, seed=1)
    found = []
    for _ in range(count):
        asked = engine.ask()
        assert asked is not None
        found.append(asked[1])
        engine.tell(asked[0], 0.5)
    return found


@pytest.mark.parametrize("strategy", ["Bayesian", "Random", "Hyperband"])
def test_values_stay_in_their_ranges_and_keep_their_spelling(strategy: str) -> None:
    given = continuous("0.001", "0.1", "Logarithmic") | {
        "IntegerParameterRanges": [{"Name": "depth", "MinValue": "2", "MaxValue": "5", "ScalingType": "Linear"}],
        "CategoricalParameterRanges": [{"Name": "batch", "Values": ['"32"', '"64"']}],
    }
    trials = drawn(strategy, given, 12)
    assert all(0.001 <= float(trial["lr"]) <= 0.1 for trial in trials)
    assert {trial["depth"] for trial in trials} <= {"2", "3", "4", "5"}
    assert {trial["batch"] for trial in trials} == {'"32"', '"64"'}


def test_scales_put_the_draws_where_they_belong() -> None:
    def share(scaling: str, low: str, high: str, below: float) -> float:
        trials = drawn("Random", continuous(low, high, scaling), 400)
        return sum(float(trial["lr"]) < below for trial in trials) / 400

    assert share("Linear", "0.0001", "1", 0.01) < 0.05
    assert 0.4 < share("Logarithmic", "0.0001", "1", 0.01) < 0.6
    assert 0.4 < share("Auto", "0.0001", "1", 0.01) < 0.6
    assert 0.4 < share("ReverseLogarithmic", "0", "0.9999", 0.99) < 0.6


def test_bayesian_search_finds_the_better_region() -> None:
    engine = SearchEngine("Bayesian", [ContinuousRange("lr", 1e-5, 1.0, "Logarithmic")], maximize=False, seed=3)
    values = []
    for _ in range(40):
        asked = engine.ask()
        assert asked is not None
        values.append(abs(math.log10(float(asked[1]["lr"])) + 2))
        engine.tell(asked[0], values[-1])
    assert sum(values[-15:]) / 15 < sum(values[:5]) / 5


def test_a_grid_tries_every_combination_once() -> None:
    given = {"CategoricalParameterRanges": [{"Name": "a", "Values": ["1", "2"]}, {"Name": "b", "Values": ["x", "y"]}]}
    engine = SearchEngine("Grid", parse_ranges(given), maximize=True)
    trials = [engine.ask() for _ in range(5)]
    assert engine.size == 4 and trials[4] is None
    assert len({tuple(trial[1].items()) for trial in trials[:4] if trial}) == 4
    with pytest.raises(RangeError, match="categorical"):
        SearchEngine("Grid", parse_ranges(continuous("0", "1")), maximize=True)


def test_warm_start_takes_what_fits() -> None:
    engine = SearchEngine("Bayesian", parse_ranges(continuous("0.001", "0.1")), maximize=True, seed=1)
    assert engine.learn({"lr": "0.01"}, 0.9)
    assert engine.learn({"lr": '"0.01"'}, 0.9)
    assert not engine.learn({"lr": "0.5"}, 0.9)
    assert not engine.learn({"other": "1"}, 0.9)


def test_a_failed_trial_does_not_end_the_search() -> None:
    engine = SearchEngine("Bayesian", parse_ranges(continuous("0", "1")), maximize=True, seed=1)
    for value in (None, math.nan, 0.3, 0.4, 0.5, 0.6):
        asked = engine.ask()
        assert asked is not None
        engine.tell(asked[0], value)
    assert engine.ask() is not None


@pytest.mark.parametrize(
    ("current", "previous", "maximize", "stops"),
    [
        # At epoch 2 the running averages are .55, .65 and .75; their median is .65.
        ([0.5, 0.64], [[0.5, 0.6], [0.6, 0.7], [0.7, 0.8]], True, True),
        ([0.5, 0.66], [[0.5, 0.6], [0.6, 0.7], [0.7, 0.8]], True, False),
        ([0.5, 0.66], [[0.5, 0.6], [0.6, 0.7], [0.7, 0.8]], False, True),
        # Later epochs of the others do not count, nor do jobs that were shorter.
        ([0.5], [[0.4, 9.0], [0.45, 9.0]], True, False),
        ([0.5, 0.5], [[0.9]], True, False),
        ([0.5], [], True, False),
        ([math.nan], [[0.5]], True, False),
    ],
)
def test_the_median_rule(current: list[float], previous: list[list[float]], maximize: bool, stops: bool) -> None:
    assert stops_early(current, previous, maximize=maximize) is stops


def test_hyperband_keeps_the_better_third_at_each_rung() -> None:
    rungs = hyperband_rungs(1, 10)
    assert rungs == [1, 3, 9]
    others = [[0.9], [0.8], [0.7], [0.6], [0.5]]
    assert not hyperband_stops([0.95], others, rungs, maximize=True)
    assert not hyperband_stops([0.85], others, rungs, maximize=True)
    assert hyperband_stops([0.75], others, rungs, maximize=True)
    assert not hyperband_stops([0.1, 0.1], others, rungs, maximize=True)
