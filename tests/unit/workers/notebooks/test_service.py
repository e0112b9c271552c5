"""Notebook instances: made once whatever happens to the answer, deleted only at rest, opened at a web address."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.workers.fake_aws import FakeSession, Refused
from workers.errors.tree import Conflict, InvalidInput, NotFound, SageDeckError
from workers.notebooks.service import Notebooks, NotebookSpec, name_problem

SPEC = NotebookSpec("dogs", "photos")
ARN = "arn:aws:sagemaker:us-east-1:1:notebook-instance/dogs"


class Roles:
    async def ensure_notebook_role(self, bucket: str) -> str:
        return f"arn:aws:iam::123456789012:role/SageDeckNotebook-{bucket}"


class Account:
    """One notebook instance, or none; ``lose`` loses the answer to the next creation."""

    def __init__(self, status: str = "", lose: bool = False) -> None:
        self.status, self.lose = status, lose
        self.tags: list[dict[str, str]] = []
        self.url = "https://dogs.notebook.us-east-1.sagemaker.aws?authToken=x"
        self.session = FakeSession(
            create_notebook_instance=self.create,
            describe_notebook_instance=self.describe,
            list_tags=lambda **_: {"Tags": self.tags},
            delete_notebook_instance=self.delete,
            start_notebook_instance=lambda **_: {},
            stop_notebook_instance=lambda **_: {},
            create_presigned_notebook_instance_url=lambda **_: {"AuthorizedUrl": self.url},
        )
        self.notebooks = Notebooks(self.session, Roles())  # type: ignore[arg-type]

    def create(self, Tags: list[dict[str, str]], **_: Any) -> dict[str, Any]:
        if self.status:
            raise Refused("ValidationException", "Cannot create already existing notebook instance")
        self.status, self.tags = "Pending", Tags
        if self.lose:
            raise Refused("InternalFailure", "lost", 500)
        return {"NotebookInstanceArn": ARN}

    def describe(self, **_: Any) -> dict[str, Any]:
        if not self.status:
            raise Refused("ValidationException", "RecordNotFound")
        return {"NotebookInstanceArn": ARN, "NotebookInstanceStatus": self.status, "InstanceType": "ml.t2.medium"}

    def delete(self, **_: Any) -> dict[str, Any]:
        self.status = ""
        return {}


def test_it_is_made_small_without_root_and_with_our_tag() -> None:
    account = Account()
    assert asyncio.run(account.notebooks.create(SPEC)) == "dogs"
    (asked,) = account.session.made("create_notebook_instance")
    assert (asked["InstanceType"], asked["VolumeSizeInGB"], asked["RootAccess"]) == ("ml.t2.medium", 5, "Disabled")
    assert asked["RoleArn"].endswith("SageDeckNotebook-photos")
    assert {"Key": "sagedeck:created-by", "Value": "sagedeck"} in asked["Tags"]


def test_a_lost_answer_is_found_and_another_ones_is_not_ours() -> None:
    account = Account(lose=True)
    assert asyncio.run(account.notebooks.create(SPEC)) == "dogs"
    assert len(account.session.made("create_notebook_instance")) == 1
    other = Account("InService")
    with pytest.raises(SageDeckError):
        asyncio.run(other.notebooks.create(SPEC))
    assert other.status == "InService" and not other.session.made("delete_notebook_instance")


@pytest.mark.parametrize("spec", [NotebookSpec("-x", "b"), NotebookSpec("x", ""), NotebookSpec("x", "b", volume_gib=4)])
def test_a_bad_form_asks_nothing(spec: NotebookSpec) -> None:
    account = Account()
    with pytest.raises(InvalidInput):
        asyncio.run(account.notebooks.create(spec))
    assert account.session.calls == []


def test_names_are_those_that_aws_takes() -> None:
    assert all(name_problem(name) is None for name in ("a", "a-b", "A1", "x" * 63))
    assert all(name_problem(name) for name in ("", "-a", "a-", "a_b", "x" * 64, "ä", "a b"))


def test_only_what_rests_is_deleted_and_what_is_gone_is_gone() -> None:
    with pytest.raises(Conflict, match="InService"):
        asyncio.run(Account("InService").notebooks.delete("dogs"))
    account = Account("Stopped")
    assert asyncio.run(account.notebooks.delete("dogs")) and account.status == ""
    assert asyncio.run(account.notebooks.delete("dogs")) is False
    with pytest.raises(NotFound):
        asyncio.run(account.notebooks.get("dogs"))


def test_an_address_that_is_none_is_not_opened() -> None:
    account = Account("InService")
    assert asyncio.run(account.notebooks.url("dogs")) == account.url
    account.url = "http://127.0.0.1:1/lab?authToken=x"
    assert asyncio.run(account.notebooks.url("dogs")) == account.url
    for address in ("file:///etc/passwd", "javascript:alert(1)", "http://example.org", "http://127.0.0.1.example.org"):
        account.url = address
        with pytest.raises(SageDeckError):
            asyncio.run(account.notebooks.url("dogs"))
