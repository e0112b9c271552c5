"""The form of a training job on an instance: the settings of ``train.py``, or a script of one's own."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QWidget

from console.models.format import dollars, place_words
from console.models.running import BACKBONES
from console.models.ways import (
    ALL_STAGES,
    EPOCHS,
    HEAD,
    RATES,
    STAGES,
    TUNE,
    WAYS,
    estimate_words,
    hyperparameters_of,
)
from console.widgets.base import label
from console.widgets.forms.choices import Choices
from console.widgets.forms.fields import ComboBox, IntField, LineEdit, NumberField
from console.widgets.forms.form import Form
from console.widgets.forms.lines import HintLine
from console.widgets.forms.switch import Switch
from console.widgets.frames.dialog import FormDialog
from workers.aws.names import name_problem, suggest_name
from workers.aws.s3_uri import S3Uri
from workers.compute.jobs import job_problem
from workers.compute.types import Instance, JobSpec
from workers.training.arguments import argument_problem
from workers.training.paces import Machine, Workload, job_seconds

# Pixels: the longest label and a dataset's address.
WIDTH = 480
OURS, OWN = "ours", "own"
# As the form of Training offers them.
BATCH_SIZES = (16, 32, 64, 128, 256)
_OURS_ROWS = ("way", "backbone", "epochs", "rate", "batch", "extra")
_OWN_ROWS = ("folder", "script", "arguments")


class JobDialog(FormDialog):
    """Ask with ``ask()``, then read ``spec()``. ``per_hour``: what the instance costs, ``None`` if not known.

    ``machine``: its processors and GPUs, for an estimate once ``set_pictures`` has told how many there are.
    """

    def __init__(
        self,
        instance: Instance,
        places: list[str],
        place: str,
        per_hour: float | None,
        parent: QWidget | None = None,
        machine: Machine | None = None,
    ) -> None:
        self._instance, self._per_hour, self._machine = instance, per_hour, machine
        self._pictures: dict[str, int] = {}
        form = Form()
        base = place.rstrip("/").rpartition("/")[2] or "job"
        form.add("name", "Job name", LineEdit(suggest_name(base, datetime.now()), chars=28), check=name_problem)
        form.add(
            "data",
            "Data",
            ComboBox([(uri, place_words(uri)) for uri in places], place or None, placeholder="Upload pictures first"),
            check=lambda uri: None if uri else "Upload a folder of pictures in Data first.",
        )
        form.add("what", "Script", ComboBox([(OURS, "train.py, as in Training"), (OWN, "A folder of my own…")], OURS))
        form.add("way", "What is trained", Choices(WAYS, HEAD))
        form.add("backbone", "Backbone", ComboBox(BACKBONES, BACKBONES[0][0]))
        form.add_pair(
            ("epochs", "Epochs", IntField(EPOCHS[HEAD], 1, 1000)),
            ("rate", "Learning rate", NumberField(RATES[HEAD]), _rate_problem),
            ("batch", "Batch size", ComboBox([(size, str(size)) for size in BATCH_SIZES], 64)),
            ("stages", "Stages", ComboBox(STAGES, ALL_STAGES)),
        )
        form.add("extra", "More settings", LineEdit("", "seed=1, weight-decay=0.02", chars=30), check=_extra_problem)
        form.add("folder", "Folder", LineEdit("", "/home/me/training", chars=30), check=_folder_problem)
        form.add("script", "Script in it", LineEdit("train.py", chars=20))
        form.add("arguments", "Arguments", LineEdit("", "epochs=3, lr=0.01", chars=30), check=_pairs_problem)
        form.add("minutes", "Stop it after", IntField(60, 1, 2865, suffix="min"))
        self.shut_down_switch = Switch("Shut the instance down when the job has ended", True)
        form.add_widget(self.shut_down_switch)
        super().__init__(
            f"Train on {instance.title}", form, ok="Start", icon="training", width=WIDTH,
            text="The script runs as a command through SSM. Model, report and output go to S3.",
            extra_check=self._good, parent=parent,
        )  # fmt: skip
        self._cost = label("", "strong", wrap=True)
        self._note = HintLine()
        self.foot.addWidget(self._note)
        self.foot.addWidget(self._cost)
        form.changed.connect(self._show)
        form.row("way").edited.connect(self._way_chosen)
        self.shut_down_switch.toggled.connect(self._turned)
        self._show()

    def spec(self) -> JobSpec:
        """What the form says."""
        given = self.form.values()
        own = given["what"] == OWN
        settings = (
            pairs(given["arguments"])
            if own
            else {
                "backbone": given["backbone"],
                "epochs": str(given["epochs"]),
                "learning-rate": format(given["rate"] or 0.0, "g"),
                "batch-size": str(given["batch"]),
                **self._way_settings(given["way"]),
                **pairs(given["extra"]),
            }
        )
        data = S3Uri.find(given["data"] or "")
        return JobSpec(
            name=given["name"],
            instance=self._instance.id,
            data_uri=given["data"] or "",
            bucket=data.bucket if data is not None else "",
            hyperparameters=settings,
            limit_seconds=given["minutes"] * 60,
            shut_down=self.shut_down_switch.isChecked(),
            source=given["folder"] if own else "",
            script=given["script"] if own else "train.py",
        )

    def set_pictures(self, uri: str, number: int) -> None:
        """How many pictures a place has, for the estimate."""
        self._pictures[uri.rstrip("/")] = number
        self._show()

    def _way_settings(self, way: str) -> dict[str, str]:
        """Without views of the head: train.py's own number is taken."""
        plain = {"average": False, "mirrored": False}
        given = {"way": way, "stages": self.form.value("stages"), **plain}
        return hyperparameters_of(given) if way == TUNE else {}

    def _way_chosen(self) -> None:
        way = self.form.value("way")
        other = HEAD if way == TUNE else TUNE
        for key, usual in (("rate", RATES), ("epochs", EPOCHS)):
            if self.form.value(key) == usual[other]:
                self.form.set_values({key: usual[way]})

    def _say_ways(self) -> None:
        """How long each way takes on this instance, without its start, which has been."""
        choices = self.form.field("way", Choices)
        pictures = self._pictures.get((self.form.value("data") or "").rstrip("/"), 0)
        for way, _ in WAYS:
            settings = self._way_settings(way)
            work = Workload.of(pictures, self.form.value("backbone"), self.form.value("epochs"), settings)
            seconds = job_seconds(self._machine, work, started=True) if self._machine is not None and pictures else None
            dollars = None if seconds is None or self._per_hour is None else seconds * self._per_hour / 3600
            choices.set_note(way, estimate_words(seconds, dollars))
        tuned = self.form.value("way") == TUNE and self.form.value("what") == OURS
        self.form.row("stages").setVisible(tuned)
        without = tuned and self._machine is not None and not self._machine.gpus
        self.form.row("way").hint(f"{self._instance.title} has no GPU: it takes long." if without else "", "warn")

    def problem(self) -> str | None:
        """Why the job cannot start as the form says, or ``None``."""
        return job_problem(self.spec())

    def _good(self) -> bool:
        return self.problem() is None

    def _turned(self, _on: bool) -> None:
        self._show()

    def _show(self) -> None:
        own = self.form.value("what") == OWN
        for keys, shown in ((_OURS_ROWS, not own), (_OWN_ROWS, own)):
            for key in keys:
                self.form.row(key).setVisible(shown)
        self._say_ways()
        minutes = self.form.value("minutes")
        if self._per_hour is None:
            self._cost.setText("No list price is known for this type.")
        else:
            self._cost.setText(f"At most {dollars(self._per_hour * minutes / 60)} for the time of the job")
        goes_on = "" if self.shut_down_switch.isChecked() else "The instance goes on billing after the job."
        self._note.say(goes_on, "warn" if goes_on else "neutral")
        self.update_ok()


def pairs(text: str) -> dict[str, str]:
    """``{"seed": "1"}`` of ``seed=1, …``; what has no ``=`` is left out (``_pairs_problem`` tells it)."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return {name.strip(): value.strip() for name, sign, value in (part.partition("=") for part in parts) if sign}


def _pairs_problem(text: str) -> str | None:
    wrong = next((part.strip() for part in text.split(",") if part.strip() and "=" not in part), None)
    return f"Write name=value: “{wrong[:30]}” has no =." if wrong else None


def _extra_problem(text: str) -> str | None:
    return _pairs_problem(text) or argument_problem(pairs(text))


def _rate_problem(value: Any) -> str | None:
    return None if value is not None and value > 0 else "A number greater than 0."


def _folder_problem(text: str) -> str | None:
    if not text:
        return None
    return None if Path(text).expanduser().is_dir() else "There is no such folder on this computer."
