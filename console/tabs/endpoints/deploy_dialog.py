"""The deploy dialog: which finished job, on what, at which price."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from console.models.format import dollars, fraction, when
from console.tabs.endpoints.names import suggest_endpoint_name
from console.widgets.base import label
from console.widgets.forms.fields import ComboBox, IntField, LineEdit
from console.widgets.forms.form import Form
from console.widgets.frames.dialog import FormDialog
from workers.aws.names import name_problem
from workers.prices.table import HOURS_PER_MONTH
from workers.tuning.accuracy import best_accuracy
from workers.types import DeploySpec, TrainingJob

if TYPE_CHECKING:
    from workers.services import Services

DEFAULT_INSTANCE = "ml.m5.large"
_FAMILIES = ("ml.t2.", "ml.m5.", "ml.c5.", "ml.m6i.", "ml.c6i.", "ml.g4dn.", "ml.g5.")


class DeployDialog(FormDialog):
    """Ask with ``ask()``, then read ``spec()``."""

    def __init__(
        self,
        services: Services,
        jobs: list[TrainingJob],
        taken: set[str],
        job_name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        self._services = services
        self._taken = taken
        form = Form()
        names = [job.name for job in jobs]
        chosen = job_name if job_name in names else (names[0] if names else None)
        form.add("job", "Model of the job", ComboBox([(job.name, job_title(job)) for job in jobs], chosen))
        suggested = suggest_endpoint_name(chosen or "classifier", taken)
        form.add("name", "Endpoint name", LineEdit(suggested, chars=24), check=self._check_name)
        self._suggested = suggested
        form.add_pair(
            ("instance", "Instance", ComboBox([(name, name) for name in instance_types(services)], DEFAULT_INSTANCE)),
            ("count", "Count", IntField(1, 1, 20)),
        )
        super().__init__(
            "New endpoint", form, ok="Deploy", icon="endpoints",
            text="It bills from the moment it is created until it is deleted, used or not.", width=440, parent=parent,
        )  # fmt: skip
        self._price = label("", "strong")
        self.foot.addWidget(self._price)
        form.row("job").edited.connect(self._suggest_name)
        form.changed.connect(self._show_price)
        self._show_price()

    def spec(self) -> DeploySpec:
        """What the form says."""
        given = self.form.values()
        return DeploySpec(given["name"], given["job"], given["instance"], given["count"])

    def _check_name(self, name: str) -> str | None:
        if name in self._taken:
            return "An endpoint with this name exists already."
        return name_problem(name)

    def _suggest_name(self) -> None:
        """Another job gets a name of its own, unless a name was typed."""
        if self.form.value("name") == self._suggested:
            self._suggested = suggest_endpoint_name(self.form.value("job"), self._taken)
            self.form.set_values({"name": self._suggested})

    def _show_price(self) -> None:
        given = self.form.values()
        price = self._services.prices.per_hour(given["instance"], "hosting", self._services.region)
        if price is None:
            self._price.setText("No list price is known for this instance.")
            return
        hourly = price * given["count"]
        self._price.setText(f"{dollars(hourly, 3)} an hour, {dollars(hourly * HOURS_PER_MONTH, 0)} a month")


def instance_types(services: Services) -> list[str]:
    """The instance types that are offered for endpoints: those with a known price."""
    offers = services.prices.offers("hosting", services.region)
    return [offer.name for offer in offers if offer.name.startswith(_FAMILIES)] or [DEFAULT_INSTANCE]


def job_title(job: TrainingJob) -> str:
    """Name, best validation accuracy and date of a job."""
    score = best_accuracy(job)
    words = fraction(score.value, least=not score.exact) if score is not None else ""
    parts = [job.name, words, when(job.created, datetime.now().astimezone())]
    return ", ".join(part for part in parts if part)
