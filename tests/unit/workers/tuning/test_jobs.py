"""Tuning: what a form may hold, the launcher's request, reading answers, features once, costs, a missing objective."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.workers.fake_aws import FakeRoles, FakeSession, Refused
from workers.aws import creating
from workers.errors.tree import InvalidInput, LocalProblem, ServiceFault
from workers.launcher.request import Launched, Range
from workers.prices.table import PriceTable
from workers.tuning.answers import leaderboard, read_detail, read_ranges, read_trial
from workers.tuning.costs import OVERHEAD_SECONDS, estimate
from workers.tuning.jobs import Tuning
from workers.tuning.objective import unseen_objective
from workers.tuning.pending import awaiting_forms
from workers.tuning.request import features_note, features_once, spec_problem, tuning_request
from workers.tuning.types import CategoricalRange, ContinuousRange, IntegerRange, Trial, TuningJob, TuningSpec

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
SPEC = TuningSpec("tune-dogs", "s3://data/dogs", "data")
NOT_FOUND = Refused("ResourceNotFound", "Amazon SageMaker can't find a tuning job.")


class FakeLauncher:
    def __init__(self, *errors):
        self.errors, self.requests = list(errors), []

    async def launch(self, request):
        self.requests.append(request)
        if self.errors:
            raise self.errors.pop(0)
        return Launched(request.job_name, "arn")


def changed(**members):
    return dataclasses.replace(SPEC, **members)


def one_range(*arguments):
    return changed(ranges=(ContinuousRange(*arguments),))


def test_the_defaults_are_twelve_jobs_three_at_a_time_with_early_stopping():
    assert spec_problem(SPEC) is None
    request = tuning_request(SPEC, "us-east-1")
    assert (request.tuning.max_jobs, request.tuning.max_parallel, request.tuning.early_stopping) == (12, 3, "Auto")
    assert request.tuning.ranges[0] == Range("Continuous", "learning_rate", 1e-4, 1e-1, "Logarithmic")
    assert request.hyperparameters == {"backbone": "efficientnet_lite0", "epochs": "10"}
    assert request.channels == {"training": "s3://data/dogs/"}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (one_range("learning_rate", 0.1, 0.01), "upside down"),
        (one_range("weight_decay", 0.0, 0.1, "Logarithmic"), "must start above 0"),
        (one_range("learning_rate", 0.0, 0.1, "Linear"), "greater than 0"),
        (one_range("label_smoothing", 0.0, 1.0, "ReverseLogarithmic"), "below 1"),
        (one_range("x", float("nan"), 1.0), "must be numbers"),
        (changed(ranges=(IntegerRange("epochs", 1, 5, "ReverseLogarithmic"),)), "whole numbers"),
        (changed(ranges=(CategoricalRange("batch_size", ()),)), "at least one value"),
        (changed(ranges=(CategoricalRange("batch_size", ("8", "8")),)), "the same value twice"),
        (changed(ranges=()), "nothing to tune"),
        (changed(ranges=SPEC.ranges * 2), "more than one range"),
        (changed(max_jobs=2), "3 parallel jobs are more than the 2 jobs"),
        (changed(max_parallel=0), "at least 1"),
        (changed(instance_count=0), "The number of instances must be at least 1"),
        (changed(max_runtime_seconds=60), "at least 120 seconds"),
        (changed(objective_metric="valid:f1"), "not a metric of the training script"),
        (changed(strategy="Grid"), "sets of values only"),
        (changed(strategy="Hyperband"), "early stopping must be off"),
        (changed(tuning_name="x" * 33), "at most 32"),
        (changed(tuning_name="with space"), "not a space"),
        (changed(data_uri="dogs"), "folder in S3"),
    ],
)
def test_a_form_that_cannot_run_says_why(spec, words):
    assert words in spec_problem(spec)
    with pytest.raises(InvalidInput):
        tuning_request(spec, "us-east-1")


def test_a_grid_knows_its_own_size():
    grid = changed(
        ranges=(CategoricalRange("batch_size", ("8", "16")),), strategy="Grid", max_jobs=None, max_parallel=2
    )
    assert tuning_request(grid, "us-east-1").tuning.max_jobs == 2
    assert "2 combinations" in spec_problem(dataclasses.replace(grid, max_jobs=3))


def test_features_are_shared_only_when_they_are_the_same_for_every_job():
    assert features_once(SPEC)
    assert not features_once(changed(features_once=False))
    assert not features_once(changed(hyperparameters={"unfreeze": "2"}))
    assert features_once(changed(hyperparameters={"unfreeze": "0"}))
    backbones = changed(ranges=(CategoricalRange("backbone", ("resnet18", "resnet50")),))
    assert not features_once(backbones) and "backbone differs" in features_note(backbones)
    request = tuning_request(SPEC, "us-east-1", "s3://data/f/model.tar.gz")
    assert request.channels == {"features": "s3://data/f/model.tar.gz"}
    assert request.environment["SAGEDECK_DATA_URI"] == "s3://data/dogs/"


def listing(**etags):
    return lambda **_: {"Contents": [{"Key": f"dogs/{name}", "ETag": etag} for name, etag in etags.items()]}


def features_key(spec=SPEC, **etags):
    session = FakeSession(list_objects_v2=listing(**(etags or {"a": "1", "b": "2"})))
    return asyncio.run(Tuning(session, FakeLauncher(), FakeRoles())._features.key(spec))


def test_the_features_key_follows_all_that_they_depend_on():
    key = features_key()
    assert key == features_key()
    assert key == features_key(changed(epochs=3, ranges=(), hyperparameters={"patience": "2"}))
    others = {
        features_key(a="1", b="3"),
        features_key(a="1"),
        features_key(changed(backbone="resnet18")),
        features_key(changed(hyperparameters={"image_size": "96"})),
        features_key(changed(hyperparameters={"views": "1"})),
    }
    assert len(others) == 5 and key not in others
    with pytest.raises(InvalidInput, match="empty"):
        session = FakeSession(list_objects_v2=lambda **_: {"Contents": []})
        asyncio.run(Tuning(session, FakeLauncher(), FakeRoles())._features.key(SPEC))


class Account:
    """Just enough of S3 and SageMaker for features: ``jobs`` maps a training job's name to its status."""

    def __init__(self, **jobs):
        self.jobs = jobs
        self.gone = set()
        self.launcher = FakeLauncher()
        self.session = FakeSession(
            list_objects_v2=listing(a="1"),
            list_training_jobs=self.list,
            describe_training_job=self.describe,
            describe_hyper_parameter_tuning_job=self.tuning,
            head_object=self.head,
            describe_log_streams=lambda **_: {"logStreams": []},
        )
        self.tuning_jobs = Tuning(self.session, self.launcher, FakeRoles())

    def list(self, NameContains="", **_):
        found = [name for name in self.jobs if NameContains in name]
        return {"TrainingJobSummaries": [self.row(name) for name in found]}

    def row(self, name):
        return {"TrainingJobName": name, "TrainingJobStatus": self.jobs[name], "CreationTime": START}

    def describe(self, TrainingJobName):
        if TrainingJobName not in self.jobs:
            for request in self.launcher.requests:
                if request.job_name == TrainingJobName:
                    self.jobs[TrainingJobName] = "Completed"
        return {
            **self.row(TrainingJobName),
            "ModelArtifacts": {"S3ModelArtifacts": f"s3://data/{TrainingJobName}/model.tar.gz"},
            "FailureReason": "AlgorithmError: no pictures" if self.jobs[TrainingJobName] == "Failed" else "",
        }

    def tuning(self, **_):
        raise NOT_FOUND

    def head(self, Key, **_):
        if Key in self.gone:
            raise Refused("404", "Not Found", 404)
        return {}

    def launch(self, spec=SPEC):
        steps = []
        asyncio.run(self.tuning_jobs.launch(spec, steps.append))
        return steps


@pytest.mark.parametrize("name", ["package/room/features.py", "package/room/folders.json", "requirements.txt"])
def test_the_features_key_follows_the_script_in_all_of_its_rooms(tmp_path, monkeypatch, name):
    monkeypatch.setattr("workers.tuning.features.TRAINING_SOURCE", tmp_path)
    module = tmp_path / name
    module.parent.mkdir(parents=True, exist_ok=True)
    keys = []
    for text in ("a = 1", "a = 2", "a = 1"):
        module.write_text(text)
        keys.append(features_key())
    module.rename(tmp_path / f"other{module.suffix}")
    assert keys[0] == keys[2] != keys[1] and features_key() != keys[0]


def test_features_are_computed_by_a_job_and_found_again():
    account = Account()
    steps = account.launch()
    features, tuning = account.launcher.requests
    assert features.job_name == f"features-{features_key(a='1')}-1" == steps[0].job_name
    assert features.hyperparameters["prepare_features"] == "true"
    assert tuning.channels == {"features": f"s3://data/{features.job_name}/model.tar.gz"}
    again = account.launch()
    assert again[0].reused and len(account.launcher.requests) == 3
    account.gone.add(f"{features.job_name}/model.tar.gz")
    anew = account.launch()
    assert anew[0].job_name.endswith("-2") and not anew[0].reused


def test_without_features_once_only_the_tuning_job_is_created():
    account = Account()
    assert [step.phase for step in account.launch(changed(features_once=False))] == ["creating"]
    (request,) = account.launcher.requests
    assert request.tuning is not None and request.channels == {"training": "s3://data/dogs/"}


def test_a_failed_preparation_stops_the_launch_and_names_the_job():
    name = f"features-{features_key(a='1')}-1"
    account = Account(**{name: "InProgress"})
    original = account.describe

    def fails(TrainingJobName):
        account.jobs[name] = "Failed"
        return original(TrainingJobName)

    account.session.handlers["describe_training_job"] = fails
    with pytest.raises(ServiceFault, match="no tuning job was created") as failure:
        account.launch()
    assert name in failure.value.message and not account.launcher.requests


class Waiting(Account):
    """Features that another launch is computing; they are there at the second look. ``tags`` are those added."""

    def __init__(self, name):
        super().__init__(**{name: "InProgress"})
        self.tags = []
        self.session.handlers["add_tags"] = lambda **given: self.tags.append(given) or {}

    def describe(self, TrainingJobName):
        answer = {**super().describe(TrainingJobName), "TrainingJobArn": f"arn:{TrainingJobName}"}
        self.jobs[TrainingJobName] = "Completed"
        return answer


def test_a_second_tuning_job_leaves_its_form_with_the_features_that_it_waits_for():
    name = f"features-{features_key(a='1')}-1"
    account = Waiting(name)
    steps = account.launch()
    (given,) = account.tags
    assert given["ResourceArn"] == f"arn:{name}"
    assert awaiting_forms({tag["Key"]: tag["Value"] for tag in given["Tags"]}) == {SPEC.tuning_name: SPEC}
    assert steps[0].text == "Waiting for the features that are being computed"


def test_who_may_not_write_down_the_wait_is_told_and_launches_all_the_same():
    account = Waiting(f"features-{features_key(a='1')}-1")

    def denied(**_):
        raise Refused("AccessDeniedException", "You may not.", 400)

    account.session.handlers["add_tags"] = denied
    steps = account.launch()
    assert "a window that is opened later will not know of it" in steps[0].text and steps[-1].phase == "creating"


def test_a_launcher_that_died_is_believed_only_when_the_job_is_missing(monkeypatch):
    monkeypatch.setattr(creating, "LOOK_AGAIN_SECONDS", (0.0,))
    account = Account()
    account.launcher.errors = [LocalProblem("The launcher stopped", "m")]
    with pytest.raises(LocalProblem):
        account.launch(changed(features_once=False))
    account.session.handlers["describe_hyper_parameter_tuning_job"] = lambda **_: DESCRIBED
    tags: list[dict[str, str]] = []
    account.session.handlers["list_tags"] = lambda **_: {"Tags": tags}
    account.launcher.errors = [LocalProblem("The launcher stopped", "m")]
    with pytest.raises(LocalProblem):
        account.launch(changed(features_once=False))

    def own(**_):
        return {"Tags": [{"Key": key, "Value": value} for key, value in account.launcher.requests[-1].tags.items()]}

    account.session.handlers["list_tags"] = own
    account.launcher.errors = [LocalProblem("The launcher stopped", "m")]
    account.launch(changed(features_once=False))


DESCRIBED = {
    "HyperParameterTuningJobName": "tune-dogs",
    "HyperParameterTuningJobArn": "arn:aws:sagemaker:us-east-1:1:hyper-parameter-tuning-job/tune-dogs",
    "HyperParameterTuningJobStatus": "InProgress",
    "CreationTime": START,
    "HyperParameterTuningJobConfig": {
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "average test loss"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 12, "MaxParallelTrainingJobs": 3},
        "ParameterRanges": {
            "ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.001", "MaxValue": "0.1"}],
            "CategoricalParameterRanges": [{"Name": "batch_size", "Values": ['"32"', '"64"']}],
        },
        "TrainingJobEarlyStoppingType": "Auto",
    },
    "TrainingJobDefinition": {
        "StaticHyperParameters": {
            "sagemaker_program": '"hpo.py"',
            "_tuning_objective_metric": "average test loss",
            "backbone": '"resnet50"',
            "epochs": "5",
        },
        "AlgorithmSpecification": {"MetricDefinitions": [{"Name": "average test loss", "Regex": "Loss: ([0-9.]+)"}]},
        "InputDataConfig": [{"ChannelName": "training", "DataSource": {"S3DataSource": {"S3Uri": "s3://data/dogs/"}}}],
        "OutputDataConfig": {"S3OutputPath": "s3://results/out"},
        "HyperParameterTuningResourceConfig": {
            "InstanceConfigs": [{"InstanceType": "ml.m5.2xlarge", "InstanceCount": 1}]
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 900},
    },
    "TrainingJobStatusCounters": {"Completed": 4, "InProgress": 3, "RetryableError": 0, "NonRetryableError": 1},
    "ObjectiveStatusCounters": {"Succeeded": 4, "Pending": 3, "Failed": 1},
}


def test_the_answers_of_other_sdks_are_read_without_their_quotes():
    job = read_detail(DESCRIBED)
    assert job.ranges[1] == CategoricalRange("batch_size", ("32", "64"))
    assert job.static_hyperparameters == {"backbone": "resnet50", "epochs": "5"}
    assert (job.instance_type, job.trial_seconds, job.data_uri) == ("ml.m5.2xlarge", 900, "s3://data/dogs/")
    assert (job.maximize, job.counts.finished, job.counts.launched) == (False, 5, 8)


def trial(name, minute, status="Completed", objective=None, ended=None):
    summary = {
        "TrainingJobName": name,
        "TrainingJobStatus": status,
        "CreationTime": START + timedelta(minutes=minute),
        "TunedHyperParameters": {"batch_size": '"64"', "learning_rate": "0.01"},
    }
    if objective is not None:
        summary["FinalHyperParameterTuningJobObjectiveMetric"] = {"MetricName": "loss", "Value": objective}
    if ended is not None:
        summary["TrainingEndTime"] = START + timedelta(minutes=ended)
    return read_trial(summary)


def test_the_leaderboard_ranks_and_tells_who_was_stopped_early():
    job = read_detail(DESCRIBED)
    trials = [
        trial("a", 0, objective=0.5),
        trial("b", 1, "Stopped", 0.9, ended=2),
        trial("c", 2, "InProgress"),
        trial("d", 3, objective=0.2),
    ]
    rows = leaderboard(job, trials)
    assert [(row.name, row.rank) for row in rows] == [("d", 1), ("a", 2), ("b", 3), ("c", None)]
    assert [row.name for row in rows if row.early_stopped] == ["b"]
    assert rows[0].hyperparameters == {"batch_size": "64", "learning_rate": "0.01"}


def test_in_a_stopped_tuning_job_only_what_ended_before_a_later_start_was_stopped_early():
    job = dataclasses.replace(read_detail(DESCRIBED), status="Stopped")
    trials = [
        trial("early", 0, "Stopped", 0.9, ended=2),
        trial("whole", 1, "Stopped", 0.8, ended=9),
        trial("last", 3, "Stopped", 0.7, ended=9),
    ]
    assert {row.name: row.early_stopped for row in leaderboard(job, trials)} == {
        "early": True,
        "whole": False,
        "last": False,
    }


def test_the_best_settings_become_a_form():
    job, best = read_detail(DESCRIBED), trial("d", 3, objective=0.2)
    form = Tuning(FakeSession(), FakeLauncher(), FakeRoles()).training_spec(job, best, "again", instance_count=4)
    assert (form.backbone, form.epochs, form.batch_size, form.learning_rate) == ("resnet50", 5, 64, 0.01)
    assert (form.output_bucket, form.instance_count, form.max_runtime_seconds) == ("results", 4, 900)


def test_the_estimate_is_price_times_time_times_jobs():
    prices = PriceTable.load()
    hour = prices.per_hour("ml.m5.2xlarge", "training", "us-east-1")
    found = estimate(SPEC, prices, "us-east-1", 1000, trial_seconds=100)
    assert found.expected == pytest.approx((12 * 100 + found.features_seconds) * hour / 3600)
    assert found.seconds == pytest.approx(found.features_seconds + 4 * 100)
    assert found.most > found.expected and prices.as_of in found.caption
    shared, alone = (
        estimate(SPEC, prices, "us-east-1", 9000),
        estimate(changed(features_once=False), prices, "us-east-1", 9000),
    )
    assert alone.features_seconds == 0 and alone.trial_seconds > shared.trial_seconds > OVERHEAD_SECONDS
    assert estimate(changed(instance_type="ml.none"), prices, "us-east-1", 10).expected is None


def test_an_objective_that_does_not_show_up_is_told_after_two_epochs():
    job = TuningJob(
        "t",
        "InProgress",
        START,
        objective_metric="acc",
        metric_definitions=(("acc", "valid_accuracy=([0-9.]+)"), ("loss", "loss=([0-9.]+)")),
    )
    lines = ["hello", "epoch 1 loss=0.5 valid_acc=0.4"]
    assert unseen_objective(job, "t-001", lines) is None
    lines.append("epoch 2 loss=0.4 valid_acc=0.5")
    told = unseen_objective(job, "t-001", lines)
    assert "t-001" in told and "valid_accuracy=" in told and "epoch 2 loss=0.4 valid_acc=0.5" in told
    assert unseen_objective(job, "t-001", [*lines, "valid_accuracy=0.5"]) is None


def test_a_running_trial_has_no_duration():
    assert trial("a", 0).seconds is None
    ended = Trial("a", "Completed", START, START, START + timedelta(seconds=90))
    assert ended.seconds == 90 and not ended.running


def test_curves_read_each_line_once_and_finished_trials_never_again():
    pages = {"t-001/algo-1-1": [["loss=0.9", "loss=0.5"], ["loss=0.4"], []]}
    state = {"page": 0}

    def events(nextToken=None, **_):
        lines = pages["t-001/algo-1-1"][state["page"]]
        state["page"] = min(state["page"] + 1, 2)
        return {
            "events": [{"timestamp": 1000, "message": line} for line in lines],
            "nextForwardToken": f"f/{state['page'] if lines else 2}",
        }

    session = FakeSession(
        describe_log_streams=lambda **_: {"logStreams": [{"logStreamName": "t-001/algo-1-1"}]}, get_log_events=events
    )
    tuning = Tuning(session, FakeLauncher(), FakeRoles())
    job = TuningJob("t", "InProgress", START, metric_definitions=(("loss", "loss=([0-9.]+)"),))

    async def story():
        running = Trial("t-001", "InProgress", START)
        first = await tuning.curves(job, [running])
        done = dataclasses.replace(running, status="Completed")
        await tuning.curves(job, [done])
        calls = len(session.calls)
        again = await tuning.curves(job, [done])
        assert len(session.calls) == calls
        return first, again

    first, again = asyncio.run(story())
    assert [epoch.values["loss"] for epoch in again["t-001"]] == [0.9, 0.5, 0.4]
    assert first == again


def test_a_range_whose_scale_is_not_reported_has_the_one_that_aws_takes():
    given = {
        "ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.1", "MaxValue": "1"}],
        "IntegerParameterRanges": [{"Name": "epochs", "MinValue": "1", "MaxValue": "9"}],
    }
    assert [span.scaling for span in read_ranges(given)] == ["Auto", "Auto"]
