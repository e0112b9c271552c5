"""What a CreateTrainingJob request may ask for, and how keys become file names."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.s3.uri import S3Uri
from sandbox.sagemaker.inputs import channel_files
from sandbox.sagemaker.training.request import check_request, host_count, instances_of
from sandbox.wire.errors import AwsError


class Everything:
    def bucket_exists(self, bucket: str) -> bool:
        return bucket != "none"

    def any_object(self, bucket: str, prefix: str) -> bool:
        return not prefix.startswith("empty")


def request(**changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": "job",
        "RoleArn": "arn:aws:iam::123456789012:role/r",
        "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
        "HyperParameters": {"sagemaker_program": "train.py", "sagemaker_submit_directory": "s3://b/s.tar.gz"},
        "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **changes,
    }


def channel(name: str = "training", uri: str = "s3://b/data", **more: Any) -> dict[str, Any]:
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}, **more}


def check(asked: dict[str, Any]) -> None:
    check_request(asked, Everything(), "us-east-1", lambda arn: not arn.endswith("/nobody"))


def test_good_requests_pass() -> None:
    check(request(InputDataConfig=[channel(), channel("validation", "s3://b/data/valid")]))
    entry = {"TrainingImage": "i", "TrainingInputMode": "FastFile", "ContainerEntrypoint": ["/bin/true"]}
    check(request(HyperParameters={}, AlgorithmSpecification=entry))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"InputDataConfig": [channel(), channel()]}, "Channel names must be unique"),
        ({"AlgorithmSpecification": None}, "'algorithmSpecification' failed to satisfy constraint: Member must not be"),
        ({"InputDataConfig": [channel(uri="s3://b/empty/x")]}, "No S3 objects found"),
        ({"ProfilerConfig": {"S3OutputPath": "s3://none/p"}}, 'S3 bucket "none" of ProfilerConfig'),
        ({"InputDataConfig": [channel(uri="https://x/y")]}, "must be an S3 URI"),
        ({"InputDataConfig": [channel(InputMode="Pipe")]}, "Pipe"),
        ({"InputDataConfig": [channel("..")]}, "cannot be the name of a channel"),
        ({"OutputDataConfig": {"S3OutputPath": "s3://none/out"}}, 'S3 bucket "none"'),
        ({"CheckpointConfig": {"S3Uri": "s3://none/c"}}, 'S3 bucket "none" of CheckpointConfig'),
        ({"HyperParameters": {"lr": "1"}}, "runs no image of its own"),
        (
            {"HyperParameters": {"sagemaker_program": "t.py", "sagemaker_submit_directory": '"s3://b/empty.tgz"'}},
            "No S3",
        ),
        ({"RoleArn": "arn:aws:iam::123456789012:role/nobody"}, "Could not assume role"),
        ({"AlgorithmSpecification": {"AlgorithmName": "a", "TrainingInputMode": "File"}}, "Marketplace"),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": "i",
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9"}],
                }
            },
            "regex of the metric 'loss' is not valid",
        ),
    ],
)
def test_what_cannot_run_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError, match=words):
        check(request(**change))


def test_hosts_of_instance_groups_and_preferences() -> None:
    groups = [{"InstanceType": "ml.m5.large", "InstanceCount": n, "InstanceGroupName": str(n)} for n in (1, 2)]
    assert host_count({"ResourceConfig": {"InstanceGroups": groups}}) == (3, "ml.m5.large")
    assert instances_of({"ResourceConfig": {"InstanceGroups": groups}}) == {"ml.m5.large": 3}
    preferences = [{"InstanceType": "ml.c5.large", "InstanceCount": 2}]
    assert host_count({"ResourceConfig": {"InstancePreferences": preferences}}) == (2, "ml.c5.large")
    assert instances_of({"ResourceConfig": {"InstancePreferences": preferences}}) == {"ml.c5.large": 2}


def test_places() -> None:
    assert S3Uri.parse("s3://b/a?b#c/d") == S3Uri("b", "a?b#c/d")
    for url in ("https://b.s3.amazonaws.com/a/m%20x", "https://b.s3.us-east-1.amazonaws.com/a/m%20x",
                "https://s3.us-east-1.amazonaws.com/b/a/m%20x", "https://s3-us-east-1.amazonaws.com/b/a/m%20x",
                "s3://b/a/m x"):  # fmt: skip
        assert S3Uri.located(url) == S3Uri("b", "a/m x")
    for url in ("https://example.com/b/a", "http://b.s3.amazonaws.com/a", "https://b.s3.amazonaws.com/"):
        with pytest.raises(AwsError, match="must be an S3 URI"):
            S3Uri.located(url)
    assert str(S3Uri("b", "x/").below("job", "output")) == "s3://b/x/job/output"
    assert str(S3Uri("b", "").below("job")) == "s3://b/job"


def test_file_names_of_a_channel() -> None:
    keys = ["data/train/a/1.jpg", "data/train/", "data/train//b.jpg"]
    assert channel_files("data/train", keys) == {"data/train/a/1.jpg": "a/1.jpg", "data/train//b.jpg": "b.jpg"}
    assert channel_files("data/one.csv", ["data/one.csv"]) == {"data/one.csv": "one.csv"}
    assert channel_files("data/tr", ["data/train/a"]) == {"data/train/a": "train/a"}
    assert channel_files("", ["a/b"]) == {"a/b": "a/b"}
    with pytest.raises(ValueError, match="both an object and a folder"):
        channel_files("d/", ["d/a", "d/a/b"])
    with pytest.raises(ValueError, match="'/a' and 'a' would be the same file"):
        channel_files("", ["/a", "a"])
    for bad in ("d/../x", "d/./x", "d/a/.."):
        with pytest.raises(ValueError, match="no usable file name"):
            channel_files("d", [bad])


@given(st.text(max_size=20), st.text(max_size=30))
def test_no_key_leaves_its_channel(prefix: str, rest: str) -> None:
    try:
        names = channel_files(prefix, [prefix + rest]).values()
    except ValueError:
        return
    for name, part in itertools.product(names, ("", ".", "..")):
        assert part not in name.split("/")
