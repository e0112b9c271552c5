"""What the charts and the leaderboard of a tuning job show, from its trials and their curves; paints nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite

from console.models.chart import Series
from console.models.columns import DASH, Column
from console.models.format import duration, fraction
from console.models.running import BACKBONES
from console.models.states import State
from console.models.ways import stage_words
from console.tabs.training.rows import trial_number, trial_seconds
from console.tabs.training.tuning.trial_strip import Mark
from console.widgets.charts.parallel import Axis, Thread
from console.widgets.charts.scatter import Dot
from workers.tuning.types import CategoricalRange, ParameterRange, Trial, TuningJob
from workers.types import EpochMetrics

TONES = ("series1", "series2", "series3", "series4", "series6", "series5")
WORDS = {"learning_rate": "Learning rate", "batch_size": "Batch size", "weight_decay": "Weight decay"}
WORDS |= {"unfreeze": "What is trained", "ema": "Average of the weights", "flip_test": "Mirrored answers"}
# An overlay of more lines than this is a carpet.
MOST_LINES = 60


def words_of(name: str) -> str:
    """A hyperparameter's name as a person writes it."""
    clean = name.replace("-", "_")
    return WORDS.get(clean, clean.replace("_", " ").capitalize())


def setting_words(name: str, text: str) -> str:
    """A hyperparameter's value as a person says it: ``EfficientNet-Lite0``, ``0.0029``; the whole is for a tip."""
    text = text.strip('"')
    if name.replace("-", "_") == "backbone":
        return dict(BACKBONES).get(text, text)
    if name == "unfreeze":
        return stage_words(text)
    try:
        value = float(text)
    except ValueError:
        return text
    if not isfinite(value):
        return DASH
    if value == int(value):
        return text
    return rounded(value)


def rounded(value: float) -> str:
    """``0.0029``, ``0.1``, ``1e-5``: two digits, without an exponent as long as that is short."""
    digits = f"{value:.2g}"
    return short(value) if "e" in digits else digits


def short(value: float) -> str:
    """``1.1e-3``, ``0.05``, ``64``."""
    if value and (abs(value) < 0.01 or abs(value) >= 10_000):
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    return f"{value:.3g}"


def last_epoch(epochs: Iterable[EpochMetrics], running: bool) -> int:
    """Where the axis of curves ends: at the last epoch that is planned, or at the last one of what has ended."""
    return max((epoch.epochs if running else epoch.epoch for epoch in epochs), default=0)


def objective_text(value: float, job: TuningJob) -> str:
    """An objective as accuracy or as a plain number."""
    return fraction(value) if job.objective_metric.endswith("accuracy") else f"{value:.4g}"


def state_of_trial(trial: Trial) -> State | str:
    """The status word; a trial that the tuner ended early says so."""
    return State("Stopped early", "neutral", "stopped") if trial.early_stopped else trial.status


def by_age(trials: Iterable[Trial]) -> list[Trial]:
    """The order in which they were started."""
    return sorted(trials, key=lambda trial: (trial.created, trial.name))


def marks(job: TuningJob, trials: Sequence[Trial]) -> list[Mark]:
    """One for each trial, and for each that is still to come while the job runs."""
    made = []
    for trial in by_age(trials):
        state = state_of_trial(trial)
        words = f"Trial {trial_number(trial.name)}: {state.word if isinstance(state, State) else state}"
        if trial.objective is not None:
            words += f", {objective_text(trial.objective, job)}"
        made.append(Mark(trial.name, trial.status, words))
    missing = (job.max_jobs or 0) - len(made) if job.running else 0
    return made + [Mark("", "", "Not started yet")] * max(0, missing)


def group_range(job: TuningJob) -> CategoricalRange | None:
    """The first set of values among the ranges: it colours the points."""
    return next((setting for setting in job.ranges if isinstance(setting, CategoricalRange)), None)


def tone_of(job: TuningJob, trial: Trial) -> str:
    """The colour of a trial's point: by the first categorical hyperparameter."""
    group = group_range(job)
    value = trial.hyperparameters.get(group.name, "") if group is not None else ""
    return TONES[group.values.index(value) % len(TONES)] if group is not None and value in group.values else TONES[0]


def dots(job: TuningJob, trials: Sequence[Trial], name: str, chosen: str) -> list[Dot]:
    """The objective against the hyperparameter ``name``; the best and the chosen trial are labelled."""
    setting = range_of(job, name)
    made = []
    for trial in trials:
        x: float | str | None = trial.hyperparameters.get(name)
        if x is None or trial.objective is None:
            continue
        if not isinstance(setting, CategoricalRange):
            x = float(x)
        number = trial_number(trial.name)
        shown = short(x) if isinstance(x, float) else x
        words = f"Trial {number}: {objective_text(trial.objective, job)} at {words_of(name).lower()} {shown}"
        named = trial.rank == 1 or trial.name == chosen
        made.append(
            Dot(
                trial.name,
                x,
                trial.objective,
                tone=tone_of(job, trial),
                hollow=trial.status != "Completed",
                label=number if named else "",
                words=words,
            )
        )
    return made


def range_of(job: TuningJob, name: str) -> ParameterRange | None:
    """The range of the hyperparameter ``name``."""
    return next((setting for setting in job.ranges if setting.name == name), None)


def is_log(setting: ParameterRange | None) -> bool:
    """Whether an axis of this range is logarithmic; "Auto" is taken so when it spans two powers of ten."""
    if setting is None or isinstance(setting, CategoricalRange) or setting.low <= 0:
        return False
    return setting.scaling == "Logarithmic" or (setting.scaling != "Linear" and setting.high / setting.low >= 100)


def parallel(job: TuningJob, trials: Sequence[Trial]) -> tuple[list[Axis], list[Thread]]:
    """The axes (hyperparameters, then the objective) and one line for each trial."""
    axes = []
    for setting in job.ranges:
        title = words_of(setting.name)
        if isinstance(setting, CategoricalRange):
            axes.append(Axis(setting.name, values=setting.values, title=title))
        else:
            axes.append(Axis(setting.name, setting.low, setting.high, is_log(setting), title=title, format=short))
    scores = [trial.objective for trial in trials if trial.objective is not None]
    low, high = (min(scores), max(scores)) if scores else (0.0, 1.0)
    title = objective_title(job)
    axes.append(Axis("", low, high, title=title, format=lambda value: objective_text(value, job)))
    threads = []
    for trial in trials:
        values: dict[str, float | str | None] = {"": trial.objective}
        for setting in job.ranges:
            text = trial.hyperparameters.get(setting.name)
            values[setting.name] = text if text is None or isinstance(setting, CategoricalRange) else float(text)
        good = None
        if trial.objective is not None:
            share = (trial.objective - low) / (high - low) if high > low else 1.0
            good = share if job.maximize else 1 - share
        threads.append(Thread(trial.name, values, good))
    return axes, threads


def objective_title(job: TuningJob) -> str:
    """``Accuracy``, ``Loss``: the last word of the metric's name."""
    return job.objective_metric.rsplit(":", 1)[-1].replace("_", " ").capitalize() or "Objective"


def lines(
    trials: Sequence[Trial], curves: Mapping[str, tuple[EpochMetrics, ...]], metric: str, chosen: str
) -> list[Series]:
    """The validation curves of all trials, quiet; the chosen one's training and validation curves on top."""
    made = []
    for trial in by_age(trials)[-MOST_LINES:]:
        if trial.name != chosen:
            xs, ys = points(curves.get(trial.name, ()), f"valid:{metric}")
            made.append(Series("", xs, ys, tone="line2", comparison=True, cut=trial.early_stopped))
    stopped = any(trial.name == chosen and trial.early_stopped for trial in trials)
    train = points(curves.get(chosen, ()), f"train:{metric}")
    valid = points(curves.get(chosen, ()), f"valid:{metric}")
    if train[0] or valid[0]:
        made.append(Series("train", *train, comparison=True))
        made.append(Series("valid", *valid, cut=stopped))
    return made


def points(epochs: Sequence[EpochMetrics], name: str) -> tuple[list[float], list[float]]:
    """The xs and ys of one metric."""
    found = [(float(epoch.epoch), epoch.values[name]) for epoch in epochs if name in epoch.values]
    return [x for x, _ in found], [y for _, y in found]


def board_columns(job: TuningJob) -> list[Column]:
    """The leaderboard's columns for this tuning job."""

    def parameter(setting: ParameterRange) -> Column:
        def value(trial: Trial) -> float | str | None:
            text = trial.hyperparameters.get(setting.name)
            return text if text is None or isinstance(setting, CategoricalRange) else float(text)

        if isinstance(setting, CategoricalRange):
            return Column(setting.name, words_of(setting.name).removesuffix(" size"), value=value, priority=2)
        return Column(
            setting.name,
            words_of(setting.name),
            kind="number",
            value=value,
            format=lambda v, _: setting_words(setting.name, str(v)),
            tooltip=lambda trial: trial.hyperparameters.get(setting.name, ""),
            priority=1,
        )

    return [
        Column("rank", "#", kind="number", priority=4),
        Column("name", "Trial", kind="state", value=_trial_state, sort_key=lambda trial: trial.name, priority=0),
        Column(
            "objective",
            objective_title(job),
            kind="number",
            strong=True,
            format=lambda v, _: objective_text(v, job),
            priority=0,
        ),
        *(parameter(setting) for setting in job.ranges),
        Column("time", "Time", kind="number", value=trial_seconds, format=lambda v, _: duration(v), priority=3),
    ]


def _trial_state(trial: Trial) -> State:
    """The trial's number with the icon of its state, without a tint: a dozen of them stand under each other."""
    looks = {"Completed": "ok", "InProgress": "run", "Stopping": "run", "Failed": "err"}
    number = trial_number(trial.name)
    icon = looks.get(trial.status, "stopped")
    return State(number, "ok" if icon == "ok" else "err" if icon == "err" else "neutral", icon)
