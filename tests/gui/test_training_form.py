"""The launch form: what it makes of the fields, what it refuses while one types, what it takes over from jobs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel

from console.tabs.training.form.requirements_dialog import (
    RequirementsDialog,
    requirements_problem,
    shipped_requirements,
)
from console.tabs.training.form.values import numbers, pairs, pairs_text
from console.tabs.training.tuning.commands import tuning_cli
from tests.helpers.training_tab import DATA, shown
from tests.helpers.window import until
from workers.tuning.types import CategoricalRange, ContinuousRange, TuningJob, TuningSpec
from workers.types import TrainingJob, TrainingSpec

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


async def test_the_defaults_are_a_valid_tuning_job(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application)
    spec = form.spec()
    assert isinstance(spec, TuningSpec)
    assert (spec.max_jobs, spec.max_parallel, spec.early_stopping) == (12, 3, "Auto")
    assert (spec.instance_type, spec.instance_count) == ("ml.m5.2xlarge", 1)
    assert spec.ranges == (
        ContinuousRange("learning_rate", 1e-4, 1e-1, "Logarithmic"),
        CategoricalRange("batch_size", ("32", "64", "128", "256")),
    )
    assert len(spec.tuning_name) <= 32
    assert form.launch_button.isEnabled()
    assert form.launch_button.text() == "Launch 12 jobs"
    assert form.cost.words.startswith("$")
    assert "12 jobs" in form.cost.words and "At most $" in form.cost.words


@pytest.mark.parametrize(
    ("values", "row", "words"),
    [
        ({"range": (0.1, 0.001)}, "range", "upside down"),
        ({"range": (0.0, 0.1)}, "range", "above 0"),
        ({"range": (0.01, 0.01)}, "range", "nothing to tune"),
        ({"range": (0.5, 1.5), "scale": "ReverseLogarithmic"}, "range", "below 1"),
        ({"jobs": 2, "parallel": 3}, "parallel", "More than the 2 jobs"),
        ({"batches": ()}, "batches", "at least one"),
        ({"name": "x" * 40}, "name", "at most 32"),
        ({"tags": "team"}, "tags", "name=value"),
        ({"strategy": "Grid", "rates": "0.1, fast"}, "rates", "Numbers"),
    ],
)
async def test_what_cannot_be_launched_is_said_at_its_field(
    make_application: Callable[..., Any], values: dict[str, Any], row: str, words: str
) -> None:
    form = await shown(make_application)
    form.form.set_values(values)
    assert words in form.form.row(row).hint_text
    assert form.spec() is None
    assert not form.launch_button.isEnabled()


async def test_a_field_put_right_lets_the_job_be_launched_again(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application)
    form.form.set_values({"jobs": 2})
    assert not form.launch_button.isEnabled()
    form.form.set_values({"parallel": 2})
    assert form.launch_button.isEnabled()
    assert form.launch_button.text() == "Launch 2 jobs"


async def test_a_wrong_field_of_another_mode_does_not_matter(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application)
    form.form.set_values({"range": (0.1, 0.001), "batches": ()})
    assert form.spec() is None
    form.modes.set_current("single")
    assert isinstance(form.spec(), TrainingSpec)
    assert not form.form.row("range").isVisibleTo(form)


async def test_a_grid_takes_sets_of_values_and_knows_its_number_of_jobs(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application)
    form.form.set_values({"strategy": "Grid", "rates": "0.001, 0.01, 0.1", "batches": (32, 64), "parallel": 2})
    spec = form.spec()
    assert isinstance(spec, TuningSpec)
    assert spec.ranges[0] == CategoricalRange("learning_rate", ("0.001", "0.01", "0.1"))
    assert form.launch_button.text() == "Launch 6 jobs"
    assert form.launch_button.isEnabled()
    form.form.set_values({"parallel": 7})
    assert not form.launch_button.isEnabled()


async def test_hyperband_needs_no_other_early_stopping(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application)
    form.form.set_values({"strategy": "Hyperband"})
    spec = form.spec()
    assert isinstance(spec, TuningSpec)
    assert spec.early_stopping == "Off"
    assert form.launch_button.isEnabled()


async def test_a_warm_start_from_other_data_says_so(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application)
    form.offer_parents(
        [
            TuningJob("same", "Completed", NOW, data_uri=DATA + "/"),
            TuningJob("other", "Completed", NOW, data_uri="s3://dogs-1/cats/"),
            TuningJob("running", "InProgress", NOW),
        ]
    )
    kinds = {}
    for name in ("same", "other"):
        form.form.set_values({"parent": name})
        spec = form.spec()
        assert isinstance(spec, TuningSpec)
        kinds[spec.parents] = spec.warm_start
    assert kinds == {("same",): "IdenticalDataAndAlgorithm", ("other",): "TransferLearning"}
    assert form.form.row("parent").field.findData("running") < 0  # type: ignore[attr-defined]


async def test_several_hosts_start_at_four(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "hosts")
    spec = form.spec()
    assert isinstance(spec, TrainingSpec)
    assert spec.instance_count == 4
    assert "gloo" in form.form.row("count").hint_text
    assert "4 hosts" in form.cost.words
    form.form.set_values({"count": 1})
    assert not form.launch_button.isEnabled()
    form.modes.set_current("single")
    single = form.spec()
    assert isinstance(single, TrainingSpec)
    assert single.instance_count == 1


async def test_the_estimate_follows_the_form(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application)

    def total() -> float:
        return float(form.cost.total.text().removeprefix("$"))

    twelve = total()
    form.form.set_values({"jobs": 24})
    assert total() > twelve * 1.5
    form.form.set_values({"range": (1.0, 0.1)})
    assert form.cost.total.text() == "–"


async def test_a_job_is_taken_over_with_all_its_hyperparameters(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application)
    job = TrainingJob(
        "dogs-20260130-101010", "Completed", NOW, instance_type="ml.m5.4xlarge", instance_count=2,
        max_runtime_seconds=1800, data_uri=DATA + "/",
        hyperparameters={"epochs": "7", "learning_rate": "0.02", "batch_size": '"32"', "views": "2",
                         "weight_decay": "0.1", "sagemaker_program": "train.py", "_tuning_objective_metric": "x"},
    )  # fmt: skip
    form.clone(job)
    spec = form.spec()
    assert form.mode == "hosts"
    assert isinstance(spec, TrainingSpec)
    assert spec.job_name.startswith("dogs-2") and spec.job_name != job.name
    assert (spec.epochs, spec.learning_rate, spec.batch_size) == (7, 0.02, 32)
    assert (spec.instance_type, spec.instance_count, spec.max_runtime_seconds) == ("ml.m5.4xlarge", 2, 1800)
    assert spec.hyperparameters == {"views": "2", "weight_decay": "0.1"}
    assert spec.data_uri == DATA


async def test_a_tuning_job_is_taken_over(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "single")
    ranges = (ContinuousRange("learning_rate", 0.01, 0.2, "Linear"), CategoricalRange("batch_size", ("16", "64")))
    job = TuningJob(
        "dogs-tuning-20260130-101010", "Stopped", NOW, strategy="Random", max_jobs=5, max_parallel=2, ranges=ranges,
        objective_metric="valid:loss", early_stopping="Off", instance_type="ml.m5.xlarge", instance_count=1,
        trial_seconds=600, data_uri=DATA, static_hyperparameters={"epochs": "4", "backbone": "resnet18"},
    )  # fmt: skip
    form.clone(job)
    spec = form.spec()
    assert isinstance(spec, TuningSpec)
    assert (spec.ranges, spec.max_jobs, spec.max_parallel, spec.strategy) == (ranges, 5, 2, "Random")
    assert (spec.objective_metric, spec.maximize, spec.early_stopping) == ("valid:loss", False, "Off")
    assert (spec.epochs, spec.backbone, spec.trial_seconds) == (4, "resnet18", 600)


async def test_the_best_trial_fills_the_form_for_one_or_several_hosts(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application)
    spec = TrainingSpec("dogs-tuning-best", DATA, "dogs-1", learning_rate=0.0123, batch_size=32, epochs=9,
                        instance_type="ml.m5.2xlarge", hyperparameters={"views": "2"})  # fmt: skip
    form.fill(spec)
    single = form.spec()
    assert isinstance(single, TrainingSpec)
    assert replace(single, job_name="dogs-tuning-best") == spec
    form.modes.set_current("hosts")
    several = form.spec()
    assert isinstance(several, TrainingSpec)
    assert (several.instance_count, several.learning_rate, several.batch_size) == (4, 0.0123, 32)


async def test_requirements_of_one_launch(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application)
    dialog = RequirementsDialog(None, form)
    assert dialog.value is None
    dialog.editor.setPlainText(shipped_requirements() + "pandas>=2.2\n")
    assert dialog.ok_button.isEnabled()
    form.requirements = dialog.value
    spec = form.spec()
    assert isinstance(spec, TuningSpec)
    assert spec.requirements is not None and spec.requirements.endswith("pandas>=2.2\n")
    dialog.editor.setPlainText("pandas >= \n")
    assert not dialog.ok_button.isEnabled()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("pandas==2.2.0\n# a word\n\n-r other.txt\ntorch[opt]>=2,<3 ; python_version > '3.9'\n", None),
        ("pip @ https://example.org/pip.whl\n", None),
        ("pandas\npandas==\n", "Line 2"),
        ("two words\n", "Line 1"),
    ],
)
def test_requirement_lines(text: str, problem: str | None) -> None:
    found = requirements_problem(text)
    assert found is None if problem is None else (found or "").startswith(problem)


def test_pairs_and_numbers() -> None:
    assert pairs("a=1, b = x=y ,") == {"a": "1", "b": "x=y"}
    assert pairs(pairs_text({"seed": "3"})) == {"seed": "3"}
    with pytest.raises(ValueError, match="twice"):
        pairs("a=1,a=2")
    assert numbers("1e-3, 0.1") == [0.001, 0.1]
    with pytest.raises(ValueError, match="greater than 0"):
        numbers("0.1, -1")


def test_the_cli_line_can_be_read_back() -> None:
    spec = TuningSpec("dogs", DATA, "dogs-1", parents=("older",))
    words = shlex.split(tuning_cli(spec))
    assert words[:3] == ["aws", "sagemaker", "create-hyper-parameter-tuning-job"]
    config = json.loads(words[words.index("--hyper-parameter-tuning-job-config") + 1])
    definition = json.loads(words[words.index("--training-job-definition") + 1])
    assert config["ResourceLimits"] == {"MaxParallelTrainingJobs": 3, "MaxNumberOfTrainingJobs": 12}
    objective = config["HyperParameterTuningJobObjective"]["MetricName"]
    assert objective in [metric["Name"] for metric in definition["AlgorithmSpecification"]["MetricDefinitions"]]
    assert json.loads(words[-1])["ParentHyperParameterTuningJobs"] == [{"HyperParameterTuningJobName": "older"}]


async def test_more_settings_are_scrolled_into_sight(make_application: Callable[..., Any], qtbot: Any) -> None:
    form = await shown(make_application, "single")
    form.prewarm = lambda: None  # type: ignore[method-assign]
    qtbot.addWidget(form)
    form.resize(320, 620)
    form.show()
    field = form.form.row("tags").field
    form.form.more_button.click()
    await until(lambda: field.isVisible() and field.visibleRegion().boundingRect() == field.rect())


async def test_fifty_hosts_are_never_five(make_application: Callable[..., Any], qtbot: Any) -> None:
    form = await shown(make_application, "hosts")
    field: Any = form.form.row("count").field
    field.lineEdit().selectAll()
    qtbot.keyClicks(field.lineEdit(), "50")
    spec = form.spec()
    assert field.value() == 32 and (spec is None or spec.instance_count == 32)
    words = " ".join(text.text() for text in form.form.row("count").findChildren(QLabel))
    assert "32" in words, "what became of the 50 is said"


async def test_a_job_is_called_after_the_set_that_it_is_trained_on(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "single")
    names = {
        "s3://bucket/furniture/": "furniture-2",
        "s3://bucket/sample-dogs": "dogs-2",
        "s3://bucket/sets/Früchte 1": "Fr-chte-1-2",
        "s3://bucket": "pictures-2",
    }
    for uri, start in names.items():
        form.choose_data(uri)
        assert form.form.value("name").startswith(start)
        form.renew_name()
        assert form.form.value("name").startswith(start)
    form.modes.set_current("tuning")
    form.choose_data("s3://bucket/a-very-long-name-of-a-set")
    assert form.form.value("name").startswith("a-very-lo-tuning-2") and form.form.row("name").valid
    form.form.set_values({"name": "mine"})
    form.choose_data("s3://bucket/furniture")
    assert form.form.value("name") == "mine"
