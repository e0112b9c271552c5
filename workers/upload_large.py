"""Sends files too large for one PutObject in parts, through s3transfer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from s3transfer.exceptions import CancelledError
from s3transfer.manager import TransferConfig, TransferManager
from s3transfer.subscribers import BaseSubscriber

from workers.upload_plan import PART_SIZE, hash_file
from workers.upload_scan import LocalFile
from workers.upload_send import Cancelled

PARTS_AT_ONCE = 4
POLL_SECONDS = 0.05


class _Bytes(BaseSubscriber):
    def __init__(self, on_bytes: Callable[[int], None]) -> None:
        self._on_bytes = on_bytes

    def on_progress(self, future: Any, bytes_transferred: int, **_: Any) -> None:
        self._on_bytes(bytes_transferred)


def send_large(
    client: Any,
    file: LocalFile,
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
    with TransferManager(client, config) as manager:
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
    head = client.head_object(Bucket=bucket, Key=key)
    return head["ETag"].strip('"'), sha256
