"""The launch form: defaults that work, checked while one types, with the cost above the button."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from console.context import AppContext
from console.models.format import count, duration, place_words
from console.models.ways import GPU_INSTANCE, HEAD, TUNE, WAYS, estimate_words, instance_words
from console.tabs.training.commands import CliPlace, LaunchTraining
from console.tabs.training.form.continuing import Continued
from console.tabs.training.form.cost_block import CostBlock
from console.tabs.training.form.fields import MAIN, MORE, LaunchFields
from console.tabs.training.form.quota_line import QuotaLine
from console.tabs.training.form.requirements_dialog import RequirementsDialog
from console.tabs.training.form.values import (
    DEFAULT_COUNTS,
    DEFAULT_INSTANCES,
    SECONDS_A_MINUTE,
    base_name,
    launch_words,
    own_tags,
    suggest_name,
    training_spec,
    tuning_spec,
    values_of_job,
    values_of_spec,
    values_of_tuning,
)
from console.tabs.training.tuning.commands import LaunchTuning
from console.widgets.base import at_once, label
from console.widgets.forms.buttons import Button
from console.widgets.forms.choices import Choices
from console.widgets.forms.fields import ComboBox
from console.widgets.forms.lines import CheckLine, HintLine
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.scroll_area import ScrollArea
from workers.access.roles import role_arn
from workers.aws.s3_uri import S3Uri
from workers.errors.tree import SageDeckError
from workers.tuning.request import features_note, spec_problem
from workers.tuning.types import CostEstimate, TuningJob, TuningSpec
from workers.types import TrainingJob, TrainingSpec

if TYPE_CHECKING:
    from workers.services import Services

MODES = (("single", "Single job"), ("tuning", "Tuning"), ("hosts", "Several hosts"))
_COMMON_FAMILIES = ("ml.m5.", "ml.c5.", "ml.m6i.", "ml.c6i.", "ml.g4dn.", "ml.g5.", "ml.p3.")


class LaunchForm(QFrame):
    """Signals: ``launchRequested(TrainingSpec | TuningSpec)``."""

    launchRequested = Signal(object)

    def __init__(self, ctx: AppContext, parent: QWidget | None = None, *, whole: bool = True) -> None:
        super().__init__(parent)
        self.ctx = ctx
        if whole:
            at_once(self.build())

    def build(self) -> Iterator[None]:
        """Put it together in pieces, for ``whole=False``."""
        ctx = self.ctx
        self.busy = False
        self.requirements: str | None = None
        self._pictures: dict[str, int] = {}
        self._parent_data: dict[str, str] = {}
        self._suggestion = ""
        self._continued: Continued | None = None
        self._continued_line = HintLine()
        self.modes = Segmented(MODES, "single", name="Kind of job", small=True)
        self.modes.changed.connect(self._mode_changed)
        self.form = LaunchFields(whole=False)
        self.cost = CostBlock()
        self.quota = QuotaLine(ctx)
        self._role = CheckLine("ok", "Permissions", "a role for this bucket alone", small=True)
        self.launch_button = Button("Launch job", "primary", "play", on=self._launch)
        self.copy_button = Button("Copy as CLI", "ghost", "terminal", on=self._copy)
        self._lay_out()
        yield
        yield from self.form.build()
        yield
        self.form.changed.connect(self.update_state)
        ctx.pricesChanged.connect(self._take_prices)
        self.form.row("name").edited.connect(self._name_edited)
        self.form.row("data").edited.connect(self._name_after_data)
        self.form.row("data").edited.connect(self._count_pictures)
        # Showing other rows checks all of them again, which takes the number of pictures away.
        for rows_changed in (self.form.more_button.toggled, self.form.spot.toggled, self.form.row("way").edited):
            rows_changed.connect(self._rows_changed)
        self.form.more_button.toggled.connect(lambda on: QTimer.singleShot(0, self, self._reveal_more) if on else None)
        self.form.requirements_button.clicked.connect(self._edit_requirements)
        self._suggest("")
        self.update_state()

    @property
    def mode(self) -> str:
        """``single``, ``tuning`` or ``hosts``."""
        return self.modes.current

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(24, 0, 24, 4)
        column.setSpacing(10)
        column.addWidget(self._continued_line)
        column.addWidget(self.form)
        column.addStretch(1)
        area = self._area = ScrollArea("New job")
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inner)
        head = QVBoxLayout()
        head.setContentsMargins(24, 22, 24, 14)
        head.setSpacing(14)
        head.addWidget(label("New job", "section"))
        head.addWidget(self.modes)
        foot = QVBoxLayout()
        foot.setContentsMargins(24, 4, 24, 16)
        foot.setSpacing(8)
        foot.addWidget(self.cost)
        checks = QVBoxLayout()
        checks.setSpacing(0)
        checks.addWidget(self.quota)
        checks.addWidget(self._role)
        foot.addLayout(checks)
        buttons = QHBoxLayout()
        buttons.addWidget(self.launch_button)
        buttons.addWidget(self.copy_button)
        buttons.addStretch(1)
        foot.addLayout(buttons)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(head)
        whole.addWidget(area, 1)
        whole.addLayout(foot)

    def set_narrow(self, narrow: bool) -> None:
        """Leave more of a low drawer to the fields."""
        self.cost.set_compact(narrow)

    # Contents from outside

    def connect_account(self) -> None:
        """Offer the instance types and data of the account in force."""
        self._offer_instances()
        self.prewarm()
        self.load_data()
        self.update_state()

    def forget_account(self) -> None:
        """Offer nothing of the account that was left; what was typed stays."""
        self._pictures.clear()
        self._parent_data.clear()
        self.form.field("data", ComboBox).set_items([], None)
        self.form.row("data").hint("")
        self.offer_parents(())
        self.update_state()

    def showEvent(self, event: QShowEvent) -> None:
        """Get ready for a launch."""
        super().showEvent(event)
        self.prewarm()

    def prewarm(self) -> None:
        """Start what a launch needs, if the form is in sight."""
        # The SDK takes seconds and much memory to start, so it waits until this form is looked at; by the time that
        # the form is filled in, it is ready. A failure shows at the launch.
        if self.isVisible():
            self.ctx.with_services(
                lambda services: services.prewarm(), label="Prepare", key="training:prewarm", on_error=lambda _: None
            )

    def _offer_instances(self) -> None:
        services = self.ctx.services
        if services is None:
            return
        offers = services.prices.offers("training", services.region)
        common = [offer for offer in offers if offer.name.startswith(_COMMON_FAMILIES)]
        if common:
            field = self.form.field("instance", ComboBox)
            items = [(offer.name, instance_words(offer)) for offer in common]
            field.set_items(items, field.value() or DEFAULT_INSTANCES[self.mode])

    def _take_prices(self) -> None:
        self._offer_instances()
        self.update_state()

    def load_data(self) -> None:
        """Look for picture folders in the account's buckets."""
        self.ctx.with_services(
            self._load_data, label="Look for data", key="training:data-folders", on_error=self._data_failed
        )

    async def _load_data(self, services: Services) -> None:
        found: list[str] = []
        for bucket in await services.storage.buckets():
            listing = await services.storage.list(bucket.name)
            found += [str(S3Uri(bucket.name, folder.rstrip("/"))) for folder in listing.folders]
        self.offer_data([uri for uri in found if not uri.endswith("/sagedeck")])

    def _data_failed(self, error: BaseException) -> None:
        words = error.title if isinstance(error, SageDeckError) else str(error)
        self.form.row("data").hint(f"The buckets could not be listed: {words}", "err")

    def offer_data(self, uris: list[str]) -> None:
        """Offer these ``s3://bucket/folder`` places; the last upload is chosen first."""
        last = self.ctx.settings.value("last_data_uri", "").rstrip("/")
        field = self.form.field("data", ComboBox)
        chosen = field.value() or (last if last in uris else None)
        items = [(uri, place_words(uri)) for uri in uris]
        field.set_items(items, chosen if chosen in uris else (uris[0] if uris else None))
        self.form.row("data").check()
        self._name_after_data()
        self._count_pictures()
        self.update_state()

    def _reveal_more(self) -> None:
        """Scroll to the settings that were opened just now: they may all lie below the edge."""
        bar = self._area.verticalScrollBar()
        bar.setValue(min(bar.maximum(), self.form.more_button.mapTo(self.form, QPoint()).y()))

    def choose_data(self, uri: str) -> None:
        """Choose a place, for example what has just been uploaded."""
        field = self.form.field("data", ComboBox)
        uri = uri.rstrip("/")
        known = [field.itemData(at) for at in range(field.count())]
        if uri not in known:
            items = [(place, place_words(place)) for place in [uri, *known]]
            field.set_items(items, uri)
        field.set_value(uri)
        self._pictures.pop(uri, None)
        self._name_after_data()
        self._count_pictures()

    def offer_parents(self, jobs: Iterable[TuningJob]) -> None:
        """Offer tuning jobs that have ended as the start of another one."""
        ended = [job for job in jobs if not job.running]
        self._parent_data = {job.name: job.data_uri.rstrip("/") for job in ended}
        names = [(name, name) for name in self._parent_data]
        self.form.field("parent", ComboBox).set_items([("", "No earlier tuning job"), *names])

    def clone(self, job: TrainingJob | TuningJob, tags: Mapping[str, str] | None = None) -> None:
        """Put a job's settings in, under a new name, with the operator's own of its tags."""
        own = {"tags": own_tags(tags or {})}
        if isinstance(job, TuningJob):
            self._fill("tuning", values_of_tuning(job) | own, job.name, job.data_uri)
        else:
            mode = "hosts" if job.instance_count > 1 else "single"
            self._fill(mode, values_of_job(job) | own, job.name, job.data_uri)

    def continue_job(self, job: TrainingJob, epochs: int, tags: Mapping[str, str] | None = None) -> None:
        """Put a job's settings in with more epochs, to go on from its checkpoints.

        ``epochs``: how many it has done, 0 when that is not known.
        """
        self.clone(job, tags)
        self._continued = Continued(job, epochs)
        self.form.set_values({"epochs": self._continued.wanted_epochs})
        self.update_state()

    @property
    def continued_words(self) -> str:
        """What is said of the job that is gone on from; "" for none."""
        return self._continued_line.text

    @property
    def pictures(self) -> int | None:
        """How many pictures the chosen data has; None until they were counted."""
        return self._pictures.get(self.form.value("data") or "")

    def start_anew(self) -> None:
        """Go on from no other job; all else of the form stays."""
        self._continued = None
        self.update_state()

    def fill(self, spec: TrainingSpec) -> None:
        """Put a job that is to be launched in ("train with these"), under the name that it has."""
        mode = "hosts" if spec.instance_count > 1 else "single"
        self._fill(mode, values_of_spec(spec), spec.job_name, spec.data_uri)

    def _fill(self, mode: str, values: dict[str, Any], name: str, data_uri: str) -> None:
        self._continued = None
        self.modes.set_current(mode)
        self._suggest(base_name(name))
        instance = values.get("instance")
        field = self.form.field("instance", ComboBox)
        if instance and field.findData(instance) < 0:
            field.addItem(instance, instance)
        self.form.set_values(values)
        if data_uri:
            self.choose_data(data_uri)
        self.form.check()
        self._count_pictures()
        self.update_state()

    def renew_name(self) -> None:
        """Suggest another name after a launch."""
        name = self.form.value("name")
        self._suggest("" if name == self._suggestion and not self._base else base_name(name))

    def _name_after_data(self) -> None:
        """A job is called after the set that it is trained on, unless it was named otherwise."""
        if self.form.value("name") == self._suggestion and not self._base:
            self._suggest("")

    def _suggest(self, base: str) -> None:
        """``base``: what the name begins with; empty for the set that is chosen."""
        self._base = base
        self._suggestion = suggest_name(self.mode, datetime.now(), base, self.form.value("data") or "")
        self.form.set_values({"name": self._suggestion})

    # The form itself

    def _rows_changed(self) -> None:
        self._count_pictures()
        self.update_state()

    def _mode_changed(self, mode: str) -> None:
        before = self.form.mode
        self.form.show_mode(mode)
        values: dict[str, Any] = {"count": DEFAULT_COUNTS[mode]}
        if self.form.value("instance") == DEFAULT_INSTANCES[before]:
            values["instance"] = DEFAULT_INSTANCES[mode]
        self.form.set_values(values)
        if self.form.value("name") == self._suggestion or not self.form.row("name").valid:
            self._suggest("")
        self.form.check()
        self._count_pictures()
        self.update_state()

    def spec(self) -> TrainingSpec | TuningSpec | None:
        """What the form says, or None while it is not valid."""
        return self._spec(self.form.way)

    def _spec(self, way: str) -> TrainingSpec | TuningSpec | None:
        given = self.form.given() | {"way": way}
        if not self.form.mode_valid or not given["data"] or not given["instance"]:
            return None
        if self.mode == "tuning":
            spec = tuning_spec(given, self.requirements, self.form.features_once.isChecked())
            # SageMaker takes results over from other data only when it is told so.
            other = self._parent_data.get(given["parent"] or "") not in (None, "", spec.data_uri.rstrip("/"))
            return replace(spec, warm_start="TransferLearning") if other else spec
        single = training_spec(given, self.requirements)
        return self._continued.of(single) if self._continued is not None else single

    def update_state(self) -> None:
        """Cost, quota, permissions and buttons from the fields."""
        spec = self.spec()
        self._say_continued(spec)
        problem = spec_problem(spec) if isinstance(spec, TuningSpec) else None
        usable = spec is not None and problem is None
        wrong = "" if usable else problem or "Something in the form is missing or wrong"
        under_way = "A launch is under way" if self.busy else ""
        self.launch_button.hinder(self.ctx.hindrance or wrong or under_way)
        self.launch_button.setText(launch_words(spec))
        self.copy_button.hinder(wrong)
        self._role.setVisible(usable)
        self.quota.check(spec if usable else None)
        services = self.ctx.services
        if services is None or spec is None or problem:
            self.cost.show_nothing(problem or "")
            return
        pictures = self._pictures.get(spec.data_uri, 0)
        made = services.tuning.estimate(spec, services.prices, pictures)
        self._say_ways(services, pictures)
        self._say_limit(made, pictures)
        note = features_note(spec) if isinstance(spec, TuningSpec) else ""
        self.form.features_once.setToolTip(note)
        self.cost.show_estimate(spec, made, services.prices, services.region, note)

    def _say_ways(self, services: Services, pictures: int) -> None:
        """How long each way would take with the other fields as they are, and what to do without a GPU."""

        def estimate(way: str, **changes: Any) -> CostEstimate | None:
            spec = self._spec(way)
            return services.tuning.estimate(replace(spec, **changes), services.prices, pictures) if spec else None

        choices = self.form.field("way", Choices)
        for way, _ in WAYS:
            made = estimate(way) if pictures else None
            choices.set_note(way, estimate_words(made.seconds, made.expected) if made is not None else "")
        row, instance = self.form.row("way"), self.form.value("instance")
        if self.form.way == HEAD or services.prices.machine(instance).gpus:
            row.hint("")
            return
        there = estimate(TUNE, instance_type=GPU_INSTANCE) if pictures else None
        offered = self.form.field("instance", ComboBox).findData(GPU_INSTANCE) >= 0
        words = estimate_words(there.seconds, there.expected) if there is not None else ""
        row.hint(
            f"{instance} has no GPU. {GPU_INSTANCE}: {words}" if words and offered else f"{instance} has no GPU.",
            "warn",
            action=("Use it", lambda: self.form.set_values({"instance": GPU_INSTANCE})) if offered else None,
        )

    def _say_continued(self, spec: TrainingSpec | TuningSpec | None) -> None:
        if self._continued is None or self.mode == "tuning":
            self._continued_line.say("")
            return
        words, tone = self._continued.words(spec if isinstance(spec, TrainingSpec) else None)
        self._continued_line.say(words, tone, action=("Start anew", self.start_anew))

    def _say_limit(self, made: CostEstimate, pictures: int) -> None:
        """A job that will be stopped before its end is told before it is paid for."""
        row = self.form.row("minutes")
        if pictures and made.trial_seconds is not None and made.trial_seconds > row.value() * SECONDS_A_MINUTE:
            row.hint(f"It may take {duration(made.trial_seconds)}", "warn")
        elif row.valid:
            row.check()

    def _count_pictures(self) -> None:
        uri = self.form.value("data")
        if not uri:
            return
        if uri in self._pictures:
            self._say_pictures(uri)
            return
        self.ctx.with_services(
            self._read_pictures, uri, label="Count the pictures", key="training:pictures", on_error=lambda _: None
        )

    async def _read_pictures(self, services: Services, uri: str) -> None:
        self.set_pictures(uri, await services.tuning.pictures(uri))

    def set_pictures(self, uri: str, number: int) -> None:
        """How many pictures a place has, for the estimates."""
        self._pictures[uri] = number
        if uri == self.form.value("data"):
            self._say_pictures(uri)
            self.update_state()

    def _say_pictures(self, uri: str) -> None:
        found = self._pictures[uri]
        self.form.row("data").hint(
            count(found, "picture") if found else "This folder is empty.", "ok" if found else "err"
        )

    def _name_edited(self) -> None:
        if self.form.row("name").valid:
            self.ctx.with_services(
                self._check_name, self.form.value("name"), self.mode, label="Check the name",
                key="training:check-name", on_error=lambda _: None,
            )  # fmt: skip

    async def _check_name(self, services: Services, name: str, mode: str) -> None:
        who = services.tuning if mode == "tuning" else services.training
        problem = await who.check_name(name)
        if problem and (name, mode) == (self.form.value("name"), self.mode):
            self.form.row("name").hint(problem, "err")
            self.update_state()

    def _edit_requirements(self) -> None:
        self.ctx.tasks.start(self._ask_requirements(), label="Edit requirements.txt", key="training:requirements")

    async def _ask_requirements(self) -> None:
        dialog = RequirementsDialog(self.requirements, self.window())
        if await dialog.ask():
            self.requirements = dialog.value
            edited = self.requirements is not None
            self.form.requirements_button.setText("requirements.txt, edited…" if edited else "Edit requirements.txt…")

    def _launch(self) -> None:
        spec = self.spec()
        if spec is None:
            rows = MAIN[self.mode] | MORE[self.mode]
            wrong = next((key for key in rows if not self.form.row(key).valid), None)
            if wrong is not None:
                self.form.row(wrong).field.setFocus()
            return
        self.launchRequested.emit(spec)

    def _copy(self) -> None:
        spec = self.spec()
        if spec is not None:
            place = self.cli_place(spec)
            tuning = isinstance(spec, TuningSpec)
            command = LaunchTuning(spec, place=place) if isinstance(spec, TuningSpec) else LaunchTraining(spec, place)
            QGuiApplication.clipboard().setText(command.cli())
            words = "Its comments say which parts are placeholders." if tuning or place is None else ""
            self.ctx.notify.info("Copied", f"The AWS CLI line is on the clipboard. {words}".strip())

    def cli_place(self, spec: TrainingSpec | TuningSpec) -> CliPlace | None:
        """What a command line needs of the account; None while none is connected."""
        services, identity = self.ctx.services, self.ctx.identity
        if services is None or identity is None:
            return None
        return CliPlace(services.region, role_arn("Training", spec.output_bucket, identity))
