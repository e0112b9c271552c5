"""From a tuning form to the better model: features once, trials, leaderboard, curves, a training with the best."""

from __future__ import annotations

import pytest

from tests.helpers.pictures import make_folder
from tests.helpers.story import finished
from tests.helpers.waiting import until
from workers.errors.tree import Conflict, InvalidInput, NotFound
from workers.tuning.types import CategoricalRange, ContinuousRange, TuningSpec, TuningStep

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

NAME = "story-tuning"
SETTINGS = {"views": "2", "image_size": "64", "seed": "1"}
RANGES = (
    ContinuousRange("learning_rate", 1e-4, 1e-1, "Logarithmic"),
    CategoricalRange("batch_size", ("16", "32")),
)


@pytest.fixture(scope="module")
def spec(services, runner, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures") / "dogs"
    make_folder(folder, classes=3, per_class=12)

    async def upload():
        bucket = await services.storage.suggest_bucket_name()
        await services.storage.create_bucket(bucket)
        await services.uploader.upload(folder, bucket, "dogs")
        return bucket

    bucket = runner.run(upload())
    return TuningSpec(
        NAME,
        f"s3://{bucket}/dogs",
        bucket,
        epochs=3,
        ranges=RANGES,
        max_jobs=3,
        max_parallel=3,
        instance_type="ml.m5.xlarge",
        hyperparameters=SETTINGS,
        random_seed=1,
        tags={"project": "dogs"},
    )


async def ended(services, name, seconds=240.0):
    async def over():
        job = await services.tuning.describe(name)
        return None if job.running else job

    return await until(over, seconds, "the end of the tuning job", every=0.2)


@pytest.fixture(scope="module")
def tuned(services, runner, spec):
    """The tuning job when it has ended, and the steps of its launch."""
    steps: list[TuningStep] = []

    async def tune():
        assert await services.tuning.launch(spec, steps.append) == NAME
        return await ended(services, NAME)

    return runner.run(tune()), steps


def test_the_features_are_prepared_once_and_the_jobs_train_on_them(services, runner, spec, tuned):
    job, steps = tuned
    assert job.status == "Completed", job.failure_reason
    assert [step.phase for step in steps] == ["features", "creating"]
    assert not steps[0].reused
    assert job.counts.finished == 3 and job.counts.failed == 0
    assert job.features_uri.endswith(f"{steps[0].job_name}/output/model.tar.gz")
    assert job.data_uri == spec.data_uri + "/"
    assert job.ranges == spec.ranges
    assert (job.max_jobs, job.max_parallel, job.early_stopping, job.maximize) == (3, 3, "Auto", True)
    events, _ = runner.run(services.training.log(job.best.name))
    assert any("features: prepared ones are used" in event.message for event in events)

    again: list[TuningStep] = []
    features = runner.run(services.tuning._features.ensure(spec, again.append))
    assert features == job.features_uri and again[0].reused


def test_the_leaderboard_has_ranks_parameters_and_curves(services, runner, tuned):
    job, _ = tuned
    trials = runner.run(services.tuning.trials(job))
    assert [trial.rank for trial in trials] == [1, 2, 3]
    assert trials[0].name == job.best.name == runner.run(services.tuning.best(NAME)).name
    assert trials[0].objective >= trials[1].objective >= trials[2].objective
    assert all(1e-4 <= float(trial.hyperparameters["learning_rate"]) <= 1e-1 for trial in trials)
    assert {trial.hyperparameters["batch_size"] for trial in trials} <= {"16", "32"}
    assert all(trial.early_stopped == (trial.status == "Stopped") for trial in trials)
    curves = runner.run(services.tuning.curves(job, trials))
    best = curves[trials[0].name]
    assert [epoch.epoch for epoch in best] == [1, 2, 3]
    assert max(epoch.values["valid:accuracy"] for epoch in best) == pytest.approx(trials[0].objective)
    assert best[-1].values["valid:best_accuracy"] == pytest.approx(trials[0].objective)


def test_the_best_settings_start_a_training_on_the_same_pictures(services, runner, spec, tuned):
    job, _ = tuned
    form = services.tuning.training_spec(job, job.best, "story-best", instance_count=2)
    assert (form.data_uri, form.output_bucket, form.epochs) == (job.data_uri, spec.output_bucket, 3)
    assert str(form.batch_size) == job.best.hyperparameters["batch_size"]
    assert form.learning_rate == pytest.approx(float(job.best.hyperparameters["learning_rate"]))
    assert form.hyperparameters == SETTINGS

    async def train():
        return await finished(services, await services.training.launch(form))

    trained = runner.run(train())
    assert trained.status == "Completed", trained.failure_reason
    assert trained.instance_count == 2
    assert runner.run(services.training.report(trained)).test_accuracy is not None


def test_lists_names_and_refusals(services, runner, spec, tuned):
    page = runner.run(services.tuning.list(search="story"))
    assert [job.name for job in page.jobs] == [NAME]
    assert page.jobs[0].counts.finished == 3
    assert "exists already" in runner.run(services.tuning.check_name(NAME))
    assert runner.run(services.tuning.check_name("free-name")) is None
    assert runner.run(services.tuning.pictures(spec.data_uri)) == 36
    with pytest.raises(NotFound):
        runner.run(services.tuning.describe("nobody"))
    with pytest.raises(Conflict):
        runner.run(services.tuning.launch(spec))
    with pytest.raises(InvalidInput, match="upside down"):
        upside_down = (ContinuousRange("learning_rate", 0.1, 0.01),)
        runner.run(services.tuning.launch(TuningSpec("x", spec.data_uri, spec.output_bucket, ranges=upside_down)))
