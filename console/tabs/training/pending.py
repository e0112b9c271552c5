"""Tuning jobs that wait for their features: a row from the first moment, and how far the features are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from console.models.format import count, percents
from console.models.running import progress_words
from console.models.states import State
from console.tabs.training.rows import JobRow
from workers.training.features_progress import FeaturesProgress
from workers.tuning.pending import awaited_form, awaited_name
from workers.tuning.types import TuningJob, TuningSpec
from workers.types import TrainingJob

# By the name of the job that prepares features: what waits for it besides the tuning job that it was started for.
Awaiting = Mapping[str, Mapping[str, TuningSpec | None]]

_TROUBLE = {"Failed": "its features could not be prepared", "Stopped": "the job that prepares its features was stopped"}


@dataclass(frozen=True)
class PendingRow(JobRow):
    """A tuning job that AWS does not have yet. ``source`` is the job that prepares its features, once there is one.

    ``form`` is what was launched, if it is known; ``begun``: the features' job exists; ``launching``: this window
    creates the tuning job as soon as they are there.
    """

    awaited: str = ""
    form: TuningSpec | None = None
    progress: FeaturesProgress | None = None
    begun: bool = False
    launching: bool = False

    @property
    def key(self) -> str:
        """The key that the tuning job's own row will have."""
        return f"tuning:{self.awaited}"

    @property
    def name(self) -> str:
        """The tuning job's name."""
        return self.awaited

    @property
    def icon(self) -> str:
        """The kind icon."""
        return "tuning"

    @property
    def job(self) -> TrainingJob | None:
        """The job that prepares the features, once there is one."""
        return super().job if self.begun else None

    @property
    def running(self) -> bool:
        """True while its features are being prepared."""
        return self.begun and self.source.running

    @property
    def kind(self) -> str | None:
        """How far the features are; ``Tuning, 12 trials`` before and after."""
        if self.running and self.progress is not None:
            words = progress_words(self.progress, datetime.now(UTC))
            return f"{words[:1].upper()}{words[1:]}"
        jobs = self.form.max_jobs if self.form is not None else None
        return f"Tuning, {count(jobs, 'trial')}" if jobs else "Tuning"

    @property
    def state(self) -> State | str:  # type: ignore[override]
        """``Features 46 %``, or what became of them."""
        if not self.begun:
            return State("Starting", "run")
        if self.running:
            share = f" {percents(self.progress.fraction)}" if self.progress is not None else ""
            return State(f"Features{share}", "run")
        if self.source.status != "Completed":
            return self.source.status
        return State("Starting", "run") if self.launching else State("Not started", "warn")

    @property
    def accuracy(self) -> float | None:
        """There is none yet."""
        return None

    @property
    def waits_for(self) -> tuple[str, str]:
        """Title and sentence for the time in which there is no job yet whose log could be shown."""
        title = f"{self.awaited} is being started"
        if self.form is None or not self.form.features_once:
            return title, "Its trials are shown here as soon as AWS has it."
        on = f"{self.form.instance_count} × {self.form.instance_type}"
        words = f"First a job on {on} computes the features of all pictures, once for all trials."
        return title, f"{words} Its log is shown here then."

    @property
    def trouble(self) -> str:
        """Why no tuning job will come of it by itself, in a sentence; "" while all is well."""
        if self.launching or not self.begun or self.running:
            return ""
        why = _TROUBLE.get(self.source.status, "its features are there, but nothing waited for them any more")
        return f"The tuning job {self.awaited} was not created: {why}."


def job_title(job: TrainingJob) -> str:
    """A job's name; of one that prepares features for a tuning job what it is for."""
    awaited = awaited_name(job)
    return f"Features for {awaited}" if awaited else job.name


def awaited_by(job: TrainingJob, awaiting: Awaiting) -> dict[str, TuningSpec | None]:
    """The tuning jobs that wait for a job's features, by name: the one it was started for, then the others."""
    first = {name: awaited_form(job)} if (name := awaited_name(job)) else {}
    return {**awaiting.get(job.name, {}), **first}


def features_of(tuning: TuningJob, jobs: Iterable[TrainingJob]) -> list[TrainingJob]:
    """The jobs whose features a tuning job trains on, or that were started for it."""
    return [
        job
        for job in jobs
        if awaited_name(job) == tuning.name or (job.model_uri and job.model_uri == tuning.features_uri)
    ]


def pending_rows(
    jobs: Iterable[TrainingJob],
    tunings: Mapping[str, TuningJob],
    launching: Mapping[str, tuple[TuningSpec, datetime]],
    progress: Mapping[str, FeaturesProgress | None],
    costs: Mapping[str, float | None],
    awaiting: Awaiting,
) -> list[PendingRow]:
    """One row for each tuning job that waits or was never created; of several attempts the newest counts."""
    newest: dict[str, tuple[TrainingJob, TuningSpec | None]] = {}
    for job in sorted(jobs, key=lambda job: job.created):
        for name, form in awaited_by(job, awaiting).items():
            if name not in tunings:
                newest[name] = job, form
    made = [
        PendingRow(
            job,
            # Features are paid for where they were asked for first.
            cost=costs.get(job.name) if awaited_name(job) == name else 0.0,
            awaited=name,
            form=form,
            progress=progress.get(job.name),
            begun=True,
            launching=name in launching,
        )
        for name, (job, form) in newest.items()
        # A job that an earlier attempt left behind must not stand for the attempt that this window has just begun.
        if name not in launching or job.created >= launching[name][1] or job.running
    ]
    shown = {row.awaited for row in made}
    for name, (form, since) in launching.items():
        if name not in tunings and name not in shown:
            source = TrainingJob(name, "InProgress", since, instance_count=form.instance_count)
            made.append(PendingRow(source, awaited=name, form=form, launching=True))
    return made
