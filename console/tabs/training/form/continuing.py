"""A job that goes on from another one's checkpoints: which may, what the form says of it, and when it would not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from console.models.ways import HEAD, RATES, TUNE
from console.tabs.training.tuning.views import words_of
from console.widgets.forms.lines import LineTone
from workers.endpoints.deployable import prepares_features
from workers.training.paces import is_fine_tuned
from workers.types import TrainingJob, TrainingSpec

# As many again as a form starts with.
MORE_EPOCHS = 10
_ALIKE = {"backbone": "efficientnet_lite0", "batch_size": "64", "unfreeze": "0", "ema": "0", "flip_test": "false"}
# What train.py takes where a job was given nothing, for the head alone and for fine-tuning.
DEFAULTS = {
    False: _ALIKE | {"learning_rate": str(RATES[HEAD]), "views": "3"},
    True: _ALIKE | {"learning_rate": str(RATES[TUNE]), "views": "1"},
}
# What may differ, and what is no setting of the script.
_FREE = ("epochs", "patience", "num_workers", "sagemaker", "_")


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
        """What of a form does not fit the checkpoints, in words; "" when all does.

        As train.py has it (``identity`` in its run.py): of all settings only the number of epochs may differ.
        """
        if spec.data_uri.rstrip("/") != self.job.data_uri.rstrip("/"):
            return "other pictures"
        before = _clean(self.job.hyperparameters)
        now = _clean(
            {
                "backbone": spec.backbone,
                "learning_rate": str(spec.learning_rate),
                "batch_size": str(spec.batch_size),
                **spec.hyperparameters,
            }
        )
        names = sorted(name for name in {**before, **now} if _value(before, name) != _value(now, name))
        if names:
            return f"other settings ({', '.join(words_of(name).lower() for name in names)})"
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


def _clean(given: Mapping[str, str]) -> dict[str, str]:
    found = {name.replace("-", "_"): value.strip('"') for name, value in given.items()}
    return {name: value for name, value in found.items() if not name.startswith(_FREE)}


def _value(given: Mapping[str, str], name: str) -> float | str:
    """As the script reads it, so that 1e-3 is 0.001; the default where nothing was given."""
    text = given.get(name, DEFAULTS[is_fine_tuned(given.get("unfreeze", "0"))].get(name, "")).lower()
    try:
        return float(text)
    except ValueError:
        return text
