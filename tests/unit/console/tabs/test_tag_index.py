"""Finding jobs by tag: what matches, what names answer better, and how often the account is asked."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from console.tabs.training.form.values import own_tags
from console.tabs.training.tags.commands import EditTags
from console.tabs.training.tags.index import KEEP_SECONDS, TagIndex, name_words
from workers.errors.tree import AccessDenied

ROOT = "arn:aws:sagemaker:us-east-1:123456789012:"
TAGS = {
    f"{ROOT}training-job/dogs-1": {"team": "vision", "owner": "Ana Lima"},
    f"{ROOT}training-job/vision-2": {"team": "sound"},
    f"{ROOT}hyper-parameter-tuning-job/tune": {"team": "vision"},
    f"{ROOT}training-job/tune-001-0123abcd": {"team": "vision"},
    f"{ROOT}endpoint/dogs": {"team": "vision"},
}


class Account:
    def __init__(self) -> None:
        self.asked = 0
        self.tags = SimpleNamespace(of_all_jobs=self.all_jobs)

    async def all_jobs(self) -> dict[str, dict[str, str]]:
        self.asked += 1
        return TAGS


def index() -> TagIndex:
    made = TagIndex()
    asyncio.run(made.read(Account()))  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("tag:team=vision", ["tune", "dogs-1"]),
        ("TAG:Team=Vision", ["tune", "dogs-1"]),
        ("tag:team", ["vision-2", "tune", "dogs-1"]),
        ("tag:owner=ana lima", ["dogs-1"]),
        ("vision", ["tune", "dogs-1"]),
        ("dogs vision", ["dogs-1"]),
        ("tag:team=vision failed", ["tune", "dogs-1"]),
        ("dogs", []),
        ("tag:team=nobody", []),
        ("", []),
    ],
)
def test_jobs_are_found_by_tag(text: str, names: list[str]) -> None:
    """A job that its name alone would find is left to the list's own search; a trial, to its tuning job."""
    assert [name for _, name in index().matching(text)] == names


def test_tags_are_found_whatever_the_letters_of_the_arn() -> None:
    assert index().of(f"{ROOT}training-job/DOGS-1")["team"] == "vision"
    assert index().of(f"{ROOT}training-job/other") == {}


def test_the_account_is_asked_once_for_a_while() -> None:
    now, account = [0.0], Account()
    made = TagIndex(lambda: now[0])
    services: Any = account
    assert asyncio.run(made.read(services)) and not asyncio.run(made.read(services))
    now[0] = KEEP_SECONDS
    assert asyncio.run(made.read(services)) and account.asked == 2


def test_a_refusal_is_told_once_and_not_asked_for_at_every_letter() -> None:
    async def refused() -> dict[str, dict[str, str]]:
        raise AccessDenied("Not allowed", "tag:GetResources is missing.")

    made = TagIndex()
    services: Any = SimpleNamespace(tags=SimpleNamespace(of_all_jobs=refused))
    with pytest.raises(AccessDenied):
        asyncio.run(made.read(services))
    assert not asyncio.run(made.read(services))


def test_a_changed_tag_is_known_at_once() -> None:
    made = index()
    arn = f"{ROOT}training-job/dogs-1"
    assert made.put(arn, {"team": "sound"}) and not made.put(arn, {"team": "sound"})
    assert [name for _, name in made.matching("tag:team=vision")] == ["tune"]
    made.forget("tuning", "tune")
    assert [name for _, name in made.matching("tag:team=vision")] == ["tune-001-0123abcd"], "nobody else shows it now"


def test_names_are_searched_without_the_tags() -> None:
    assert name_words("tag:team=vision dogs") == "dogs"


def test_the_command_says_both_lines_and_quotes_them() -> None:
    command = EditTags("job", "dogs-1", "arn:x", {"owner": "Ana Lima"}, ["old key"])
    assert command.cli().splitlines() == [
        "aws sagemaker add-tags --resource-arn arn:x --tags 'Key=owner,Value=Ana Lima'",
        "aws sagemaker delete-tags --resource-arn arn:x --tag-keys 'old key'",
    ]
    assert command.done_text(None) == "1 tag set, 1 tag removed"


def test_a_clone_takes_the_operators_tags_over_that_its_field_can_hold() -> None:
    tags = {"team": "vision", "sagedeck:backbone": "resnet18", "aws:createdBy": "x", "list": "a,b"}
    assert own_tags(tags) == "team=vision"
