"""The launch form: defaults that work, checked while one types, with the cost above the button."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from console.context import AppContext
from console.models.base_format import dollars
from console.tabs.training.commands import launch_cli
from console.widgets.base import label
from console.widgets.buttons import Button
from console.widgets.fields import ComboBox, IntField, LineEdit, NumberField
from console.widgets.form import Form, Hint
from console.widgets.lines import CheckLine
from workers.errors import SageDeckError
from workers.training_names import name_problem, suggest_name
from workers.types import TrainingJob, TrainingSpec

BACKBONES = (
    ("efficientnet_lite0", "EfficientNet-Lite0"),
    ("resnet18", "ResNet-18"),
    ("resnet50", "ResNet-50"),
    ("mobilenet_v3_large", "MobileNet V3 large"),
    ("efficientnet_b0", "EfficientNet-B0"),
)
WITH_WEIGHTS = "efficientnet_lite0"
BATCH_SIZES = (16, 32, 64, 128, 256)
DEFAULT_INSTANCE = "ml.m5.xlarge"
_COMMON_FAMILIES = ("ml.m5.", "ml.c5.", "ml.m6i.", "ml.c6i.", "ml.g4dn.", "ml.g5.", "ml.p3.")
_NAME_KEY, _BUCKETS_KEY = "check-name", "data-folders"
_SECONDS_A_MINUTE = 60


class LaunchForm(QFrame):
    """Signals: ``launchRequested(TrainingSpec)``."""

    launchRequested = Signal(object)

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ctx = ctx
        self._last_suggestion = suggest_name("dogs", datetime.now())
        self.form = Form()
        self._fill()
        self._cost = label("", "section")
        self._rate = label("", "small", "text2")
        self._most = label("", "small", "text2")
        self._price_note = label("", "caption", "text3", wrap=True)
        self._role = CheckLine("ok", "Permissions", "a role for this bucket alone")
        self.launch_button = Button("Launch job", "primary", "play", on=self._launch)
        self.copy_button = Button("Copy as CLI", "ghost", "terminal", on=self._copy)
        self._lay_out()
        self.form.changed.connect(self.update_state)
        self.form.row("name").edited.connect(self._name_edited)
        self.update_state()

    def _fill(self) -> None:
        form = self.form
        form.add("name", "Name", LineEdit(self._last_suggestion), check=lambda value: name_problem(value, "The name"))
        form.add("data", "Data", ComboBox(placeholder="Upload pictures first"), check=self._check_data)
        form.add("backbone", "Backbone", ComboBox(BACKBONES, WITH_WEIGHTS), check=self._check_backbone)
        form.add_pair(
            ("instance", "Instance", ComboBox([(DEFAULT_INSTANCE, DEFAULT_INSTANCE)], DEFAULT_INSTANCE)),
            ("count", "Count", IntField(1, 1, 32)),
        )
        form.add_pair(
            ("epochs", "Epochs", IntField(10, 1, 1000)),
            ("rate", "Learning rate", NumberField(0.001), _check_rate),
        )
        form.add_pair(
            ("batch", "Batch size", ComboBox([(size, str(size)) for size in BATCH_SIZES], 64)),
            ("views", "Views", IntField(3, 1, 64)),
        )
        for key in ("data", "backbone", "instance"):
            # As wide as the panel, not as the longest bucket name.
            box = form.row(key).field
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)  # type: ignore[attr-defined]
            box.setMinimumContentsLength(8)  # type: ignore[attr-defined]
        form.add("minutes", "Stop the job after", IntField(60, 1, 7200, suffix="min"))

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(24, 0, 24, 16)
        column.setSpacing(12)
        column.addWidget(self.form)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        title = label("New job", "section")
        head = QVBoxLayout()
        head.setContentsMargins(24, 22, 24, 14)
        head.addWidget(title)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(head)
        whole.addWidget(area, 1)
        whole.addLayout(self._foot())

    def _foot(self) -> QVBoxLayout:
        foot = QVBoxLayout()
        foot.setContentsMargins(24, 12, 24, 16)
        foot.setSpacing(4)
        line = QFrame()
        line.setProperty("panel", "line")
        foot.addWidget(line)
        first = QHBoxLayout()
        first.addWidget(label("Cost", "strong"))
        first.addStretch(1)
        first.addWidget(self._cost)
        foot.addSpacing(8)
        foot.addLayout(first)
        second = QHBoxLayout()
        second.addWidget(self._rate)
        second.addStretch(1)
        second.addWidget(self._most)
        foot.addLayout(second)
        foot.addWidget(self._price_note)
        foot.addWidget(self._role)
        buttons = QHBoxLayout()
        buttons.addWidget(self.launch_button)
        buttons.addWidget(self.copy_button)
        buttons.addStretch(1)
        foot.addSpacing(8)
        foot.addLayout(buttons)
        return foot

    # Contents from outside

    def connect_account(self) -> None:
        """Offer the instance types and data of the account in force."""
        services = self.ctx.services
        if services is None:
            return
        offers = services.prices.offers("training", services.region)
        common = [offer for offer in offers if offer.name.startswith(_COMMON_FAMILIES)]
        if common:
            field = self.form.row("instance").field
            field.set_items([(offer.name, offer.name) for offer in common], field.value() or DEFAULT_INSTANCE)  # type: ignore[attr-defined]
        self._price_note.setText(f"List prices of {services.prices.as_of}")
        self._price_note.setToolTip(services.prices.caption())
        # The SDK takes seconds to start; by the time the form is filled in it is ready. A failure shows at the launch.
        self.ctx.tasks.start(services.prewarm(), label="Prepare", key="training:prewarm", on_error=lambda _: None)
        self.load_data()
        self.update_state()

    def load_data(self) -> None:
        """Look for picture folders in the account's buckets."""
        if self.ctx.services is not None:
            self.ctx.tasks.start(
                self._load_data(), label="Look for data", key=f"training:{_BUCKETS_KEY}", on_error=self._data_failed
            )

    async def _load_data(self) -> None:
        services = self.ctx.services
        if services is None:
            return
        found: list[str] = []
        for bucket in await services.storage.buckets():
            listing = await services.storage.list(bucket.name)
            found += [f"s3://{bucket.name}/{folder.rstrip('/')}" for folder in listing.folders]
        found = [uri for uri in found if not uri.endswith("/sagedeck")]
        self.offer_data(found)

    def _data_failed(self, error: BaseException) -> None:
        words = error.title if isinstance(error, SageDeckError) else str(error)
        self.form.row("data").hint(f"The buckets could not be listed: {words}", "err")

    def offer_data(self, uris: list[str]) -> None:
        """Offer these ``s3://bucket/folder`` places; the last upload is chosen first."""
        last = self.ctx.settings.value("last_data_uri", "").rstrip("/")
        field = self.form.row("data").field
        chosen = field.value() or (last if last in uris else None)  # type: ignore[attr-defined]
        items = [(uri, uri.removeprefix("s3://")) for uri in uris]
        field.set_items(items, chosen if chosen in uris else (uris[0] if uris else None))  # type: ignore[attr-defined]
        self.form.row("data").check()
        self.update_state()

    def choose_data(self, uri: str) -> None:
        """Choose a place, for example what has just been uploaded."""
        field = self.form.row("data").field
        uri = uri.rstrip("/")
        known = [field.itemData(at) for at in range(field.count())]  # type: ignore[attr-defined]
        if uri not in known:
            items = [(one, one.removeprefix("s3://")) for one in [uri, *known]]
            field.set_items(items, uri)  # type: ignore[attr-defined]
        field.set_value(uri)  # type: ignore[attr-defined]

    def clone(self, job: TrainingJob) -> None:
        """Put a job's settings in, under a new name."""
        given = job.hyperparameters
        clean = {key: value.strip('"') for key, value in given.items()}
        self.form.set_values(
            {
                "name": suggest_name(_base_name(job.name), datetime.now()),
                "instance": job.instance_type,
                "count": max(1, job.instance_count),
                "minutes": max(1, job.max_runtime_seconds // _SECONDS_A_MINUTE),
                **({"backbone": clean["backbone"]} if "backbone" in clean else {}),
                **({"epochs": int(clean["epochs"])} if clean.get("epochs", "").isdigit() else {}),
                **({"batch": int(clean["batch_size"])} if clean.get("batch_size", "").isdigit() else {}),
                **({"views": int(clean["views"])} if clean.get("views", "").isdigit() else {}),
                **({"rate": float(clean["learning_rate"])} if _is_number(clean.get("learning_rate", "")) else {}),
            }
        )
        if job.data_uri:
            self.choose_data(job.data_uri)

    def renew_name(self) -> None:
        """Suggest another name, unless the operator wrote one of their own."""
        field = self.form.row("name").field
        text = field.value()  # type: ignore[attr-defined]
        self._last_suggestion = suggest_name(_base_name(text) or "dogs", datetime.now())
        field.set_value(self._last_suggestion)  # type: ignore[attr-defined]

    # The form itself

    def spec(self) -> TrainingSpec | None:
        """What the form says, or None while it is not valid."""
        given = self.form.values()
        uri = given["data"]
        if not self.form.valid or not uri or given["rate"] is None or not given["instance"]:
            return None
        return TrainingSpec(
            job_name=given["name"],
            data_uri=uri,
            output_bucket=uri.removeprefix("s3://").split("/", 1)[0],
            backbone=given["backbone"],
            epochs=given["epochs"],
            learning_rate=given["rate"],
            batch_size=given["batch"],
            instance_type=given["instance"],
            instance_count=given["count"],
            max_runtime_seconds=given["minutes"] * _SECONDS_A_MINUTE,
            hyperparameters={"views": str(given["views"])},
        )

    def update_state(self) -> None:
        """Cost, permissions and buttons from the fields."""
        spec = self.spec()
        usable = spec is not None and self.ctx.connected and not self.ctx.read_only
        self.launch_button.setEnabled(usable)
        self.copy_button.setEnabled(spec is not None)
        self._role.setVisible(spec is not None)
        services = self.ctx.services
        given = self.form.values()
        price = None
        if services is not None and given["instance"]:
            price = services.prices.per_hour(given["instance"], "training", services.region)
        if price is None:
            self._cost.setText("–")
            self._rate.setText("no list price for this instance" if services is not None else "")
            self._most.setText("")
            return
        hourly = price * given["count"]
        self._cost.setText(f"{dollars(hourly, 3)} an hour")
        self._rate.setText(f"{given['count']} × {dollars(price, 3)}")
        self._most.setText(f"at most {dollars(hourly * given['minutes'] / 60)}")

    def _check_data(self, uri: str | None) -> Hint | str | None:
        return None if uri else Hint("Upload a folder in the Data tab first.", "info")

    def _check_backbone(self, name: str) -> Hint | None:
        if name == WITH_WEIGHTS:
            return Hint("Weights included, frozen, features computed once")
        return Hint("Weights come from the hub: the job needs the internet.", "info")

    def _name_edited(self) -> None:
        if self.ctx.services is not None and self.form.row("name").valid:
            self.ctx.tasks.start(
                self._check_name(self.form.value("name")), label="Check the name", key=f"training:{_NAME_KEY}",
                on_error=lambda _: None,
            )  # fmt: skip

    async def _check_name(self, name: str) -> None:
        services = self.ctx.services
        if services is None:
            return
        problem = await services.training.check_name(name)
        if name == self.form.value("name"):
            self.form.row("name").hint(problem or "Free", "err" if problem else "ok")
            self.update_state()

    def _launch(self) -> None:
        spec = self.spec()
        if spec is None:
            self.form.focus_first_error()
            return
        self.launchRequested.emit(spec)

    def _copy(self) -> None:
        spec = self.spec()
        if spec is not None:
            QGuiApplication.clipboard().setText(launch_cli(spec))
            self.ctx.notify.info("Copied", "The AWS CLI line is on the clipboard.")


def _check_rate(value: float | None) -> str | None:
    if value is None:
        return "Not a number."
    return None if 0 < value <= 10 else "Between 0 and 10."


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _base_name(name: str) -> str:
    parts = name.split("-")
    while len(parts) > 1 and parts[-1].isdigit():
        parts.pop()
    return "-".join(parts)
