"""What a comparison of jobs says: their settings, of which those that differ come first, and their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from console.models.columns import DASH
from console.models.format import cost, duration, loss
from console.tabs.training.form.values import OBJECTIVES
from console.tabs.training.rows import JobRow, accuracy_words
from console.tabs.training.tuning.views import setting_words, short, words_of
from workers.aws.s3_uri import without_scheme
from workers.tuning.types import CategoricalRange, ParameterRange
from workers.types import EpochMetrics

_UNSET = (DASH, "")
# Letters for all names of the comparison together.
_NAME_ROOM = 72
_SHORTEST = 14


@dataclass(frozen=True)
class Fact:
    """One line of the comparison: a setting or a result, and its text for each job by the job's key.

    ``full`` are the values where the texts are shorter: two that are rounded alike still differ.
    """

    name: str
    texts: Mapping[str, str]
    result: bool = False
    full: Mapping[str, str] = field(default_factory=dict)

    @property
    def differs(self) -> bool:
        """True when not all jobs have the same."""
        return len({self.full.get(key, text) for key, text in self.texts.items()}) > 1


def facts(rows: Sequence[JobRow], curves: Mapping[str, Sequence[EpochMetrics]]) -> list[Fact]:
    """Results first, then the settings, those that differ before the others."""
    most = max(_SHORTEST, _NAME_ROOM // max(1, len(rows)))
    results = [
        Fact("Job", {row.key: short_name(row.name, most) for row in rows}, True),
        Fact("State", {row.key: row.state for row in rows}, True),
        Fact("Best validation accuracy", {row.key: _best(row, curves.get(row.key, ())) for row in rows}, True),
        Fact("Lowest validation loss", {row.key: _lowest(curves.get(row.key, ())) for row in rows}, True),
        Fact("Duration", {row.key: _text(row.seconds, duration) for row in rows}, True),
        Fact("Cost", {row.key: _text(row.cost, lambda spent: cost(spent, 3)) for row in rows}, True),
    ]
    settings = [_settings(row) for row in rows]
    names = list(dict.fromkeys(name for given in settings for name in given))
    made = [
        Fact(
            name,
            {row.key: given.get(name, _UNSET)[0] for row, given in zip(rows, settings, strict=True)},
            full={row.key: given.get(name, _UNSET)[1] for row, given in zip(rows, settings, strict=True)},
        )
        for name in names
    ]
    return results + sorted(made, key=lambda fact: not fact.differs)


def short_name(name: str, most: int) -> str:
    """A name cut in its middle: how it begins and its time at the end tell jobs apart."""
    if len(name) <= most:
        return name
    end = most * 2 // 3
    return f"{name[: most - end - 1]}…{name[-end:]}"


def _settings(row: JobRow) -> dict[str, tuple[str, str]]:
    """Words and whole value of each setting."""
    found: dict[str, str] = {"Kind": row.kind or DASH, "Instances": row.instances or DASH}
    given: dict[str, tuple[str, str]] = {}
    if row.tuning is not None:
        job = row.tuning
        found |= {
            "Data": without_scheme(job.data_uri),
            "Strategy": job.strategy,
            "Early stopping": job.early_stopping,
            "Objective": dict(OBJECTIVES).get(job.objective_metric, job.objective_metric),
            **{words_of(setting.name): _range_text(setting) for setting in job.ranges},
        }
        given |= _given(job.static_hyperparameters)
        if job.best is not None:
            best = _given(job.best.hyperparameters)
            given |= {f"Best {name[:1].lower()}{name[1:]}": both for name, both in best.items()}
    elif row.job is not None:
        found["Data"] = without_scheme(row.job.data_uri)
        given |= _given(row.job.hyperparameters)
    return {name: (value, value) for name, value in found.items() if value} | given


def _given(hyperparameters: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return {
        words_of(name): (setting_words(name, value), value.strip('"'))
        for name, value in hyperparameters.items()
        if value and not name.startswith(("_", "sagemaker"))
    }


def _range_text(setting: ParameterRange) -> str:
    if isinstance(setting, CategoricalRange):
        return ", ".join(setting.values)
    return f"{short(setting.low)} to {short(setting.high)}"


def _best(row: JobRow, curve: Sequence[EpochMetrics]) -> str:
    return accuracy_words(row.best(curve))


def _lowest(curve: Sequence[EpochMetrics]) -> str:
    seen = [epoch.values["valid:loss"] for epoch in curve if "valid:loss" in epoch.values]
    return loss(min(seen), 3) if seen else DASH


def _text(value: float | None, words: Callable[[float], str]) -> str:
    return DASH if value is None else words(value)
