"""What the real SDK sends from the real child process, recorded by a server on this machine."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import re
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.helpers.cli import read_back
from workers.errors.tree import Conflict, InvalidInput
from workers.launcher.cli import CODE_ARCHIVE, DRIVERS, command_line, training_parameters, tuning_parameters
from workers.launcher.client import Launcher
from workers.training.request import launch_request
from workers.tuning.request import tuning_request
from workers.tuning.types import TuningSpec
from workers.types import Backend, TrainingSpec

BUCKET = "sagedeck-123456789012-us-east-1"
ROLE = "arn:aws:iam::123456789012:role/SageDeckTraining-b"
SPEC = TrainingSpec(
    job_name="dogs-20260131-142501",
    data_uri=f"s3://{BUCKET}/datasets/dogs",
    output_bucket=BUCKET,
    epochs=3,
    instance_count=2,
    hyperparameters={"views": "2"},
)


class Recorder(ThreadingHTTPServer):
    """Answers as S3 and SageMaker would, and keeps what it was asked."""

    def __init__(self):
        self.requests = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = (self.headers.get("X-Amz-Target") or "").removeprefix("SageMaker.")
        self.server.requests.append((self.command, self.path, operation, body))
        status, answer = 200, b""
        if operation:
            status, fields = self._sagemaker(operation, json.loads(body))
            answer = json.dumps(fields).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _sagemaker(self, operation, fields):
        if "HyperParameterTuningJobName" in fields:
            return 200, _tuning_answer(fields["HyperParameterTuningJobName"])
        name = fields["TrainingJobName"]
        if operation == "CreateTrainingJob" and name == "taken":
            return 400, {"__type": "ResourceInUse", "message": "Job name must be unique within an AWS account"}
        arn = f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}"
        if operation == "CreateTrainingJob":
            return 200, {"TrainingJobArn": arn}
        return 200, {
            "TrainingJobName": name,
            "TrainingJobArn": arn,
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "CreationTime": 1,
            "ModelArtifacts": {"S3ModelArtifacts": ""},
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
            "StoppingCondition": {},
        }

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer

    def log_message(self, *_):
        return


def _tuning_answer(name):
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobArn": f"arn:aws:sagemaker:us-east-1:123456789012:hyper-parameter-tuning-job/{name}",
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": 1,
    }


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """One warm child for all tests of the module: its start takes seconds."""
    home = tmp_path_factory.mktemp("home")
    connections = home / "connections.txt"
    # Runs in every Python that starts: notes where the child connects to.
    (home / "sitecustomize.py").write_text(
        "import sys\n"
        f"log = open({str(connections)!r}, 'a', buffering=1)\n"
        "def hook(event, args):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo'):\n"
        "        log.write(event + ' ' + repr(args[1] if event == 'socket.connect' else args[0]) + '\\n')\n"
        "sys.addaudithook(hook)\n"
    )
    # A profile that does not exist and a config file of the SDK must not disturb the sandbox's keys.
    (home / "sagemaker").mkdir()
    (home / "sagemaker" / "config.yaml").write_text("SchemaVersion: '1.0'\n")
    server = Recorder()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    patch = pytest.MonkeyPatch()
    for name, value in {
        "PYTHONPATH": str(home),
        "AWS_PROFILE": "no-such-profile",
        "XDG_CONFIG_HOME": str(home),
    }.items():
        patch.setenv(name, value)
    url = f"http://127.0.0.1:{server.server_port}"
    launcher = Launcher(Backend("sandbox", "Sandbox", "us-east-1", None, url, "AKIAEXAMPLE", "secret"))
    try:
        asyncio.run(launcher.prewarm())
        answer = asyncio.run(launcher.launch(launch_request(SPEC, "us-east-1", ROLE)))
        yield launcher, list(server.requests), answer, connections, server
    finally:
        launcher.close()
        patch.undo()
        server.shutdown()


def created(recorded):
    return next(json.loads(body) for _, _, operation, body in recorded[1] if operation == "CreateTrainingJob")


def test_the_job_has_the_exact_name_and_settings(recorded):
    request = created(recorded)
    assert recorded[2].job_name == request["TrainingJobName"] == "dogs-20260131-142501"
    assert request["RoleArn"] == ROLE
    assert request["ResourceConfig"] == {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 30}
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600}
    assert request["OutputDataConfig"]["S3OutputPath"] == f"s3://{BUCKET}/sagedeck/jobs"
    assert request["HyperParameters"] == {
        "backbone": "efficientnet_lite0", "epochs": "3", "learning_rate": "0.001", "batch_size": "64", "views": "2",
    }  # fmt: skip
    assert {tag["Key"] for tag in request["Tags"]} == {"sagedeck:created-by", "sagedeck:backbone"}
    image = request["AlgorithmSpecification"]["TrainingImage"]
    assert re.fullmatch(r"763104351884\.dkr\.ecr\.us-east-1\.amazonaws\.com/pytorch-training:[\d.]+-cpu-py\d+", image)


def test_channels_are_the_data_the_code_and_the_drivers(recorded):
    uris = {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in created(recorded)["InputDataConfig"]
    }
    job = f"s3://{BUCKET}/sagedeck/jobs/dogs-20260131-142501/input"
    assert uris == {
        "training": f"s3://{BUCKET}/datasets/dogs/",
        "code": f"{job}/code",
        "sm_drivers": f"{job}/sm_drivers",
    }


def test_uploads_are_the_script_and_the_drivers_into_our_bucket_alone(recorded):
    paths = [path for method, path, _, _ in recorded[1] if method == "PUT"]
    root = f"/{BUCKET}/sagedeck/jobs/dogs-20260131-142501/input/"
    assert paths and all(path.startswith(root) for path in paths)
    names = {path.removeprefix(root) for path in paths}
    assert {"code/train.py", "code/requirements.txt", "code/inference.py", "sm_drivers/sm_train.sh"} <= names
    assert {"code/sagedeck_training/run.py", "code/sagedeck_training/data/folders.json"} <= names
    assert "sm_drivers/distributed_drivers/torchrun_driver.py" in names
    assert not [name for name in names if "__pycache__" in name]


def test_spot_is_asked_for_with_the_longest_wait(recorded):
    assert "EnableManagedSpotTraining" not in created(recorded)
    launcher, requests = recorded[0], recorded[4].requests
    before = len(requests)
    spec = dataclasses.replace(SPEC, job_name="dogs-spot", max_runtime_seconds=600, spot=True)
    asyncio.run(launcher.launch(launch_request(spec, "us-east-1", ROLE)))
    sent = next(json.loads(body) for _, _, operation, body in requests[before:] if operation == "CreateTrainingJob")
    assert sent["EnableManagedSpotTraining"] is True
    assert sent["StoppingCondition"] == {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 4200}


def test_several_instances_run_under_torchrun(recorded):
    script = next(body for _, path, _, body in recorded[1] if path.endswith("sm_train.sh"))
    assert b"torchrun_driver.py" in script
    assert b"install_requirements.py requirements.txt" in script


def test_metric_definitions_are_those_of_the_script(recorded):
    definitions = created(recorded)["AlgorithmSpecification"]["MetricDefinitions"]
    line = "epoch=3/10 train_loss=0.5123 train_acc=0.8740 valid_loss=0.6201 valid_acc=0.8520 best_accuracy=0.8610 "
    line += "images_per_s=215.0"
    values = {item["Name"]: re.search(item["Regex"], line)[1] for item in definitions}
    assert values["valid:loss"] == "0.6201"
    assert values["epoch"] == "3"
    assert values["epochs"] == "10"


def test_nothing_is_asked_but_uploads_and_the_job(recorded):
    operations = [operation for _, _, operation, _ in recorded[1] if operation]
    assert operations == ["CreateTrainingJob", "DescribeTrainingJob"]
    assert {method for method, _, operation, _ in recorded[1] if not operation} == {"PUT"}


def test_no_connection_but_to_the_backend(recorded):
    lines = recorded[3].read_text().splitlines()
    assert any("socket.connect" in line for line in lines)
    assert [line for line in lines if "127.0.0.1" not in line] == []


def test_a_taken_name_is_a_conflict(recorded):
    request = launch_request(TrainingSpec("taken", SPEC.data_uri, BUCKET), "us-east-1", ROLE)
    with pytest.raises(Conflict) as caught:
        asyncio.run(recorded[0].launch(request))
    assert caught.value.code == "ResourceInUse"
    assert "taken" in caught.value.title


def test_what_the_sdk_refuses_is_one_sentence_without_its_arguments(recorded):
    request = launch_request(TrainingSpec("refused", SPEC.data_uri, BUCKET), "us-east-1", ROLE)
    with pytest.raises(InvalidInput) as caught:
        asyncio.run(recorded[0].launch(dataclasses.replace(request, requirements="missing.txt")))
    assert "missing.txt" in caught.value.message
    assert "input_value" not in str(caught.value)


def test_a_tuning_job_in_the_toolkits_script_mode(recorded):
    launcher, connections = recorded[0], recorded[3]
    server_requests = recorded[4].requests
    before = len(server_requests)
    spec = TuningSpec(
        "tune-dogs",
        SPEC.data_uri,
        BUCKET,
        parents=("tune-before",),
        max_runtime_seconds=7200,
        random_seed=7,
        requirements="pandas>=2.2",
        tags={"project": "dogs"},
        spot=True,
    )
    request = tuning_request(spec, "us-east-1", f"s3://{BUCKET}/features/model.tar.gz", ROLE)
    answer = asyncio.run(launcher.launch(request))
    assert answer.job_name == "tune-dogs" and answer.job_arn.endswith("hyper-parameter-tuning-job/tune-dogs")
    made = server_requests[before:]
    sent = next(json.loads(body) for _, _, operation, body in made if operation == "CreateHyperParameterTuningJob")
    config, definition = sent["HyperParameterTuningJobConfig"], sent["TrainingJobDefinition"]
    assert config["ResourceLimits"] == {
        "MaxNumberOfTrainingJobs": 12, "MaxParallelTrainingJobs": 3, "MaxRuntimeInSeconds": 7200,
    }  # fmt: skip
    assert (config["TrainingJobEarlyStoppingType"], config["RandomSeed"]) == ("Auto", 7)
    assert config["HyperParameterTuningJobObjective"] == {"Type": "Maximize", "MetricName": "valid:best_accuracy"}
    assert config["ParameterRanges"]["ContinuousParameterRanges"] == [
        {"Name": "learning_rate", "MinValue": "0.0001", "MaxValue": "0.1", "ScalingType": "Logarithmic"}
    ]
    assert config["ParameterRanges"]["CategoricalParameterRanges"][0]["Values"] == ["32", "64", "128", "256"]
    assert sent["WarmStartConfig"]["ParentHyperParameterTuningJobs"] == [{"HyperParameterTuningJobName": "tune-before"}]
    assert {tag["Key"] for tag in sent["Tags"]} == {"sagedeck:created-by", "sagedeck:backbone", "project"}
    static = definition["StaticHyperParameters"]
    assert static["sagemaker_program"] == "train.py" and static["epochs"] == "10"
    archive = static["sagemaker_submit_directory"]
    assert archive.startswith(f"s3://{BUCKET}/sagedeck/jobs/tune-dogs/") and archive.endswith("/sourcedir.tar.gz")
    channels = {channel["ChannelName"] for channel in definition["InputDataConfig"]}
    assert "features" in channels and "training" not in channels
    assert definition["Environment"]["SAGEDECK_DATA_URI"] == SPEC.data_uri + "/"
    assert definition["EnableManagedSpotTraining"] is True
    assert definition["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}
    uploads = {path for method, path, _, _ in made if method == "PUT"}
    assert uploads and all(path.startswith(f"/{BUCKET}/sagedeck/jobs/tune-dogs/") for path in uploads)
    assert [line for line in connections.read_text().splitlines() if "127.0.0.1" not in line] == []


def test_this_process_has_not_imported_the_sdk():
    assert not [name for name in sys.modules if name.split(".")[0] == "sagemaker"]


def as_set(parameters):
    """The order of channels and the keys of a request say nothing."""
    return json.dumps(
        parameters | {"InputDataConfig": sorted(parameters.get("InputDataConfig", ()), key=json.dumps)}, sort_keys=True
    )


@pytest.mark.parametrize("changes", [{}, {"spot": True, "tags": {"team": "it's", "a": "b,c=d"}, "instance_count": 1}])
def test_the_cli_line_of_a_job_is_the_request_that_is_sent(recorded, changes):
    launcher, requests = recorded[0], recorded[4].requests
    before = len(requests)
    request = launch_request(dataclasses.replace(SPEC, job_name="dogs-cli", **changes), "us-east-1", ROLE)
    asyncio.run(launcher.launch(request))
    sent = next(json.loads(body) for _, _, operation, body in requests[before:] if operation == "CreateTrainingJob")
    line = command_line("create-training-job", training_parameters(request))
    assert as_set(read_back(line)) == as_set(sent)


@pytest.mark.parametrize(
    ("changes", "features"),
    [
        ({}, "s3://b/features/model.tar.gz"),
        ({"features_once": False, "spot": True, "parents": ("before",), "random_seed": 3}, ""),
        ({"strategy": "Hyperband", "early_stopping": "Off", "max_runtime_seconds": 7200, "tags": {"a": "b"}}, ""),
    ],
)
def test_the_cli_line_of_a_tuning_job_is_the_request_that_is_sent(recorded, changes, features):
    launcher, requests = recorded[0], recorded[4].requests
    before = len(requests)
    spec = TuningSpec("tune-cli", SPEC.data_uri, BUCKET, **changes)
    request = tuning_request(spec, "us-east-1", features, ROLE)
    asyncio.run(launcher.launch(request))
    body = next(body for _, _, operation, body in requests[before:] if operation == "CreateHyperParameterTuningJob")
    # Where the code and the drivers were uploaded is known only now; the line says that these are placeholders.
    text = re.sub(r's3://[^"]*/sourcedir\.tar\.gz', CODE_ARCHIVE, body.decode())
    sent = json.loads(re.sub(r's3://[^"]*/input/sm_drivers', DRIVERS, text))
    made = read_back(command_line("create-hyper-parameter-tuning-job", tuning_parameters(request)))
    for parameters in (sent, made):
        parameters["TrainingJobDefinition"] = as_set(parameters["TrainingJobDefinition"])
    assert json.dumps(made, sort_keys=True) == json.dumps(sent, sort_keys=True)


def test_a_job_in_script_mode_has_its_source_in_an_archive_and_no_entry_point(recorded):
    launcher, requests = recorded[0], recorded[4].requests
    before = len(requests)
    spec = dataclasses.replace(SPEC, job_name="features-1", instance_count=1, requirements="pandas>=2.2")
    request = dataclasses.replace(launch_request(spec, "us-east-1", ROLE), script_mode=True)
    assert asyncio.run(launcher.launch(request)).job_name == "features-1"
    made = requests[before:]
    sent = next(json.loads(body) for _, _, operation, body in made if operation == "CreateTrainingJob")
    assert as_set(read_back(command_line("create-training-job", training_parameters(request)))) == as_set(sent)
    assert "ContainerEntrypoint" not in sent["AlgorithmSpecification"]
    assert [channel["ChannelName"] for channel in sent["InputDataConfig"]] == ["training"]
    archive = sent["HyperParameters"].pop("sagemaker_submit_directory")
    assert sent["HyperParameters"] == {**request.hyperparameters, "sagemaker_program": "train.py"}
    uploads = {path: body for method, path, _, body in made if method == "PUT"}
    assert list(uploads) == [f"/{archive.removeprefix('s3://')}"]
    with tarfile.open(fileobj=io.BytesIO(*uploads.values())) as tar:
        names = set(tar.getnames())
        requirements = tar.extractfile("requirements.txt")
        assert requirements is not None and requirements.read() == b"pandas>=2.2\n"
    assert {"train.py", "sagedeck_training/run.py"} <= names
    assert not [name for name in names if "__pycache__" in name]


def test_nothing_would_start_several_processes_in_script_mode():
    with pytest.raises(InvalidInput, match="several processes"):
        dataclasses.replace(launch_request(SPEC, "us-east-1", ROLE), script_mode=True)
