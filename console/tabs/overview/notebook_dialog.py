"""The form for a new notebook instance; it starts with what the smallest one needs, and says what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtWidgets import QWidget

from console.models.format import dollars
from console.widgets.base import label
from console.widgets.forms.fields import ComboBox, IntField, LineEdit
from console.widgets.forms.form import Form
from console.widgets.forms.switch import Switch
from console.widgets.frames.dialog import FormDialog
from workers.notebooks.service import (
    DEFAULT_TYPE,
    LARGEST_VOLUME,
    SMALLEST_VOLUME,
    NotebookSpec,
    name_problem,
)
from workers.prices.table import HOURS_PER_MONTH, PriceTable

# What is offered where its price is known: a small one, bigger ones, one with a GPU.
_TYPES = (DEFAULT_TYPE, "ml.t3.medium", "ml.t3.large", "ml.t3.xlarge", "ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge",
          "ml.g4dn.xlarge", "ml.g5.xlarge")  # fmt: skip


class NotebookDialog(FormDialog):
    """``spec()`` after it was accepted."""

    def __init__(
        self, prices: PriceTable, region: str, buckets: Sequence[str], last: str = "", parent: QWidget | None = None
    ) -> None:
        self._prices, self._region = prices, region
        types = [name for name in _TYPES if prices.notebook_per_hour(name, region) is not None] or [DEFAULT_TYPE]
        form = Form()
        name = f"notebook-{datetime.now().strftime('%m%d-%H%M')}"
        form.add("name", "Name", LineEdit(name, chars=24), check=name_problem)
        form.add_pair(
            ("type", "Type", ComboBox([(name, name) for name in types], DEFAULT_TYPE)),
            ("volume", "Volume, kept while stopped", IntField(5, SMALLEST_VOLUME, LARGEST_VOLUME, suffix="GiB")),
        )
        bucket = ComboBox([(name, name) for name in buckets], last if last in buckets else None)
        form.add("bucket", "Bucket that its role may use", bucket)
        super().__init__(
            "New notebook instance",
            form,
            ok="Make notebook",
            icon="notebook",
            text="JupyterLab that trains, tunes and deploys with a role of its own. It bills until it is stopped.",
            parent=parent,
        )
        self.root_switch = Switch("Its users are root", False)
        self.foot.addWidget(self.root_switch)
        self.price = label("", "strong", wrap=True)
        self.foot.addWidget(self.price)
        form.changed.connect(self._show_price)
        self._show_price()
        self.update_ok()

    def spec(self) -> NotebookSpec:
        """What the form says."""
        given = self.form.values()
        return NotebookSpec(
            given["name"], given["bucket"] or "", given["type"], given["volume"], self.root_switch.isChecked()
        )

    def _show_price(self) -> None:
        spec = self.spec()
        price = self._prices.notebook_per_hour(spec.type, self._region)
        volume = self._prices.standing("notebook_volume", self._region)
        if price is None or volume is None:
            self.price.setText("No list price is known for this type here.")
            return
        kept = volume * spec.volume_gib
        always = dollars(price * HOURS_PER_MONTH + kept, 0)
        self.price.setText(
            f"{dollars(price, 3)} an hour, {always} a month if it is never stopped. "
            f"Stopped, its volume costs {dollars(kept)} a month."
        )
