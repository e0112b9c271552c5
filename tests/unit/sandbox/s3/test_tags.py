"""Tags of buckets that are changed from inside: those that nobody names stay, and AWS's limits hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.core.state import StateDir
from sandbox.wire.errors import AwsError
from tests.helpers.s3_account import Account


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    state = StateDir(tmp_path / "state")
    yield Account(state)
    state.close()


def tags(account: Account) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in account.call("GetBucketTagging", Bucket="bucket")["TagSet"]}


def test_some_tags_are_set_and_others_taken_away(account: Account) -> None:
    given = [{"Key": "env", "Value": "prod"}, {"Key": "team", "Value": "<&>"}]
    account.call("PutBucketTagging", Bucket="bucket", Tagging={"TagSet": given})
    account.s3.change_tags("bucket", {"env": "dev", "owner": "ö"})
    assert tags(account) == {"env": "dev", "team": "<&>", "owner": "ö"}
    account.s3.change_tags("bucket", {}, ["env", "nothing"])
    assert tags(account) == {"team": "<&>", "owner": "ö"}
    account.s3.change_tags("bucket", {}, ["team", "owner"])
    assert account.refusal("GetBucketTagging", Bucket="bucket").code == "NoSuchTagSet"


@pytest.mark.parametrize(
    ("bucket", "added", "code"),
    [
        ("absent", {"a": "b"}, "NoSuchBucket"),
        ("bucket", {"aws:a": "b"}, "InvalidTag"),
        ("bucket", {f"k{number}": "" for number in range(50)}, "BadRequest"),
    ],
)
def test_beyond_the_limits_nothing_is_changed(account: Account, bucket: str, added: dict[str, str], code: str) -> None:
    account.s3.change_tags("bucket", {"kept": "1"})
    with pytest.raises(AwsError) as caught:
        account.s3.change_tags(bucket, added)
    assert caught.value.code == code
    assert tags(account) == {"kept": "1"}
