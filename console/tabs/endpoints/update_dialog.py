"""The update dialog: another instance, another number of them, or another model, and what that costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from console.models.format import dollars
from console.tabs.endpoints.deploy_dialog import instance_types, job_title
from console.widgets.base import label
from console.widgets.forms.fields import ComboBox, IntField
from console.widgets.forms.form import Form
from console.widgets.frames.dialog import FormDialog
from workers.endpoints.update import UpdateSpec
from workers.types import Endpoint, TrainingJob

if TYPE_CHECKING:
    from workers.services import Services


class UpdateDialog(FormDialog):
    """Ask with ``ask()``, then read ``spec()``."""

    def __init__(
        self, services: Services, endpoint: Endpoint, jobs: list[TrainingJob], parent: QWidget | None = None
    ) -> None:
        self._services, self._endpoint = services, endpoint
        present = endpoint.job_name or ", ".join(endpoint.model_names)
        form = Form()
        models = [(job.name, job_title(job)) for job in jobs if job.name != endpoint.job_name]
        form.add("job", "Model of the job", ComboBox([("", f"{present} (as it is)"), *models], ""))
        types = list(dict.fromkeys([endpoint.instance_type, *instance_types(services)]))
        self._count = endpoint.desired_count or endpoint.instance_count or 1
        form.add_pair(
            ("instance", "Instance", ComboBox([(name, name) for name in types], endpoint.instance_type)),
            ("count", "Count", IntField(self._count, 1, 20)),
        )
        super().__init__(
            f"Update {endpoint.name}", form, ok="Update", icon="refresh",
            text="It goes on answering: the new instances come up beside the old ones, and only then take over. "
            "If they do not come up, all stays as it is.",
            width=440, extra_check=self._differs, parent=parent,
        )  # fmt: skip
        self._price = label("", "strong")
        self._note = label("While it is updated, old and new instances are both billed.", "small", "text3", wrap=True)
        self.foot.addWidget(self._price)
        self.foot.addWidget(self._note)
        form.changed.connect(self._show_price)
        self._show_price()

    def spec(self) -> UpdateSpec:
        """What the form says."""
        given = self.form.values()
        return UpdateSpec(self._endpoint.name, given["instance"], given["count"], given["job"] or "")

    def _differs(self) -> bool:
        spec = self.spec()
        return bool(spec.job_name) or (spec.instance_type, spec.instance_count) != (
            self._endpoint.instance_type, self._count,
        )  # fmt: skip

    def _show_price(self) -> None:
        spec = self.spec()
        after = self._per_hour(spec.instance_type, spec.instance_count)
        before = self._services.prices.endpoint_per_hour(self._endpoint, self._services.region)
        if after is None:
            self._price.setText("No list price is known for this instance.")
        elif before is None or abs(before - after) < 0.0005:
            self._price.setText(f"{dollars(after, 3)} an hour")
        else:
            self._price.setText(f"{dollars(after, 3)} an hour, now {dollars(before, 3)}")

    def _per_hour(self, instance_type: str, count: int) -> float | None:
        price = self._services.prices.per_hour(instance_type, "hosting", self._services.region)
        return None if price is None else price * count
