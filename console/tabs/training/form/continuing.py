"""A job that goes on from another one's checkpoints: which may, what the form says of it, and when it would not fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from console.widgets.forms.lines import LineTone
from workers.endpoints.deployable import prepares_features
from workers.training.paces import is_fine_tuned
from workers.types import TrainingJob, TrainingSpec

MORE_EPOCHS = 10


def can_continue(job: TrainingJob) -> bool:
    """Whether another job can go on from this one's checkpoints."""
    return bool(job.checkpoint_uri) and not job.running and not prepares_features(job)


@dataclass(frozen=True)
class Continued:
    """The job that is gone on from. ``epochs``: how many it has done; 0 when that is not known."""

    job: TrainingJob
    epochs: int = 0

    @property
    def wanted_epochs(self) -> int:
        """All epochs of the new job: those that were asked of the first one, and some more."""
        return self._asked("epochs", self.epochs) + MORE_EPOCHS

    def difference(self, spec: TrainingSpec) -> str:
        """What of a form does not fit the checkpoints, in words; "" when all does."""
        given = {name.replace("-", "_"): value.strip('"') for name, value in self.job.hyperparameters.items()}
        if spec.data_uri.rstrip("/") != self.job.data_uri.rstrip("/"):
            return "other pictures"
        if spec.backbone != given.get("backbone", spec.backbone):
            return "another backbone"
        ways = (spec.hyperparameters.get("unfreeze", "0"), given.get("unfreeze", "0"))
        if is_fine_tuned(ways[0]) != is_fine_tuned(ways[1]) or (is_fine_tuned(ways[0]) and ways[0] != ways[1]):
            return "another part of the network is trained"
        if spec.epochs <= self.epochs:
            return f"its {self.epochs} epochs are done"
        return ""

    def of(self, spec: TrainingSpec) -> TrainingSpec:
        """The form's job with the checkpoints, where they fit."""
        if self.difference(spec):
            return spec
        return replace(spec, continue_from=self.job.checkpoint_uri, continued_epochs=self.epochs)

    def words(self, spec: TrainingSpec | None) -> tuple[str, LineTone]:
        """What the form says of it, and the tone."""
        name = self.job.name
        if spec is not None and (difference := self.difference(spec)):
            return f"Does not go on from {name}: {difference}.", "warn"
        done = f" after epoch {self.epochs}" if self.epochs else ""
        return f"Goes on from {name}{done}, with a copy of its checkpoints. That job stays as it is.", "info"

    def _asked(self, name: str, otherwise: int) -> int:
        text = self.job.hyperparameters.get(name, "").strip('"')
        return int(text) if text.isdigit() else otherwise
