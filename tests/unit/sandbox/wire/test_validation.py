"""Requests are checked against AWS's own model, in AWS's words."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.wire.errors import AwsError
from sandbox.wire.reading import check
from sandbox.wire.validation import validate
from tests.helpers.calls import read, request_of, target_header

REQUEST: dict[str, Any] = {
    "TrainingJobName": "job-1",
    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
    "RoleArn": "arn:aws:iam::123456789012:role/trainer",
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    "Tags": [{"Key": "team", "Value": "größe 1"}],
}


def test_a_good_request_passes() -> None:
    assert validate("sagemaker", "CreateTrainingJob", REQUEST | {"VpcConfig": None}) == REQUEST


@pytest.mark.parametrize("change", [{"Unknown": 1}, {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "Unknown": 1}}])
def test_a_member_that_the_operation_does_not_have_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(AwsError, match="Unknown parameter in input: Unknown") as caught:
        validate("sagemaker", "CreateTrainingJob", REQUEST | change)
    assert caught.value.code == "ValidationException"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"TrainingJobName": None}, "Value null at 'trainingJobName' failed to satisfy constraint: Member must not be"),
        ({"TrainingJobName": "a b"}, "Value 'a b' at 'trainingJobName' failed to satisfy constraint: Member must sat"),
        ({"TrainingJobName": "x" * 64}, "Member must have length less than or equal to 63"),
        ({"ResourceConfig": {"InstanceType": "ml.none", "InstanceCount": 1}}, "at 'resourceConfig.instanceType'"),
        ({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": -1}}, "greater than or equal to 0"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 0}}, "greater than or equal to 1"),
        ({"InputDataConfig": [{"ChannelName": "a/b"}]}, "'inputDataConfig.1.member.channelName'"),
        ({"RoleArn": "nobody"}, "'roleArn'"),
        ({"OutputDataConfig": {"S3OutputPath": "bucket"}}, "'outputDataConfig.s3OutputPath'"),
        ({"HyperParameters": {"k": "two\nlines"}}, "'hyperParameters.k'"),
    ],
)
def test_a_broken_constraint_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError) as caught:
        validate("sagemaker", "CreateTrainingJob", REQUEST | change)
    assert caught.value.code == "ValidationException"
    assert words in caught.value.message


def test_all_problems_are_counted() -> None:
    with pytest.raises(AwsError, match="3 validation errors detected"):
        validate("sagemaker", "CreateTrainingJob", REQUEST | {"TrainingJobName": "-", "RoleArn": "short-one"})


def test_a_wrong_type_is_a_serialization_error() -> None:
    with pytest.raises(AwsError) as caught:
        validate("sagemaker", "CreateTrainingJob", REQUEST | {"TrainingJobName": 5})
    assert caught.value.code == "SerializationException"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused_in_json_too(text: str) -> None:
    """JSON has no such numbers: Smithy writes them as texts, and Python's parser reads them bare."""
    body = f'{{"Namespace": "N", "MetricData": [{{"MetricName": "m", "Value": "{text}"}}]}}'
    for sent, words in ((body, "finite number"), (body.replace(f'"{text}"', text), "cannot be read")):
        request = request_of("monitoring", "POST", "/", sent.encode(), target_header("cloudwatch", "PutMetricData"))
        with pytest.raises(AwsError, match=words):
            check(read(request))
