"""Tags of jobs: read in pages, changed, found for all jobs in one go, and what a tag may look like."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.unit.workers.fake_aws import FakeSession
from workers.aws.tags import Tags, creator_tag, job_of_arn, made_by_sagedeck, tag_problem

ARN = "arn:aws:sagemaker:us-east-1:123456789012:training-job/dogs-1"


@pytest.mark.parametrize(
    ("tags", "ours"),
    [
        ([creator_tag()], True),
        ([{"Key": "team", "Value": "vision"}, {"Key": "sagedeck:created-by", "Value": "sagedeck"}], True),
        # What the first versions wrote on roles and functions.
        ([{"Key": "created-by", "Value": "sagedeck"}], True),
        ([{"Key": "created-by", "Value": "terraform"}, creator_tag()], True),
        ([{"Key": "created-by", "Value": "terraform"}], False),
        ([{"Key": "sagedeck:created-by", "Value": "me"}], False),
        ([{"Key": "sagedeck", "Value": "created-by"}], False),
        ([], False),
    ],
)
def test_what_sagedeck_made_is_known_by_its_tag_of_now_and_of_before(tags, ours):
    assert made_by_sagedeck(tags) is ours


def test_the_tag_is_written_in_one_place_only():
    """Whoever spells the key out would write another one some day."""
    root = Path(__file__).parents[4]
    files = [file for name in ("workers", "console") for file in (root / name).rglob("*.py")]
    assert [file.name for file in files if "created-by" in file.read_text("utf-8")] == ["tags.py"]


def test_tags_are_read_set_and_removed():
    kept = {"team": "vision"}

    def add(ResourceArn, Tags):
        kept.update({tag["Key"]: tag["Value"] for tag in Tags})
        return {"Tags": []}

    def remove(ResourceArn, TagKeys):
        for key in TagKeys:
            del kept[key]
        return {}

    session = FakeSession(
        list_tags=lambda ResourceArn: {"Tags": [{"Key": key, "Value": value} for key, value in kept.items()]},
        add_tags=add,
        delete_tags=remove,
    )
    tags = Tags(session)
    asyncio.run(tags.add(ARN, {"stage": "best"}))
    asyncio.run(tags.remove(ARN, {"team"}))
    assert asyncio.run(tags.of(ARN)) == {"stage": "best"}
    assert {call["ResourceArn"] for _, call in session.calls} == {ARN}


def test_all_tags_come_from_the_tagging_api_and_not_job_by_job():
    mappings = [
        {"ResourceARN": ARN.replace("dogs-1", f"dogs-{number}"), "Tags": [{"Key": "n", "Value": str(number)}]}
        for number in range(3)
    ]
    session = FakeSession(get_resources=lambda **_: {"ResourceTagMappingList": mappings})
    found = asyncio.run(Tags(session).of_all_jobs())
    assert found[ARN] == {"n": "1"} and len(found) == 3
    (asked,) = session.made("get_resources")
    assert asked["ResourceTypeFilters"] == ["sagemaker:training-job", "sagemaker:hyper-parameter-tuning-job"]
    assert len(session.calls) == 1


def test_an_arn_tells_kind_and_name():
    assert job_of_arn(ARN) == ("job", "dogs-1")
    assert job_of_arn(ARN.replace("training-job/", "hyper-parameter-tuning-job/")) == ("tuning", "dogs-1")
    assert job_of_arn("arn:aws:sagemaker:us-east-1:123456789012:endpoint/dogs-1") is None


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("team", "vision", None),
        ("Kostenstelle Köln", "a+b=c/d:e@f.g-h_i", None),
        ("team", "", None),
        ("", "vision", "The key is missing"),
        ("aws:owner", "x", "belong to AWS"),
        ("k" * 129, "", "at most 128"),
        ("k", "v" * 257, "at most 256"),
        ("team", "a,b", "not “,”"),
        ("te#am", "", "The key may have"),
    ],
)
def test_what_a_tag_may_look_like(key, value, words):
    problem = tag_problem(key, value)
    assert problem is None if words is None else words in problem
