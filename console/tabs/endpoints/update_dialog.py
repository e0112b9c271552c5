"""The update dialog: another instance, number of them or model, how the traffic goes over, and what that costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from console.models.format import dollars
from console.tabs.endpoints.deploy_dialog import instance_types, job_title
from console.widgets.base import label
from console.widgets.forms.fields import ComboBox, IntField
from console.widgets.forms.form import Form
from console.widgets.frames.dialog import FormDialog
from workers.endpoints.deployment import (
    LONGEST_WAIT_SECONDS,
    MOST_PERCENT,
    Deployment,
    alarm_name,
    deployment_problem,
)
from workers.endpoints.update import UpdateSpec
from workers.types import Endpoint, TrainingJob

if TYPE_CHECKING:
    from workers.services import Services


WAYS = [
    ("ALL_AT_ONCE", "All at once"),
    ("CANARY", "Canary: a share first, then the rest"),
    ("LINEAR", "Linear: a share at a time"),
]
NEW = "+"


def way_words(deployment: Deployment) -> str:
    """What happens and how long it takes at least, in a sentence or two."""
    minutes = deployment.wait_seconds // 60
    if deployment.way == "CANARY":
        words = f"{deployment.percent} % of the requests go to the new instances for {minutes} min, then all."
    elif deployment.way == "LINEAR":
        steps = math.ceil(100 / deployment.percent)
        words = f"{steps} steps of {deployment.percent} %, {minutes} min each: {(steps - 1) * minutes} min at least."
    else:
        words = f"The old instances stay for {minutes} min after all requests have gone over."
    watched = deployment.alarms or deployment.new_alarm
    return f"{words} {'An alarm that rings brings all back.' if watched else 'No alarm is asked.'}"


class UpdateDialog(FormDialog):
    """Ask with ``ask()``, then read ``spec()``."""

    def __init__(
        self,
        services: Services,
        endpoint: Endpoint,
        jobs: list[TrainingJob],
        alarms: Sequence[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        self._services, self._endpoint = services, endpoint
        # Fields are checked as they are added, when those after them are not there yet.
        self._ready = False
        # The job ran on EC2: SageMaker does not know it and cannot say where its model is.
        self._elsewhere = {job.name: job.model_uri for job in jobs if job.place == "ec2"}
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
        form.add("way", "Traffic goes over", ComboBox(WAYS, "ALL_AT_ONCE"))
        form.add_pair(
            ("percent", "A share of", IntField(10, 1, MOST_PERCENT, suffix="%"), lambda _: self._check_share()),
            ("wait", "Watched for", IntField(5, 0, LONGEST_WAIT_SECONDS // 60, suffix="min")),
        )
        offered = [(name, name) for name in alarms if name != alarm_name(endpoint.name)]
        known = "The alarm on errors (5XX)" if len(offered) < len(alarms) else "A new alarm on errors (5XX)"
        form.add("alarm", "Goes back on", ComboBox([("", "Nothing: no alarm is asked"), (NEW, known), *offered], ""))
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
        self._time = label("", "small", "text3", wrap=True)
        self.foot.addWidget(self._time)
        form.changed.connect(self._show_price)
        form.changed.connect(self._show_way)
        self._ready = True
        self._show_price()
        self._show_way()

    def _check_share(self) -> str | None:
        return deployment_problem(self.deployment()) if self._ready else None

    def _show_way(self) -> None:
        deployment = self.deployment()
        self.form.row("percent").setVisible(deployment.way != "ALL_AT_ONCE")
        self.form.row("wait").setVisible(deployment.guarded)
        self.form.row("percent").check()
        self._time.setVisible(deployment.guarded)
        self._time.setText(way_words(deployment))

    def deployment(self) -> Deployment:
        """How the traffic goes over, as the form says."""
        given = self.form.values()
        alarm = given["alarm"] or ""
        return Deployment(
            given["way"], given["percent"], given["wait"] * 60, (alarm,) if alarm not in ("", NEW) else (), alarm == NEW
        )

    def spec(self) -> UpdateSpec:
        """What the form says."""
        given = self.form.values()
        job = given["job"] or ""
        return UpdateSpec(
            self._endpoint.name,
            given["instance"],
            given["count"],
            job,
            self._elsewhere.get(job, ""),
            self.deployment(),
        )

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
