"""The form of a tuning job that waits for its features survives in the job that prepares them."""

from __future__ import annotations

import base64
import dataclasses
import zlib
from datetime import UTC, datetime

import pytest
from botocore import session as botocore_session
from botocore.validate import validate_parameters

from workers.aws.tags import tag_problem
from workers.training.request import launch_request
from workers.tuning.features import features_spec
from workers.tuning.pending import (
    VARIABLE,
    awaited_form,
    awaited_name,
    awaiting_forms,
    awaiting_tags,
    form_variables,
)
from workers.tuning.types import CategoricalRange, ContinuousRange, IntegerRange, TuningSpec
from workers.types import TrainingJob

START = datetime(2026, 1, 31, tzinfo=UTC)
PLAIN = TuningSpec("dogs-tuning", "s3://data/dögs", "data")
FULL = TuningSpec(
    "dogs-tuning",
    "s3://data/dogs",
    "data",
    backbone="resnet18",
    ranges=(
        ContinuousRange("learning_rate", 1e-4, 0.1, "Logarithmic"),
        IntegerRange("epochs", 2, 9),
        CategoricalRange("batch_size", ("32", "64")),
    ),
    max_jobs=None,
    parents=("before",),
    hyperparameters={"views": "3"},
    tags={"team": "vision"},
    requirements="timm\n" * 200,
    spot=True,
)


def features(**environment: str) -> TrainingJob:
    return TrainingJob("features-0123456789ab-1", "InProgress", START, environment=environment)


@pytest.mark.parametrize("spec", [PLAIN, FULL])
def test_a_form_comes_back_as_it_was(spec: TuningSpec) -> None:
    job = features(**form_variables(spec))
    assert (awaited_name(job), awaited_form(job)) == ("dogs-tuning", spec)


def test_the_job_that_prepares_the_features_carries_the_form_as_aws_takes_it() -> None:
    made = launch_request(features_spec(FULL, "features-0123456789ab-1"), "us-east-1").environment
    assert made["PYTHONUNBUFFERED"] == "1" and awaited_form(features(**made)) == FULL
    shape = botocore_session.get_session().get_service_model("sagemaker").shape_for("TrainingEnvironmentMap")
    validate_parameters(made, shape)
    assert all(len(value) <= 512 for value in made.values()) and len(made) <= 100


def test_a_form_that_is_too_long_leaves_its_name() -> None:
    long = TuningSpec("dogs-tuning", "s3://data/dogs", "data", requirements="x" * 100_000)
    job = features(**form_variables(long))
    assert (awaited_name(job), awaited_form(job)) == ("dogs-tuning", None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"unknown": 1}', '{"ranges": [{"kind": "Odd"}]}'])
def test_what_cannot_be_read_is_no_form(text: str) -> None:
    assert awaited_form(features(**{VARIABLE: "dogs-tuning", f"{VARIABLE}_0": text})) is None
    assert (awaited_name(features()), awaited_form(features())) == ("", None)


@pytest.mark.parametrize("spec", [PLAIN, FULL])
def test_a_form_comes_back_from_the_tags_of_the_job_that_it_waits_for(spec: TuningSpec) -> None:
    tags = awaiting_tags(spec)
    other = awaiting_tags(TuningSpec("cats", "s3://data/cats", "data"))
    found = awaiting_forms({"team": "vision", "sagedeck:tuning:": "", **tags, **other})
    assert found["dogs-tuning"] == spec and set(found) == {"dogs-tuning", "cats"}
    assert all(tag_problem(key, value) is None for key, value in tags.items())


def test_of_tags_that_an_earlier_launch_left_none_is_taken_for_this_one() -> None:
    before = awaiting_tags(dataclasses.replace(FULL, requirements=" ".join(map(str, range(300)))))
    assert len(before) > len(awaiting_tags(PLAIN))
    assert awaiting_forms(before | awaiting_tags(PLAIN)) == {"dogs-tuning": PLAIN}


def test_a_form_that_is_too_long_for_tags_leaves_its_name() -> None:
    long = TuningSpec("dogs-tuning", "s3://data/dogs", "data", requirements=" ".join(map(str, range(10_000))))
    assert awaiting_forms(awaiting_tags(long)) == {"dogs-tuning": None}


@pytest.mark.parametrize(
    "tags",
    [
        {"0": ""},
        {"0": "x"},
        {"0": "02:eJw"},
        {"1": "eJw="},
        {"0": "01:eJw="},
        {"0": "01:" + base64.urlsafe_b64encode(zlib.compress(b"[1]")).decode()},
        {"0": "01:" + base64.urlsafe_b64encode(zlib.compress(b"\xff")).decode()},
        {"0": "01:ä"},
        {"0": "-1:"},
    ],
)
def test_tags_that_cannot_be_read_are_no_form(tags: dict[str, str]) -> None:
    assert awaiting_forms({f"sagedeck:tuning:dogs:{number}": value for number, value in tags.items()}) == {"dogs": None}
