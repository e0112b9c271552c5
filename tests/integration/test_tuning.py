"""Tuning jobs really search: trials are training jobs that run, are compared, stopped early, and survive nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.helpers.sagemaker_jobs import BUCKET, IMAGE, Account, archive, names_in
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# What operators bring: the toolkit's variables, arguments with underscores, a line that a regex reads.
HPO = r"""
import argparse, json, logging, math, os, sys
logging.basicConfig(stream=sys.stdout, level=logging.INFO)
parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float)
parser.add_argument("--batch_size", type=int, default=32)
parser.add_argument("--data", default=os.environ["SM_CHANNEL_TRAINING"])
parser.add_argument("--model_dir", default=os.environ["SM_MODEL_DIR"])
parser.add_argument("--output_dir", default=os.environ["SM_OUTPUT_DATA_DIR"])
args = parser.parse_args()
assert os.listdir(os.path.join(args.data, "train")) == ["one.txt"]
for epoch in range(3):
    loss = 0.1 + (math.log10(args.learning_rate) + 2) ** 2 + args.batch_size / 1000 + 0.1 / (epoch + 1)
    logging.info(f"Testing Loss: {loss:.4f}")
json.dump(vars(args), open(os.path.join(args.model_dir, "model.pth"), "w"))
open(os.path.join(args.output_dir, "note.txt"), "w").write("kept")
"""
# Good settings end after five epochs; the bad one would train for ever.
EPOCHS = """
import argparse, itertools, time
parser = argparse.ArgumentParser()
parser.add_argument("--loss", type=float)
loss = parser.parse_args().loss
for epoch in (range(5) if loss < 5 else itertools.count()):
    print(f"loss={loss + 1 / (epoch + 1):.4f}", flush=True)
    time.sleep(0.05)
"""
# Time for Hyperband to stop what it does not want; what it keeps ends by itself.
BANDS = EPOCHS.replace("itertools.count()", "range(5)") + "time.sleep(0 if loss < 3 else 5)\n"
PICKY = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--loss")
loss = parser.parse_args().loss
assert loss != "bad", "a bad value was chosen"
print("loss=" + loss)
"""
LOSS = {"Name": "loss", "Regex": r"^loss=(\S+)"}
LEARNING_RATE = {"Name": "learning_rate", "MinValue": "0.0001", "MaxValue": "0.1", "ScalingType": "Logarithmic"}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with SandboxProcess(tmp_path_factory.mktemp("tuning") / "state") as sandbox:
        yield Account(sandbox)


class Tuner:
    """Makes and follows tuning jobs of one account."""

    def __init__(self, account: Account) -> None:
        self.account, self.sagemaker = account, account.sagemaker

    def request(self, name: str, script: str, metric: dict[str, str], ranges: dict[str, Any], **config: Any) -> Any:
        key = f"source/{name}.tar.gz"
        self.account.s3.put_object(Bucket=BUCKET, Key=key, Body=archive({"hpo.py": script}))
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/"}}
        jobs, parallel = config.pop("jobs", 3), config.pop("parallel", 1)
        limits = {"MaxParallelTrainingJobs": parallel} | ({"MaxNumberOfTrainingJobs": jobs} if jobs else {})
        return {
            "HyperParameterTuningJobName": name,
            "HyperParameterTuningJobConfig": {
                "Strategy": "Bayesian",
                "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": metric["Name"]},
                "ResourceLimits": limits,
                "ParameterRanges": ranges,
                "RandomSeed": 1,
                **config,
            },
            "TrainingJobDefinition": {
                "AlgorithmSpecification": {
                    "TrainingImage": IMAGE,
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [metric],
                },
                "StaticHyperParameters": {
                    "sagemaker_program": '"hpo.py"',
                    "sagemaker_submit_directory": f'"s3://{BUCKET}/{key}"',
                    "sagemaker_job_name": f'"{name}"',
                    # SDK 2 sends these besides; none of them may reach the script.
                    "sagemaker_container_log_level": "20",
                    "sagemaker_region": '"us-east-1"',
                    "sagemaker_estimator_class_name": '"PyTorch"',
                    "sagemaker_estimator_module": '"sagemaker.pytorch.estimator"',
                },
                "RoleArn": self.account.role,
                "InputDataConfig": [{"ChannelName": "training", "DataSource": source}],
                "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/tuned"},
                "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
                "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            },
        }

    def start(self, name: str, script: str, metric: dict[str, str], ranges: dict[str, Any], **config: Any) -> None:
        self.sagemaker.create_hyper_parameter_tuning_job(**self.request(name, script, metric, ranges, **config))

    def grid(self, name: str, script: str, values: list[str], **config: Any) -> None:
        ranges = {"CategoricalParameterRanges": [{"Name": "loss", "Values": values}]}
        self.start(name, script, LOSS, ranges, Strategy="Grid", jobs=len(values), **config)

    def describe(self, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return answer

    def finished(self, name: str, seconds: float = 240.0) -> dict[str, Any]:
        running = ("InProgress", "Stopping")
        answer: dict[str, Any] = wait_for(
            lambda: job if (job := self.describe(name))["HyperParameterTuningJobStatus"] not in running else None,
            seconds,
        )
        return answer

    def trials(self, name: str, **sort: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            page = self.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
                HyperParameterTuningJobName=name, **sort, **token
            )
            found += page["TrainingJobSummaries"]
            if "NextToken" not in page:
                return found
            token = {"NextToken": page["NextToken"]}


@pytest.fixture(scope="module")
def tuner(account: Account) -> Tuner:
    return Tuner(account)


def value_of(trial: dict[str, Any]) -> float:
    return float(trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def test_an_operators_script_is_tuned_unchanged(account: Account, tuner: Tuner) -> None:
    ranges = {
        "ContinuousParameterRanges": [LEARNING_RATE],
        # SDK 2 quotes categorical values on the wire.
        "CategoricalParameterRanges": [{"Name": "batch_size", "Values": ['"32"', '"64"', '"128"']}],
    }
    metric = {"Name": "average test loss", "Regex": r"Testing Loss: ([0-9\.]+)"}
    tuner.start("hpo", HPO, metric, ranges, jobs=6, parallel=3, TrainingJobEarlyStoppingType="Auto")
    job = tuner.finished("hpo")
    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    counts = job["TrainingJobStatusCounters"]
    assert counts["Completed"] + counts["Stopped"] == 6 and counts["InProgress"] == 0
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 6, "Pending": 0, "Failed": 0}
    assert job["TrainingJobDefinition"]["OutputDataConfig"]["KmsKeyId"] == ""

    trials = tuner.trials("hpo")
    assert [trial["TrainingJobName"][:8] for trial in trials] == [f"hpo-{n:03}-" for n in range(1, 7)]
    best = min(trials, key=value_of)
    assert job["BestTrainingJob"]["TrainingJobName"] == best["TrainingJobName"]
    assert set(best["TunedHyperParameters"]) == {"learning_rate", "batch_size"}
    assert {trial["TunedHyperParameters"]["batch_size"] for trial in trials} <= {'"32"', '"64"', '"128"'}
    ran = account.describe(best["TrainingJobName"])
    assert ran["TuningJobArn"] == job["HyperParameterTuningJobArn"]
    assert ran["HyperParameters"]["_tuning_objective_metric"] == "average test loss"
    key = f"tuned/{best['TrainingJobName']}/output/model.tar.gz"
    arguments = json.loads(names_in(account.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())["model.pth"])
    assert arguments["batch_size"] == int(best["TunedHyperParameters"]["batch_size"].strip('"'))
    assert math.isclose(arguments["learning_rate"], float(best["TunedHyperParameters"]["learning_rate"]))
    output = account.s3.get_object(Bucket=BUCKET, Key=key.replace("model.tar.gz", "output.tar.gz"))["Body"].read()
    assert names_in(output) == {"note.txt": b"kept"}
    for trial in trials:
        # The objective is what the last line said that the regex matched.
        said = [line.partition("Testing Loss: ")[2] for line in account.log(trial["TrainingJobName"]) if "Loss" in line]
        assert said and value_of(trial) == float(said[-1])


def test_lists_sort_filter_and_page(tuner: Tuner) -> None:
    tuner.grid("sorted", PICKY, ["3", "1", "2"])
    tuner.finished("sorted")
    by_value = tuner.trials("sorted", SortBy="FinalObjectiveMetricValue", SortOrder="Descending", MaxResults=1)
    assert [value_of(trial) for trial in by_value] == [3, 2, 1]
    assert [trial["TunedHyperParameters"]["loss"] for trial in tuner.trials("sorted", SortBy="CreationTime")] == [
        "3",
        "1",
        "2",
    ]
    assert tuner.trials("sorted", StatusEquals="Failed") == []
    listed = tuner.sagemaker.list_hyper_parameter_tuning_jobs(NameContains="sort", StatusEquals="Completed")
    (summary,) = listed["HyperParameterTuningJobSummaries"]
    assert summary["Strategy"] == "Grid" and summary["TrainingJobStatusCounters"]["Completed"] == 3
    assert summary["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 3
    with pytest.raises(ClientError, match="ResourceNotFound"):
        tuner.describe("nobody")


def test_a_training_job_that_does_worse_than_the_median_is_stopped(account: Account, tuner: Tuner) -> None:
    tuner.grid("median", EPOCHS, ["1", "1.1", "9"], TrainingJobEarlyStoppingType="Auto")
    job = tuner.finished("median")
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    statuses = [trial["TrainingJobStatus"] for trial in tuner.trials("median")]
    assert statuses == ["Completed", "Completed", "Stopped"]
    stopped = tuner.trials("median", StatusEquals="Stopped")[0]
    # Its last value counts, and at least two were needed to stop it.
    assert 9 < value_of(stopped) <= 9.5
    assert job["ObjectiveStatusCounters"]["Succeeded"] == 3
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"loss": "1"}
    assert account.describe(stopped["TrainingJobName"])["SecondaryStatus"] == "Stopped"


def test_hyperband_stops_what_is_not_among_the_best(tuner: Tuner) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "loss", "Values": ["1", "2", "3", "4"]}]}
    bands = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 5}}
    tuner.start("bands", BANDS, LOSS, ranges, jobs=8, parallel=2, Strategy="Hyperband", StrategyConfig=bands)
    job = tuner.finished("bands")
    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    counts = job["TrainingJobStatusCounters"]
    assert counts["Stopped"] > 0 and counts["Completed"] + counts["Stopped"] == 8


def test_a_failed_training_job_is_passed_over_and_five_in_a_row_are_not(tuner: Tuner) -> None:
    tuner.grid("passed", PICKY, ["2", "bad", "1"])
    job = tuner.finished("passed")
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 2, "Pending": 0, "Failed": 1}
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"loss": "1"}

    ranges = {"ContinuousParameterRanges": [LEARNING_RATE]}
    tuner.start("row", PICKY, LOSS, ranges, jobs=9, parallel=2)
    job = tuner.finished("row")
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert "5 training jobs failed in a row" in job["FailureReason"]
    assert "unrecognized arguments: --learning_rate" in job["FailureReason"]
    assert len(tuner.trials("row")) <= 6


def test_an_objective_that_no_line_matches_ends_the_job_and_shows_the_lines(tuner: Tuner) -> None:
    script = "import sys\nprint('Test accuracy: 0.91')\nprint('unrelated chatter')\n"
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["1", "2", "3", "4"]}]}
    metric = {"Name": "accuracy", "Regex": r"Testing Accuracy: ([0-9\.]+)"}
    tuner.start("unseen", script, metric, ranges, Strategy="Random", jobs=4)
    job = tuner.finished("unseen")
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert "No objective metrics found" in job["FailureReason"]
    assert "“Test accuracy: 0.91”" in job["FailureReason"] and "Testing Accuracy: ([0-9" in job["FailureReason"]
    assert len(tuner.trials("unseen")) == 1


def test_a_loss_that_is_not_a_number_is_no_result(tuner: Tuner) -> None:
    tuner.grid("nan", PICKY, ["nan", "2"])
    job = tuner.finished("nan")
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 1, "Pending": 0, "Failed": 1}


def test_a_tuning_job_whose_losses_are_all_no_numbers_says_so(tuner: Tuner) -> None:
    tuner.grid("nans", PICKY, ["nan", "inf"])
    job = tuner.finished("nans")
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert "was not a number (NaN or infinite) in every training job" in job["FailureReason"]


def test_a_warm_start_begins_with_what_the_parent_found(tuner: Tuner) -> None:
    tuner.grid("parent", PICKY, ["4", "3"])
    tuner.finished("parent")
    request = tuner.request(
        "child", PICKY, LOSS, {"CategoricalParameterRanges": [{"Name": "loss", "Values": ["5", "6"]}]}, jobs=2
    )
    request["WarmStartConfig"] = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}],
        "WarmStartType": "IdenticalDataAndAlgorithm",
    }
    tuner.sagemaker.create_hyper_parameter_tuning_job(**request)
    job = tuner.finished("child")
    assert job["OverallBestTrainingJob"]["TunedHyperParameters"] == {"loss": "3"}
    assert float(job["BestTrainingJob"]["TunedHyperParameters"]["loss"]) >= 5
    assert job["WarmStartConfig"]["ParentHyperParameterTuningJobs"][0]["HyperParameterTuningJobName"] == "parent"


def test_stop_ends_all_training_jobs(account: Account, tuner: Tuner) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "loss", "Values": ["8", "9"]}]}
    tuner.start("stopped", EPOCHS, LOSS, ranges, jobs=6, parallel=2)
    wait_for(lambda: len([t for t in tuner.trials("stopped") if account.saw(t["TrainingJobName"], "loss=")]) == 2)
    tuner.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")
    assert tuner.describe("stopped")["HyperParameterTuningJobStatus"] in ("Stopping", "Stopped")
    job = tuner.finished("stopped")
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert [trial["TrainingJobStatus"] for trial in tuner.trials("stopped")] == ["Stopped", "Stopped"]
    with pytest.raises(ClientError, match="in status Stopped"):
        tuner.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"low": "0.1", "high": "0.01"}, "upside down"),
        ({"low": "0", "high": "0.01"}, "must start above 0"),
        ({"parallel": 4}, "MaxParallelTrainingJobs (4) cannot be more than MaxNumberOfTrainingJobs (3)"),
        ({"objective": "accuracy"}, "not one of the metrics of the algorithm"),
        ({"hosts": 0}, "InstanceCount of at least 1"),
        ({"static": True}, "cannot have a range and be a static hyperparameter"),
        ({"parent": "nobody"}, "parent tuning job nobody does not exist"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_runs(tuner: Tuner, change: dict[str, Any], message: str) -> None:
    rate = {**LEARNING_RATE, "MinValue": change.get("low", "0.001"), "MaxValue": change.get("high", "0.1")}
    ranges = {"ContinuousParameterRanges": [rate]}
    request = tuner.request("refused", HPO, LOSS, ranges, parallel=change.get("parallel", 1))
    config, definition = request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"]
    config["HyperParameterTuningJobObjective"]["MetricName"] = change.get("objective", "loss")
    definition["ResourceConfig"]["InstanceCount"] = change.get("hosts", 1)
    if change.get("static"):
        definition["StaticHyperParameters"]["learning_rate"] = "0.1"
    if change.get("parent"):
        request["WarmStartConfig"] = {
            "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": change["parent"]}],
            "WarmStartType": "TransferLearning",
        }
    with pytest.raises(ClientError) as refusal:
        tuner.sagemaker.create_hyper_parameter_tuning_job(**request)
    assert message in str(refusal.value)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        tuner.describe("refused")


def test_the_resources_of_sdk_2_are_understood(account: Account, tuner: Tuner) -> None:
    request = tuner.request(
        "sdk2", PICKY, LOSS, {"CategoricalParameterRanges": [{"Name": "loss", "Values": ["1"]}]}, jobs=1
    )
    definition = request["TrainingJobDefinition"]
    definition["HyperParameterTuningResourceConfig"] = definition.pop("ResourceConfig")
    tuner.sagemaker.create_hyper_parameter_tuning_job(**request)
    job = tuner.finished("sdk2")
    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    trial = account.describe(job["BestTrainingJob"]["TrainingJobName"])
    assert trial["ResourceConfig"]["InstanceType"] == "ml.m5.xlarge"
    assert trial["OutputDataConfig"]["KmsKeyId"] == ""


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_sandbox_that_ended_has_failed_tuning_jobs_and_no_processes(account: Account, tuner: Tuner, end: str) -> None:
    name = f"ended-by-{end}"
    ranges = {"CategoricalParameterRanges": [{"Name": "loss", "Values": ["8", "9"]}]}
    tuner.start(name, EPOCHS, LOSS, ranges, jobs=6, parallel=2)
    wait_for(lambda: len([t for t in tuner.trials(name) if account.saw(t["TrainingJobName"], "loss=")]) == 2)
    getattr(account.sandbox, end)()
    account.sandbox.start()
    account.connect()
    tuner.sagemaker = account.sagemaker
    job = tuner.describe(name)
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert "the sandbox stopped" in job["FailureReason"]
    assert job["TrainingJobStatusCounters"]["InProgress"] == 0
    assert [trial["TrainingJobStatus"] for trial in tuner.trials(name)] == ["Failed", "Failed"]
    root = str(account.sandbox.state)
    wait_for(lambda: not _processes_in(root))


def _processes_in(folder: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(f"{folder}/jobs"):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found
