"""Training jobs really run: both ways of SageMaker's containers, every way to end, and nothing left behind."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.helpers.sagemaker_jobs import BUCKET, Account, names_in
from tests.helpers.sandbox import SandboxProcess, anywhere_in
from tests.helpers.waiting import wait_for

pytestmark = pytest.mark.integration

GOOD = """
import argparse, json, os, sys
parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float)
parser.add_argument("--batch_size", type=int)
args = parser.parse_args()
folder = os.environ["SM_CHANNEL_TRAINING"]
print("found", sorted(os.listdir(os.path.join(folder, "train"))))
for epoch in range(3):
    print(f"epoch={epoch + 1}/3 train_loss={1 / (epoch + 1)}")
print("Testing Loss: 0.25")
json.dump(vars(args), open(os.path.join(os.environ["SM_MODEL_DIR"], "model.pth"), "w"))
open("/opt/ml/output/data/note.txt", "w").write("kept")
"""
HANGS = "import time\nprint('waiting')\ntime.sleep(600)\n"
METRICS = {
    "TrainingImage": "pytorch-training",
    "TrainingInputMode": "File",
    "MetricDefinitions": [
        {"Name": "train:loss", "Regex": "train_loss=([0-9.]+)"},
        {"Name": "Test Loss", "Regex": r"Testing Loss: ([0-9\\.]+)"},
    ],
}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with SandboxProcess(tmp_path_factory.mktemp("training") / "state") as sandbox:
        yield Account(sandbox)


def no_processes(account: Account, place: str) -> bool:
    """True when no process of this machine has ``place``, below the state folder, in its arguments or as its folder."""
    text = f"{account.sandbox.state}/{place}"
    for process in psutil.process_iter():
        try:
            if text in " ".join(process.cmdline()) or text in process.cwd():
                return False
        except (psutil.Error, OSError):
            continue
    return True


def test_a_script_mode_job_runs_to_the_end(account: Account) -> None:
    account.start(
        "good", GOOD, HyperParameters={"learning_rate": "0.01", "batch_size": '"64"'}, AlgorithmSpecification=METRICS
    )
    job = account.finished("good")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert steps == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all("EndTime" in step for step in job["SecondaryStatusTransitions"])
    assert {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]} == {
        "train:loss": pytest.approx(1 / 3),
        "Test Loss": 0.25,
    }
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/out/good/output/model.tar.gz"
    model = account.s3.get_object(Bucket=BUCKET, Key="out/good/output/model.tar.gz")["Body"].read()
    assert json.loads(names_in(model)["model.pth"]) == {"learning_rate": 0.01, "batch_size": 64}
    output = account.s3.get_object(Bucket=BUCKET, Key="out/good/output/output.tar.gz")["Body"].read()
    assert names_in(output) == {"note.txt": b"kept"}
    assert "found ['one.txt']" in account.log("good/algo-1")
    metrics = account.cloudwatch.list_metrics(Namespace="/aws/sagemaker/TrainingJobs", MetricName="Test Loss")
    assert metrics["Metrics"][0]["Dimensions"] == [{"Name": "TrainingJobName", "Value": "good"}]
    # The status is told first, then the files go.
    wait_for(lambda: not list((account.sandbox.state / "jobs").iterdir()))


def test_a_container_entry_point_runs_with_its_channels(account: Account) -> None:
    account.s3.put_object(Bucket=BUCKET, Key="code/run.sh", Body=b"set -e\ncp /opt/ml/input/data/code/x.txt $1\n")
    account.s3.put_object(Bucket=BUCKET, Key="code/x.txt", Body=b"from the channel")
    request = account.request("entry", "")
    request["HyperParameters"] = {"sagemaker_region": "x"}
    request["AlgorithmSpecification"] |= {
        "ContainerEntrypoint": ["/bin/sh"],
        "ContainerArguments": ["/opt/ml/input/data/code/run.sh", "/opt/ml/model/copy.txt"],
    }
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/code"}}
    request["InputDataConfig"] = [{"ChannelName": "code", "DataSource": source}]
    account.sagemaker.create_training_job(**request)
    job = account.finished("entry")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    model = account.s3.get_object(Bucket=BUCKET, Key="out/entry/output/model.tar.gz")["Body"].read()
    assert names_in(model) == {"copy.txt": b"from the channel"}


def test_a_failing_script_says_why(account: Account) -> None:
    account.start("fails", "def main():\n    raise ValueError('learning rate must be above 0')\nmain()\n")
    job = account.finished("fails")
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    reason = job["FailureReason"]
    assert reason.startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage")
    assert "ValueError: learning rate must be above 0" in reason
    assert '/opt/ml/code/train.py", line 2, in main' in reason
    assert str(account.sandbox.state) not in reason
    with pytest.raises(ClientError):
        account.s3.head_object(Bucket=BUCKET, Key="out/fails/output/model.tar.gz")


def test_the_jobs_own_failure_file_is_the_reason(account: Account) -> None:
    account.start("told", "open('/opt/ml/output/failure', 'w').write('Only one class found.')\nraise SystemExit(3)")
    assert account.finished("told")["FailureReason"] == "AlgorithmError: Only one class found., exit code: 3"


def test_stopping_asks_first_and_keeps_the_model(account: Account) -> None:
    script = (
        "import os, signal, sys, time\n"
        "def end(*_):\n    open(os.environ['SM_MODEL_DIR'] + '/best', 'w').write('b'); print('stopping'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\nprint('waiting')\ntime.sleep(600)\n"
    )
    account.start("stopped", script)
    wait_for(lambda: account.saw("stopped", "waiting"))
    account.sagemaker.stop_training_job(TrainingJobName="stopped")
    assert account.describe("stopped")["TrainingJobStatus"] in ("Stopping", "Stopped")
    job = account.finished("stopped")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    model = account.s3.get_object(Bucket=BUCKET, Key="out/stopped/output/model.tar.gz")["Body"].read()
    assert names_in(model) == {"best": b"b"}
    with pytest.raises(ClientError, match="is in status Stopped"):
        account.sagemaker.stop_training_job(TrainingJobName="stopped")


def test_a_job_over_its_time_is_stopped(account: Account) -> None:
    account.start("slow", HANGS, StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = account.finished("slow")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert no_processes(account, "jobs/slow")


def test_a_name_that_is_taken_is_refused(account: Account) -> None:
    account.start("twice", "print(1)")
    with pytest.raises(ClientError, match="already exists") as caught:
        account.start("twice", "print(1)")
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    account.finished("twice")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"RoleArn": "arn:aws:iam::123456789012:role/nobody"}, "Could not assume role"),
        ({"OutputDataConfig": {"S3OutputPath": "s3://no-such-bucket/out"}}, "does not exist"),
        ({"TrainingJobName": "no_underscores"}, "regular expression pattern"),
        ({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 0, "VolumeSizeInGB": 1}}, "InstanceCount"),
        ({"ResourceConfig": {"InstanceType": "ml.m5.tiny", "InstanceCount": 1, "VolumeSizeInGB": 1}}, "enum value set"),
    ],
)
def test_bad_requests_are_refused_as_on_aws(account: Account, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words) as caught:
        account.sagemaker.create_training_job(**(account.request("bad", "print(1)") | change))
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_prefix_without_objects_is_refused(account: Account) -> None:
    request = account.request("empty", "print(1)")
    request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = f"s3://{BUCKET}/nothing/here"
    with pytest.raises(ClientError, match="No S3 objects found under S3 URL"):
        account.sagemaker.create_training_job(**request)


def test_file_names_with_spaces_and_emoji_arrive_and_dots_do_not_escape(account: Account) -> None:
    account.s3.put_object(Bucket=BUCKET, Key="names/a b/😀 ü.txt", Body=b"x")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/names"}}
    channel = [{"ChannelName": "training", "DataSource": source}]
    script = "import os\nprint([names for _, _, names in os.walk('/opt/ml/input/data/training')])"
    account.start("names", script, InputDataConfig=channel)
    assert account.finished("names")["TrainingJobStatus"] == "Completed"
    assert account.saw("names", "😀 ü.txt")
    account.s3.put_object(Bucket=BUCKET, Key="names/../../../evil.txt", Body=b"x")
    account.start("escape", script, InputDataConfig=channel)
    job = account.finished("escape")
    assert "has no usable file name" in job["FailureReason"]
    assert not anywhere_in(account.sandbox.state.parent, "evil.txt")


def test_a_hundred_megabytes_of_output_do_no_harm(account: Account) -> None:
    script = (
        "import sys\nline = 'x' * 99 + '\\n'\n"
        "for _ in range(1000): sys.stdout.write(line * 1000)\n"
        "sys.stdout.write('y' * 600_000 + '\\n')\nprint('the end')\n"
    )
    account.start("chatty", script)
    began, waits = time.monotonic(), []
    while account.describe("chatty")["TrainingJobStatus"] == "InProgress":
        started = time.monotonic()
        account.s3.list_buckets()
        waits.append(time.monotonic() - started)
        # Other requests come now and then, not as fast as they are answered.
        time.sleep(0.05)
    job = account.finished("chatty")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    # As parts of its time: on a slow machine all of it takes longer. None waited for the job's end.
    assert len(waits) > 10 and max(waits) < (time.monotonic() - began) / 2
    stream = account.logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix="chatty/"
    )["logStreams"][0]["logStreamName"]
    page = account.logs.get_log_events(logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=stream, limit=10)
    messages = [event["message"] for event in page["events"]]
    assert messages[-1] == "the end"
    assert {len(message) for message in messages if message.startswith("y")} == {262_118, 75_764}


def test_a_child_that_hides_dies_with_its_job(account: Account) -> None:
    script = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', "
        f"'{account.sandbox.state}/hidden-child'], start_new_session=True)\nprint('started')\n"
    )
    account.start("parent", script)
    job = account.finished("parent")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert no_processes(account, "hidden-child")


def test_requirements_are_the_jobs_own(account: Account, tmp_path: Path) -> None:
    make_wheel(tmp_path, "sagedeck_probe", "1.0")
    # A job sees no other folder of this computer than its own: the wheel comes with its source, as on AWS.
    wheel = next(tmp_path.iterdir())
    script = "import sagedeck_probe, numpy\nprint('probe', sagedeck_probe.VALUE, sagedeck_probe.__file__)"
    lines = "--no-index\n--find-links wheels\nnumpy\nsagedeck-probe==1.0  # ours\n"
    account.start("needs", script, {"requirements.txt": lines, f"wheels/{wheel.name}": wheel.read_bytes()})
    job = account.finished("needs")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert account.saw("needs", "probe 42")
    bad = "--no-index\n--find-links wheels\nnumpy\n\nsagedeck-probe==9.9\n"
    account.start("lacks", script, {"requirements.txt": bad, f"wheels/{wheel.name}": wheel.read_bytes()})
    reason = account.finished("lacks")["FailureReason"]
    assert "requirements.txt, line 5, sagedeck-probe==9.9: could not be installed." in reason


def test_satisfied_requirements_need_no_installer(account: Account) -> None:
    account.start("has", "print('ran')", {"requirements.txt": "numpy>=1\n# comment\nboto3\n"})
    assert account.finished("has")["TrainingJobStatus"] == "Completed"
    assert account.saw("has", "all 2 requirements are installed already")


def test_the_job_acts_as_its_role_and_sees_nothing_of_the_operator(account: Account) -> None:
    script = (
        "import boto3, os\nprint('arn', boto3.client('sts').get_caller_identity()['Arn'])\n"
        f"boto3.client('s3').put_object(Bucket='{BUCKET}', Key='from-job', Body=b'1')\n"
        "print('keys', [n for n in os.environ if 'SECRET' in n or 'TOKEN' in n or 'ACCESS_KEY' in n])\n"
    )
    account.start("role", script)
    job = account.finished("role")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert account.saw("role", ":assumed-role/worker/SageMaker")
    assert account.saw("role", "keys []")
    assert account.s3.head_object(Bucket=BUCKET, Key="from-job")


def test_several_hosts_share_the_work_and_the_log(account: Account) -> None:
    for number in range(4):
        account.s3.put_object(Bucket=BUCKET, Key=f"shards/{number}.txt", Body=b"x")
    data = {
        "S3DataType": "S3Prefix",
        "S3Uri": f"s3://{BUCKET}/shards/",
        "S3DataDistributionType": "ShardedByS3Key",
    }
    script = (
        "import json, os\nhost = os.environ['SM_CURRENT_HOST']\n"
        "print(host, json.loads(os.environ['SM_HOSTS']), sorted(os.listdir(os.environ['SM_CHANNEL_TRAINING'])))\n"
        "open(os.environ['SM_MODEL_DIR'] + '/' + host, 'w').write(host)\n"
    )
    account.start(
        "hosts",
        script,
        InputDataConfig=[{"ChannelName": "training", "DataSource": {"S3DataSource": data}}],
        ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 30},
    )
    job = account.finished("hosts")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert account.saw("hosts/algo-1", "algo-1 ['algo-1', 'algo-2'] ['0.txt', '2.txt']")
    assert account.saw("hosts/algo-2", "algo-2 ['algo-1', 'algo-2'] ['1.txt', '3.txt']")
    model = account.s3.get_object(Bucket=BUCKET, Key="out/hosts/output/model.tar.gz")["Body"].read()
    assert names_in(model) == {"algo-1": b"algo-1", "algo-2": b"algo-2"}


def test_one_dead_host_ends_the_job_and_is_named(account: Account) -> None:
    script = (
        "import os, time\nprint('up')\n"
        "if os.environ['SM_CURRENT_HOST'] == 'algo-2':\n    raise RuntimeError('host two is broken')\n"
        "time.sleep(600)\n"
    )
    account.start(
        "dead",
        script,
        ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 3, "VolumeSizeInGB": 30},
    )
    reason = account.finished("dead")["FailureReason"]
    assert "(on algo-2)" in reason
    assert "RuntimeError: host two is broken" in reason
    assert no_processes(account, "jobs/dead")


GLOO = """
import os, signal
import torch
import torch.distributed as dist
hosts = sorted(__import__("json").loads(os.environ["SM_HOSTS"]))
host = os.environ["SM_CURRENT_HOST"]
dist.init_process_group("gloo", rank=hosts.index(host), world_size=len(hosts))
step = 0
while True:
    value = torch.ones(1)
    dist.all_reduce(value)
    step += 1
    if step == 3 and host == "algo-3":
        print("gone after", step, "of", int(value), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_host_of_four_that_is_killed_while_they_talk_ends_the_job(account: Account) -> None:
    account.start(
        "killed", GLOO, ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 4, "VolumeSizeInGB": 30}
    )
    job = account.finished("killed", 120)
    assert job["TrainingJobStatus"] == "Failed" and "algo-3" in job["FailureReason"], job["FailureReason"]
    (event,) = account.logs.filter_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix="killed/", filterPattern='"gone after 3 of 4"'
    )["events"]
    assert job["TrainingEndTime"].timestamp() - event["timestamp"] / 1000 < 15
    assert no_processes(account, "jobs/killed")


MODEL_TRAINER = """
import sys
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
from sagemaker.train.distributed import Torchrun
role, source, data, hosts = sys.argv[1:]
trainer = ModelTrainer(
    training_image="pytorch-training",
    source_code=SourceCode(source_dir=source, entry_script="train.py", requirements="requirements.txt"),
    role=role,
    base_job_name="sdk",
    compute=Compute(instance_type="ml.m5.xlarge", instance_count=int(hosts)),
    hyperparameters={"rounds": 2, "name": "two words", "flag": True},
    distributed=Torchrun() if int(hosts) > 1 else None,
)
trainer.train(input_data_config=[InputData(channel_name="training", data_source=data)], wait=False)
print("JOB", trainer._latest_training_job.training_job_name)
"""
SDK_SCRIPT = """
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int)
parser.add_argument("--name")
parser.add_argument("--flag")
args = parser.parse_args()
print("got", args.rounds, args.name, args.flag, os.listdir(os.environ["SM_CHANNEL_TRAINING"]))
rank = os.environ.get("RANK", "0")
if os.environ.get("WORLD_SIZE", "1") != "1":
    import torch
    import torch.distributed as dist
    dist.init_process_group("gloo")
    total = torch.ones(1)
    dist.all_reduce(total)
    print("sum", total.item())
    # Who leaves without it tears the connection under the other, which gloo answers with an abort.
    dist.destroy_process_group()
open(f"/opt/ml/model/rank-{rank}", "w").write(rank)
"""


@pytest.mark.parametrize("hosts", [1, 2])
def test_the_sdks_model_trainer_runs_unchanged(account: Account, tmp_path: Path, hosts: int) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_text(SDK_SCRIPT)
    (tmp_path / "source" / "requirements.txt").write_text("numpy\n")
    (tmp_path / "run.py").write_text(MODEL_TRAINER)
    arguments = [account.role, str(tmp_path / "source"), f"s3://{BUCKET}/data/", str(hosts)]
    answer = subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), *arguments],
        env=account.sandbox.shell_environ(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    name = answer.stdout.split("JOB ")[1].strip()
    job = account.finished(name, 120)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert account.log(name).count("got 2 two words true ['train']") == hosts
    assert account.log(name).count("sum 2.0") == (hosts if hosts > 1 else 0)
    place = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://")
    bucket, _, key = place.partition("/")
    model = account.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert sorted(names_in(model)) == [f"rank-{rank}" for rank in range(hosts)]


def test_lists_are_filtered_sorted_and_paged(account: Account) -> None:
    page = account.sagemaker.get_paginator("list_training_jobs")
    everything = [
        job["TrainingJobName"] for part in page.paginate(MaxResults=3) for job in part["TrainingJobSummaries"]
    ]
    assert len(everything) == len(set(everything)) >= 10
    failed = account.sagemaker.list_training_jobs(StatusEquals="Failed", SortBy="Name", SortOrder="Descending")
    names = [job["TrainingJobName"] for job in failed["TrainingJobSummaries"]]
    assert names == sorted(names, reverse=True)
    assert "fails" in names
    assert "good" not in names
    contains = account.sagemaker.list_training_jobs(NameContains="OOD")["TrainingJobSummaries"]
    assert [job["TrainingJobName"] for job in contains] == ["good"]
    with pytest.raises(ClientError, match="NextToken is not valid"):
        account.sagemaker.list_training_jobs(NextToken="nonsense")


def test_tags(account: Account) -> None:
    account.start("tagged", "print(1)", Tags=[{"Key": "team", "Value": "dogs"}])
    arn = account.describe("tagged")["TrainingJobArn"]
    account.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "one"}])
    account.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert account.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "one"}]
    account.finished("tagged")


def test_unknown_jobs_are_not_found(account: Account) -> None:
    for call in (account.sagemaker.describe_training_job, account.sagemaker.stop_training_job):
        with pytest.raises(ClientError, match="Requested resource not found") as caught:
            call(TrainingJobName="nobody")
        assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_killed_sandbox_leaves_no_process_and_tells_what_ran(account: Account) -> None:
    account.start("running", HANGS + "# kill-test-script")
    wait_for(lambda: account.saw("running", "waiting"))
    account.sandbox.restart()
    account.connect()
    job = account.describe("running")
    assert job["TrainingJobStatus"] == "Failed"
    assert "the sandbox stopped" in job["FailureReason"]
    assert account.describe("good")["TrainingJobStatus"] == "Completed"
    assert no_processes(account, "jobs/running")
    account.start("after", "print(1)")
    assert account.finished("after")["TrainingJobStatus"] == "Completed"


def test_an_orderly_end_tells_it_too(account: Account) -> None:
    account.start("last", HANGS)
    wait_for(lambda: account.saw("last", "waiting"))
    assert account.sandbox.stop() == 0
    account.sandbox.start()
    account.connect()
    job = account.describe("last")
    assert job["TrainingJobStatus"] == "Failed"
    assert "the sandbox stopped" in job["FailureReason"]


def make_wheel(folder: Path, name: str, version: str) -> None:
    """The smallest wheel that pip installs."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "VALUE = 42\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}\n"
        for path, text in files.items()
    )
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            wheel.writestr(path, text)
