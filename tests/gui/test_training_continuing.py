"""Going on from a job's checkpoints, and taking a spot job's instances away: what is offered, said and sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from console.models.format import percents
from console.tabs.training.commands import InterruptTraining, LaunchTraining, StopTraining
from console.tabs.training.detail import JobDetail
from console.tabs.training.form.continuing import DEFAULTS, MORE_EPOCHS, can_continue
from console.tabs.training.menu import Actions, menu_of
from console.tabs.training.rows import JobRow, spot_words
from sagedeck_training import settings
from tests.helpers.training_tab import DATA, shown
from tests.helpers.window import connect, until
from workers.types import TrainingJob, TrainingSpec

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
KEPT = "s3://dogs-1/sagedeck/jobs/dogs/checkpoints"
JOB = TrainingJob(
    "dogs-20260130-101010", "Completed", NOW, instance_type="ml.g4dn.xlarge", instance_count=1,
    max_runtime_seconds=3600, data_uri=DATA + "/", checkpoint_uri=KEPT,
    arn="arn:aws:sagemaker:us-east-1:1:training-job/d",
    hyperparameters={"backbone": "efficientnet_lite0", "epochs": "12", "unfreeze": "2"},
)  # fmt: skip


async def test_a_job_goes_on_for_ten_more_epochs_from_a_copy(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "single")
    form.continue_job(JOB, 12)
    await until(lambda: form.pictures)
    spec = form.spec()
    assert isinstance(spec, TrainingSpec)
    assert (spec.epochs, spec.continue_from, spec.continued_epochs) == (12 + MORE_EPOCHS, KEPT, 12)
    assert spec.job_name != JOB.name and spec.hyperparameters["unfreeze"] == "2"
    assert "after epoch 12" in form.continued_words and "stays as it is" in form.continued_words
    form.update_state()
    rest = form.cost.total.text()
    form.start_anew()
    whole = form.spec()
    assert isinstance(whole, TrainingSpec) and whole.continue_from == "" and whole.epochs == spec.epochs
    assert not form.continued_words and form.cost.total.text() > rest, "all epochs cost more than the rest of them"
    copied = LaunchTraining(spec).cli()
    assert f"aws s3 cp --recursive {KEPT}/ s3://dogs-1/sagedeck/jobs/{spec.job_name}/checkpoints/\n" in copied
    assert "aws s3 cp" not in LaunchTraining(whole).cli()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"way": "head"}, "what is trained"),
        ({"stages": "all"}, "what is trained"),
        ({"rate": 0.01, "batch": 32}, "batch size, learning rate"),
        ({"extra": "seed=3"}, "other settings (seed)"),
        ({"backbone": "resnet18"}, "other settings (backbone)"),
        ({"epochs": 12}, "its 12 epochs are done"),
    ],
)
async def test_what_does_not_fit_the_checkpoints_is_said_and_not_sent(
    make_application: Callable[..., Any], changes: dict[str, Any], words: str
) -> None:
    form = await shown(make_application, "single")
    form.continue_job(JOB, 12)
    form.form.set_values(changes)
    spec = form.spec()
    assert isinstance(spec, TrainingSpec) and spec.continue_from == ""
    assert words in form.continued_words


async def test_other_pictures_are_another_job(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "single")
    form.continue_job(JOB, 12)
    form.choose_data("s3://dogs-1/cats")
    spec = form.spec()
    assert isinstance(spec, TrainingSpec) and spec.continue_from == ""
    assert "other pictures" in form.continued_words


async def test_a_job_that_is_run_again_goes_on_from_nothing(make_application: Callable[..., Any]) -> None:
    form = await shown(make_application, "single")
    form.continue_job(JOB, 0)
    assert "epoch" not in form.continued_words, "how many it has done is not known"
    form.clone(JOB)
    spec = form.spec()
    assert isinstance(spec, TrainingSpec) and spec.continue_from == "" and spec.keep_checkpoints
    assert not form.continued_words


@pytest.mark.parametrize(
    ("job", "can"),
    [
        (JOB, True),
        (replace(JOB, status="Stopped"), True),
        (replace(JOB, status="Failed"), True),
        (replace(JOB, status="InProgress"), False),
        (replace(JOB, status="Stopping"), False),
        (replace(JOB, checkpoint_uri=""), False),
    ],
)
async def test_only_a_job_that_ended_with_checkpoints_offers_it(
    make_application: Callable[..., Any], qtbot: Any, job: TrainingJob, can: bool
) -> None:
    application = make_application()
    await connect(application)
    assert can_continue(job) is can
    detail = JobDetail(application.ctx)
    qtbot.addWidget(detail)
    # Showing it would follow its log, too.
    detail._set_job(job)
    assert detail.continue_button.isVisibleTo(detail) is can
    names = [entry[0] for entry in menu_of(application.ctx, [JobRow(job)], ACTIONS, False)]
    assert (f"Continue for {MORE_EPOCHS} more epochs…" in names) is can


ACTIONS = Actions(*[lambda: None] * 7)
SPOT = replace(JOB, status="InProgress", secondary_status="Training", spot=True)


@pytest.mark.parametrize("can", [True, False])
async def test_interrupting_is_offered_where_the_account_can(make_application: Callable[..., Any], can: bool) -> None:
    application = make_application()
    services = await connect(application)
    services.training = SimpleNamespace(can_interrupt=lambda job: can)
    names = [entry[0] for entry in menu_of(application.ctx, [JobRow(SPOT)], ACTIONS, False)]
    assert ("Interrupt as AWS would…" in names) is can
    application.ctx.set_read_only(True)
    names = [entry[0] for entry in menu_of(application.ctx, [JobRow(SPOT)], ACTIONS, False)]
    assert "Interrupt as AWS would…" not in names


def test_what_an_interruption_costs_is_asked_first() -> None:
    asked = InterruptTraining(SPOT).confirmation()
    assert "120 seconds" in asked.text and "last checkpoint" in asked.text
    assert "from its beginning" in InterruptTraining(replace(SPOT, checkpoint_uri="")).confirmation().text
    assert "add-tags" in InterruptTraining(SPOT).cli()
    stopped = StopTraining([SPOT]).confirmation()
    assert stopped is not None and "continue from its checkpoints" in stopped.text
    plain = StopTraining([replace(SPOT, checkpoint_uri="")]).confirmation()
    assert plain is not None and "A stopped job cannot go on." in plain.text


def test_the_list_tells_an_interruption() -> None:
    gone = replace(SPOT, secondary_status="Interrupted", interruptions=1)
    assert JobRow(gone).state == "Interrupted" and JobRow(SPOT).state == "InProgress"
    assert spot_words(gone) == "yes, interrupted 1 time"
    ended = replace(gone, status="Completed", interruptions=2, training_seconds=100, billable_seconds=32)
    assert spot_words(ended) == f"yes, interrupted 2 times, {percents(0.68)} saved"


@pytest.mark.parametrize("fine_tuned", [False, True])
def test_what_a_job_was_not_given_is_compared_as_the_script_takes_it(fine_tuned: bool) -> None:
    given = ["--unfreeze", "all"] if fine_tuned else []
    taken = asdict(settings.parse([*given, "--data-dir", ".", "--model-dir", "."], {}))
    told = {name: value for name, value in DEFAULTS[fine_tuned].items() if name != "unfreeze"}
    assert {name: str(taken[name]).lower().removesuffix(".0") for name in told} == told
