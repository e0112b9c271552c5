"""Deleting in a real sandbox: exactly what was listed goes, deletions are taken back, buckets are emptied."""

from __future__ import annotations

import asyncio

import pytest

from tests.helpers.backends import backend_of
from tests.helpers.sandbox import SandboxProcess
from workers.aws.session import AwsSession
from workers.errors.tree import Conflict
from workers.storage.buckets import Storage

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "state") as process:
        yield process


@pytest.fixture(scope="module")
def s3(sandbox):
    return sandbox.client("s3")


def with_removals(sandbox, body):
    async def main():
        session = AwsSession(backend_of(sandbox))
        try:
            return await body(Storage(session).removals)
        finally:
            session.close()

    return asyncio.run(asyncio.wait_for(main(), 120))


def filled(s3, name, keys, versions=False):
    s3.create_bucket(Bucket=name)
    if versions:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for key in keys:
        s3.put_object(Bucket=name, Key=key, Body=key.encode())


def keys_of(s3, name):
    return [item["Key"] for item in s3.list_objects_v2(Bucket=name).get("Contents", [])]


def test_what_was_not_listed_stays(sandbox, s3):
    filled(s3, "exactly", ["d/1", "d/2", "d/sub/3", "other"])

    async def body(removals):
        listed = await removals.find("exactly", folders=["d/"])
        assert [(item.key, item.size) for item in listed] == [("d/1", 3), ("d/2", 3), ("d/sub/3", 7)]
        s3.put_object(Bucket="exactly", Key="d/appeared", Body=b"new")
        s3.put_object(Bucket="exactly", Key="d/2", Body=b"another")
        s3.delete_object(Bucket="exactly", Key="d/sub/3")
        return await removals.remove("exactly", listed)

    result = with_removals(sandbox, body)
    assert result.changed == ("d/2",) and not result.refused and not result.markers
    assert keys_of(s3, "exactly") == ["d/2", "d/appeared", "other"]


def test_a_deletion_is_taken_back_where_versions_are_kept(sandbox, s3):
    filled(s3, "versioned", ["d/1", "d/2", "e"], versions=True)

    async def body(removals):
        listed = await removals.find("versioned", keys=["d/1", "d/2"])
        result = await removals.remove("versioned", listed)
        assert result.deleted == 2 and {key for key, _ in result.markers} == {"d/1", "d/2"}
        assert keys_of(s3, "versioned") == ["e"]
        assert set(await removals.hidden("versioned", "d/")) == set(result.markers)
        assert await removals.hidden("versioned", "e") == ()
        assert (await removals.restore("versioned", result.markers)).deleted == 2
        assert await removals.hidden("versioned") == ()

    with_removals(sandbox, body)
    assert keys_of(s3, "versioned") == ["d/1", "d/2", "e"]
    assert s3.get_object(Bucket="versioned", Key="d/1")["Body"].read() == b"d/1"


def test_a_bucket_goes_with_every_version_and_unfinished_upload(sandbox, s3):
    filled(s3, "whole", ["a", "b", "a"], versions=True)
    s3.delete_object(Bucket="whole", Key="b")
    s3.create_multipart_upload(Bucket="whole", Key="large")

    async def body(removals):
        versions = await removals.find_versions("whole")
        assert sorted(item.key for item in versions) == ["a", "a", "b", "b"]
        return await removals.remove_bucket("whole", versions)

    assert with_removals(sandbox, body).deleted == 4
    assert "whole" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def test_a_bucket_with_something_that_was_not_counted_stays(sandbox, s3):
    filled(s3, "busy", ["a"])

    async def body(removals):
        versions = await removals.find_versions("busy")
        s3.put_object(Bucket="busy", Key="appeared", Body=b"x")
        with pytest.raises(Conflict, match="since it was counted"):
            await removals.remove_bucket("busy", versions)

    with_removals(sandbox, body)
    assert keys_of(s3, "busy") == ["appeared"]
