"""Sends files too large for one PutObject in parts, through s3transfer."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import parse_timestamp
from s3transfer.exceptions import CancelledError
from s3transfer.manager import TransferConfig, TransferManager
from s3transfer.subscribers import BaseSubscriber

from workers.upload.plan import PART_SIZE, hash_file
from workers.upload.scan import LocalFile
from workers.upload.small import Cancelled

# Of 8 MB each: more memory makes no line faster.
PARTS_AT_ONCE = 4
# How soon a cancel is heard.
POLL_SECONDS = 0.05
# AWS refuses requests from a clock that is further off.
CLOCK_DIFFERENCE = timedelta(minutes=5)


class _Bytes(BaseSubscriber):
    def __init__(self, on_bytes: Callable[[int], None]) -> None:
        self._on_bytes = on_bytes

    def on_progress(self, future: Any, bytes_transferred: int, **_: Any) -> None:
        self._on_bytes(bytes_transferred)


def send_large(
    client: Any,
    file: LocalFile,
    *,
    bucket: str,
    key: str,
    content_type: str,
    on_bytes: Callable[[int], None],
    stopping: Callable[[], bool],
) -> tuple[str, str]:
    """Send ``file`` and return its ETag and SHA-256 (hex). Blocking.

    S3 verifies the SHA-256 of every part; that of the whole file is kept in the object's metadata, because S3 keeps
    none for objects in parts. Raises ``Cancelled`` when ``stopping()`` becomes true; the parts are removed then.
    """
    sha256 = hash_file(file).sha256
    config = TransferConfig(
        multipart_threshold=PART_SIZE,
        multipart_chunksize=PART_SIZE,
        max_request_concurrency=PARTS_AT_ONCE,
        max_request_queue_size=PARTS_AT_ONCE * 2,
    )
    extra = {"ContentType": content_type, "ChecksumAlgorithm": "SHA256", "Metadata": {"sha256": sha256}}
    noting: Any = _Noting(client)
    try:
        with TransferManager(noting, config) as manager:
            future = manager.upload(file.path, bucket, key, extra_args=extra, subscribers=[_Bytes(on_bytes)])
            while not future.done():
                if stopping():
                    future.cancel()
                    break
                time.sleep(POLL_SECONDS)
            try:
                future.result()
            except CancelledError as exc:
                raise Cancelled from exc
            except ClientError as exc:
                # A lost answer to the request that completes it: the next one finds no upload any more.
                if exc.response["Error"]["Code"] != "NoSuchUpload" or not _is_there(client, bucket, key, sha256):
                    raise
    except BaseException:
        noting.give_up(bucket, key)
        raise
    if noting.in_doubt:
        noting.give_up(bucket, key)
    head = client.head_object(Bucket=bucket, Key=key)
    return head["ETag"].strip('"'), sha256


class _Noting:
    """A client that notes whether CreateMultipartUpload may have begun uploads that nobody knows: parts are billed."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._began = datetime.now(UTC) - CLOCK_DIFFERENCE
        self._known = ""
        self.in_doubt = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def create_multipart_upload(self, **parameters: Any) -> dict[str, Any]:
        """As the client's own."""
        self.in_doubt = True
        answer: dict[str, Any] = self._client.create_multipart_upload(**parameters)
        self.in_doubt = bool(answer["ResponseMetadata"].get("RetryAttempts"))
        self._known = answer["UploadId"]
        return answer

    def give_up(self, bucket: str, key: str) -> None:
        """Abort what is left of this file's uploads; the file's own error is the one to report."""
        if not self.in_doubt and not self._known:
            return
        try:
            pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key)
            for upload in (upload for page in pages for upload in page.get("Uploads", ())):
                mine = upload["UploadId"] == self._known
                young = self.in_doubt and parse_timestamp(upload["Initiated"]) >= self._began
                if upload["Key"] == key and (mine or young):
                    self._client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload["UploadId"])
        except (BotoCoreError, ClientError):
            return


def _is_there(client: Any, bucket: str, key: str, sha256: str) -> bool:
    try:
        head = client.head_object(Bucket=bucket, Key=key)
    except ClientError:
        return False
    return bool(head.get("Metadata", {}).get("sha256") == sha256)
