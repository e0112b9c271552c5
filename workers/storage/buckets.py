"""Buckets and objects: make safe ones, look into them, take from them, delete."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from workers.access.policies import as_text, partition, policy
from workers.aws.creating import Attempt, Part, as_one
from workers.aws.session import AwsSession
from workers.errors.tree import AccessDenied, Conflict, InvalidInput, NotFound, SageDeckError, ServiceFault, translate
from workers.storage.download import common_folder, fetch
from workers.storage.key_names import DownloadPlan, plan_download, rules_of, told
from workers.storage.names import bucket_name_problem
from workers.storage.removal import Removals
from workers.types import Bucket, BucketSafety, Listing, ObjectPreview, S3Object

# A photograph, whole.
PREVIEW_BYTES = 8 * 2**20
# Bytes a request: progress is seen, and a cancel is heard.
READ_PART = 2 * 2**20
# Bytes kept in memory to look at one object.
READ_AT_MOST = 64_000_000
# DeleteObjects takes 1,000 keys.
DELETE_BATCH = 1000
DOWNLOADS_AT_ONCE = 4
BLOCK_ALL = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
NO_SETTING = frozenset(
    {"NoSuchPublicAccessBlockConfiguration", "ServerSideEncryptionConfigurationNotFoundError", "NoSuchBucketPolicy"}
)


class Storage:
    """S3 of one account; ``removals`` deletes what was listed. All methods raise ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self.removals = Removals(session)

    async def buckets(self) -> list[Bucket]:
        """All buckets of the account, by name."""
        answer = await self._call("list_buckets", "list the buckets")
        found = [Bucket(name=item["Name"], created=item.get("CreationDate")) for item in answer.get("Buckets", [])]
        return sorted(found, key=lambda bucket: bucket.name)

    async def suggest_bucket_name(self) -> str:
        """``sagedeck-ACCOUNT-REGION``, numbered when the account has it already."""
        identity = await self._session.identity()
        base = f"sagedeck-{identity.account}-{self._session.region}"
        taken = {bucket.name for bucket in await self.buckets()}
        number = 1
        while (name := base if number == 1 else f"{base}-{number}") in taken:
            number += 1
        return name

    async def create_bucket(self, name: str) -> Bucket:
        """Make a bucket that is private and encrypted from its first moment, and return it.

        No ACLs (BucketOwnerEnforced), all public access blocked, SSE-S3, and where the account is reached over TLS a
        policy that refuses anything else. When a step fails, the new bucket is removed again.
        """
        problem = bucket_name_problem(name)
        if problem:
            raise InvalidInput("The bucket name cannot be used", problem, code="InvalidBucketName")
        return await as_one(lambda attempt: self._create_bucket(name, attempt), f"create the bucket {name}")

    async def _create_bucket(self, name: str, attempt: Attempt) -> Bucket:
        absent = await self._refuse_existing(name)
        doing = f"create the bucket {name}"
        parameters: dict[str, Any] = {"Bucket": name, "ObjectOwnership": "BucketOwnerEnforced"}
        if self._session.region != "us-east-1":
            parameters["CreateBucketConfiguration"] = {"LocationConstraint": self._session.region}

        async def mine() -> Bucket | None:
            # A bucket has no tags when it is made: one of ours that was not there a moment ago is this one.
            found = next((bucket for bucket in await self.buckets() if bucket.name == name), None)
            if found is not None and not absent:
                raise Conflict("Not known whose it is", f"The bucket {name} may have been there before.")
            return found

        await attempt.make(
            Part(
                "bucket",
                name,
                lambda: self._call("delete_bucket", f"remove the unprotected bucket {name}", Bucket=name),
                f"aws s3api delete-bucket --bucket {name}",
                "empty",
            ),
            lambda: self._call("create_bucket", doing, **parameters),
            mine,
        )
        await self._protect(name, doing)
        return Bucket(name=name, created=None)

    async def safety(self, bucket: str) -> BucketSafety:
        """What protects ``bucket``; a setting that the account may not read is ``None``."""
        block, encryption, versioning = await asyncio.gather(
            self._setting("get_public_access_block", "PublicAccessBlockConfiguration", bucket),
            self._setting("get_bucket_encryption", "ServerSideEncryptionConfiguration", bucket),
            self._setting("get_bucket_versioning", "Status", bucket),
        )
        return BucketSafety(
            private=None if block is None else bool(block) and all(block.get(key) for key in BLOCK_ALL),
            encrypted=None if encryption is None else bool(encryption and encryption.get("Rules")),
            versioned=None if versioning is None else versioning == "Enabled",
        )

    async def list(self, bucket: str, prefix: str = "", token: str | None = None) -> Listing:
        """One page (up to 1,000 entries) of a "folder": ``prefix`` is empty or ends with a slash."""
        parameters: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix, "Delimiter": "/"}
        if token:
            parameters["ContinuationToken"] = token
        answer = await self._call("list_objects_v2", f"list {bucket}/{prefix}", **parameters)
        return Listing(
            prefix=prefix,
            folders=tuple(item["Prefix"] for item in answer.get("CommonPrefixes", [])),
            # Consoles mark an empty folder with an object of the folder's own name.
            objects=tuple(_object(item) for item in answer.get("Contents", []) if item["Key"] != prefix),
            next_token=answer.get("NextContinuationToken"),
        )

    async def objects(self, bucket: str, prefix: str = "") -> AsyncIterator[S3Object]:
        """Every object under ``prefix``, in key order, however many there are."""
        pages = self._session.paginate(
            "s3", "list_objects_v2", "Contents", f"list {bucket}/{prefix}", Bucket=bucket, Prefix=prefix
        )
        async for item in pages:
            yield _object(item)

    async def count(self, bucket: str, prefix: str = "") -> tuple[int, int]:
        """How many objects there are under ``prefix``, and their bytes together."""
        number = size = 0
        async for item in self.objects(bucket, prefix):
            number += 1
            size += item.size
        return number, size

    async def preview(self, bucket: str, key: str) -> ObjectPreview:
        """The object's first 8 MiB at most, its type, and the SHA-256 (hex) that S3 keeps for it."""
        doing = f"open {key}"
        head = await self._call("head_object", doing, Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        size = int(head["ContentLength"])
        data = b""
        if size:
            last = min(size, PREVIEW_BYTES) - 1
            data = await self._session.run(doing, self._read, bucket, key, f"bytes=0-{last}", service="s3")
        return ObjectPreview(
            key=key,
            content_type=head.get("ContentType", "application/octet-stream"),
            size=size,
            sha256=stored_sha256(head),
            data=data,
            truncated=size > len(data),
        )

    async def read(
        self,
        bucket: str,
        key: str,
        on_progress: Callable[[int, int], object] = lambda done, total: None,
        most: int = READ_AT_MOST,
    ) -> bytes:
        """The whole object in memory, in parts; ``on_progress(done, total)`` counts bytes.

        A cancelled task asks for no further part. Raises ``InvalidInput`` for an object of more than ``most`` bytes,
        ``Conflict`` when it was replaced meanwhile.
        """
        doing = f"open {key}"
        head = await self._call("head_object", doing, Bucket=bucket, Key=key)
        size, etag = int(head["ContentLength"]), head.get("ETag")
        if size > most:
            raise InvalidInput(
                "The object is too large to be looked at",
                f"{key} has {size / 1e6:,.0f} MB; up to {most / 1e6:,.0f} MB are shown.",
                "Download it instead.",
                code="TooLarge",
            )
        data = bytearray()
        while len(data) < size:
            last = min(size, len(data) + READ_PART) - 1
            span = f"bytes={len(data)}-{last}"
            part, found = await self._session.run(doing, self._read_part, bucket, key, span, service="s3")
            if found != etag or not part:
                raise Conflict("The object was replaced", f"{key} was replaced while it was read.", "Open it again.")
            data += part
            on_progress(len(data), size)
        return bytes(data)

    async def download(
        self,
        bucket: str,
        keys: Sequence[str],
        dest: Path,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[Path, ...]:
        """Write all objects below ``dest`` as ``plan_download`` places them. Raises ``InvalidInput``, before anything

        is written, when some cannot be saved side by side.
        """
        plan = await self.plan_download(bucket, keys, dest)
        if plan.refused:
            title = f"{len(plan.refused):,} of {len(set(keys)):,} objects cannot be saved"
            raise InvalidInput(title, f"Nothing was downloaded. {told(plan.refused)}", code="UnusableNames")
        return await self.carry_out(bucket, plan, on_progress)

    async def plan_download(self, bucket: str, keys: Sequence[str], dest: Path) -> DownloadPlan:
        """Where each object goes, with the folders it has below what all keys have in common, and which cannot."""

        async def size(key: str) -> int:
            head = await self._call("head_object", f"look at {key}", Bucket=bucket, Key=key)
            return int(head["ContentLength"])

        markers = [key for key in dict.fromkeys(keys) if key.endswith("/")]
        sizes = dict(zip(markers, await asyncio.gather(*map(size, markers)), strict=True))
        try:
            rules = await asyncio.to_thread(rules_of, dest)
            return await asyncio.to_thread(plan_download, keys, common_folder(keys), dest, rules, sizes)
        except OSError as exc:
            raise translate(exc, f"write into {dest}") from exc

    async def carry_out(
        self, bucket: str, plan: DownloadPlan, on_progress: Callable[[int, int], None] = lambda done, total: None
    ) -> tuple[Path, ...]:
        """Write the plan's files and folders; returns the files.

        A file appears under its name only when it is complete and its checksum was verified; one that exists is
        replaced. ``on_progress(done, total)`` counts files. Stops at the first failure; what was written is kept.
        """
        waiting = asyncio.Semaphore(DOWNLOADS_AT_ONCE)
        done = 0

        async def one(key: str, path: Path) -> None:
            nonlocal done
            async with waiting:
                await self._session.run(f"download {key}", self._fetch, bucket, key, path, service="s3")
            done += 1
            on_progress(done, len(plan.files))

        try:
            for _, path in plan.folders:
                await asyncio.to_thread(path.mkdir, parents=True, exist_ok=True)
            async with asyncio.TaskGroup() as group:
                for key, path in plan.files:
                    group.create_task(one(key, path))
        except* SageDeckError as failures:
            raise failures.exceptions[0] from None
        except* OSError as failures:
            raise translate(failures.exceptions[0], "make a folder") from None
        return tuple(path for _, path in plan.files)

    async def delete(self, bucket: str, keys: Sequence[str]) -> int:
        """Delete the objects and return how many; those that AWS refused are named in the error."""
        refused: list[dict[str, Any]] = []
        for start in range(0, len(keys), DELETE_BATCH):
            batch = [{"Key": key} for key in keys[start : start + DELETE_BATCH]]
            answer = await self._call(
                "delete_objects",
                f"delete from {bucket}",
                Bucket=bucket,
                Delete={"Objects": batch, "Quiet": True},
            )
            refused += answer.get("Errors", [])
        if refused:
            raise _not_deleted(bucket, refused, len(keys))
        return len(keys)

    async def _refuse_existing(self, name: str) -> bool:
        """In us-east-1, creating a bucket that the account has already succeeds silently. True: it is not there."""
        try:
            await self._call("head_bucket", f"look for the bucket {name}", Bucket=name)
        except NotFound:
            return True
        except AccessDenied:
            # Not allowed to see it: CreateBucket's answer will say whose it is.
            return False
        raise Conflict(
            "You have this bucket already",
            f"The bucket {name} is in this account; it was left as it is.",
            "Choose it in the list, or use another name.",
            code="BucketAlreadyOwnedByYou",
        )

    async def _protect(self, name: str, doing: str) -> None:
        await self._call("put_public_access_block", doing, Bucket=name, PublicAccessBlockConfiguration=BLOCK_ALL)
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        await self._call(
            "put_bucket_encryption", doing, Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]}
        )
        client = await self._session.run(doing, self._session.client, "s3")
        # Over plain HTTP (a loopback endpoint) the policy would lock out its own maker.
        if client.meta.endpoint_url.startswith("https://"):
            identity = await self._session.identity()
            document = policy("bucket_tls_only", bucket=name, partition=partition(identity.arn))
            await self._call("put_bucket_policy", doing, Bucket=name, Policy=as_text(document))

    async def _setting(self, operation: str, key: str, bucket: str) -> Any:
        try:
            answer = await self._call(operation, f"read the settings of {bucket}", Bucket=bucket)
        except AccessDenied:
            return None
        except SageDeckError as exc:
            if exc.code in NO_SETTING:
                return {}
            raise
        return answer.get(key, {})

    def _read(self, bucket: str, key: str, byte_range: str) -> bytes:
        answer = self._session.client("s3").get_object(Bucket=bucket, Key=key, Range=byte_range)
        with contextlib.closing(answer["Body"]) as body:
            return body.read()

    def _read_part(self, bucket: str, key: str, byte_range: str) -> tuple[bytes, str | None]:
        answer = self._session.client("s3").get_object(Bucket=bucket, Key=key, Range=byte_range)
        with contextlib.closing(answer["Body"]) as body:
            return body.read(), answer.get("ETag")

    def _fetch(self, bucket: str, key: str, path: Path) -> None:
        fetch(self._session.client("s3"), bucket, key, path)

    async def _call(self, operation: str, doing: str, **parameters: object) -> dict[str, Any]:
        return await self._session.call("s3", operation, doing, **parameters)


def stored_sha256(head: dict[str, Any]) -> str | None:
    """The SHA-256 of an object as hex from a HeadObject answer: S3's own, or for multipart objects our metadata."""
    checksum = head.get("ChecksumSHA256")
    # "…-3" is the checksum of three parts' checksums, not of the object.
    if checksum and "-" not in checksum:
        return base64.b64decode(checksum).hex()
    return head.get("Metadata", {}).get("sha256")


def _object(item: dict[str, Any]) -> S3Object:
    return S3Object(
        key=item["Key"], size=item["Size"], modified=item["LastModified"], etag=item.get("ETag", "").strip('"')
    )


def _not_deleted(bucket: str, refused: Sequence[dict[str, Any]], total: int) -> SageDeckError:
    first = refused[0]
    names = ", ".join(item.get("Key", "?") for item in refused[:5]) + (" …" if len(refused) > 5 else "")
    kind = AccessDenied if first.get("Code") == "AccessDenied" else ServiceFault
    return kind(
        "Some objects were not deleted",
        f"{len(refused)} of {total} are still in {bucket}: {names}",
        "The others are gone.",
        code=str(first.get("Code", "")),
        details=str(first.get("Message", "")),
    )
