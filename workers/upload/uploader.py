"""Uploads a folder in a child process, so that hashing and sending never hold up the window."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workers.aws.chosen import child_environ
from workers.aws.session import AwsSession
from workers.children.parent import Child, ChildFailed
from workers.children.typed import read, write
from workers.errors.tree import LocalProblem, translate
from workers.types import PendingUpload, UploadProgress, UploadResult
from workers.upload.manifest import Manifest, default_path
from workers.upload.request import UploadRequest

MODULE = "workers.upload.child"


class UploadControl:
    """Pauses, resumes or cancels one upload; may be used before it has begun and after it has ended."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self.paused = False
        self.cancelled = False

    def pause(self) -> None:
        """Send nothing new; what is on its way arrives."""
        self.paused = True
        self._send("pause")

    def resume(self) -> None:
        """Go on after a pause."""
        self.paused = False
        self._send("resume")

    def cancel(self) -> None:
        """End it; what was sent is kept, and the upload returns with ``cancelled`` set."""
        self.cancelled = True
        self._send("cancel")

    def attach(self, child: Child) -> None:
        """Tell ``child`` what was wished before it ran, and from now on."""
        self._child = child
        if self.paused:
            self._send("pause")
        if self.cancelled:
            self._send("cancel")

    def detach(self) -> None:
        """The child has ended."""
        self._child = None

    def _send(self, command: str) -> None:
        if self._child is not None:
            self._child.send(command)


class Uploader:
    """Uploads to one account; remembers what it sent in ``manifest`` (a file in the user's cache folder)."""

    def __init__(self, session: AwsSession, manifest: Path | None = None) -> None:
        self._session = session
        self._manifest = manifest or default_path()

    async def upload(
        self,
        folder: Path,
        bucket: str,
        prefix: str,
        on_progress: Callable[[UploadProgress], None] = lambda progress: None,
        control: UploadControl | None = None,
        *,
        merge: bool = False,
    ) -> UploadResult:
        """Send what ``bucket``/``prefix`` does not have yet of ``folder``.

        When the prefix holds another set, nothing is sent and the result ``asks``; with ``merge`` both end up there.

        Files are compared by content; what is there is skipped. A failure of single files is in the result; raises
        ``SageDeckError`` when it cannot go on at all (``details`` of the error are kept). Either way, and when the
        awaiting task is cancelled, what was sent stays, and the next upload goes on from there.
        """
        request = await self._request(folder, bucket, prefix, merge=merge, look=False)
        return await self._run(request, on_progress, control or UploadControl())

    async def look(self, folder: Path, bucket: str, prefix: str, *, merge: bool = False) -> UploadResult:
        """What ``bucket``/``prefix`` has of ``folder``, by content; nothing is sent. Arguments as of ``upload``."""
        request = await self._request(folder, bucket, prefix, merge=merge, look=True)
        return await self._run(request, lambda progress: None, UploadControl())

    async def places(self, folder: Path) -> list[tuple[str, str]]:
        """``(bucket, prefix)`` of where this computer sent ``folder`` in this account, newest first."""
        identity = await self._session.identity()
        return await asyncio.to_thread(self._read_places, identity.account, folder)

    async def _run(
        self, request: UploadRequest, on_progress: Callable[[UploadProgress], None], control: UploadControl
    ) -> UploadResult:
        child = Child(MODULE, write(request), environ=child_environ(self._session.backend))
        try:
            await child.start()
            control.attach(child)
            return await self._follow(child, on_progress)
        except ChildFailed as exc:
            raise LocalProblem(
                "The upload stopped unexpectedly",
                "Its process ended with an error. What was sent is kept.",
                "Start it again: it goes on where it stopped.",
                code=f"exit {exc.returncode}",
                details=exc.last_words,
            ) from exc
        except OSError as exc:
            raise translate(exc, "start the upload") from exc
        finally:
            control.detach()
            await child.stop()

    async def pending(self) -> list[PendingUpload]:
        """Uploads to this account that have not come to their end, newest first."""
        identity = await self._session.identity()
        return await asyncio.to_thread(self._read_pending, identity.account)

    async def forget(self, upload: PendingUpload) -> None:
        """Offer this unfinished upload no more; nothing in the bucket changes."""
        identity = await self._session.identity()
        await asyncio.to_thread(self._forget, f"{identity.account}/{upload.bucket}", upload)

    async def _request(self, folder: Path, bucket: str, prefix: str, *, merge: bool, look: bool) -> UploadRequest:
        identity = await self._session.identity()
        target = f"{identity.account}/{bucket}"
        paths = {"folder": _absolute(folder), "manifest": _absolute(self._manifest)}
        return UploadRequest(
            self._session.backend, bucket=bucket, prefix=prefix, target=target, merge=merge, look=look, **paths
        )

    async def _follow(self, child: Child, on_progress: Callable[[UploadProgress], None]) -> UploadResult:
        result: Mapping[str, Any] = {}
        async for message in child.messages():
            if message.kind == "progress":
                on_progress(read(UploadProgress, message.value))
            else:
                result = message.value
        return read(UploadResult, result)

    def _read_pending(self, account: str) -> list[PendingUpload]:
        manifest = Manifest(self._manifest)
        try:
            return manifest.pending(account)
        finally:
            manifest.close()

    def _read_places(self, account: str, folder: Path) -> list[tuple[str, str]]:
        manifest = Manifest(self._manifest)
        try:
            return manifest.places(account, folder.absolute())
        finally:
            manifest.close()

    def _forget(self, target: str, upload: PendingUpload) -> None:
        manifest = Manifest(self._manifest)
        try:
            manifest.finish(target, upload.folder, upload.prefix)
        finally:
            manifest.close()


def _absolute(path: Path) -> str:
    return str(path.absolute())
