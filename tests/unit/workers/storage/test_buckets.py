"""Buckets are safe from the start; objects are listed, shown, fetched and deleted."""

from __future__ import annotations

import asyncio
import json

import pytest
from moto import mock_aws

from workers.aws.session import AwsSession
from workers.errors.tree import Conflict, InvalidInput, LocalProblem, NotFound, SageDeckError
from workers.storage.buckets import BLOCK_ALL, Storage
from workers.storage.download import common_folder, local_path
from workers.storage.names import bucket_name_problem
from workers.types import Backend


def with_storage(body, region="us-east-1"):
    async def main():
        session = AwsSession(Backend("aws", "t", region, access_key_id="AKIA", secret_access_key="secret"))
        try:
            return await body(session, Storage(session))
        finally:
            session.close()

    with mock_aws():
        return asyncio.run(main())


async def open_bucket(session, storage, name="my-bucket"):
    """moto applies the TLS-only policy without looking at its condition, so the tests of objects drop it."""
    await storage.create_bucket(name)
    await session.call("s3", "delete_bucket_policy", Bucket=name)
    return name


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_new_bucket_is_private_encrypted_and_tls_only(region):
    async def body(session, storage):
        name = await storage.suggest_bucket_name()
        assert name == f"sagedeck-123456789012-{region}"
        assert (await storage.create_bucket(name)).name == name
        safety = await storage.safety(name)
        assert (safety.private, safety.encrypted, safety.versioned) == (True, True, False)
        block = await session.call("s3", "get_public_access_block", Bucket=name)
        assert block["PublicAccessBlockConfiguration"] == BLOCK_ALL
        owner = await session.call("s3", "get_bucket_ownership_controls", Bucket=name)
        assert owner["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        policy = json.loads((await session.call("s3", "get_bucket_policy", Bucket=name))["Policy"])
        (statement,) = policy["Statement"]
        assert statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert statement["Resource"] == [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
        where = await session.call("s3", "get_bucket_location", Bucket=name)
        assert (where["LocationConstraint"] or "us-east-1") == region
        assert [bucket.name for bucket in await storage.buckets()] == [name]
        assert await storage.suggest_bucket_name() == name + "-2"

    with_storage(body, region)


def test_a_bucket_that_could_not_be_protected_is_removed(monkeypatch):
    async def body(session, storage):
        call = session.call

        async def failing(service, operation, *args, **kwargs):
            if operation == "put_bucket_encryption":
                raise SageDeckError("no", "no")
            return await call(service, operation, *args, **kwargs)

        monkeypatch.setattr(session, "call", failing)
        with pytest.raises(SageDeckError, match="no"):
            await storage.create_bucket("half-done")
        assert await storage.buckets() == []

    with_storage(body)


def test_a_bucket_that_exists_is_left_as_it_is():
    async def body(session, storage):
        await open_bucket(session, storage)
        with pytest.raises(Conflict) as told:
            await storage.create_bucket("my-bucket")
        assert told.value.code == "BucketAlreadyOwnedByYou"
        assert len(await storage.buckets()) == 1

    with_storage(body)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("ab", "3 to 63"),
        ("x" * 64, "64"),
        ("My-bucket", "“M”"),
        ("my bucket", "a space"),
        ("my_bucket", "an underscore"),
        ("my.bucket", "dot"),
        ("-bucket", "begins"),
        ("bucket-", "ends"),
        ("xn--bucket", "reserved"),
        ("bucket--ol-s3", "reserved"),
        ("bücket", "“ü”"),
    ],
)
def test_bad_names_are_told_in_words_and_not_tried(name, word):
    assert word in bucket_name_problem(name)

    async def body(session, storage):
        with pytest.raises(InvalidInput):
            await storage.create_bucket(name)

    with_storage(body)


def test_good_names_pass():
    assert not any(bucket_name_problem(name) for name in ("abc", "sagedeck-123456789012-us-east-1", "a" * 63, "123"))


def test_safety_of_a_bare_bucket():
    async def body(session, storage):
        await session.call("s3", "create_bucket", Bucket="bare")
        await session.call("s3", "put_bucket_versioning", Bucket="bare", VersioningConfiguration={"Status": "Enabled"})
        safety = await storage.safety("bare")
        assert safety.private is False and safety.versioned is True
        with pytest.raises(NotFound):
            await storage.safety("no-such-bucket")

    with_storage(body)


def test_listing_counting_and_deleting_more_than_a_page():
    async def body(session, storage):
        name = await open_bucket(session, storage)
        client = await session.run("", session.client, "s3")

        def fill():
            for number in range(1005):
                client.put_object(Bucket=name, Key=f"a/{number:04}.txt", Body=b"12")
            client.put_object(Bucket=name, Key="a/", Body=b"")
            client.put_object(Bucket=name, Key="a/sub dir/ü 😀.txt", Body=b"1")

        await session.run("", fill)
        first = await storage.list(name, "a/")
        assert first.next_token
        second = await storage.list(name, "a/", first.next_token)
        assert second.next_token is None
        keys = [item.key for page in (first, second) for item in page.objects]
        assert len(keys) == 1005 and "a/" not in keys and keys == sorted(keys)
        assert first.folders + second.folders == ("a/sub dir/",)
        assert await storage.count(name, "a/") == (1007, 2011)
        assert await storage.delete(name, [*keys, "a/sub dir/ü 😀.txt"]) == 1006
        assert await storage.count(name) == (1, 0)
        assert (await storage.list(name, "nothing/")).objects == ()

    with_storage(body)


def test_preview_gives_the_beginning_and_what_s3_knows(monkeypatch):
    monkeypatch.setattr("workers.storage.buckets.PREVIEW_BYTES", 4)

    async def body(session, storage):
        name = await open_bucket(session, storage)
        await session.call(
            "s3",
            "put_object",
            Bucket=name,
            Key="k",
            Body=b"123456",
            ContentType="image/png",
            ChecksumAlgorithm="SHA256",
        )
        await session.call("s3", "put_object", Bucket=name, Key="empty", Body=b"", Metadata={"sha256": "ab"})
        shown = await storage.preview(name, "k")
        assert (shown.data, shown.truncated, shown.size, shown.content_type) == (b"1234", True, 6, "image/png")
        assert shown.sha256 == "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92"
        empty = await storage.preview(name, "empty")
        assert (empty.data, empty.truncated, empty.sha256) == (b"", False, "ab")
        with pytest.raises(NotFound):
            await storage.preview(name, "gone")

    with_storage(body)


def test_download_keeps_folders_and_leaves_no_parts(tmp_path):
    async def body(session, storage):
        name = await open_bucket(session, storage)
        for key in ("d/x/a.txt", "d/y/b c.txt"):
            await session.call("s3", "put_object", Bucket=name, Key=key, Body=key.encode())
        counts = []
        paths = await storage.download(
            name, ["d/x/a.txt", "d/y/b c.txt"], tmp_path, lambda done, total: counts.append((done, total))
        )
        assert paths == (tmp_path / "x/a.txt", tmp_path / "y/b c.txt")
        assert paths[1].read_text() == "d/y/b c.txt"
        assert counts == [(1, 2), (2, 2)]
        with pytest.raises(NotFound):
            await storage.download(name, ["d/missing"], tmp_path / "z")
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(LocalProblem):
            await storage.download(name, ["d/x/a.txt"], tmp_path / "file")
        assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.txt", "b c.txt", "file"]

    with_storage(body)


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", ""])
def test_a_key_cannot_leave_the_folder(tmp_path, key):
    with pytest.raises(InvalidInput):
        local_path(tmp_path, key)


def test_common_folder():
    assert common_folder(["a/b/1", "a/b/2", "a/bc/3"]) == "a/"
    assert common_folder(["a/b/1"]) == "a/b/"
    assert common_folder(["1", "a/2"]) == ""


def test_an_object_is_read_into_memory_in_parts_with_an_upper_bound(monkeypatch):
    monkeypatch.setattr("workers.storage.buckets.READ_PART", 4)

    async def body(session, storage):
        bucket = await open_bucket(session, storage)
        for key, data in (("ten", b"0123456789"), ("none", b"")):
            await session.call("s3", "put_object", Bucket=bucket, Key=key, Body=data)
        told = []
        assert await storage.read(bucket, "ten", lambda *step: told.append(step)) == b"0123456789"
        assert told == [(4, 10), (8, 10), (10, 10)]
        assert await storage.read(bucket, "none") == b""
        with pytest.raises(InvalidInput, match="are shown"):
            await storage.read(bucket, "ten", most=9)
        with pytest.raises(NotFound):
            await storage.read(bucket, "missing")

    with_storage(body)


def test_an_object_replaced_while_it_is_read_is_told(monkeypatch):
    monkeypatch.setattr("workers.storage.buckets.READ_PART", 4)

    async def body(session, storage):
        bucket = await open_bucket(session, storage)
        put = storage._session.client("s3").put_object
        put(Bucket=bucket, Key="k", Body=b"0123456789")

        def replace(done, total):
            put(Bucket=bucket, Key="k", Body=b"abcdefghij")

        with pytest.raises(Conflict, match="replaced"):
            await storage.read(bucket, "k", replace)

    with_storage(body)
