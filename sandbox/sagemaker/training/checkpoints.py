"""Checkpoints of a training job: its folder is filled from S3 before it runs, and copied there while it runs.

Source: SageMaker Developer Guide, "Checkpoints in Amazon SageMaker AI". What a script deletes stays in S3, as on AWS.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.containers.archive import walk
from sandbox.containers.opt_ml import CONTAINER_ROOT, HostFolder
from sandbox.s3.uri import S3Uri
from sandbox.sagemaker.inputs import JobInputError, ObjectStore, channel_files
from sandbox.wire.errors import AwsError

DEFAULT_LOCAL_PATH = f"{CONTAINER_ROOT}/checkpoints"
SYNC_SECONDS = 2.0


class Checkpoints:
    """Keeps CheckpointConfig's S3Uri and LocalPath of all hosts alike; without a CheckpointConfig it does nothing."""

    def __init__(
        self,
        store: ObjectStore,
        config: Mapping[str, Any] | None,
        hosts: Sequence[HostFolder],
        seconds: float = SYNC_SECONDS,
    ) -> None:
        self._store = store
        self._seconds = seconds
        self._place = S3Uri.parse(config["S3Uri"], "CheckpointConfig.S3Uri") if config else None
        local = (config or {}).get("LocalPath") or DEFAULT_LOCAL_PATH
        self._folders = [_below(host, local) for host in hosts] if config else []
        self._known: dict[Path, tuple[int, int]] = {}
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def download(self) -> None:
        """Copy what a former run left in S3 into the folder of every host."""
        if self._place is None:
            return
        try:
            keys = [info.key for info in self._store.list(self._place.bucket, self._place.key)]
            for folder in self._folders:
                folder.mkdir(parents=True, exist_ok=True)
                for key, name in channel_files(self._place.key, keys).items():
                    path = folder / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    self._store.download_file(self._place.bucket, key, path)
                    # ``walk`` names files below the real folder.
                    self._known[path.resolve()] = _signature(path)
        except (AwsError, ValueError) as error:
            text = error.message if isinstance(error, AwsError) else str(error)
            raise JobInputError(f"Checkpoint download failed: {self._place}: {text}") from error

    def watch(self) -> None:
        """Copy new and changed files to S3 every ``seconds`` until ``finish``."""
        if self._place is not None:
            self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
            self._thread.start()

    def finish(self, *, upload: bool) -> None:
        """End the watch; ``upload`` copies what is left. Raises what S3 refuses."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if upload:
            self._sync()

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                self._sync()
            except (AwsError, OSError):
                # A file that vanished is written again; what S3 refuses, it refuses again at the end of the job.
                continue

    def _sync(self) -> None:
        if self._place is None:
            return
        with self._lock:
            # The first host comes last: where two hosts wrote the same name, its file stays.
            for folder in reversed(self._folders):
                for name, path in walk(folder):
                    signature = _signature(path)
                    if self._known.get(path) != signature:
                        self._store.put_file(self._place.bucket, self._place.below(name).key, path)
                        self._known[path] = signature


def _signature(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _below(host: HostFolder, container_path: str) -> Path:
    try:
        return host.path(container_path)
    except ValueError as error:
        raise JobInputError(str(error)) from error
