"""Training jobs: launching, paging through thousands, details once, curves of the job's own regexes."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.workers.fake_aws import MISSING, FakeRoles, FakeSession, Refused
from workers.access.role_wait import when_role_is_known
from workers.aws import creating
from workers.aws.creating import ATTEMPT_TAG
from workers.errors.tree import AccessDenied, Conflict, InvalidInput, LocalProblem, Unreachable
from workers.launcher.request import Launched
from workers.paths import METRIC_DEFINITIONS
from workers.training.jobs import Training
from workers.training.request import launch_request
from workers.types import LogEvent, TrainingJob, TrainingSpec

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
SPEC = TrainingSpec("dogs-1", "s3://data/dogs", "data")


def raise_(error):
    raise error


class FakeLauncher:
    def __init__(self, *errors):
        self.errors, self.requests = list(errors), []

    async def launch(self, request):
        self.requests.append(request)
        if self.errors:
            raise self.errors.pop(0)
        return Launched(request.job_name, "arn")


def training(launcher=None, **handlers):
    session = FakeSession(**handlers)
    return session, Training(session, launcher or FakeLauncher(), FakeRoles())


def described(name, status="Completed", **more):
    return {
        "TrainingJobName": name,
        "TrainingJobArn": f"arn:aws:sagemaker:us-east-1:1:training-job/{name}",
        "TrainingJobStatus": status,
        "CreationTime": START,
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 30},
        **more,
    }


def test_launch_sends_the_form_with_the_buckets_role():
    launcher = FakeLauncher()
    _, jobs = training(launcher)
    assert asyncio.run(jobs.launch(SPEC)) == "dogs-1"
    request = launcher.requests[0]
    assert request.role_arn.endswith("SageDeckTraining-data")
    assert request.channels == {"training": "s3://data/dogs/"}
    assert request.environment == {"PYTHONUNBUFFERED": "1"}


def test_a_role_that_is_not_known_yet_is_waited_for():
    tries = []

    async def call():
        tries.append(1)
        if len(tries) < 3:
            raise InvalidInput("Could not start", "m", details="Could not assume role arn:aws:iam::1:role/x.")
        return "started"

    assert asyncio.run(when_role_is_known(call, waits=(0, 0))) == "started"
    tries.clear()
    with pytest.raises(InvalidInput):
        asyncio.run(when_role_is_known(call, waits=(0,)))


def test_another_refusal_is_not_retried():
    launcher = FakeLauncher(InvalidInput("no", "the image is wrong"))
    with pytest.raises(InvalidInput):
        asyncio.run(training(launcher)[1].launch(SPEC))
    assert len(launcher.requests) == 1


def launch_that_died(monkeypatch, tags_of, error=None, **handlers):
    """A launcher that fails, in an account with a job of this name whose tags ``tags_of(request)`` tells."""
    monkeypatch.setattr(creating, "LOOK_AGAIN_SECONDS", (0.0,))
    launcher = FakeLauncher(error or LocalProblem("The launcher stopped", "m"))
    session, jobs = training(
        launcher,
        **{
            "describe_training_job": lambda **_: described("dogs-1"),
            "list_tags": lambda **_: {"Tags": tags_of(launcher.requests[-1])},
            "stop_training_job": lambda **_: {},
            **handlers,
        },
    )
    return session, jobs


def own_tags(request):
    return [{"Key": key, "Value": value} for key, value in request.tags.items()]


def taken(retried):
    error = Conflict("Could not start the job dogs-1", "already exists")
    error.retried = retried
    return error


@pytest.mark.parametrize("error", [LocalProblem("The launcher stopped", "m"), taken(True), Unreachable("t", "m")])
def test_a_job_that_started_although_the_answer_was_lost_counts_as_launched(monkeypatch, error):
    session, jobs = launch_that_died(monkeypatch, own_tags, error)
    assert asyncio.run(jobs.launch(SPEC)) == "dogs-1"
    assert session.made("stop_training_job") == []
    _, jobs = launch_that_died(monkeypatch, own_tags, error, describe_training_job=lambda **_: raise_(MISSING))
    with pytest.raises(type(error)) as told:
        asyncio.run(jobs.launch(SPEC))
    assert told.value.left == ()


def test_a_name_that_somebody_else_has_is_a_conflict(monkeypatch):
    for error in (taken(True), taken(False)):
        session, jobs = launch_that_died(monkeypatch, lambda request: [], error)
        with pytest.raises(Conflict) as told:
            asyncio.run(jobs.launch(SPEC))
        assert told.value.left == () and session.made("stop_training_job") == []


def test_a_job_that_cannot_be_asked_for_is_told_as_left(monkeypatch):
    silent = Unreachable("No answer", "m")
    _, jobs = launch_that_died(monkeypatch, own_tags, silent, list_tags=lambda **_: raise_(Unreachable("t", "m")))
    with pytest.raises(Unreachable) as told:
        asyncio.run(jobs.launch(SPEC))
    assert [(left.kind, left.name) for left in told.value.left] == [("training job", "dogs-1")]
    assert "Left in the account: training job dogs-1" in told.value.message
    assert "aws sagemaker stop-training-job --training-job-name dogs-1" in told.value.cleanup


def test_cancelling_a_launch_stops_the_job_that_it_made(monkeypatch):
    async def body():
        session, jobs = launch_that_died(monkeypatch, own_tags)
        under_way = asyncio.Event()

        async def launch(request):
            under_way.set()
            await asyncio.sleep(0)
            return Launched(request.job_name, "arn")

        jobs._launcher.launch = launch
        task = asyncio.ensure_future(jobs.launch(SPEC))
        await under_way.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return session.made("stop_training_job")

    assert asyncio.run(body()) == [{"TrainingJobName": "dogs-1"}]


def test_a_name_that_is_taken_is_told_before_the_launch():
    _, jobs = training(describe_training_job=lambda TrainingJobName: described(TrainingJobName))
    assert "exists already" in asyncio.run(jobs.check_name("dogs-1"))
    _, jobs = training(describe_training_job=lambda **_: raise_(MISSING))
    assert asyncio.run(jobs.check_name("dogs-1")) is None


def test_an_older_job_of_the_same_name_does_not_count_as_launched(monkeypatch):
    _, jobs = launch_that_died(monkeypatch, lambda request: [{"Key": ATTEMPT_TAG, "Value": "another attempt"}])
    with pytest.raises(LocalProblem):
        asyncio.run(jobs.launch(SPEC))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"instance_count": 0}, "number of instances"),
        ({"epochs": 0}, "epochs"),
        ({"learning_rate": 0.0}, "learning rate"),
        ({"learning_rate": float("nan")}, "learning rate"),
        ({"learning_rate": float("inf")}, "learning rate"),
        ({"data_uri": "/home/me/pictures"}, "S3"),
        ({"job_name": "dogs and cats"}, "a space"),
        ({"output_bucket": ""}, "bucket"),
    ],
)
def test_a_form_that_cannot_work_is_refused_before_anything_is_sent(change, words):
    fields = {"job_name": "dogs-1", "data_uri": "s3://data/dogs", "output_bucket": "data", **change}
    with pytest.raises(InvalidInput, match=words):
        launch_request(TrainingSpec(**fields), "us-east-1")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "missing"),
        ("a" * 64, "64 characters"),
        ("dogs_1", "_"),
        ("-dogs", "begin or end"),
        ("ümlaut", "ü"),
        ("taken", "exists already"),
        ("dogs-1", None),
        ("a" * 63, None),
    ],
)
def test_a_name_is_checked_in_words(name, words):
    _, jobs = training(
        describe_training_job=lambda TrainingJobName: (
            described("taken")
            if TrainingJobName == "taken"
            else raise_(Refused("ValidationException", "Requested resource not found."))
        )
    )
    problem = asyncio.run(jobs.check_name(name))
    assert (problem is None) if words is None else (words in problem)


def listing(total):
    """ListTrainingJobs over ``total`` jobs, with its parameters honoured."""

    def list_training_jobs(MaxResults, SortBy, SortOrder, NameContains="", StatusEquals=None, NextToken="0"):
        assert (SortBy, SortOrder) == ("CreationTime", "Descending")
        names = [f"job-{at:05}" for at in reversed(range(total)) if NameContains in f"job-{at:05}"]
        first = int(NextToken)
        answer = {
            "TrainingJobSummaries": [
                {
                    "TrainingJobName": name,
                    "TrainingJobStatus": StatusEquals or "Completed",
                    "CreationTime": START,
                    "TrainingJobArn": name,
                }
                for name in names[first : first + MaxResults]
            ]
        }
        if first + MaxResults < len(names):
            answer["NextToken"] = str(first + MaxResults)
        return answer

    return list_training_jobs


def test_all_of_thousands_of_jobs_are_listed_newest_first():
    session, jobs = training(list_training_jobs=listing(3210))

    async def body():
        return [job.name async for job in jobs.jobs()]

    names = asyncio.run(body())
    assert len(names) == 3210
    assert names == sorted(names, reverse=True)
    assert len(session.made("list_training_jobs")) == 33


def test_pages_are_fetched_only_when_they_are_asked_for():
    session, jobs = training(list_training_jobs=listing(3210))

    async def body():
        page = await jobs.list(size=50)
        return page, await jobs.list(size=50, token=page.token)

    first, second = asyncio.run(body())
    assert (len(first.jobs), second.jobs[0].name) == (50, "job-03159")
    assert len(session.made("list_training_jobs")) == 2


def test_search_and_status_are_left_to_the_service():
    session, jobs = training(list_training_jobs=listing(300))
    page = asyncio.run(jobs.list(search="0029", status="Failed"))
    assert page.jobs[0].name == "job-00299"
    assert {job.status for job in page.jobs} == {"Failed"}
    assert session.made("list_training_jobs")[0]["StatusEquals"] == "Failed"


def test_details_come_a_few_at_a_time_and_once_for_finished_jobs():
    session, jobs = training(
        list_training_jobs=listing(20),
        describe_training_job=lambda TrainingJobName: described(
            TrainingJobName, "InProgress" if TrainingJobName == "job-00000" else "Completed"
        ),
    )

    async def body():
        first = await jobs.complete((await jobs.list()).jobs)
        return first, await jobs.complete((await jobs.list()).jobs)

    first, second = asyncio.run(body())
    assert {job.instance_type for job in first} == {"ml.m5.xlarge"}
    assert first == second
    # The running one again, the finished ones not.
    assert len(session.made("describe_training_job")) == 21
    assert 1 < session.most_running <= 4


def test_a_row_whose_details_are_refused_stays():
    _, jobs = training(list_training_jobs=listing(3), describe_training_job=lambda **_: raise_(Refused("AccessDenied")))

    async def body():
        return await jobs.complete((await jobs.list()).jobs)

    assert [job.instance_type for job in asyncio.run(body())] == ["", "", ""]
    with pytest.raises(AccessDenied):
        asyncio.run(jobs.describe("job-00001"))


def test_describe_reads_what_a_table_and_a_report_need():
    channel = {"ChannelName": "training", "DataSource": {"S3DataSource": {"S3Uri": "s3://data/dogs/"}}}
    code = {"ChannelName": "code", "DataSource": {"S3DataSource": {"S3Uri": "s3://data/code"}}}
    answer = described(
        "dogs-1",
        BillableTimeInSeconds=90,
        TrainingStartTime=START,
        TrainingEndTime=START + timedelta(seconds=90),
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        HyperParameters={"epochs": "3"},
        AlgorithmSpecification={"MetricDefinitions": [{"Name": "a", "Regex": "a=(.*)"}]},
        FinalMetricDataList=[{"MetricName": "a", "Value": 0.5}],
        InputDataConfig=[code, channel],
        ModelArtifacts={"S3ModelArtifacts": "s3://data/sagedeck/jobs/dogs-1/output/model.tar.gz"},
        OutputDataConfig={"S3OutputPath": "s3://data/sagedeck/jobs/"},
    )
    job = asyncio.run(training(describe_training_job=lambda TrainingJobName: answer)[1].describe("dogs-1"))
    assert (job.instance_count, job.billable_seconds, job.max_runtime_seconds) == (2, 90, 600)
    assert job.data_uri == "s3://data/dogs/"
    assert job.output_uri == "s3://data/sagedeck/jobs/dogs-1/output/output.tar.gz"
    assert job.metric_definitions == (("a", "a=(.*)"),)
    assert job.final_metrics == {"a": 0.5}


def ours():
    return tuple((item["Name"], item["Regex"]) for item in json.loads(METRIC_DEFINITIONS.read_text()))


def job_with(*definitions):
    return TrainingJob("dogs-1", "InProgress", START, metric_definitions=definitions)


def events(*lines):
    return [LogEvent(START + timedelta(seconds=at), line, "dogs-1/algo-1") for at, line in enumerate(lines)]


def test_curves_come_from_the_jobs_own_definitions():
    _, jobs = training()
    lines = events(
        "data: 12 classes",
        "epoch=1/3 train_loss=0.9 train_acc=0.5 valid_loss=1.5e-1 valid_acc=0.6 images_per_s=99.5 seconds=1.20",
        "epoch=2/3 train_loss=nan train_acc=0.7 valid_loss=0.7 valid_acc=0.8 images_per_s=100 seconds=1.10",
        "test_acc=0.8",
    )
    first, second = jobs.curves(job_with(*ours()), lines)
    assert (first.epoch, first.epochs, second.epoch) == (1, 3, 2)
    assert first.values == {
        "train:loss": 0.9, "train:accuracy": 0.5, "valid:loss": 0.15, "valid:accuracy": 0.6, "images_per_second": 99.5,
    }  # fmt: skip
    assert second.values["train:loss"] != second.values["train:loss"]
    assert second.at == START + timedelta(seconds=2)


def test_curves_of_a_script_without_epochs_count_its_reports():
    lines = events("Testing Loss: 1.25", "noise", "Testing Loss: 0.75", "Testing Loss: 0.5")
    curves = training()[1].curves(job_with(("loss", r"Testing Loss: ([0-9\.]+)")), lines)
    assert [(row.epoch, row.values["loss"]) for row in curves] == [(1, 1.25), (2, 0.75), (3, 0.5)]


def test_curves_of_several_hosts_are_not_doubled_and_bad_regexes_are_skipped():
    lines = events("epoch=1/2 train_loss=0.9", "epoch=1/2 train_loss=0.9", "epoch=2/2 train_loss=0.4")
    curves = training()[1].curves(job_with(*ours(), ("broken", "(")), lines)
    assert [(row.epoch, row.values) for row in curves] == [(1, {"train:loss": 0.9}), (2, {"train:loss": 0.4})]


@pytest.mark.parametrize(
    ("regex", "line"),
    [
        (r"colou?r=(\d+)", "color=3"),
        (r"x*y=(\d+)", "y=3"),
        (r"7\.5|3", "it is 3"),
        (r"(?:a|b)=(\d+)", "b=3"),
        (r"(?i)LOSS (\d+)", "loss 3"),
        (r"\bloss (\d+)", "the loss 3"),
        (r"a{0,2}b=(\d+)", "b=3"),
        (r"[Ll]oss (\d+)", "loss 3"),
        (r"^loss (\d+)", "loss 3"),
        (r"loss \((\d+)\)", "loss (3)"),
    ],
)
def test_looking_for_the_plain_text_first_misses_no_match(regex, line):
    (row,) = training()[1].curves(job_with(("value", regex)), events(line))
    assert row.values == {"value": 3}


def test_a_million_other_lines_are_passed_over_quickly():
    reader = training()[1].curve_reader(job_with(*ours()))
    line = "INFO a line of a chatty script, with nothing in it that could be a metric, 80 characters long"
    lines = events("epoch=1/2 train_loss=0.9") + [LogEvent(START, line)] * 100_000
    began = time.thread_time()
    reader.feed(lines)
    # 100,000 lines; the bare searches of seven regexes take several times as long.
    assert time.thread_time() - began < 1.0
    assert len(reader.epochs) == 1


def test_a_reader_fed_piece_by_piece_says_whether_anything_was_new():
    reader = training()[1].curve_reader(job_with(*ours()))
    assert not reader.feed(events("hello"))
    assert reader.feed(events("epoch=1/2 train_loss=0.9"))
    assert not reader.feed(events("epoch=1/2 train_loss=0.9"))
    assert len(reader.epochs) == 1


def test_stop_asks_the_service():
    session, jobs = training(stop_training_job=lambda TrainingJobName: {})
    asyncio.run(jobs.stop("dogs-1"))
    assert session.made("stop_training_job") == [{"TrainingJobName": "dogs-1"}]
